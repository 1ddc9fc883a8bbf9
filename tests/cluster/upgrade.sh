# A rolling upgrade and a rollback while the ball moves. The traces of all LEDs are checked, and clients poll the ports.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

addresses=$(for number in 1 2 3 4 5; do printf '%s.%s ' "$net" "$((10 + number))"; done)
start_polling() {
    # shellcheck disable=SC2086 # a word each
    exec ip netns exec "$run_id-laptop" python3 tests/cluster/poll_ports.py "$stage/polls" 10000 $addresses &
    poller=$!
    # shellcheck disable=SC2086 # a word each
    exec ip netns exec "$run_id-laptop" python3 tests/cluster/poll_ports.py --http "$stage/polls-http" 8080 $addresses &
    http_poller=$!
    background="$poller $http_poller"
}
stop_polling() {
    kill -TERM "$poller" "$http_poller"
    wait "$poller" "$http_poller" || true
    background=''
    receiver=$(head -n 1 "$stage/polls") http=$(head -n 1 "$stage/polls-http")
    [ "$(value_of "$receiver" refused)" = 0 ] || fail "the receiver port refused: $(cat "$stage/polls")"
    [ "$(value_of "$http" refused)" = 0 ] || fail "the HTTP port refused: $(cat "$stage/polls-http")"
}
# Fails unless, since $from, one ball has visited all hosts in one generation, and never two LEDs were lit.
expect_one_ball() {
    saw=$(observe_since "$from")
    [ "$(value_of "$saw" generations)" = 1 ] || fail "the generation changed: $saw"
    [ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
    [ "$(value_of "$saw" hops_back)" = 0 ] || fail "the ball went back: $saw"
    [ "$(value_of "$saw" nodes)" = 5 ] || fail "the ball did not visit all: $saw"
}

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
