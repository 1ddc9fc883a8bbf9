# From bare cards to a moving ball, with a stopwatch: a teacher with three Pis does what OPERATIONS.md says, and nothing else. Each
# Pi is a host with cloud-init and avahi, as Raspberry Pi OS from Trixie on has them. What the stopwatch does not see: Raspberry Pi
# Imager, hands that swap cards, how long a real Pi takes to start, DHCP.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

classroom="pi7 pi8 pi9"
# as_teacher COMMAND...: on the laptop. Its file of hosts stands for mDNS, which would need a service of this machine.
as_teacher() {
    # shellcheck disable=SC2016 # for the inner shell
    on_laptop env HOME="$stage/home" PATH="$stage/laptop/bin:$PATH" CAROM= sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' \
        sh "$stage/laptop-hosts" "$@"
}
log_in() { as_teacher ssh -F "$stage/ssh_config" "pi@$1.local" "$2" </dev/null; }
# lap TEXT: the time since the last one belongs to TEXT.
lap() {
    now=$(now_ns)
    printf '%s\t%s\n' "$(((now - lap_from) / 1000000))" "$1" >>"$stage/laps"
    lap_from=$now
}
print_laps() {
    awk -F '\t' '
        { printf "        %7.1f s  %s\n", $1 / 1000, $2; total += $1; if ($2 !~ /^before class: /) here += $1 }
        END { printf "        %7.1f min in all, %.1f min of it where the Pis are\n", total / 60000, here / 60000 }' "$stage/laps"
}
# expect_ball_everywhere NANOSECONDS: at most three minutes until the ball has been at each node since then.
expect_ball_everywhere() {
    for _ in $(seq 1 720); do
        saw=$(observe_since "$1")
        [ "$(value_of "$saw" nodes)" != 3 ] || break
        sleep 0.25
    done
    [ "$(value_of "$saw" nodes)" = 3 ] || fail "no ball at all three Pis: $saw$(for name in $classroom; do
        printf '\n%s: ' "$name"
        tail -n 5 "$stage/$name/root/var/log/carom-card.log" "$stage/$name/root/boot/firmware/carom-failed.txt" 2>/dev/null
        tail -n 3 "$stage/$name/console"
    done)"
    [ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
}
# expect_whole_announcements WHAT: each came into the folder by a rename, and not as an empty file.
expect_whole_announcements() {
    for name in $classroom; do
        [ -e "$stage/$name/announcements" ] || continue
        grep -qxF 'MOVED_TO carom.service' "$stage/$name/announcements" && ! grep -qxF 'CREATE carom.service' "$stage/$name/announcements" ||
            fail "$name: avahi can see the announcement of $1 before it is whole: $(cat "$stage/$name/announcements")"
        : >"$stage/$name/announcements"
    done
}
# image NAME: the system on a fresh card, and its boot partition as a folder, as this kernel may have no FAT.
image() {
    make_host "${1#pi}" "$pi_base"
    root=$stage/$1/root
    chroot "$root" userdel -r teacher 2>/dev/null
    rm -f "$root/etc/sudoers.d/teacher"
    # Images from April 2026 on have a user pi without a shell. Until a user is said, a dialogue at the screen holds up multi-user.target.
    chroot "$root" useradd -m -u 1000 -s /usr/sbin/nologin pi
    printf '[Unit]\nAfter=systemd-user-sessions.service\n[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
        >"$root/etc/systemd/system/userconfig.service"
    chroot "$root" systemctl --quiet enable userconfig 2>/dev/null
    echo raspberrypi >"$root/etc/hostname"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    # As the images have it; but the network of these hosts is made from outside.
    printf 'datasource_list: [ NoCloud, None ]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware/\n' >"$root/etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg"
    printf 'network:\n  config: disabled\n' >"$root/etc/cloud/cloud.cfg.d/99_test.cfg"
    mkdir -p "$root/boot/firmware"
    echo 'root=/dev/mmcblk0p2 rootwait resize' >"$root/boot/firmware/cmdline.txt"
    echo '[all]' >"$root/boot/firmware/config.txt"
    printf 'dsmode: local\ninstance_id: rpios-image\n' >"$root/boot/firmware/meta-data"
    printf '#cloud-config\n' | tee "$root/boot/firmware/user-data" >"$root/boot/firmware/network-config"
}
# put_in NAME: its card is in the laptop from now on.
put_in() {
    rm -f "$stage/bootfs"
    ln -s "$stage/$1/root/boot/firmware" "$stage/bootfs"
}

if ! make_package || ! make_pi_base; then
    printf '        the way from the cards to the ball is not tested: it needs cargo-deb, and Debian packages of cloud-init and avahi\n'
