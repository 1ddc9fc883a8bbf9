# Switch together: stops all hosts, switches all, starts all. For a changed ring: nodes with different ring files
# never talk to each other, so hosts cannot be switched one after the other.
# shellcheck shell=sh

# switch_together: all hosts of `todo`; if one fails, all are reverted.
switch_together() {
    for_each_host prepare_host "$work/todo" || {
        revert_all
        return 1
    }
    pause_began=$(date +%s)
    message "stopping all, switching all, starting all"
    if for_each_host stop_host "$work/todo" && for_each_host activate_host "$work/todo" &&
        for_each_host start_host "$work/todo" && wait_for_gate_of_all; then
        for_each_host confirm_host "$work/todo" || return 1
        cp "$work/todo" "$work/done"
        return 0
    fi
    revert_all
    return 1
}
revert_all() {
    message "going back everywhere"
    for_each_host revert_host "$work/todo" || true
}

prepare_host() {
    touch "$work/$1.unconfirmed"
    run_step "$1" prepare "$(cat "$work/$1.release")"
}
stop_host() { run_step "$1" stop; }
activate_host() { run_step "$1" activate "$(cat "$work/$1.release")"; }
start_host() { run_step "$1" start; }
confirm_host() {
    run_step "$1" confirm || return 1
    rm -f "$work/$1.unconfirmed"
    touch "$work/$1.done"
    host_message "$1" "runs $(cat "$work/$1.release")"
}

# run_step NAME VERB ARGUMENT...: a verb on that host; if it fails, the reason is in NAME.failure.
run_step() {
    answer=$(remote "$@") && return 0
    sentence_of "$answer" >"$work/$1.failure"
    host_message "$1" "failed: $(cat "$work/$1.failure")"
    return 1
}
