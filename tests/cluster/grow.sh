# A sixth host: another ring, so all stop, all switch, all start. And back.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with run

v1=$(release_of pi1)
make_host 6
boot pi6
up pi6
hosts="pi1 pi2 pi3 pi4 pi5 pi6"
ring=$stage/six.toml
expect 2 'leave --only out' deploy rollout --binary "$stage/v1/carom" --only pi6
from=$(now_ns)
expect 0 'not a rolling change: the new file describes another ring' deploy rollout --binary "$stage/v1/carom"
# The ring is whole before the ball has gone once round it.
for _ in $(seq 1 20); do
    saw=$(seen "$from")
    [ "$(word "$saw" nodes)" = 6 ] && break
    sleep 0.5
done
[ "$(word "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
[ "$(word "$saw" nodes)" = 6 ] || fail "the ball does not visit the sixth host: $saw"
awk -v dark="$(word "$saw" longest_dark_ms)" 'BEGIN { exit !(dark < 10000) }' || fail "the pause was too long: $saw"
pass "a sixth host: $(grep 'the ring is whole' "$stage/out"); seen from outside the ball was away for $(word "$saw" longest_dark_ms) ms (limit 10000)"

expect 0 'done in' deploy rollback
[ "$(release_of pi6)" = "" ] || fail "pi6 did not go back to nothing: $(release_of pi6)"
hosts="pi1 pi2 pi3 pi4 pi5"
all_whole
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "$(releases)"
ring=$stage/ring.toml
expect 0 'in-ring' deploy status
pass "rollback: five hosts again, the sixth has nothing that runs"

# And away again by the ring file alone.
ring=$stage/six.toml
expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
ring=$stage/ring.toml
expect 0 'pi6: is no longer in the ring file: it will be stopped' deploy rollout --binary "$stage/v1/carom"
[ "$(on pi6 'systemctl is-active carom' || true)" = inactive ] || fail "pi6 still runs"
all_whole
pass "a file without the sixth host: it is stopped in the same pause"
