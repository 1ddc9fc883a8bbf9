# One host is broken in each way that happens; the others must not suffer.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with run

v1=$(release_of pi1)
unchanged() { [ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "after $1: $(releases)"; }

cable pi4 down
expect 1 'pi4: teacher@pi4 cannot be reached' deploy rollout --binary "$stage/v2/carom"
grep -q 'nothing was changed, because of: pi4' "$stage/out" || fail "$(cat "$stage/out")"
expect 0 'pi4: skipped: unreachable' deploy rollout --binary "$stage/v2/carom" --skip-unreachable
cable pi4 up
up pi4
expect 0 'done in .* 1 of 5 hosts switched' deploy rollout --binary "$stage/v2/carom"
v2=$(release_of pi4)
[ "$(releases)" = "$v2 $v2 $v2 $v2 $v2 " ] || fail "$(releases)"
pass "unreachable: pi4 is named and nothing changes; --skip-unreachable goes on without it; later it is caught up with"
expect 0 'done in' deploy rollback
unchanged "going back"

on pi3 'sudo dd if=/dev/zero of=/opt/full bs=1M count=100 2>/dev/null; true'
cp "$stage/v2/carom" "$stage/v2/third"
echo third >>"$stage/v2/third"
expect 1 'pi3: [0-9]+ KiB are free in /opt, [0-9]+ are needed' deploy rollout --binary "$stage/v2/third"
unchanged "a full disk"
on pi3 'sudo rm /opt/full'
pass "disk full: $(grep 'pi3: .*free' "$stage/out")"

printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000' >"$stage/broken/arm"
expect 1 'there is no binary for its architecture x86_64' deploy rollout --binary "$stage/broken/arm"
printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\076\000' >"$stage/broken/torn"
expect 1 'the binary does not run on this machine' deploy rollout --binary "$stage/broken/torn"
unchanged "a wrong architecture"
pass "wrong architecture: refused before anything is copied; a binary that does not run: refused before anything is switched"

from=$(now_ns)
expect 1 'pi3: failed, carom (does not stay up|was restarted)' deploy rollout --binary "$stage/broken/carom"
unchanged "a crash at the start"
all_whole
grep -qE 'pi1: .*(back on|the rollout failed elsewhere)' "$stage/out" || fail "$(cat "$stage/out")"
log=$(sed -n 's/^pi3: failed.*log: //p' "$stage/out")
grep -q 'code=dumped\|code=killed\|ABRT' "$log" || fail "the log of pi3 says nothing of the crash: $log"
saw=$(seen "$from")
[ "$(word "$saw" two_lit)" = 0 ] || fail "$saw"
pass "a binary that crashes at start on pi3: pi3, pi1 and pi2 are back, pi4 and pi5 were never touched; the log tells of the crash"

knew=0
knows() { knew=$(now_ns); }
during 'pi5: runs' knows --binary "$stage/broken/carom" --keep-going
took=$((($(now_ns) - knew) / 1000000))
[ "$code" -eq 1 ] || fail "--keep-going with a host that failed ended with $code: $(cat "$stage/out")"
[ "$took" -lt 2000 ] || fail "it knew all for $took ms before it ended"
all_whole
others=$(release_of pi1)
[ "$(releases)" = "$others $others $v1 $others $others " ] && [ "$others" != "$v1" ] || fail "$(releases)"
expect 0 'done in .* 4 of 5 hosts switched' deploy rollout --binary "$stage/v1/carom"
unchanged "going on without pi3"
pass "--keep-going: only pi3 goes back, the others go on; it ends with 1, $took ms after it knows (limit 2000)"

sed 's/lease = "2s"/lease = "2 s"/' "$stage/ring.toml" >"$stage/bad.toml"
ring=$stage/bad.toml
expect 2 'bad.toml:3:9: ring.lease' deploy rollout --binary "$stage/v2/carom"
ring=$stage/ring.toml
unchanged "a bad configuration"
on pi3 'sudo systemd-run --quiet --unit=occupant systemd-socket-activate -l 8090 /bin/cat'
sed 's/name = "pi3"/name = "pi3"\nports = { http = 8090 }/' "$stage/ring.toml" >"$stage/busy.toml"
ring=$stage/busy.toml
expect 1 'pi3: failed, carom (does not stay up|was restarted): .*another program uses that port' deploy rollout --binary "$stage/v1/carom"
ring=$stage/ring.toml
on pi3 'sudo systemctl stop occupant'
unchanged "a port in use"
all_whole
pass "a configuration that fails: at the desk with line and column; on the host, where a port is in use, with all hosts put back"

cut() { cable pi2 down; }
during 'pi2: waiting' cut --binary "$stage/v2/carom"
[ "$code" -ne 0 ] || fail "the rollout did not notice the cut: $(cat "$stage/out")"
cable pi2 up
up pi2
all_whole
unchanged "a cut connection"
on pi2 'sudo journalctl -q -t carom-deploy --no-pager -o cat' | grep -q 'was not confirmed: back to' || fail "pi2 did not go back by itself"
pass "ssh cut in the middle of the switch: pi2 has gone back by itself, pi1 was put back"

power() { pull pi2; }
during 'pi2: waiting' power --binary "$stage/v2/carom"
[ "$code" -ne 0 ] || fail "the rollout did not notice the power cut: $(cat "$stage/out")"
boot pi2
up pi2
all_whole
unchanged "a power cut"
pass "power pulled in the middle of the switch: pi2 has started with what it ran before, pi1 was put back"

second_at_once() {
    code=0
    deploy rollback >"$stage/second" 2>&1 || code=$?
    grep -E 'another rollout has this host: [^ ]*,process-[0-9]+' "$stage/second" >"$stage/refused" || fail "the second rollout was let in: $(cat "$stage/second")"
    [ "$code" -eq 1 ] || fail "the refused rollout ended with $code"
}
during 'copying|has .* already' second_at_once --binary "$stage/v2/carom"
[ "$code" -eq 0 ] || fail "the first of two rollouts failed: $(cat "$stage/out")"
all_whole
pass "two rollouts at once: $(cat "$stage/refused")"
expect 0 'done in' deploy rollback
unchanged "going back"
