# What people change on a host by hand, and what becomes of it; a pipe that nobody reads; a host that runs other programs
# than its kernel tells.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
change_by_hand() { on pi2 "sudo sed -i 's/lease = \"2s\"/lease = \"3s\"/' /etc/carom/ring.toml && sudo systemctl restart carom"; }
change_by_hand
[ "$(on pi2 'readlink /etc/carom/ring.toml || echo file')" = file ] || fail "sed -i left the link"
expect 1 'its files were changed by hand' deploy status
expect 0 'pi2: would change what was changed by hand' deploy rollout --dry-run --binary "$stage/v1/carom"
expect 0 'pi2: changed by hand there: ring.toml; the rollout puts it back' deploy rollout --binary "$stage/v1/carom"
grep -q 'done in .* 1 of 5 hosts switched' "$stage/out" || fail "$(cat "$stage/out")"
expect_all_intact
expect 0 'pi2 .*in-ring' deploy status
change_by_hand
expect 0 'pi2: the ring file was changed by hand: it is again as rolled out' deploy reset
expect_all_intact
[ "$(on pi2 'readlink /etc/carom/ring.toml')" = /opt/carom/current/ring.toml ] || fail "reset left the file of pi2"
on pi2 'sudo rm /etc/carom/ring.toml.before-rollout' || fail "the file that was put there is not kept beside"
pass "a ring file of /etc/carom that was replaced on pi2: status, rollout and reset see it, and both put it back"

on pi3 "sudo sed -i 's/lease = \"2s\"/lease = \"2 s\"/' /opt/carom/current/ring.toml; sudo systemctl restart carom" >/dev/null 2>&1 || true
sleep 3
on pi3 'sudo systemctl status --no-pager carom' >"$stage/out" 2>&1 || true
grep -q 'ring.toml:3:9: ring.lease' "$stage/out" || fail "the cause is out of sight: $(cat "$stage/out")"
on pi3 "sudo sed -i 's/lease = \"2 s\"/lease = \"2s\"/' /opt/carom/current/ring.toml; sudo systemctl restart carom" >"$stage/out" 2>&1 ||
    fail "a restart after the mend is refused: $(cat "$stage/out")"
expect_all_intact
pass "a faulty ring file: systemctl status shows line and column, and once it is mended a restart by hand works at once"

on pi5 'sudo mount --bind /opt /opt && sudo mount -o remount,bind,noexec /opt'
expect 1 'pi5: programs may not run from /opt there \(noexec\): run sudo mount -o remount,exec' deploy rollout --dry-run --binary "$stage/v2/carom"
on pi5 'sudo umount -l /opt'
pass "/opt without programs: found by the dry run, and not told as a wrong architecture"

expect 0 'in.ring|up' on pi5 'carom status localhost'
pass "a node whose host is an address answers at localhost, too"

# Programs for 32 bits under a kernel for 64, as on many Raspberry Pis.
deploy/target/join >"$stage/target.sh"
# userland_of KERNEL DEBIAN-ARCHITECTURE
userland_of() {
    rm -rf "$stage/pi1/root/fake" && mkdir "$stage/pi1/root/fake"
    printf '#!/bin/sh\necho %s\n' "$1" >"$stage/pi1/root/fake/uname"
    printf '#!/bin/sh\necho %s\n' "$2" >"$stage/pi1/root/fake/dpkg"
    chmod 755 "$stage/pi1/root/fake/uname" "$stage/pi1/root/fake/dpkg"
    on_laptop ssh -F "$stage/ssh_config" pi1 'sudo env PATH=/fake:$PATH sh -s -- probe none' <"$stage/target.sh" | sed -n 's/.* machine=\([^ ]*\).*/\1/p'
}
for expected in 'aarch64 armhf armv7l' 'aarch64 arm64 aarch64' 'armv7l armhf armv7l' 'armv6l armhf armv6l' 'x86_64 amd64 x86_64' 'x86_64 i386 i386'; do
    # shellcheck disable=SC2086 # three words
    set -- $expected
    [ "$(userland_of "$1" "$2")" = "$3" ] || fail "kernel $1 with programs for $2: $(userland_of "$1" "$2"), not $3"
done
rm -rf "$stage/pi1/root/fake"
pass "the programs of a host decide, not its kernel: armhf under aarch64 gets the 32-bit binary"

# The reader goes away after the first line, at the beginning and in the middle of a switch.
for line in 1 7; do
    # shellcheck disable=SC2012 # simple names
    ls -d /tmp/carom.* 2>/dev/null | sort >"$stage/before-pipe" || true
    on_laptop sh -c "deploy/rollout --config $ring --ssh-config $stage/ssh_config --binary $stage/v2/carom 2>&1 | head -n $line" >"$stage/out"
    # shellcheck disable=SC2012 # simple names
    ls -d /tmp/carom.* 2>/dev/null | sort | comm -13 "$stage/before-pipe" - >"$stage/left-behind"
    [ ! -s "$stage/left-behind" ] || fail "a work folder is left: $(cat "$stage/left-behind")"
    for name in $hosts; do
        ! on "$name" 'sudo ls /run/carom-rollout-owner /opt/carom/pending /opt/carom/incoming-*' >"$stage/out" 2>/dev/null ||
            fail "$name is left with $(cat "$stage/out")"
    done
    expect_all_intact
    [ "$(release_of pi5)" = "$v1" ] || fail "the rollout went on without its reader: $(releases)"
done
expect 0 'nothing to do: all 5 hosts|done in' deploy rollout --binary "$stage/v1/carom"
pass "deploy/rollout | head: it ends as with Ctrl-C, and leaves no folder, lock or unconfirmed switch"
