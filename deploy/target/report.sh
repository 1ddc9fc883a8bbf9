# Report: the state of this host for deploy/status, and the ring file as it was rolled out for deploy/reset.

verb_report() {
    running=$(current_release)
    if [ "$running" = none ]; then
        echo "ok release=none package=$(package_version)"
        return 0
    fi
    since=$(systemctl show -p ActiveEnterTimestamp --value carom.service)
    files="as-rolled-out"
    if ! is_intact "$running" || [ "$(changed_files)" != none ]; then files="changed-by-hand"; fi
    printf 'ok release=%s state=%s restarts=%s files=%s previous=%s pending=%s condition=%s since=%s status=%s\n' \
        "$running" "$(systemctl is-active carom.service || true)" \
        "$(systemctl show -p NRestarts --value carom.service)" "$files" "$(content_or "$root/previous" none)" \
        "$(content_or "$root/pending" none)" "$(node_facts | awk '$1 == "condition" { print $2 }')" \
        "$(printf '%s' "${since:-never}" | tr ' ' '_')" "$(systemctl show -p StatusText --value carom.service | tr ' ' '_')"
}

# restore: replaces files that were changed by hand: the ring file with the copy that stage made of it, and whatever should
# lead to the running release and does not.
verb_restore() {
    lock_step
    cd "$root/current" 2>/dev/null || fail "no release runs on this host: deploy/rollout brings one"
    restored=
    if [ "$(cat ring.toml)" != "$(cat ring.toml.as-sent)" ]; then
        cp -p ring.toml.as-sent ring.toml.new
        mv ring.toml.new ring.toml
        restored=yes
    fi
    if [ "$(changed_files)" != none ]; then
        install_units "$(current_release)"
        systemctl daemon-reload
        restored=yes
    fi
    echo "ok ${restored:+restored}"
}
