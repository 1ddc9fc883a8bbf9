# From the release before the ring protocol had a second version, up and back: such nodes refuse each other, so all stop,
# all switch, all start.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
if build_former 53fbec6fc55a4245e4e4add62de5440e08b4e7b6; then
    [ "$("$former" --version)" = 'carom 0.1.0' ] || fail "the former release says $("$former" --version)"
    wire=$("$built" --version | sed -n 's/.*(wire \([0-9]*\))/\1/p')
    [ "${wire:-1}" -gt 1 ] || fail "the version of the ring protocol is still that of the former release"

    expect 0 "all hosts at once.*the hosts run version $wire of the ring protocol, the new binary version 1" deploy rollout --dry-run --binary "$former"
    expect 2 'nodes of different versions never talk: leave --only out' deploy rollout --binary "$former" --only pi2
    expect 0 'not a rolling change: the hosts run version' deploy rollout --binary "$former"
    processes_of_node='carom '
    expect_all_intact
    processes_of_node='carom carom-keeper '
    pass "down to the former release: $(grep 'not a rolling change' "$stage/out")"

    from=$(now_ns)
    expect 0 "the hosts run version 1 of the ring protocol, the new binary version $wire" deploy rollout --binary "$stage/v1/carom"
    expect_all_intact
    [ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "$(releases)"
    saw=$(observe_since "$from")
    [ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
    awk -v dark="$(value_of "$saw" longest_dark_ms)" 'BEGIN { exit !(dark < 10000) }' || fail "the pause was too long: $saw"
    pass "up again: $(grep 'the ring is whole' "$stage/out"); seen from outside the ball was away for $(value_of "$saw" longest_dark_ms) ms (limit 10000)"

    from=$(now_ns)
    expect 0 'all hosts at once' deploy rollback --dry-run
    expect 0 'stopping all, switching all, starting all' deploy rollback
    processes_of_node='carom '
    expect_all_intact
    processes_of_node='carom carom-keeper '
    case $(release_of pi1) in "$v1") fail "the rollback did not lead to the former release" ;; esac
    expect 0 'done in' deploy rollback
    expect_all_intact
    [ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "$(releases)"
    saw=$(observe_since "$from")
    [ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
    pass "rollback to it, and forward: all hosts at once each time; two LEDs lit 0 times"
fi
