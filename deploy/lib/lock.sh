# Lock: one rollout at a time. Every host has a lock, which names its owner.
# shellcheck shell=sh

lock_hosts() {
    # The first host alone, so that of two rollouts that start at once one gets through.
    head -n 1 "$work/selected" >"$work/first"
    tail -n +2 "$work/selected" >"$work/rest"
    if for_each_host lock_host "$work/first" && for_each_host lock_host "$work/rest"; then return 0; fi
    if [ -e "$work/taken" ]; then
        message "refused: another rollout is at work, nothing was changed"
    else
        message "not every host could be reserved for this rollout, nothing was changed"
    fi
    exit 1
}
lock_host() {
    answer=$(remote "$1" lock "$token" "$operator" "$break_lock") && touch "$work/$1.locked" && return 0
    # If the owner is a process of this machine that has ended, nobody else will give its lock back.
    owner=$(printf '%s\n' "$answer" | sed -n "s/.* host: ${operator%-*}-\([0-9]*\),.*/\1/p")
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
        answer=$(remote "$1" lock "$token" "$operator" break) && touch "$work/$1.locked" && return 0
    fi
    case $answer in *"another rollout has this host"*) touch "$work/taken" ;; esac
    report_problem "$1" "$(sentence_of "$answer")"
}

unlock_hosts() {
    ls "$work"/*.locked >/dev/null 2>&1 || return 0
    for locked in "$work"/*.locked; do basename "$locked" .locked; done >"$work/locked"
    for_each_host unlock_host "$work/locked" || true
}
unlock_host() { remote "$1" unlock "$token" >/dev/null; }