else
    mkdir -p "$stage/home/.ssh" "$stage/classroom"
    cp "$stage/key.pub" "$stage/home/.ssh/id_ed25519.pub"
    { hosts_file | sed 's/pi[0-9]$/&.local/'; } >"$stage/laptop-hosts"
    for name in $classroom; do image "$name"; done
    : >"$stage/laps"
    built_before=no
    [ ! -d "${CARGO_TARGET_DIR:-target}/release/deps" ] || built_before=yes

    lap_from=$(now_ns)
    cargo install --quiet --locked --path . --root "$stage/laptop" 2>"$stage/out" || fail "cargo install: $(cat "$stage/out")"
    lap "before class: cargo install --path .$([ "$built_before" = no ] || echo ' (mostly compiled before)')"
    deploy/build --deb "$architecture" >"$stage/out" 2>&1 || fail "deploy/build --deb: $(cat "$stage/out")"
    lap "before class: deploy/build --deb $architecture (compiled before)"

    (cd "$stage/classroom" && as_teacher carom init --name classroom --nodes pi7..pi9 --user pi --led none && as_teacher carom check --config ring.toml) \
        >"$stage/out" 2>&1 || fail "carom init: $(cat "$stage/out")"
    lap "carom init, carom check"

    # LEDs that the test can watch.
    for name in $classroom; do
        sed -i "/^name = \"$name\"/,/^led/s,^led = .*,led = { backend = \"trace\"\, path = \"/trace/$name\" }," "$stage/classroom/ring.toml"
    done
    [ "$(grep -c '/trace/' "$stage/classroom/ring.toml")" = 3 ] || fail "the ring file of carom init: $(cat "$stage/classroom/ring.toml")"
    lap_from=$(now_ns)
    put_in pi7
    {
        echo
        for name in pi8 pi9; do
            until grep -q "$name: put its card in" "$stage/out"; do sleep 0.1; done
            put_in "$name"
            echo
        done
    } | as_teacher script -qec "deploy/card --config $stage/classroom/ring.toml --package $package $stage/bootfs" /dev/null >"$stage/out" 2>&1 ||
        fail "deploy/card: $(cat "$stage/out")"
    [ "$(grep -c 'eject the card' "$stage/out")" = 3 ] || fail "deploy/card: $(cat "$stage/out")"
    lap "deploy/card, three cards"

    # Avahi reads an announcement as soon as it is there, so it must come whole.
    watchers=
    if install_missing inotifywait:inotify-tools; then
        for name in $classroom; do
            inotifywait -q -m -e create -e moved_to --format '%e %f' "$stage/$name/root/etc/avahi/services" >>"$stage/$name/announcements" 2>&1 &
            watchers="$watchers $!"
        done
        background="$background $watchers"
    fi
    from=$(now_ns)
    for name in $classroom; do
        # The words that the Pi's kernel gets.
        words=$(sed 's/.* resize //' "$stage/$name/root/boot/firmware/cmdline.txt")
        boot "$name" "$words"
    done
    for name in $classroom; do
        logged_in=no
        for _ in $(seq 1 240); do
            # Once is enough: cloud-init starts sshd anew. On standard output, a user without a shell gets a sentence.
            if log_in "$name" true >/dev/null 2>&1; then
                logged_in=yes
                break
            fi
            sleep 0.25
        done
        [ "$logged_in" = yes ] || fail "nobody can log in as pi on $name: $(tail -n 20 "$stage/$name/console")"
    done
    lap "power on, until all three take a login"
    expect_ball_everywhere "$from"
    lap "until the ball has been at all three"
    expect_whole_announcements "the package"
    as_teacher carom find >"$stage/out" 2>&1 || fail "carom find: $(cat "$stage/out")"
    for name in $classroom; do
        grep -qE "^classroom +$name +[0-9.]+ +http://$net\\.[0-9]+:8080/$" "$stage/out" || fail "carom find does not find $name: $(cat "$stage/out")"
    done
    as_teacher carom status --config "$stage/classroom/ring.toml" >"$stage/out" 2>&1 || fail "carom status: $(cat "$stage/out")"
    for name in $classroom; do
        [ ! -e "$stage/$name/root/boot/firmware/carom-failed.txt" ] || fail "$name: $(cat "$stage/$name/root/boot/firmware/carom-failed.txt")"
        [ "$(log_in "$name" hostname)" = "$name" ] || fail "the host name of $name is $(log_in "$name" hostname)"
    done
    print_laps
    pass "three cards of deploy/card, and nothing but OPERATIONS.md: the ball has been at all three Pis, which found each other by mDNS; carom find lists them"

    # Over to rollouts, as OPERATIONS.md says.
    lap_from=$(now_ns)
    for name in $classroom; do log_in "$name" 'sudo sh -c "apt-get remove -y carom"' >"$stage/out" 2>&1 || fail "$name: $(cat "$stage/out")"; done
    teacher_deploy() { as_teacher "deploy/$1" --config "$stage/classroom/ring.toml" --ssh-config "$stage/ssh_config"; }
    from=$(now_ns)
    expect 0 'done in .* 3 of 3 hosts switched' teacher_deploy rollout
    expect_ball_everywhere "$from"
    took=$((($(now_ns) - lap_from) / 1000000))
    expect 0 'pi9 .*active *in-ring' teacher_deploy status
    expect 0 'classroom +pi9 ' as_teacher carom find
    expect_whole_announcements "a rollout"
    pass "apt remove on each, then deploy/rollout: the ball moves again $took ms after the first command"
    log_in pi8 'sudo sh -c "systemctl stop carom"'
    expect 0 'pi8 at .* does not answer' as_teacher carom find
    expect 0 'pi7: nothing of carom is left' teacher_deploy uninstall
    expect 1 'no node announced itself within 3s' as_teacher carom find
    pass "carom find: what a rollout brought is found, a stopped node does not answer, and after an uninstall there is nothing to find"
    # shellcheck disable=SC2086 # a word each
    [ -z "$watchers" ] || kill $watchers
    for name in $classroom; do remove_host "$name"; done
fi
