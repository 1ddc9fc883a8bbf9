# Former: for a release whose `carom status` has neither --gate nor --facts. What they do, from its JSON, which has one key a
# line there and no nested key of these names elsewhere.

# former_facts: as `carom status --facts`. "crossing" are the seconds that a ball takes to cross a screen.
former_facts() {
    ask_node --json | awk '
        /"condition":/ { gsub(/[",]/, ""); print "condition", $2 }
        /"used":/ { gsub(/[",]/, ""); print "key-used", $2 }
        /"also_accepted":/ { gsub(/[",]/, ""); print "key-also", $2 }
        /"links":/ { gsub(/[",]/, ""); print "key-links", $2 }
        /"nodes": \[/ { in_nodes = 1 }
        in_nodes && /"name":/ { gsub(/[",]/, ""); name = $2; nodes++ }
        in_nodes && /"state":/ { gsub(/[",]/, ""); if ($2 != "up") print "missing", name }
        /"balls": \[/ { in_nodes = 0; in_balls = 1; print "nodes", nodes }
        in_balls && /"ball":/ { balls++ }
        in_balls && /"here": true/ { here++ }
        in_balls && /"velocity":/ { getline; gsub(/[,-]/, ""); if ($1 > 0) print "crossing", int(width / $1) + 1 }
        /"counters":/ { in_balls = 0; print "balls", balls + 0; print "here", here + 0 }
        /"hops":/ { gsub(/,/, ""); print "hops", $2 }
        /"screen":/ { getline; gsub(/,/, ""); width = $1 }'
}

# judge_facts: as `carom status --gate`, for $may_be_missing and $ball_required.
judge_facts() {
    former_facts | awk -v may_miss=",$may_be_missing," -v ball_required="$ball_required" '
        { value[$1] = $2 }
        $1 == "missing" && !index(may_miss, "," $2 ",") { missing = missing " " $2 }
        $1 == "crossing" && $2 > slowest { slowest = $2 }
        END {
            # Two rounds of the slowest ball, and some seconds for whatever delays it.
            limit = 2 * slowest * value["nodes"] + 10
            if (value["condition"] == "") print "wait no answer on its HTTP port"
            else if (value["condition"] != "in-ring") print "wait the node is", value["condition"]
            else if (missing != "") print "wait not whole: no link to" missing
            else if (ball_required == "yes" && value["balls"] && value["nodes"] > 1 && value["hops"] < 1 + value["here"])
                print "wait-ball", limit, "for the ball to pass through"
            else print "ok ready"
        }'
}
