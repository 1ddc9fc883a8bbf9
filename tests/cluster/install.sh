# The first install, and that a dry run changes nothing.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

list_files >"$stage/before"
# Without --binary, as OPERATIONS.md says: what deploy/build has made.
expect 0 'pi5: would change binary, ring file: copy [0-9]+ KiB, switch from none' deploy rollout --dry-run
list_files >"$stage/after"
cmp -s "$stage/before" "$stage/after" || fail "a dry run changed something: $(diff "$stage/before" "$stage/after" | head)"
pass "rollout --dry-run says what would change on each host, and changes nothing (a listing before and after)"
cp "$stage/before" "$stage/pristine"

expect 2 'the ring plays when 3 of its 5 nodes run: begin with so many' deploy rollout --only pi1,pi2
expect 0 'done in .* 3 of 3 hosts switched' deploy rollout --only pi1,pi2,pi3
expect 0 'pi1: nothing of carom is left' deploy uninstall --only pi1,pi2,pi3
for name in pi1 pi2 pi3; do expect_no_process "$name" "deploy/uninstall"; done
pass "a first install with --only: two of five are refused at once, three play"

expect 0 'done in .* 5 of 5 hosts switched' deploy rollout
pass "first install: $(grep 'done in' "$stage/out")"
expect 0 'pi5 .*active *in-ring' deploy status
pass "status: every host is active and in the ring, all with one version"

expect 0 'nothing to do: all 5 hosts run this release' deploy rollout --binary "$stage/v1/carom"
pass "a second run: $(tail -n 1 "$stage/out")"
on_laptop script -qec "deploy/rollout --config $ring --ssh-config $stage/ssh_config --binary $stage/v1/carom" /dev/null </dev/null >"$stage/out"
tr '\033' '^' <"$stage/out" | grep -q '\^\[5A' || fail "no live table on a terminal: $(cat "$stage/out")"
pass "on a terminal it draws a table of five rows in place"
v1=$(release_of pi1)
