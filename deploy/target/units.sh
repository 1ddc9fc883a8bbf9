# Units: the files through which systemd and people find the running release, and how the units are restarted.

# Files that lead to those of the same name in the running release.
linked_files="$units/carom.service $units/carom.socket $units/carom-retry.timer /etc/carom/ring.toml /etc/carom/carom.env \
    /usr/local/bin/carom"

# install_units RELEASE: links that lead through /opt/carom/current, so that moving that one link switches them all.
install_units() {
    install -d "$units/multi-user.target.wants" "$units/sockets.target.wants" /etc/carom /usr/local/bin
    # Copied and renamed, because after a power cut this unit must be there, whole: it reverts the switch.
    install -m 644 "$root/releases/$1/carom-revert.service" "$units/carom-revert.new"
    mv "$units/carom-revert.new" "$units/carom-revert.service"
    ln -sfn ../carom-revert.service "$units/multi-user.target.wants/carom-revert.service"
    ln -sfn ../carom.service "$units/multi-user.target.wants/carom.service"
    ln -sfn ../carom.socket "$units/sockets.target.wants/carom.socket"
    for file in $linked_files; do link_file "$file"; done
    install -D -m 644 "$root/releases/$1/carom.sysusers" /etc/sysusers.d/carom.conf
    systemd-sysusers /etc/sysusers.d/carom.conf
    # After the user is there, who may read it.
    link_key "$1"
    announce "$1"
    if command -v udevadm >/dev/null 2>&1; then
        install -D -m 644 "$root/releases/$1/60-carom.rules" /etc/udev/rules.d/60-carom.rules
        # These fail in a container, where udevd does not run.
        udevadm control --reload 2>/dev/null || true
        udevadm trigger --subsystem-match=gpio --subsystem-match=leds 2>/dev/null || true
    fi
}
# announce RELEASE: lets avahi announce this node's page, with the port that it has there. Former releases have no file for that.
announcement=/etc/avahi/services/carom.service
announce() {
    rm -f "$announcement"
    if [ ! -d "$(dirname "$announcement")" ] || [ ! -s "$root/releases/$1/carom.avahi" ]; then return 0; fi
    port=$(sed 's/.*://' "$root/releases/$1/http")
    # Copied and renamed, because avahi reads the file as soon as it is there.
    sed "s,<port>[0-9]*<,<port>$port<," "$root/releases/$1/carom.avahi" >"$announcement.new"
    mv "$announcement.new" "$announcement"
}
# link_file PATH [FILE]: PATH leads to FILE in the running release; without FILE, to that of the same name.
link_file() {
    # A file that somebody put there is kept under another name.
    if [ -e "$1" ] && [ ! -L "$1" ]; then mv "$1" "$1.before-rollout"; fi
    ln -sfn "$root/current/${2:-$(basename "$1")}" "$1"
}
# changed_files: those that should lead to the running release and have another content, with commas between; or "none".
changed_files() {
    changed=
    for file in $linked_files; do
        cmp -s "$file" "$root/current/$(basename "$file")" || changed=$changed,$(basename "$file")
    done
    changed=${changed#,}
    echo "${changed:-none}"
}
remove_units() {
    remove_key_links ''
    rm -f "$units/multi-user.target.wants/carom.service" "$units/sockets.target.wants/carom.socket" \
        "$units/multi-user.target.wants/carom-revert.service" "$units/carom-revert.service" \
        "$units/carom.service" "$units/carom.socket" "$units/carom-retry.timer" \
        /etc/sysusers.d/carom.conf /etc/udev/rules.d/60-carom.rules "$announcement"
    for link in /usr/local/bin/carom /etc/carom/ring.toml /etc/carom/carom.env; do
        if [ -L "$link" ]; then rm -f "$link"; fi
    done
    # Only if nothing else is in these folders.
    rmdir /etc/carom /etc/sysusers.d "$units/sockets.target.wants" 2>/dev/null || true
}

# restart_units BEFORE AFTER: restarts the node; stopping hands its ball on. If both releases have the same socket
# unit, the listeners stay open meanwhile.
restart_units() {
    systemctl daemon-reload
    reset_failed_units
    if [ "$(socket_unit_of "$1")" = "$(socket_unit_of "$2")" ] &&
        [ "$(systemctl is-active carom.socket 2>/dev/null)" = active ]; then
        systemctl restart --no-block carom.service
    else
        systemctl stop carom.service carom.socket
        start_units
    fi
}
start_units() {
    # Fails if another program uses a port. The daemon fails too then, with a clearer message.
    systemctl start carom.socket 2>/dev/null || true
    systemctl start --no-block carom.service
}
reset_failed_units() { systemctl reset-failed carom.service carom.socket 2>/dev/null || true; }
socket_unit_of() { if [ -s "$root/releases/$1/carom.socket" ]; then cat "$root/releases/$1/carom.socket"; fi; }
