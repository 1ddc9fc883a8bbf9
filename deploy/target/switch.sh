# Switch: moves this host to another release. Unconfirmed until the verb confirm; without it, revert.sh goes back.

# switch RELEASE
verb_switch() {
    lock_step
    new=$1
    require_switchable "$new"
    old=$(current_release)
    [ "$old" = none ] || log "switching from $old to $new"
    begin_unconfirmed
    set_current "$new"
    install_units "$new"
    restart_units "$old" "$new"
    echo ok
}

# prepare RELEASE, stop, activate RELEASE, start: the same in steps, for a change of the whole ring. Each step is
# taken on all hosts before the next. RELEASE may be "none".
verb_prepare() {
    lock_step
    require_switchable "$1"
    begin_unconfirmed
    echo ok
}
verb_stop() {
    lock_step
    touch "$heartbeat"
    # The timer too, because it would start the node again in the middle of the next steps.
    systemctl stop carom-retry.timer carom.service carom.socket 2>/dev/null || true
    echo ok
}
verb_activate() {
    lock_step
    touch "$heartbeat"
    [ -e "$root/pending" ] || fail "this host went back by itself meanwhile"
    if [ "$1" = none ]; then
        rm -f "$root/current"
        remove_units
    else
        set_current "$1"
        install_units "$1"
    fi
    systemctl daemon-reload
    echo ok
}
verb_start() {
    lock_step
    touch "$heartbeat"
    [ "$(current_release)" != none ] || {
        echo ok
        return 0
    }
    reset_failed_units
    start_units
    echo ok
}

require_switchable() {
    [ "$1" = none ] || [ -d "$root/releases/$1" ] || fail "the release $1 is not on this host"
    if [ -e "$root/pending" ] || [ -e "$root/reverting" ]; then
        fail "an earlier switch is not confirmed yet: wait until it is taken back (at most $heartbeat_timeout_seconds s)"
    fi
}

# begin_unconfirmed: writes down what to go back to, and starts the guard. Before anything else is changed.
begin_unconfirmed() {
    touch "$heartbeat"
    printf '%s\n' "$(current_release)" >"$root/pending.new"
    sync
    mv "$root/pending.new" "$root/pending"
    systemctl stop carom-guard.service 2>/dev/null || true
    systemd-run --quiet --collect --unit=carom-guard --description="Goes back unless the new release of carom is confirmed" \
        "$root/target.sh" guard >/dev/null 2>&1 || fail "systemd-run does not start the guard: nothing was changed"
}

# set_current RELEASE: one rename, so that a power cut leaves the old link or the new one.
set_current() {
    ln -sfn "releases/$1" "$root/current.new"
    sync
    mv -T "$root/current.new" "$root/current"
    sync
}

# confirm [PREVIOUS]: the running release stays. PREVIOUS is what rollback goes to, unless it is what ran before.
verb_confirm() {
    lock_step
    old=$(content_or "$root/pending" none)
    mv "$root/pending" "$root/confirmed" 2>/dev/null || fail "this host went back by itself before it could be confirmed"
    if [ -n "${1:-}" ]; then old=$1; fi
    if [ "$old" != "$(current_release)" ]; then
        printf '%s\n' "$old" >"$root/previous.new"
        mv "$root/previous.new" "$root/previous"
    fi
    rm -f "$root/confirmed"
    sync
    systemctl stop carom-guard.service 2>/dev/null || true
    rm -f "$heartbeat"
    remove_old_releases
    log "$(current_release) is confirmed"
    printf 'ok %s\n' "$(current_release)"
}

# Keeps the running release, the previous one, and the newest others.
remove_old_releases() {
    running=$(current_release) previous=$(content_or "$root/previous" none) kept=1
    [ "$previous" = none ] || [ "$previous" = "$running" ] || kept=2
    # shellcheck disable=SC2012 # release names are simple words
    ls -1t "$root/releases" | while read -r release; do
        if [ "$release" = "$running" ] || [ "$release" = "$previous" ]; then continue; fi
        if [ "$kept" -lt "$kept_releases" ]; then
            kept=$((kept + 1))
        else
            rm -rf "${root:?}/releases/$release"
        fi
    done
}
