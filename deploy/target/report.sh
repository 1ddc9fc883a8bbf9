# Report: the state of this host for deploy/status, and the ring file as it was rolled out for deploy/reset.

verb_report() {
    running=$(current_release)
    if [ "$running" = none ]; then
        echo "ok release=none"
        return 0
    fi
    since=$(systemctl show -p ActiveEnterTimestamp --value carom.service)
    files=as-rolled-out
    is_intact "$running" || files=changed-by-hand
    printf 'ok release=%s state=%s restarts=%s files=%s previous=%s pending=%s condition=%s since=%s status=%s\n' \
        "$running" "$(systemctl is-active carom.service || true)" \
        "$(systemctl show -p NRestarts --value carom.service)" "$files" "$(content_or "$root/previous" none)" \
        "$(content_or "$root/pending" none)" "$(node_facts | awk '$1 == "condition" { print $2 }')" \
        "$(printf '%s' "${since:-never}" | tr ' ' '_')" "$(systemctl show -p StatusText --value carom.service | tr ' ' '_')"
}

# restore: replaces a ring file that was changed by hand with the copy that stage made of it.
verb_restore() {
    lock_step
    cd "$root/current" 2>/dev/null || fail "no release runs on this host: deploy/rollout brings one"
    if [ "$(cat ring.toml)" != "$(cat ring.toml.as-sent)" ]; then
        cp -p ring.toml.as-sent ring.toml.new
        mv ring.toml.new ring.toml
        echo "ok restored"
    else
        echo "ok unchanged"
    fi
}
