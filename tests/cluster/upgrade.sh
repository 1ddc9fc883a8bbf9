# A rolling upgrade and a rollback while the ball moves. The traces of all LEDs are checked, and clients poll the ports.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

expect 0 'one host after the other: the ball keeps moving' deploy rollout --dry-run --binary "$stage/v2/carom"
from=$(now_ns)
start_polling
expect 0 'done in .* 5 of 5 hosts switched' deploy rollout --binary "$stage/v2/carom"
seconds=$(sed -n 's/^done in \([0-9]*\) s.*/\1/p' "$stage/out")
stop_polling
expect_one_ball
v2=$(release_of pi1)
[ "$v2" != "$v1" ] || fail "nothing was upgraded"
pass "rolling upgrade of five hosts: $seconds s; balls lost 0, generations changed 0, two LEDs lit 0 times, longest dark $(value_of "$saw" longest_dark_ms) ms in $(value_of "$saw" ons) passes"
pass "meanwhile, receiver port: $receiver; HTTP, with answer: $http"

from=$(now_ns)
expect 0 'done in .* 5 of 5 hosts switched' deploy rollback
expect_one_ball
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "rollback led to $(releases)"
pass "rollback of five hosts: $(grep 'done in' "$stage/out"); generations changed 0"
