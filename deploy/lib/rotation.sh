# Rotation: the steps of deploy/rotate-key, and what it must know of each host. The hosts themselves are the only record
# of how far a change has come, so a second run goes on wherever the first has ended.
# shellcheck shell=sh disable=SC2154 # key and new_key are set by key.sh
#
# A host has two states: its key file, and what its daemon has read of it. Each is "USED,ALSO": the fingerprint of the key
# that the node uses, and that of another that it accepts. From the old key O to the new key N:
#
#   O,   learn   O,N   use   N,O   forget   N,

# A host that has not taken a step within so many seconds, or has a link missing after it, has failed.
step_timeout_seconds=30

state_value() { sed -n "s/.*[ ]$2=\\([^ ]*\\).*/\\1/p" "$work/$1.state"; }
# used_of, also_of, accepted_by NAME file|daemon: from its state.
used_of() { state_value "$1" "$2" | cut -d , -f 1; }
also_of() { state_value "$1" "$2" | cut -s -d , -f 2; }
accepted_by() { state_value "$1" "$2" | tr , '\n'; }

read_state() {
    remote "$1" key-state >"$work/$1.state" || {
        report_problem "$1" "$(sentence_of "$(cat "$work/$1.state")")"
        return 1
    }
}

# judge_state NAME: a problem unless an interrupted change, or none, explains the state of this host and the others.
judge_state() {
    if [ -e "$work/$1.problem" ]; then return 0; fi
    if [ "$(state_value "$1" file)" = none ]; then
        report_problem "$1" "its ring file has no key: deploy/rollout gives a ring its first key" || return 0
    fi
    if [ "$(state_value "$1" file)" = missing ]; then
        report_problem "$1" "its key is missing or unreadable: deploy/rollout --only $1 puts it back" || return 0
    fi
    if [ "$(state_value "$1" state)" != active ]; then
        report_problem "$1" "carom does not run there: start it first, with sudo systemctl start carom" || return 0
    fi
    case $(state_value "$1" missing),$(state_value "$1" daemon) in
    unknown,*) report_problem "$1" "the daemon does not answer on its HTTP port: see journalctl -u carom there" || return 0 ;;
    *,none) report_problem "$1" "the daemon runs without a key, and its ring file has one: run sudo systemctl restart carom there" || return 0 ;;
    esac
    for place in file daemon; do
        case $(used_of "$1" "$place") in
        "$key" | "${new_key:-$key}") ;;
        *) report_problem "$1" "uses the key $(used_of "$1" "$place"), which is neither that of $key_path, $key, nor the new one${new_key:+, $new_key}: $(advice_for_unknown_key "$1")" || return 0 ;;
        esac
        case $(also_of "$1" "$place") in
        '' | "$key" | "${new_key:-$key}") ;;
        *) host_message "$1" "note: also accepts $(also_of "$1" "$place"), of a change that was not finished: that key is dropped" ;;
        esac
        # Whoever has forgotten the old key has done so after all had learned the new one.
        if [ "$(used_of "$1" "$place")" != "$key" ] && ! accepted_by "$1" "$place" | grep -qxF "$key"; then
            find_unlearned "$1"
        fi
    done
}
# advice_for_unknown_key NAME: by whether any host has the key that is here.
advice_for_unknown_key() {
    while read -r other; do
        if accepted_by "$other" file | grep -qxF -e "$key" -e "${new_key:-$key}"; then
            echo "run sudo rm /etc/carom/$key_file there, and then deploy/rollout --only $1"
            return 0
        fi
    done <"$work/all"
    echo "put the key of the ring there first, from any host"
}
# find_unlearned FORGETFUL: a problem of each host that does not know the new key, although that host has forgotten the old one.
find_unlearned() {
    while read -r other; do
        if [ -e "$work/$other.problem" ]; then continue; fi
        if ! accepted_by "$other" file | grep -qxF "$new_key"; then
            report_problem "$other" "does not know the key $new_key, and $1 has forgotten $key already: run sudo rm /etc/carom/$key_file on $other, and then deploy/rollout --only $other" || true
        fi
    done <"$work/all"
}

# check_whole: the ring must be whole before anything is changed, so that afterwards a missing link tells of a failure.
check_whole() {
    step=none all_use=no
    for_each_host wait_for_step "$work/all" && return 0
    message "the ring is not whole: nothing was changed"
    return 1
}

# take_step STEP SENTENCE: on all hosts that have not taken it; then all must have taken it, and have all links.
take_step() {
    step=$1
    : >"$work/todo"
    while read -r name; do
        if ! has_taken "$name"; then printf '%s\n' "$name" >>"$work/todo"; fi
    done <"$work/all"
    if [ "$step" = use ]; then
        # Links are made anew in this step: at one host at a time.
        while read -r name <&3; do change_host "$name" </dev/null || return 1; done 3<"$work/todo"
    else
        for_each_host change_host "$work/todo" || return 1
    fi
    if [ "$step" = use ]; then all_use=yes; fi
    for_each_host wait_for_step "$work/all" || return 1
    message "$2"
}
# change_host NAME: the step $step on this host.
change_host() {
    case $step in
    learn) wanted_keys=$key,$new_key && set -- "$1" "$key_path" "$key_path.new" ;;
    use) wanted_keys=$new_key,$key && set -- "$1" "$key_path.new" "$key_path" ;;
    forget) wanted_keys=$new_key, && set -- "$1" "$key_path.new" ;;
    esac
    send_key "$@" || {
        host_message "$1" "failed: the key could not be sent: $(error_of "$1")"
        return 1
    }
    run_step "$1" change-key "$wanted_keys" && wait_for_step "$1"
}
# has_taken NAME: whether its file and its daemon have taken $step, by its state.
has_taken() {
    for place in file daemon; do
        case $step in
        learn) accepted_by "$1" "$place" | grep -qxF "$new_key" || return 1 ;;
        use) [ "$(used_of "$1" "$place")" = "$new_key" ] || return 1 ;;
        forget) [ "$(state_value "$1" "$place")" = "$new_key," ] || return 1 ;;
        esac
    done
}
# wait_for_step NAME: until the host has taken $step and has a link to every peer; once all hosts use the new key, these links
# must have been made with it, because those that were not end when the old key is forgotten.
wait_for_step() {
    step_began=$(date +%s)
    while :; do
        if ! remote "$1" key-state >"$work/$1.state"; then
            waits_for=$(sentence_of "$(cat "$work/$1.state")")
        elif ! has_taken "$1"; then
            waits_for="the daemon has not taken the key over: see journalctl -u carom there"
        elif [ -n "$(state_value "$1" missing)" ]; then
            waits_for="not whole: no link to $(state_value "$1" missing | sed 's/,$//')"
        elif [ "$all_use" = yes ] && [ "$(state_value "$1" old_links)" != 0 ]; then
            waits_for="$(state_value "$1" old_links) of its links were made with another key"
        else
            if [ "$step" != none ]; then host_message "$1" "$(step_result)"; fi
            return 0
        fi
        if [ $(($(date +%s) - step_began)) -ge "$step_timeout_seconds" ]; then
            host_message "$1" "failed: $waits_for, for $step_timeout_seconds s"
            return 1
        fi
        sleep_between_polls
    done
}
step_result() {
    case $step in
    learn) echo "has learned $new_key" ;;
    use) echo "uses $new_key" ;;
    forget) echo "has forgotten $key" ;;
    esac
}
