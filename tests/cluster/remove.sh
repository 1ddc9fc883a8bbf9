# The end of a class: reset, uninstall, and what is left on disk.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

ring=$stage/ring.toml
from=$(now_ns)
expect 0 'done in' deploy reset
observe_since "$from" >/dev/null
first=$(cat "$stage"/traces-copy/pi* | awk -v from="$from" '$1 > from && $3 == "on" && $6 == 0' | sort -n | head -n 1)
# It starts at pi1, unless pi1 started later than its neighbours by more than an eighth of a lease.
case $first in *' on 1 '*' 0') ;; *) fail "the ball did not begin anew: $first" ;; esac
hops=$(on pi2 'carom status 127.0.0.1:8080 --json' | sed -n 's/.*"hops": \([0-9]*\).*/\1/p')
[ "$hops" -lt 200 ] || fail "the counters were not reset: $hops hops"
pass "reset: $(tail -n 1 "$stage/out"); the ball began anew ([$first], start: pi1), pi2 has counted $hops hops"

expect 0 'pi5: nothing of carom is left' deploy uninstall
list_files | sed 's/ [0-9.]* *$//' >"$stage/left"
sed 's/ [0-9.]* *$//' "$stage/pristine" >"$stage/pristine-names"
cut -d ' ' -f 1 "$stage/left" | sort >"$stage/left-names"
cut -d ' ' -f 1 "$stage/pristine-names" | sort | comm -13 - "$stage/left-names" |
    grep -v -e '^/etc/.*-$' -e '^/var/lib/systemd' -e '^/etc/systemd/system/sockets.target.wants$' >"$stage/extra" || true
[ ! -s "$stage/extra" ] || fail "left on disk: $(sort "$stage/extra" | uniq -c)"
for name in $hosts; do
    expect_no_process "$name" "deploy/uninstall"
    ! on "$name" 'getent passwd carom' >/dev/null || fail "$name: the user is still there"
done
pass "uninstall: no file, no user, no process of carom is left on five hosts"
