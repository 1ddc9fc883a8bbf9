# Revert: takes an unconfirmed switch back. Asked for by the rollout (revert), by the guard when the rollout is
# silent (guard), or by carom-revert.service after a power cut (revert-at-boot).

verb_revert() {
    lock_step
    from=$(current_release)
    take_switch_back || {
        echo "ok $(current_release)"
        return 0
    }
    if [ "$old" = none ]; then
        systemctl stop carom-retry.timer carom.service carom.socket 2>/dev/null || true
        remove_units
        systemctl daemon-reload
        reset_failed_units
    else
        install_units "$old"
        restart_units "$from" "$old"
    fi
    rm -f "$root/reverting" "$heartbeat"
    remove_unused_keys
    sync
    log "$from was not confirmed: back to $old"
    # Last, and not by the guard, because this stops the guard itself.
    if [ "${1:-}" != guard ]; then systemctl stop carom-guard.service 2>/dev/null || true; fi
    printf 'ok %s\n' "$old"
}

verb_revert_at_boot() {
    take_switch_back || return 0
    if [ "$old" = none ]; then remove_units; else install_units "$old"; fi
    rm -f "$root/reverting"
    remove_unused_keys
    sync
    systemctl daemon-reload
    # systemd has planned this start of the machine by the units of the reverted release.
    [ "$old" = none ] || systemctl start --no-block carom.socket carom.service
    log "the machine restarted in the middle of a switch: back to $old"
}

# guard: runs in the unit carom-guard until the switch is confirmed or reverted.
verb_guard() {
    silent_seconds=0
    while [ -e "$root/pending" ]; do
        if [ -e "$heartbeat" ]; then
            rm -f "$heartbeat"
            silent_seconds=0
        fi
        if [ "$silent_seconds" -ge "$heartbeat_timeout_seconds" ]; then
            verb_revert guard
            # The owner of the lock is dead.
            rm -f "$lock"
            return 0
        fi
        sleep 1
        silent_seconds=$((silent_seconds + 1))
    done
}

# take_switch_back: sets $old to the release to go back to, and makes it current. False if no switch is unconfirmed.
take_switch_back() {
    # The rename decides: of revert, guard and confirm, only one can move the file.
    mv "$root/pending" "$root/reverting" 2>/dev/null || [ -e "$root/reverting" ] || return 1
    old=$(cat "$root/reverting")
    if [ "$old" = none ] || [ ! -d "$root/releases/$old" ]; then
        old=none
        rm -f "$root/current"
    else
        set_current "$old"
    fi
}
