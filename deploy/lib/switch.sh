# Switch: changes one host after the other, and puts back what fails.
# shellcheck shell=sh
#
# A switch is unconfirmed until the host has passed the gate (deploy/lib/gate.sh). Until then NAME.unconfirmed is in
# $work; if the script ends, it reverts those hosts. A host that hears nothing for 20 s reverts by itself.

# switch_rolling: the hosts of `todo` one after the other; false if one failed.
switch_rolling() {
    any_failed=0
    while read -r name <&3; do
        if switch_host "$name" </dev/null; then
            printf '%s\n' "$name" >>"$work/done"
            continue
        fi
        any_failed=1
        if [ "$keep_going" = no ]; then break; fi
    done 3<"$work/todo"
    if [ "$any_failed" = 1 ] && [ "$keep_going" = no ] && [ -s "$work/done" ]; then switch_done_hosts_back; fi
    return "$any_failed"
}

# switch_host NAME [PREVIOUS]: one host to the release in NAME.release, through the gate; if that fails, reverts it.
# PREVIOUS is what deploy/rollback goes back to later, unless it is what ran before.
switch_host() {
    release=$(cat "$work/$1.release")
    may_be_missing=$(missing_peers_of "$1")
    host_message "$1" "switching to $release: the ball is handed on"
    touch "$work/$1.unconfirmed"
    answer=$(remote "$1" switch "$release") || {
        fail_and_revert "$1" "$(sentence_of "$answer")"
        return 1
    }
    if ! wait_for_gate "$1" "$may_be_missing"; then
        fail_and_revert "$1" "$(cat "$work/$1.failure")"
        return 1
    fi
    answer=$(remote "$1" confirm "${2:-}") || {
        fail_and_revert "$1" "$(sentence_of "$answer"), before the switch was confirmed"
        return 1
    }
    rm -f "$work/$1.unconfirmed"
    touch "$work/$1.done"
    host_message "$1" "runs $release"
}
# missing_peers_of NAME: the peers to which the host needs no link afterwards: those to which it has none already, and
# those that do not run. A host whose node does not run cannot say: then the answer of the host before it counts.
missing_peers_of() {
    missing=$(remote "$1" missing-peers 2>/dev/null) || missing=
    missing=${missing#ok}
    missing=${missing# }
    if [ "$missing" = unknown ]; then missing=$(cat "$work/missing" 2>/dev/null || true); fi
    missing=$(printf '%s,%s' "$missing" "$(absent_list)" | tr ',' '\n' | grep . | grep -vxF "$1" | sort -u | tr '\n' ',')
    printf '%s' "$missing" | tee "$work/missing"
}
fail_and_revert() {
    printf '%s\n' "$2" >"$work/$1.failure"
    remote "$1" journal >>"$logs/$1.log" || true
    host_message "$1" "failed: $2"
    revert_host "$1"
}

# revert_host NAME: takes an unconfirmed switch back; a host that cannot be reached does so by itself.
revert_host() {
    answer=$(remote "$1" revert) && {
        rm -f "$work/$1.unconfirmed"
        host_message "$1" "back on $(sentence_of "$answer"): $(cat "$work/$1.failure" 2>/dev/null || echo interrupted)"
        return 0
    }
    host_message "$1" "not reached: it goes back to $(probe_value "$1" current) by itself within 20 s, or when it starts again"
}

# switch_done_hosts_back: a later host has failed, so the confirmed ones go back too, each through the gate.
switch_done_hosts_back() {
    message "putting back what was done already"
    mv "$work/done" "$work/undo"
    while read -r name <&4; do
        old=$(probe_value "$name" current)
        if [ "$old" = none ]; then
            remote "$name" prepare none >/dev/null && remote "$name" stop >/dev/null &&
                remote "$name" activate none >/dev/null && remote "$name" confirm none >/dev/null &&
                host_message "$name" "back to nothing, as before"
            continue
        fi
        printf '%s\n' "$old" >"$work/$name.release"
        switch_host "$name" "$(probe_value "$name" previous)" </dev/null || true
        rm -f "$work/$name.done"
        host_message "$name" "back on $old: the rollout failed elsewhere"
    done 4<"$work/undo"
}
