# One host fails in each way that happens in practice; the others must go on.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
expect_unchanged() { [ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "after $1: $(releases)"; }

set_link pi4 down
expect 1 'pi4: teacher@pi4 cannot be reached \(.*\): look whether the host has power' deploy rollout --binary "$stage/v2/carom"
grep -q 'nothing was changed, because of: pi4' "$stage/out" || fail "$(cat "$stage/out")"
expect 0 'pi4: skipped: unreachable' deploy rollout --binary "$stage/v2/carom" --skip-unreachable
set_link pi4 up
wait_for_ssh pi4
expect 0 'done in .* 1 of 5 hosts switched' deploy rollout --binary "$stage/v2/carom"
v2=$(release_of pi4)
[ "$(releases)" = "$v2 $v2 $v2 $v2 $v2 " ] || fail "$(releases)"
pass "unreachable: pi4 is named and nothing changes; --skip-unreachable goes on without it; later it is caught up with"
sed 's/ssh = "teacher@pi4"/ssh = "teacher@pi4.invalid"/' "$stage/ring.toml" >"$stage/unknown.toml"
ring=$stage/unknown.toml
expect 1 'pi4: teacher@pi4.invalid cannot be reached, because this machine finds no address of pi4.invalid: look whether' deploy rollout --dry-run --binary "$stage/v2/carom"
ring=$stage/ring.toml
pass "a name without an address: $(grep 'pi4.invalid' "$stage/out" | head -n 1)"
expect 0 'done in' deploy rollback
expect_unchanged "going back"

on pi3 'sudo dd if=/dev/zero of=/opt/full bs=1M count=100 2>/dev/null; true'
cp "$stage/v2/carom" "$stage/v2/third"
echo third >>"$stage/v2/third"
expect 1 'pi3: [0-9]+ KiB are free in /opt, [0-9]+ are needed' deploy rollout --binary "$stage/v2/third"
expect_unchanged "a full disk"
on pi3 'sudo rm /opt/full'
pass "disk full: $(grep 'pi3: .*free' "$stage/out")"

printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000' >"$stage/broken/arm"
expect 1 'there is no binary for its architecture x86_64' deploy rollout --binary "$stage/broken/arm"
printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\076\000' >"$stage/broken/torn"
expect 1 'the binary does not run on this machine' deploy rollout --binary "$stage/broken/torn"
expect_unchanged "a wrong architecture"
pass "wrong architecture: refused before anything is copied; a binary that does not run: refused before anything is switched"

from=$(now_ns)
expect 1 'pi3: failed, carom (does not stay up|was restarted)' deploy rollout --binary "$stage/broken/carom"
expect_unchanged "a crash at the start"
expect_all_intact
grep -qE 'pi1: .*(back on|the rollout failed elsewhere)' "$stage/out" || fail "$(cat "$stage/out")"
log=$(sed -n 's/^pi3: failed.*log: //p' "$stage/out")
grep -q 'code=dumped\|code=killed\|ABRT' "$log" || fail "the log of pi3 says nothing of the crash: $log"
saw=$(observe_since "$from")
[ "$(value_of "$saw" two_lit)" = 0 ] || fail "$saw"
pass "a binary that crashes at start on pi3: pi3, pi1 and pi2 are back, pi4 and pi5 were never touched; the log tells of the crash"

all_known_at=0
note_time() { all_known_at=$(now_ns); }
during 'pi5: runs' note_time --binary "$stage/broken/carom" --keep-going
took=$((($(now_ns) - all_known_at) / 1000000))
[ "$code" -eq 1 ] || fail "--keep-going with a host that failed ended with $code: $(cat "$stage/out")"
[ "$took" -lt 2000 ] || fail "the rollout ended $took ms after the last host was switched"
expect_all_intact
others=$(release_of pi1)
[ "$(releases)" = "$others $others $v1 $others $others " ] && [ "$others" != "$v1" ] || fail "$(releases)"
expect 0 'done in .* 4 of 5 hosts switched' deploy rollout --binary "$stage/v1/carom"
expect_unchanged "going on without pi3"
pass "--keep-going: only pi3 goes back, the others go on; it ends with 1, $took ms after the last host is switched (limit 2000)"

sed 's/lease = "2s"/lease = "2 s"/' "$stage/ring.toml" >"$stage/bad.toml"
ring=$stage/bad.toml
expect 2 'bad.toml:3:9: ring.lease' deploy rollout --binary "$stage/v2/carom"
ring=$stage/ring.toml
expect_unchanged "a bad configuration"
on pi3 'sudo systemd-run --quiet --unit=occupant systemd-socket-activate -l 8090 /bin/cat'
sed 's/name = "pi3"/name = "pi3"\nports = { http = 8090 }/' "$stage/ring.toml" >"$stage/busy.toml"
ring=$stage/busy.toml
expect 1 'pi3: failed, carom (does not stay up|was restarted): .*another program uses that port' deploy rollout --binary "$stage/v1/carom"
ring=$stage/ring.toml
on pi3 'sudo systemctl stop occupant'
expect_unchanged "a port in use"
expect_all_intact
pass "a configuration that fails: on the laptop with line and column; on the host, where a port is in use, with all hosts put back"

cut_link() { set_link pi2 down; }
during 'pi2: waiting' cut_link --binary "$stage/v2/carom"
[ "$code" -ne 0 ] || fail "the rollout did not notice the cut: $(cat "$stage/out")"
set_link pi2 up
wait_for_ssh pi2
expect_all_intact
expect_unchanged "a cut connection"
on pi2 'sudo journalctl -q -t carom-deploy --no-pager -o cat' | grep -q 'was not confirmed: back to' || fail "pi2 did not go back by itself"
pass "ssh cut in the middle of the switch: pi2 has gone back by itself, pi1 was put back"

cut_power_of_pi2() { cut_power pi2; }
during 'pi2: waiting' cut_power_of_pi2 --binary "$stage/v2/carom"
[ "$code" -ne 0 ] || fail "the rollout did not notice the power cut: $(cat "$stage/out")"
boot pi2
wait_for_ssh pi2
expect_all_intact
expect_unchanged "a power cut"
pass "power pulled in the middle of the switch: pi2 has started with what it ran before, pi1 was put back"

expect_second_refused() {
    code=0
    deploy rollback >"$stage/second" 2>&1 || code=$?
    grep -E 'another rollout has this host: [^ ]*,process-[0-9]+' "$stage/second" >"$stage/refused" || fail "the second rollout was let in: $(cat "$stage/second")"
    [ "$code" -eq 1 ] || fail "the refused rollout ended with $code"
}
during 'copying|has .* already' expect_second_refused --binary "$stage/v2/carom"
[ "$code" -eq 0 ] || fail "the first of two rollouts failed: $(cat "$stage/out")"
expect_all_intact
pass "two rollouts at once: $(cat "$stage/refused")"
expect 0 'done in' deploy rollback
expect_unchanged "going back"
