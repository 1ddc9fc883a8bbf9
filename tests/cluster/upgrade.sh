# A rolling upgrade and a rollback under play, watched by an observer and by impatient clients.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with run

addresses=$(for number in 1 2 3 4 5; do printf '%s.%s ' "$net" "$((10 + number))"; done)
knock_begin() {
    # shellcheck disable=SC2086 # a word each
    exec ip netns exec "$run_id-desk" python3 tests/cluster/knock.py "$stage/knocks" 10000 $addresses &
    knocker=$!
    # shellcheck disable=SC2086 # a word each
    exec ip netns exec "$run_id-desk" python3 tests/cluster/knock.py --http "$stage/knocks-http" 8080 $addresses &
    http_knocker=$!
    background="$knocker $http_knocker"
}
knock_end() {
    kill -TERM "$knocker" "$http_knocker"
    wait "$knocker" "$http_knocker" || true
    background=''
    receiver=$(head -n 1 "$stage/knocks") http=$(head -n 1 "$stage/knocks-http")
    [ "$(word "$receiver" refused)" = 0 ] || fail "the receiver port refused: $(cat "$stage/knocks")"
    [ "$(word "$http" refused)" = 0 ] || fail "the HTTP port refused: $(cat "$stage/knocks-http")"
}
watched() {
    saw=$(seen "$from")
    [ "$(word "$saw" generations)" = 1 ] || fail "the generation changed: $saw"
    [ "$(word "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
    [ "$(word "$saw" hops_back)" = 0 ] || fail "the ball went back: $saw"
    [ "$(word "$saw" nodes)" = 5 ] || fail "the ball did not visit all: $saw"
}

expect 0 'one host after the other: the ball keeps moving' deploy rollout --dry-run --binary "$stage/v2/carom"
from=$(now_ns)
knock_begin
expect 0 'done in .* 5 of 5 hosts switched' deploy rollout --binary "$stage/v2/carom"
seconds=$(sed -n 's/^done in \([0-9]*\) s.*/\1/p' "$stage/out")
knock_end
watched
v2=$(release_of pi1)
[ "$v2" != "$v1" ] || fail "nothing was upgraded"
pass "rolling upgrade of five hosts: $seconds s; balls lost 0, generations changed 0, two LEDs lit 0 times, longest dark $(word "$saw" longest_dark_ms) ms in $(word "$saw" ons) passes"
pass "meanwhile, receiver port: $receiver; HTTP, with answer: $http"

from=$(now_ns)
expect 0 'done in .* 5 of 5 hosts switched' deploy rollback
watched
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "rollback led to $(releases)"
pass "rollback of five hosts: $(grep 'done in' "$stage/out"); generations changed 0"
