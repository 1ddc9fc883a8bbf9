# Gate: what a switched host must show before it counts as good: active, ready, the ring whole, the ball passed
# through. The host itself judges (deploy/target/gate.sh); here is how long it may take.
# shellcheck shell=sh

# A node that has not passed within so many seconds has failed. A wait for a slow ball comes on top.
gate_timeout_seconds=30
# So many failed attempts in a row to ask a single host are a failure too.
gate_lost_connections=3

# wait_for_gate NAME MAY_BE_MISSING: polls one host until it passes. If it fails, the reason is in NAME.failure.
# MAY_BE_MISSING: peers, separated by commas, to which the host needs no link.
wait_for_gate() {
    gate_began=$(date +%s) timeout=$gate_timeout_seconds lost=0 last_sentence=
    while :; do
        answer=$(remote "$1" gate "$2" yes) || true
        sentence=$(sentence_of "$answer")
        elapsed=$(($(date +%s) - gate_began))
        case $answer in
        ok*) return 0 ;;
        failed*)
            printf '%s\n' "$sentence" >"$work/$1.failure"
            return 1
            ;;
        wait-ball*)
            lost=0
            answer=${answer#wait-ball }
            timeout=$((gate_timeout_seconds + ${answer%% *}))
            ;;
        wait*) lost=0 ;;
        *) lost=$((lost + 1)) ;;
        esac
        if [ "$sentence" != "$last_sentence" ]; then host_message "$1" "waiting: $sentence"; fi
        last_sentence=$sentence
        if [ "$elapsed" -ge "$timeout" ] || [ "$lost" -ge "$gate_lost_connections" ]; then
            printf '%s, after %s s\n' "$sentence" "$elapsed" >"$work/$1.failure"
            return 1
        fi
        sleep_between_polls
    done
}

# wait_for_gate_of_all: the same for all hosts of `todo`, which have started together at $pause_began. First all
# must be in the ring, then the ball must pass through each. Every round asks every host, which also keeps the guard
# of each (deploy/target/revert.sh) from reverting the switch.
wait_for_gate_of_all() {
    echo no >"$work/ball-required"
    gate_began=$(date +%s) timeout=$gate_timeout_seconds
    while :; do
        for_each_host poll_gate "$work/todo" || true
        waiting=0
        while read -r name; do read_gate_answer "$name" || return 1; done <"$work/todo"
        if [ "$waiting" = 0 ] && [ "$(cat "$work/ball-required")" = yes ]; then break; fi
        if [ "$waiting" = 0 ]; then
            echo yes >"$work/ball-required"
            message "the ring is whole again, after a pause of at most $(($(date +%s) - pause_began + 1)) s"
        fi
        if [ $(($(date +%s) - gate_began)) -ge "$timeout" ]; then
            message "the ring did not come back within $timeout s"
            return 1
        fi
        sleep_between_polls
    done
    while read -r name; do rm -f "$work/$name.failure"; done <"$work/todo"
}
# poll_gate NAME: one question to one host; the answer goes to NAME.gate. A host without a release only sends a
# heartbeat.
poll_gate() {
    if [ "$(cat "$work/$1.release")" = none ]; then
        remote "$1" heartbeat >"$work/$1.gate" || echo "failed the connection was lost" >"$work/$1.gate"
        return 0
    fi
    remote "$1" gate "$(absent_list)" "$(cat "$work/ball-required")" >"$work/$1.gate" || true
}
# absent_list: the hosts to which no host needs a link, each with a comma behind it.
absent_list() { tr '\n' ',' <"$work/absent"; }
# read_gate_answer NAME: sets $waiting and $timeout; false if the host has failed. Until it passes, NAME.failure has what
# it waits for.
read_gate_answer() {
    answer=$(cat "$work/$1.gate")
    sentence=$(sentence_of "$answer")
    case $answer in
    ok*)
        rm -f "$work/$1.failure"
        return 0
        ;;
    failed*)
        printf '%s\n' "$sentence" >"$work/$1.failure"
        host_message "$1" "failed: $sentence"
        remote "$1" journal </dev/null >>"$logs/$1.log" || true
        return 1
        ;;
    wait-ball*)
        answer=${answer#wait-ball }
        timeout=$((gate_timeout_seconds + ${answer%% *}))
        ;;
    esac
    waiting=1
    printf '%s\n' "$sentence" >"$work/$1.failure"
}

# Not every sleep takes fractions of a second.
sleep_between_polls() { sleep 0.2 2>/dev/null || sleep 1; }
