# Gate: whether the node on this host is good now. How long it may take, deploy/lib/gate.sh decides.

# gate MAY_BE_MISSING BALL: peers that need no link, separated by commas; BALL is "yes" if a ball must have passed
# through. Answers "ok", "wait WHY", "wait-ball SECONDS WHY" (so long the slowest ball may take) or "failed WHY".
verb_gate() {
    may_be_missing=$1 ball_required=$2
    touch "$heartbeat"
    state=$(systemctl show -p ActiveState -p SubState -p NRestarts carom.service | tr '\n' ' ')
    case $state in
    *ActiveState=failed* | *SubState=auto-restart*) fail "carom does not stay up: $(last_error)" ;;
    *NRestarts=0*) ;;
    *) fail "carom was restarted: $(last_error)" ;;
    esac
    case $state in
    *ActiveState=active*) ;;
    *)
        echo "wait starting"
        return 0
        ;;
    esac
    ball_option=
    if [ "$ball_required" = yes ]; then ball_option=--ball; fi
    ask_node --gate --may-miss "$may_be_missing" $ball_option || judge_facts
}
# ask_node OPTION...: what `carom status` answers of the node that runs here. False if that release lacks the option.
ask_node() { "$root/current/carom" status "$(cat "$root/current/http")" "$@" 2>/dev/null; }

# heartbeat: only a sign of life, so that the guard goes on waiting.
verb_heartbeat() {
    touch "$heartbeat"
    echo ok
}

# journal: for the rollout's log of this host, when something has failed.
verb_journal() { journalctl -q -u carom.service -n 60 --no-pager -o short-precise 2>/dev/null || true; }

# node_facts: what the running node says of itself, one fact a line; docs/COMMANDS.md lists them.
node_facts() { ask_node --facts || former_facts; }

# last_error: why the daemon ended: the first error in the log of its latest start, or of the start before if the
# latest has logged none yet; without any, the result that systemd gives.
last_error() {
    error=$(journalctl -q -u carom.service -n 60 -o cat --no-pager 2>/dev/null | awk '
        /^Starting carom/ { before = error; error = "" }
        error == "" && (/^carom: / || /^[^ ]*:[0-9]+:[0-9]+: /) { error = $0 }
        END { print substr(error == "" ? before : error, 1, 240) }')
    [ -n "$error" ] || error="it ended with $(systemctl show -p Result --value carom.service)"
    printf '%s\n' "${error#carom: }"
}
