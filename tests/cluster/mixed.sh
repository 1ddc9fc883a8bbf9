# Nodes of this release and of the newest one that knows no obituary, no cover and no fence, in one ring: both speak the same version
# of the ring protocol, so they play together while a rollout is under way, or for as long as somebody leaves it half done.
# Holders of both are killed, once with a majority of the former release and once with a majority of this one.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
# expect_whole WHEN: within 30 s, every node has a link to every other one.
expect_whole() {
    for name in $hosts; do
        for _ in $(seq 1 60); do
            gate=$(on "$name" 'carom status 127.0.0.1:8080 --gate' 2>&1) || true
            [ "$gate" != 'ok ready' ] || break
            sleep 0.5
        done
        [ "$gate" = 'ok ready' ] || fail "$name, $1: $gate"
    done
}
# What the journals say, since the part began, of links that were refused or of lines that were not understood. The former release
# takes an obituary for a stranger's connection, and says that its first line was no hello.
complaints() {
    for name in $hosts; do
        on "$name" "sudo journalctl -q -u carom --since @$begun_at --no-pager -o cat" | grep -E 'peer refused|says:|no message of|proves nothing|a peer has lied' |
            sed "s/^/$name: /" || true
    done
}
# lose_holder NAME WHAT: its daemon is killed with the ball, twice. The limit is 1.25 leases of 2 s, and a lease more, as a lost
# election may cost one.
lose_holder() {
    longest=0
    for _ in 1 2; do
        # shellcheck disable=SC2016 # for the remote shell
        kill_holder "$1" 'kill -KILL $pid'
        saw=$(observe_since "$lit")
        case $saw in *two_lit=0*hops_back=0*) ;; *) fail "$2: $saw" ;; esac
        dark=$(value_of "$saw" longest_dark_ms)
        awk -v dark="$dark" 'BEGIN { exit !(dark < 5000) }' || fail "$2: dark for too long: $saw"
        longest=$(printf '%s\n' "$longest" "$dark" | sort -n | tail -n 1)
        expect_all_intact
        expect_whole "$2"
    done
    lost="$lost; $2: dark for $longest ms at most"
}

if build_former 9a82f5d9974761478ad4db28972d8b08e4cb2f23; then
    [ "$("$former" --version)" = "$("$built" --version)" ] || fail "the former release says $("$former" --version), this one $("$built" --version)"
    begun_at=$(date +%s)
    for former_hosts in pi1,pi2,pi3 pi1,pi2; do
        case $former_hosts in
        pi1,pi2) expect 0 'done in .* 1 of 1 hosts switched' deploy rollout --binary "$stage/v1/carom" --only pi3 ;;
        *) expect 0 'done in .* 3 of 3 hosts switched' deploy rollout --binary "$former" --only "$former_hosts" ;;
        esac
        expect_whole "$former_hosts with the former release"
        from=$(now_ns)
        sleep 20
        expect_one_ball
        ons=$(value_of "$saw" ons)
        lost=''
        lose_holder pi1 "a holder of the former release is killed"
        lose_holder pi5 "one of this release"
        pass "$former_hosts with the former release, the others with this one: $ons passes in 20 s, generations changed 0$lost; two LEDs lit 0 times"
    done
    complaints >"$stage/out"
    [ ! -s "$stage/out" ] || fail "nodes of the two releases complain: $(sort "$stage/out" | uniq -c)"
    expect 0 'done in .* 2 of 5 hosts switched' deploy rollout --binary "$stage/v1/carom"
    expect_all_intact
    lost=''
    lose_holder pi1 "all with this release again, a holder is killed"
    pass "no link was refused between the releases$lost"
fi
