# shellcheck shell=sh
# Experiments 9 to 13, which look at the wire. Each runs in a network of its own, so that its packet filter and its
# settings touch nothing else. docs/labs/run-experiments sources this, and has fail, skip, need, expect and the like.

# apart PROGRAM...: runs inside_$number in a network of its own, if that can be made and the programs are there.
apart() {
    if [ "$(id -u)" -ne 0 ] || ! unshare --net true 2>/dev/null; then
        skip "only root can make a network of its own"
        return 0
    fi
    for program in ip "$@"; do need "$program" || return 0; done
    # shellcheck disable=SC2154 # run-experiments sets them
    CAROM=$carom unshare --net -- "$here/run-experiments" "$number" inside || {
        [ "$?" -eq 3 ] || exit 1
        skipped=yes
    }
}

# start_capture DEVICE FILTER: captures the headers of packets until stop_capture.
start_capture() {
    # shellcheck disable=SC2154 # run-experiments sets it
    rm -f "$work/capture.pcapng"
    : >"$work/tshark"
    tshark -q -i "$1" -s 120 -f "$2" -w "$work/capture.pcapng" >"$work/tshark" 2>&1 &
    tshark=$!
    started="$started $tshark"
    await tshark capturing
    tries=0
    until [ -s "$work/capture.pcapng" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "tshark did not start: $(cat "$work/tshark")"
        sleep 0.1
    done
    sleep 0.3
}

# stop_capture: prints what was captured to $work/ladder, as `carom ladder` shows it.
stop_capture() {
    sleep 0.3
    kill -INT "$tshark"
    wait "$tshark" || true
    "$carom" ladder "$work/capture.pcapng" --segments 2000 >"$work/ladder" || fail "carom ladder"
}

# receive OPTION...: starts carom receive; its output goes to $work/shown.
receive() {
    : >"$work/shown"
    "$carom" receive "$@" >"$work/shown" &
    started="$started $!"
    await shown '^receiving'
}

experiment_9() { apart tshark; }
inside_9() {
    ip link set lo mtu 1500 up
    receive --listen 127.0.0.1:10000 --read-rate 200k
    start_capture lo 'tcp port 10000'
    "$carom" send 127.0.0.1:10000 --bytes 300000 --json >"$work/sent"
    await shown SHA-256
    stop_capture
    show_figures "$work/sent" '300,000 bytes: written in %.3f s, taken after %.3f s' \
        '(it["sending"], it["sending"] + it["closing"])'
    for what in 'window is closed' 'probe:' 'window opens'; do
        printf '  "%s": %s times\n' "$what" "$(count_lines ladder "$what")"
        [ "$(count_lines ladder "$what")" -ge 1 ] || fail "the capture does not show: $what"
    done
    expect "$work/sent" 'it["bytes"] == 300000 and it["sending"] + it["closing"] > 0.7'
    # (head -c 299999 /dev/zero | tr "\0" X; echo) | sha256sum
    shown 'SHA-256 168b873a719e2a902cd4aaf482da29722ff1e0a403c39b7bd60d2aa665ef07cf'
}

experiment_10() { apart tshark nft; }
inside_10() {
    if [ ! -e /dev/net/tun ]; then
        skip "the kernel has no /dev/net/tun for a network that is far away"
        return 0
    fi
    ip link set lo up
    : >"$work/far"
    python3 "$here/far_network.py" 25 >"$work/far" &
    started="$started $!"
    await far 'ms away'
    receive --listen 10.9.0.1:10000 --rate 10.9.0.1:10100
    await shown '^measuring'
    # A busy machine delays packets by more than the network does, and so the acknowledgements that let segments out.
    tries=1
    until starts_slowly; do
        tries=$((tries + 1))
        [ "$tries" -le 5 ] || fail "expected 10, then about twice as many, then more"
    done

    nft 'table inet lossy { chain input { type filter hook input priority 0
        iifname "far0" tcp dport 10100 meta length > 200 numgen random mod 100 < 3 counter drop
    }; }'
    "$carom" rate 10.9.0.2:10100 --bytes 1000000 --chunk 64KiB --json >"$work/lossy"
    dropped=$(nft list table inet lossy | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p')
    show_figures "$work/lossy" "dropped $dropped, sent again %d, of %d segments" \
        '(it["sender"]["retransmitted"], it["sender"]["segments"])'
    # The kernel may send a segment again that was only late.
    expect "$work/lossy" "0 < $dropped <= it['sender']['retransmitted'] <= 2 * $dropped + 10"
    expect "$work/lossy" 'it["receiver"]["outcome"] == "complete" and it["receiver"]["bytes"] == 1000001'
}

