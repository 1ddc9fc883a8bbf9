# A sixth host joins: a changed ring, so all stop, all switch, all start. Then back to five.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
make_host 6
boot pi6
wait_for_ssh pi6
hosts="pi1 pi2 pi3 pi4 pi5 pi6"
ring=$stage/six.toml
expect 2 'leave --only out' deploy rollout --binary "$stage/v1/carom" --only pi6
from=$(now_ns)
expect 0 'not a rolling change: the new file describes another ring' deploy rollout --binary "$stage/v1/carom"
# The rollout ends before the ball has gone round the ring once.
for _ in $(seq 1 20); do
    saw=$(observe_since "$from")
    [ "$(value_of "$saw" nodes)" = 6 ] && break
    sleep 0.5
done
[ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
[ "$(value_of "$saw" nodes)" = 6 ] || fail "the ball does not visit the sixth host: $saw"
awk -v dark="$(value_of "$saw" longest_dark_ms)" 'BEGIN { exit !(dark < 10000) }' || fail "the pause was too long: $saw"
pass "a sixth host: $(grep 'the ring is whole' "$stage/out"); seen from outside the ball was away for $(value_of "$saw" longest_dark_ms) ms (limit 10000)"

expect 0 'done in' deploy rollback
[ "$(release_of pi6)" = "" ] || fail "pi6 did not go back to nothing: $(release_of pi6)"
hosts="pi1 pi2 pi3 pi4 pi5"
expect_all_intact
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "$(releases)"
ring=$stage/ring.toml
expect 0 'in-ring' deploy status
pass "rollback: five hosts again, the sixth has nothing that runs"

# The sixth host leaves again because it is not in the ring file.
ring=$stage/six.toml
expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
ring=$stage/ring.toml
expect 0 'pi6: is no longer in the ring file: it will be stopped' deploy rollout --binary "$stage/v1/carom"
[ "$(on pi6 'systemctl is-active carom' || true)" = inactive ] || fail "pi6 still runs"
expect_all_intact
pass "a file without the sixth host: it is stopped in the same pause"
