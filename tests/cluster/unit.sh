# The systemd unit: its sandbox, its watchdog, its reload, and what it writes to disk.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

figure=$(on pi1 'systemd-analyze security --no-pager carom.service' | sed -n 's/.*level for carom.service: \([0-9.]*\).*/\1/p')
awk -v figure="$figure" 'BEGIN { exit !(figure != "" && figure <= 1.5) }' || fail "systemd-analyze security says $figure"
on pi1 'systemd-analyze verify carom.service carom.socket' >"$stage/out" 2>&1 || fail "systemd-analyze verify: $(cat "$stage/out")"
[ ! -s "$stage/out" ] || fail "systemd-analyze verify: $(cat "$stage/out")"
# If the order of the units had a cycle, systemd would leave one of them out, not always the same, when the machine starts.
on pi1 'systemd-analyze verify multi-user.target' 2>&1 | grep -i carom >"$stage/out" || true
[ ! -s "$stage/out" ] || fail "at a start of the machine: $(cat "$stage/out")"
pass "systemd-analyze security: exposure $figure (limit 1.5); systemd-analyze verify reports nothing"

pid=$(main_pid pi1)
# Of its threads, the ring's and the one that waits for the LED keeper.
realtime=$(on pi1 "for task in /proc/$pid/task/*; do sudo chrt -p \${task##*/} | grep -q SCHED_RR && cat \$task/comm; done" | sort | tr '\n' ' ')
[ "$realtime" = 'keeper ring ' ] || fail "of the daemon's threads, these have a real-time priority: $realtime"
keeper=$(on pi1 "pgrep -P $pid")
[ "$(on pi1 "sudo chrt -p $keeper" | grep -c -e 'SCHED_RR' -e 'priority: 1')" = 2 ] || fail "the LED keeper has no real-time priority"
[ "$(on pi1 "grep -c -e 'CapEff:.0000000000000000' -e 'CapBnd:.0000000000000000' -e 'NoNewPrivs:.1' -e 'Seccomp:.2' /proc/$pid/status")" = 4 ] ||
    fail "the daemon is not confined"
pass "the ring's thread and the LED keeper run with real-time priority 1, all without a capability, behind a system call filter"

written() { on "$1" "sudo cat /proc/$(main_pid "$1")/io" | sed -n 's/^write_bytes: //p'; }
journal_lines() { on "$1" 'sudo journalctl -q -u carom --no-pager -o cat' | wc -l; }
journal_bytes() { on "$1" 'sudo journalctl -q -u carom --no-pager -o cat' | wc -c; }
[ "$(journal_lines pi1)" -ge 5 ] || fail "the journal of pi1 cannot be read"
bytes=$(written pi1) lines=$(journal_lines pi1) size=$(journal_bytes pi1) from=$(now_ns)
sleep 60
bytes=$(($(written pi1) - bytes)) lines=$(($(journal_lines pi1) - lines)) size=$(($(journal_bytes pi1) - size))
saw=$(observe_since "$from")
[ "$(value_of "$saw" ons)" -gt 100 ] || fail "the ball did not move in that minute: $saw"
[ "$bytes" -eq 0 ] || fail "the daemon wrote $bytes bytes to disk in a minute of play"
[ "$size" -lt 4096 ] || fail "the journal grew by $size bytes in a minute of play"
pass "60 s of play, $(value_of "$saw" ons) passes: /proc/PID/io write_bytes $bytes; journal $lines lines, $size bytes"

status_text() { on "$1" 'systemctl show -p StatusText --value carom'; }
status_text pi2 | grep -qE 'pi[1-5] has ball 1' || fail "the status says $(status_text pi2)"
pass "the status of the unit says: $(status_text pi2)"

# Reload: a peer whose address changes (here from a name to a number) is dialled again; the other links stay.
since=$(journal_lines pi1)
log_since() { on "$1" 'sudo journalctl -q -u carom --no-pager -o cat' | tail -n "+$((since + 1))"; }
pid=$(main_pid pi1)
on pi1 "sudo sed -i 's/host = \"pi2\"/host = \"$net.12\"/' /opt/carom/current/ring.toml && sudo systemctl reload carom"
for _ in $(seq 1 20); do
    if log_since pi1 | grep -q "pi2 at $net.12 is connected"; then break; fi
    sleep 0.2
done
log_since pi1 >"$stage/out"
grep -q "the ring file was read again: pi2 is at $net.12 port 7700" "$stage/out" || fail "reload: $(cat "$stage/out")"
grep -q "pi2 at $net.12 is connected" "$stage/out" || fail "pi2 was not dialled anew: $(cat "$stage/out")"
! grep -q 'pi[345] .*no longer connected' "$stage/out" || fail "a reload dropped a peer that stayed: $(cat "$stage/out")"
pass "reload with a good file: $(sed -n 's/.*\(the ring file was read again.*\)/\1/p' "$stage/out"); no other link was dropped"

since=$(journal_lines pi1)
on pi1 "sudo sed -i 's/lease = \"2s\"/lease = \"2 days\"/' /opt/carom/current/ring.toml"
! on pi1 'sudo systemctl reload carom' >/dev/null 2>&1 || fail "systemctl reload took a bad file"
on pi1 "sudo systemctl kill -s HUP carom"
sleep 1
log_since pi1 >"$stage/out"
grep -qE 'ring.toml:[0-9]+:[0-9]+: ring.lease' "$stage/out" || fail "a bad file is not explained: $(cat "$stage/out")"
grep -q 'nothing changes' "$stage/out" || fail "a bad file is not refused: $(cat "$stage/out")"
[ "$(main_pid pi1)" = "$pid" ] || fail "a bad file ended the daemon"
on pi1 "sudo sed -i 's/lease = \"2 days\"/lease = \"3s\"/' /opt/carom/current/ring.toml; sudo systemctl reload carom"
sleep 1
log_since pi1 | grep -q 'another ring (topology' || fail "another lease was not refused: $(log_since pi1)"
pass "reload with a bad file fails, names line and column, and changes nothing; another lease is refused"

