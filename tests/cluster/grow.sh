# A sixth host joins: a changed ring, so all stop, all switch, all start. Then back to five.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
if [ ! -d "$stage/pi6" ]; then
    make_host 6
    boot pi6
    wait_for_ssh pi6
fi
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
# Forward again, and once more back. The sixth host is part of it.
expect 0 'done in .* 6 of 6 hosts switched' deploy rollback
[ "$(on pi6 'systemctl is-active carom' || true)" = active ] || fail "pi6 does not run"
expect_all_intact
expect 0 'done in' deploy rollback
on pi6 'sudo mv /opt/carom/releases /opt/carom/kept'
from=$(now_ns)
expect 1 'pi6: no longer has the release' deploy rollback
on pi6 'sudo mv /opt/carom/previous /opt/carom/kept/'
expect 1 'pi6: belongs to the ring that the others would go back to, and has no release of it' deploy rollback
on pi6 'sudo mv /opt/carom/kept/previous /opt/carom/ && sudo mv /opt/carom/kept /opt/carom/releases'
saw=$(observe_since "$from")
awk -v dark="$(value_of "$saw" longest_dark_ms)" 'BEGIN { exit !(dark < 1000) }' || fail "the ball was away: $saw"
ring=$stage/ring.toml
expect 0 'in-ring' deploy status
pass "rollback: five hosts again, the sixth has nothing that runs; a second one goes forward again; what cannot be done is said while the ball moves on"

# The sixth host leaves again because it is not in the ring file.
ring=$stage/six.toml
expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
ring=$stage/ring.toml
expect 0 'pi6: is no longer in the ring file: it will be stopped' deploy rollout --binary "$stage/v1/carom"
[ "$(on pi6 'systemctl is-active carom' || true)" = inactive ] || fail "pi6 still runs"
expect_all_intact
# Back to the six, by a file that has only five.
expect 0 'pi6: from none back to' deploy rollback
[ "$(on pi6 'systemctl is-active carom' || true)" = active ] || fail "pi6 does not run"
expect_all_intact
expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
expect_all_intact
pass "a file without the sixth host: it is stopped in the same pause"
