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
    node_facts >/run/carom-rollout-facts
    missing=$(awk '$1 == "missing" { print $2 }' /run/carom-rollout-facts | while read -r peer; do
        case ,$may_be_missing, in *",$peer,"*) ;; *) printf '%s ' "$peer" ;; esac
    done)
    awk -v missing="$missing" -v ball_required="$ball_required" '
        { value[$1] = $2 }
        $1 == "ball" { balls++ }
        $1 == "crossing" && $2 > slowest { slowest = $2 }
        END {
            # Two rounds of the slowest ball, and some seconds for whatever delays it.
            limit = 2 * slowest * value["nodes"] + 10
            if (value["condition"] == "") print "wait no answer on its HTTP port"
            else if (value["condition"] != "in-ring") print "wait", value["condition"]
            else if (missing != "") print "wait not whole: no link to", missing
            else if (ball_required == "yes" && balls && value["nodes"] > 1 && value["hops"] < 1 + value["here"])
                print "wait-ball", limit, "for the ball to pass through"
            else print "ok ready"
        }' /run/carom-rollout-facts
    rm -f /run/carom-rollout-facts
}

# heartbeat: only a sign of life, so that the guard goes on waiting.
verb_heartbeat() {
    touch "$heartbeat"
    echo ok
}

# journal: for the rollout's log of this host, when something has failed.
verb_journal() { journalctl -q -u carom.service -n 60 --no-pager -o short-precise 2>/dev/null || true; }

# node_facts: what the running node says of itself, one fact a line, from the JSON of `carom status`. "crossing" are
# the seconds that a ball takes to cross a screen.
node_facts() {
    "$root/current/carom" status "$(cat "$root/current/http")" --json 2>/dev/null | awk '
        /"condition":/ { gsub(/[",]/, ""); print "condition", $2 }
        /"used":/ { gsub(/[",]/, ""); print "key-used", $2 }
        /"also_accepted":/ { gsub(/[",]/, ""); print "key-also", $2 }
        /"links":/ { gsub(/[",]/, ""); print "key-links", $2 }
        /"name":/ { gsub(/[",]/, ""); name = $2; if (in_nodes) nodes++ }
        /"state": "/ { gsub(/[",]/, ""); if ($2 != "up") print "missing", name }
        /"here": true/ { print "here 1" }
        /"ball":/ { print "ball 1" }
        /"hops":/ { gsub(/,/, ""); print "hops", $2 }
        /"nodes":/ { in_nodes = 1 }
        /"screen":/ { getline; gsub(/,/, ""); width = $1 }
        /"velocity":/ { getline; gsub(/[,-]/, ""); if ($1 > 0) print "crossing", int(width / $1) + 1 }
        /"balls":/ { in_nodes = 0; print "nodes", nodes }'
}

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