expect 0 'changed by hand' deploy status
expect 0 'as rolled out' deploy reset
expect 0 'in-ring' deploy status
pass "deploy/reset puts the ring file back as it was rolled out"

# The control socket, for people on the machine.
[ "$(on pi1 'sudo stat -c "%a %U:%G" /run/carom/control.sock')" = '660 carom:carom' ] || fail "$(on pi1 'sudo ls -l /run/carom')"
expect 1 'may not be used by this user' on pi1 'carom ball list'
expect 0 'ball 2 has begun here' on pi1 'sudo carom ball add --color 0,200,80'
expect 0 '^2 +guest' on pi3 'sudo carom ball list'
expect 1 'only guests can be removed' on pi3 'sudo carom ball remove 1'
expect 0 'ball 2 has left' on pi3 'sudo carom ball remove 2'
expect 0 '^1 +ring' on pi1 'sudo carom ball list'
! grep -q guest "$stage/out" || fail "the guest is still there: $(cat "$stage/out")"
pass "carom ball: root adds a guest at pi1 and removes it at pi3, a user may not"

# The watchdog: a stopped process is killed and restarted.
from=$(now_ns)
pid=$(main_pid pi2)
on pi2 "sudo kill -STOP $pid"
for _ in $(seq 1 60); do
    again=$(main_pid pi2)
    if [ "$again" != "$pid" ] && [ "$again" != 0 ]; then break; fi
    sleep 0.25
done
took=$((($(now_ns) - from) / 1000000))
case $again in "$pid" | 0 | '') fail "the watchdog did not restart a stopped daemon" ;; esac
on pi2 'sudo journalctl -q -u carom --no-pager -o cat' | grep -qi 'watchdog' || fail "it was not the watchdog"
expect_all_intact
pass "SIGSTOP: the watchdog has killed the daemon and a new one runs after $took ms"

kill_holder pi4 'systemctl kill -s KILL carom'
saw=$(observe_since "$((lit + 1))" killed)
# Promise 2: at most 1.25 leases of 2 s and a round trip after the death. The death is at most a stay of 300 ms after $lit.
awk -v dark="$(value_of "$saw" longest_dark_ms)" 'BEGIN { exit !(dark > 100 && dark < 3000) }' || fail "dark for too long: $saw"
[ "$(value_of "$saw" ons)" -gt 3 ] || fail "the ball was not lit again: $saw"
on pi4 'systemctl show -p ExecStopPost carom' | grep -q 'status=0' || fail "carom led off failed after the kill"
expect_all_intact
pass "systemctl kill -s KILL: the ball is lit again (dark for $(value_of "$saw" longest_dark_ms) ms); carom led off ran"

# The LED keeper alone, and then the daemon alone.
pid=$(main_pid pi4)
keeper=$(on pi4 "pgrep -P $pid")
since=$(journal_lines pi4)
on pi4 "sudo kill -KILL $keeper"
expect_all_intact
[ "$(main_pid pi4)" = "$pid" ] || fail "the daemon ended with its LED keeper"
[ "$(on pi4 "pgrep -P $pid")" != "$keeper" ] || fail "the LED keeper was not killed"
on pi4 'sudo journalctl -q -u carom --no-pager -o cat' | tail -n "+$((since + 1))" | grep -ci 'keeper' >"$stage/out" || true
[ "$(cat "$stage/out")" = 1 ] || fail "the journal has $(cat "$stage/out") lines about the end of the LED keeper"
# shellcheck disable=SC2016 # for the remote shell
kill_holder pi4 'kill -KILL $pid'
expect_all_intact
saw=$(observe_since "$lit")
[ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
awk -v dark="$(value_of "$saw" longest_dark_ms)" 'BEGIN { exit !(dark < 3000) }' || fail "dark for too long: $saw"
pass "kill -9 of the LED keeper: the daemon starts another one, and says it once; kill -9 of the daemon: two LEDs lit 0 times, dark for $(value_of "$saw" longest_dark_ms) ms; one keeper each time"

# shellcheck disable=SC2016 # for the remote shell
on pi5 'for folder in /etc /opt /usr; do sudo mount --bind $folder $folder && sudo mount -o remount,bind,ro $folder || exit 1; done
    sudo systemctl restart carom && ! sudo touch /opt/carom/x 2>/dev/null' ||
    fail "carom does not start on a read-only system: $(on pi5 'sudo journalctl -q -u carom -n 5 -o cat')"
expect 1 'pi5: its file system is read-only: run sudo mount -o remount,rw /' deploy rollout --binary "$stage/v2/carom" --only pi5
expect_all_intact
on pi5 'sudo umount -l /etc /opt /usr'
pass "with /etc, /opt and /usr read-only it starts and plays; a rollout there is refused with what to do"

on pi5 'sudo systemctl stop carom'
sleep 3
[ "$(on pi5 'systemctl is-active carom' || true)" = inactive ] || fail "a stopped node was started by a connection of a peer"
expect_no_process pi5 "systemctl stop"
on pi5 'sudo systemctl start carom'
expect_all_intact
from=$(now_ns)
on pi5 'sudo systemctl restart carom'
expect_all_intact
saw=$(observe_since "$from")
[ "$(value_of "$saw" generations)" = 1 ] || fail "systemctl restart changed the generation: $saw"
pass "systemctl stop leaves no process, and connections of its peers do not start it again; systemctl restart: generations changed 0"
