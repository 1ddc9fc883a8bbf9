# A rolling upgrade and a rollback while the ball moves. The traces of all LEDs are checked, and clients poll the ports.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

expect 0 'one host after the other: the ball keeps moving' deploy rollout --dry-run --binary "$stage/v2/carom"
from=$(now_ns)
start_polling
expect 0 'done in .* 5 of 5 hosts switched' deploy rollout --binary "$stage/v2/carom"
seconds=$(sed -n 's/^done in \([0-9]*\) s.*/\1/p' "$stage/out")
stop_polling
expect_one_ball
expect_all_intact
v2=$(release_of pi1)
[ "$v2" != "$v1" ] || fail "nothing was upgraded"
pass "rolling upgrade of five hosts: $seconds s; balls lost 0, generations changed 0, two LEDs lit 0 times, longest dark $(value_of "$saw" longest_dark_ms) ms in $(value_of "$saw" ons) passes"
pass "meanwhile, receiver port: $receiver; HTTP, with answer: $http"

from=$(now_ns)
expect 0 'done in .* 5 of 5 hosts switched' deploy rollback
expect_one_ball
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "rollback led to $(releases)"
pass "rollback of five hosts: $(grep 'done in' "$stage/out"); generations changed 0"

# The gate, with a ball that takes 15 s for a round, so that it must wait.
# passed_through NAME: whether the LED went on and off between the start of its node and the confirmation of the switch. All
# hosts have one monotonic clock.
passed_through() {
    began=$(on "$1" 'systemctl show -p ExecMainStartTimestampMonotonic --value carom')
    confirmed=$(on "$1" 'sudo journalctl -q -t carom-deploy -o short-monotonic --no-pager' | sed -n 's/^\[ *\([0-9.]*\)\].* is confirmed.*/\1/p' | tail -n 1)
    awk -v began="$began" -v confirmed="$confirmed" '
        $1 / 1e3 > began && $1 / 1e9 < confirmed && $3 == "on" { on = 1 }
        $1 / 1e3 > began && $1 / 1e9 < confirmed && $3 == "off" && on { through = 1 }
        END { exit !through }' "$stage/traces/$1"
}
expect_passed_through() {
    passed_through "$1" || fail "$1 was confirmed before the ball had passed through it: $(cat "$stage/traces/$1" | tail -n 3; cat "$stage/out")"
}
sed 's/^dwell = .*/dwell = "3s"/' "$stage/ring.toml" >"$stage/slow.toml"
ring=$stage/slow.toml
expect 0 'not a rolling change' deploy rollout --binary "$stage/v1/carom"
for name in $hosts; do expect_passed_through "$name"; done
# At the moment when the ball leaves pi3, so that it does not come back too soon.
for change in on off; do
    for _ in $(seq 1 400); do
        if tail -n 1 "$stage/traces/pi3" | grep -q " $change "; then break; fi
        sleep 0.1
    done
done
expect 0 'pi3: waiting: for the ball to pass through' deploy rollout --binary "$stage/v2/carom" --only pi3
expect_passed_through pi3
pass "the gate waits for the ball: no switch was confirmed before it had passed through that host ($(tail -n 1 "$stage/out"))"
ring=$stage/ring.toml
expect 0 'not a rolling change' deploy rollout --binary "$stage/v1/carom"
