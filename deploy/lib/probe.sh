# Probe: what can be known of a host before anything is changed, and what keeps a rollout from starting.
# shellcheck shell=sh

# probe_value NAME KEY: a value from the answer of that host's probe.
probe_value() { sed -n "s/.*[ ]$2=\\([^ ]*\\).*/\\1/p" "$work/$1.probe"; }

# probe_host NAME: asks the host; a failure becomes a problem that says what to do.
probe_host() {
    answer=$(remote "$1" probe "$(cat "$work/hashes" 2>/dev/null || echo none)") || {
        ssh_error=$(tail -n 1 "$logs/$1.log" 2>/dev/null | tr -d '\r')
        ssh_target=$(cat "$work/$1.target")
        case $ssh_error in
        *"Permission denied"*) report_problem "$1" "$ssh_target does not take this machine's ssh key: run ssh-copy-id $ssh_target" ;;
        *"Host key verification failed"* | *"host key"*) report_problem "$1" "the host key of $ssh_target is unknown or has changed: run ssh $ssh_target once and compare it" ;;
        *"password is required"* | *"a terminal is required"*) report_problem "$1" "sudo wants a password on $ssh_target: let the user run all commands without one (docs/OPERATIONS.md)" ;;
        *"sudo: not found"* | *"sudo: command not found"*) report_problem "$1" "there is no sudo on $ssh_target: install it, or log in as root" ;;
        *)
            touch "$work/$1.unreachable"
            report_problem "$1" "$ssh_target cannot be reached: ${ssh_error:-no answer}"
            ;;
        esac
        return 1
    }
    printf '%s\n' "$answer" >"$work/$1.probe"
    skew=$(($(probe_value "$1" clock) - $(date +%s)))
    if [ "${skew#-}" -gt 5 ]; then
        host_message "$1" "note: its clock is $skew s off this machine's: carom does not depend on it, but the times in its log do"
    fi
    if [ "$(probe_value "$1" pending)" != none ]; then
        owner=$(probe_value "$1" owner)
        report_problem "$1" "${owner:+another rollout has this host: $owner, }in the middle of a switch: wait for it, or if it has died, for 20 s: then the host goes back by itself"
        return 1
    fi
    return 0
}

# probe_hosts: probes all selected hosts. With --skip-unreachable, drops those that do not answer.
probe_hosts() {
    for_each_host probe_host "$work/selected" || true
    [ "$skip_unreachable" = yes ] || return 0
    while read -r name; do
        if [ -e "$work/$name.unreachable" ]; then
            host_message "$name" "skipped: unreachable"
            rm -f "$work/$name.problem"
            printf '%s\n' "$name" >>"$work/skipped"
        else
            printf '%s\n' "$name" >>"$work/reached"
        fi
    done <"$work/selected"
    if [ ! -s "$work/reached" ]; then
        message "no host can be reached: nothing was changed"
        exit 1
    fi
    mv "$work/reached" "$work/selected"
}

stop_on_problems() {
    with_problem=
    while read -r name; do
        if [ -e "$work/$name.problem" ]; then with_problem="$with_problem $name"; fi
    done <"$work/selected"
    if [ -n "$with_problem" ]; then
        message "nothing was changed, because of:$with_problem"
        exit 1
    fi
}