# starts_slowly: whether a run over the far network sends 10 segments, then about twice as many, then more.
starts_slowly() {
    start_capture far0 'tcp port 10100'
    "$carom" rate 10.9.0.2:10100 --bytes 200000 --chunk 64KiB --json >"$work/clean"
    stop_capture
    # How many segments with data left in each round trip. One ends when its first segment is acknowledged. The first
    # connection of the capture is what the client's end sees; the second is the same at the server's end.
    bursts=$(awk '/^Connection 2/ { exit }
        { gsub(",", "") }
        / --> .* bytes: / { split($0, parts, "bytes: "); if (!n) first = parts[2] + 0; n++ }
        / <-- .*ACK / { split($0, parts, "ACK "); if (n && parts[2] + 0 > first) { print n; n = 0 } }
        ' "$work/ladder" | head -n 3 | tr '\n' ' ')
    printf '  segments with data in the first round trips: %s\n' "$bursts"
    # shellcheck disable=SC2086 # numbers
    set -- $bursts 0 0 0
    [ "$1" -eq 10 ] && [ "$2" -ge 15 ] && [ "$2" -le 25 ] && [ "$3" -gt "$2" ]
}

experiment_11() {
    for options in '--nagle on' '--nagle off' '--one-write'; do
        # shellcheck disable=SC2086 # words
        python3 "$here/two_writes.py" $options >"$work/asked"
        printf '  %s: %s\n' "$options" "$(cat "$work/asked")"
        median=$(sed 's/median \([0-9]*\).*/\1/' "$work/asked")
        if [ "$options" = '--nagle on' ]; then
            [ "$median" -ge 20 ] || fail "expected to wait for a delayed acknowledgement"
        else
            [ "$median" -lt 20 ] || fail "expected no wait"
        fi
    done
}

experiment_12() { apart ss; }
inside_12() {
    ip link set lo up
    # The one that closes first is the server: its port rests.
    closes_first 10000
    resting=$(ss -Htan state time-wait 'sport = :10000' | wc -l)
    again=$(python3 "$here/closes_first.py" 10000 2>&1 || true)
    printf '  closed by the server: %s in TIME_WAIT at port 10000; started again: %s\n' "$resting" "$again"
    [ "$resting" -eq 1 ] || fail "expected one connection in TIME_WAIT at the server"
    [ "$again" = 'bind: Address already in use' ] || fail "expected that bind fails"
    closes_first 10002 --reuse
    closes_first 10002 --reuse
    echo "  with SO_REUSEADDR: started again"
    # The client closes first: its own port rests.
    receive --listen 127.0.0.1:10001
    "$carom" send 127.0.0.1:10001 'Hello, World!' >/dev/null
    at_server=$(ss -Htan state time-wait 'sport = :10001' | wc -l)
    at_client=$(ss -Htan state time-wait 'dport = :10001' | wc -l)
    printf '  closed by the client: %s at the client, %s at the server\n' "$at_client" "$at_server"
    [ "$at_client $at_server" = '1 0' ] || fail "expected one connection in TIME_WAIT at the client"
}
# closes_first PORT [--reuse]: starts the server, asks it, and waits until it has ended.
closes_first() {
    : >"$work/first"
    python3 "$here/closes_first.py" "$@" >"$work/first" 2>&1 &
    server=$!
    started="$started $server"
    await first listening
    python3 -c 'import sys, urllib.request as web; web.urlopen("http://127.0.0.1:" + sys.argv[1]).read()' "$1"
    # Until it has ended, its listening socket is in the way, and not TIME_WAIT.
    wait "$server"
}

experiment_13() { apart tshark; }
inside_13() {
    ip link set lo mtu 1500 up
    receive --listen 127.0.0.1:10000
    start_capture lo 'tcp port 10000'
    "$carom" send 127.0.0.1:10000 --bytes 600000 --json >"$work/offloaded"
    # The kernel may hand no more than one packet at a time to a network card.
    ip link set lo gso_max_segs 1
    "$carom" send 127.0.0.1:10000 --bytes 600000 --json >"$work/single"
    stop_capture
    large=$(awk '/^Connection/ { number++ } number == 1 && / bytes?: /' "$work/ladder" | wc -l)
    small=$(awk '/^Connection/ { number++ } number == 2 && / bytes?: /' "$work/ladder" | wc -l)
    show_figures "$work/offloaded" "with offload: %d segments, $large in the capture" '(it["segments"],)'
    show_figures "$work/single" "without: %d segments, $small in the capture" '(it["segments"],)'
    expect "$work/offloaded" "0 < $large * 2 < it['segments']"
    expect "$work/single" "$small == it['segments']"
    grep -q 'packets on the wire' "$work/ladder" || fail "no segment in the capture is larger than a packet"
}
