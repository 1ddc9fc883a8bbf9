# Probe: what can be known of a host before anything is changed, and what keeps a rollout from starting.
# shellcheck shell=sh

# probe_value NAME KEY: a value from the answer of that host's probe.
probe_value() { sed -n "s/.*[ ]$2=\\([^ ]*\\).*/\\1/p" "$work/$1.probe"; }

# probe_host NAME: asks the host; a failure becomes a problem that says what to do.
probe_host() {
    rm -f "$work/$1.probe"
    answer=$(remote "$1" probe "$(cat "$work/hashes" 2>/dev/null || echo none)") || {
        case $answer in
        lost*)
            if is_unreachable "$1"; then touch "$work/$1.unreachable"; fi
            answer="lost $(reach_problem "$1")"
            ;;
        esac
        report_problem "$1" "$(sentence_of "$answer")"
        return 1
    }
    # An empty answer, or one without its last value, must not count as one.
    case $answer in
    'ok '*' clock='[0-9]*' probe=complete') ;;
    *)
        report_problem "$1" "$(cat "$work/$1.target") gives a strange answer to the first question: \"$(printf '%.60s' "$answer")\""
        return 1
        ;;
    esac
    printf '%s\n' "$answer" >"$work/$1.probe"
    read -r _ _ noise <"$work/$1.reach"
    if [ -n "$noise" ]; then
        host_message "$1" "note: its login shell prints text of its own (\"$(printf '%.30s' "$noise")\"): this script reads past it, scp does not"
    fi
    skew=$(($(probe_value "$1" clock) - $(date +%s)))
    if [ "${skew#-}" -gt 5 ]; then
        host_message "$1" "note: its clock is $skew s off this machine's: carom does not depend on it, but the times in its log do"
    fi
    if [ "$(probe_value "$1" pending)" != none ]; then
        owner=$(probe_value "$1" owner)
        report_problem "$1" "${owner:+another rollout has this host: $owner, }in the middle of a switch: wait for it, or if it has died, for 20 s: then the host goes back by itself"
        return 1
    fi
    if [ "$(probe_value "$1" package)" != none ] && [ "$forbid_package" = yes ]; then
        report_problem "$1" "the Debian package carom $(probe_value "$1" package) is installed there, and a host gets carom from one of the two: run sudo apt remove carom there first (it leaves /etc/carom)"
        return 1
    fi
    return 0
}
# Whether a host with the Debian package is refused.
forbid_package=yes

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
# probe_others: with --only, the hosts that are not touched, because what they run decides what can be done.
probe_others() {
    : >"$work/others"
    [ -n "$only" ] || return 0
    grep -vxF -f "$work/selected" "$work/all" >"$work/others" || true
    for_each_host probe_host_quietly "$work/others" || true
}
# A problem of a host that is not touched is nobody's problem.
probe_host_quietly() {
    probe_host "$1" >"$work/$1.quiet" || true
    rm -f "$work/$1.problem"
}
# runs_now NAME: whether its probe says so.
runs_now() { [ -e "$work/$1.probe" ] && [ "$(probe_value "$1" state)" = active ]; }

# list_absent: the hosts of the ring that do not run and are not touched. No host needs a link to them.
list_absent() {
    : >"$work/absent"
    if [ -s "$work/skipped" ]; then cat "$work/skipped" >>"$work/absent"; fi
    while read -r name; do
        if ! runs_now "$name"; then printf '%s\n' "$name" >>"$work/absent"; fi
    done <"$work/others"
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
