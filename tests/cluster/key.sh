# The ring gets a key, and the key is changed while the ball moves; whatever is interrupted, a second run finishes. All the
# while nobody may see the key.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
mkdir "$stage/keys"
sed 's,^name = "cluster",&\nkey-file = "keys/ring.key",' "$stage/ring.toml" >"$stage/keyed.toml"
"$built" key new "$stage/keys/ring.key" >"$stage/out"
first_key=$("$built" key show "$stage/keys/ring.key" | sed 's/used //')
[ "$(stat -c %a "$stage/keys/ring.key")" = 600 ] || fail "carom key new made $(ls -l "$stage/keys")"
ring=$stage/keyed.toml

# The hexadecimal digits of every key that there is in this test, and where a process had them among its arguments. The
# processes of the hosts are processes of this machine, too.
secrets=$stage/secrets sightings=$stage/sightings
: >"$secrets" && : >"$sightings"
# note_secrets WHO: of two that do this at a time, each has a file of its own.
note_secrets() {
    { cat "$secrets" && sed -n 's/^carom-key-1 //p' "$stage"/keys/* "$stage"/other/keys/*; } 2>/dev/null | sort -u >"$secrets.$1"
    mv "$secrets.$1" "$secrets"
}
watch_processes() {
    while :; do
        note_secrets watcher
        # Without a secret, grep -f would find nothing at all.
        ps -ww -eo pid,args | grep -F -f "$secrets" >>"$sightings" || true
        sleep 0.05
    done
}
note_secrets test
[ "$(wc -c <"$secrets")" -eq 65 ] || fail "the key has not 64 digits"
watch_processes &
watcher=$!
background="$background $watcher"

# key_holders NAME: the files of that host that contain a key, with their modes. The digits go over standard input, because
# sudo logs arguments.
key_holders() {
    on_laptop ssh -F "$stage/ssh_config" "$1" 'sudo sh -c "
        grep -rlsF -f - -D skip /etc /opt /run /tmp /var /home /root /dev/shm | while read -r file; do
            stat -c \"%n %U:%G %a\" \"\$file\"
        done | sort"' <"$secrets"
}
# expect_secret FILES: on every host only the releases have the key, as often as FILES says, readable by root and the daemon
# alone; and no journal, no log, no output and no process list shows it.
expect_secret() {
    searches=
    for name in $hosts; do
        { key_holders "$name" >"$stage/$name/holders" && on "$name" 'sudo journalctl -q --no-pager -o cat' >"$stage/$name/journal"; } &
        searches="$searches $!"
    done
    # shellcheck disable=SC2086 # a word each
    wait $searches
    for name in $hosts; do
        holders=$stage/$name/holders
        ! grep -vE '^/opt/carom/releases/[^/]+/keys/ring.key root:carom 640$' "$holders" || fail "$name: a key is there, too"
        [ "$(wc -l <"$holders")" -eq "$1" ] || fail "$name: $1 files should have a key: $(cat "$holders")"
        [ "$(wc -l <"$stage/$name/journal")" -gt 20 ] || fail "$name: the journal cannot be read"
        ! grep -qF -f "$secrets" "$stage/$name/journal" || fail "$name: a key is in the journal"
    done
    ! grep -rlF -f "$secrets" "$stage/out" "$stage/state" /tmp/carom.* 2>/dev/null || fail "a key is in the output, a log or a work folder"
    [ ! -s "$sightings" ] || fail "a key was an argument of a process: $(cut -c 1-80 "$sightings")"
}
expect_on_hosts() {
    for name in $hosts; do
        [ "$(on "$name" "sudo carom key show /etc/carom/keys/ring.key")" = "$1" ] || fail "$name: $(on "$name" 'sudo carom key show /etc/carom/keys/ring.key'), not $1"
    done
}

expect 0 "pi4: would change ring file, key \(it gets $first_key\)" deploy rollout --dry-run --binary "$stage/v1/carom"
grep -q 'all hosts at once.*the ring gets a key' "$stage/out" || fail "$(cat "$stage/out")"
during 'pi[1-5]: has .*checked' press_ctrl_c --binary "$stage/v1/carom"
[ "$code" -eq 130 ] || fail "Ctrl-C ended with $code: $(cat "$stage/out")"
expect_secret 0
expect_all_intact
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "$(releases)"
pass "a first key: the dry run shows its fingerprint; Ctrl-C once it is on a host leaves it on none"

from=$(now_ns)
expect 0 'not a rolling change: the ring gets a key' deploy rollout --binary "$stage/v1/carom"
saw=$(observe_since "$from")
[ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
awk -v dark="$(value_of "$saw" longest_dark_ms)" 'BEGIN { exit !(dark < 10000) }' || fail "the pause was too long: $saw"
expect_all_intact
expect_secret 1
expect_on_hosts "used $first_key"
on pi3 "sudo cat /etc/carom/ring.toml" | cmp -s - "$ring" || fail "the ring file of pi3 is not the one that was sent"
expect 0 'nothing to do: all 5 hosts run this release' deploy rollout --binary "$stage/v1/carom"
pass "the ring gets a key: $(grep 'the ring is whole' "$stage/out" || true)the ball was away for $(value_of "$saw" longest_dark_ms) ms (limit 10000); it is root:carom 640 on every host, and nowhere else"

# Another key, which no host has: only rotate-key changes the key of a ring.
mkdir "$stage/other"
cp "$ring" "$stage/other/keyed.toml" && mkdir "$stage/other/keys" && "$built" key new "$stage/other/keys/ring.key" >"$stage/out"
ring=$stage/other/keyed.toml
expect 1 "pi2: it uses the key $first_key, and .*: to change the key, put the old one back there and run deploy/rotate-key" deploy rollout --binary "$stage/v1/carom"
ring=$stage/keyed.toml
expect_on_hosts "used $first_key"
pass "a rollout with another key is refused, and says what changes a key"

# A card from long ago: one host has another key on its disk.
sed -n p "$stage/other/keys/ring.key" | on_laptop ssh -F "$stage/ssh_config" pi5 \
    'sudo sh -c "cat >/opt/carom/current/keys/ring.key"; sudo systemctl restart carom'
expect 1 "pi5: uses the key .*, which is neither .*: run sudo rm /etc/carom/keys/ring.key there, and then deploy/rollout --only pi5" deploy rotate-key
expect 1 'pi5: it uses the key' deploy rollout --binary "$stage/v1/carom" --only pi5
on pi5 'sudo rm /etc/carom/keys/ring.key'
expect 0 'pi5: gets the key' deploy rollout --binary "$stage/v1/carom" --only pi5
expect_secret 1
expect_on_hosts "used $first_key"
pass "a host with a wrong key: rotate-key and a rollout refuse it and say what to do, and then the rollout gives it the key"

# rotate_until PATTERN SIGNAL: starts to change the key, and ends that with SIGNAL once its output matches PATTERN.
rotate_until() {
    pattern=$1 signal=$2
    : >"$stage/out"
    setsid env --default-signal=INT ip netns exec "$run_id-laptop" deploy/rotate-key --config "$ring" \
        --ssh-config "$stage/ssh_config" >"$stage/out" 2>&1 &
    pid=$!
    for _ in $(seq 1 1200); do
        if grep -qE -- "$pattern" "$stage/out" || ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 0.02
    done
    grep -qE -- "$pattern" "$stage/out" || {
        cat "$stage/out"
        fail "deploy/rotate-key never printed /$pattern/"
    }
    env kill "-$signal" -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    note_secrets test
}
# expect_moving: since $from the ball has never been lost, and no client was refused.
expect_moving() {
    stop_polling
    expect_one_ball
}
move_from() {
    start_polling
    from=$(now_ns)
}

expect 0 "pi5: uses $first_key$" deploy rotate-key --dry-run
[ ! -e "$stage/keys/ring.key.new" ] || fail "a dry run made a key"
move_from
expect 0 'done: the ring uses the key' deploy rotate-key
expect_moving
second_key=$("$built" key show "$stage/keys/ring.key" | sed 's/used //')
[ "$second_key" != "$first_key" ] || fail "the key of the laptop is the same"
[ "$(ls "$stage/keys") $(stat -c %a "$stage/keys/ring.key")" = 'ring.key 600' ] || fail "$(ls -l "$stage/keys")"
note_secrets test
expect_secret 1
expect_on_hosts "used $second_key"
pass "rotate-key: generations changed 0, two LEDs lit 0 times, $(value_of "$saw" ons) passes, longest dark $(value_of "$saw" longest_dark_ms) ms; connections: receiver $receiver; HTTP $http"

move_from
rotate_until 'pi[1-5]: has learned' KILL
rotate_until 'every host accepts' INT
expect_moving
third_key=$("$built" key show "$stage/keys/ring.key.new" | sed 's/used //')
expect_on_hosts "used $second_key
also accepted $third_key"
set_link pi4 down
expect 1 'nothing was changed, because of: pi4' deploy rotate-key
set_link pi4 up
wait_for_ssh pi4
expect_on_hosts "used $second_key
also accepted $third_key"
expect_all_intact
for _ in $(seq 1 30); do
    # The links to pi4 come back one after the other.
    whole=yes
    for address in $addresses; do
        on_laptop "$built" status "$address:8080" --json >"$stage/out" 2>&1 || whole=no
        ! grep '"state": "' "$stage/out" | grep -qv '"up"' || whole=no
    done
    [ "$whole" = no ] || break
    sleep 0.5
done
pass "an unreachable host: rotate-key stops before any host uses a key that this one does not know"

move_from
rotate_until 'pi2: uses' KILL
rotate_until 'every host uses' INT
expect_on_hosts "used $third_key
also accepted $second_key"
rotate_until 'pi[1-5]: has forgotten' KILL
[ -e "$stage/keys/ring.key.new" ] || fail "the test came too late to interrupt the last step"
expect 0 'done: the ring uses the key' deploy rotate-key
expect_moving
expect_on_hosts "used $third_key"
[ "$(ls "$stage/keys") $("$built" key show "$stage/keys/ring.key")" = "ring.key used $third_key" ] || fail "$(ls -l "$stage/keys")"
expect_secret 1
expect_all_intact
pass "rotate-key, killed in the middle of each step and interrupted after each: the next run goes on; generations changed 0, refused 0, two LEDs lit 0 times"

expect 0 'done in' deploy rollback
expect_all_intact
[ "$(releases)" = "$v1 $v1 $v1 $v1 $v1 " ] || fail "$(releases)"
for name in $hosts; do
    ! on "$name" 'test -e /etc/carom/keys' || fail "$name still has /etc/carom/keys"
done
expect_secret 1
# The watcher itself must notice a key.
sh -c 'sleep 0.5; :' "$(head -n 1 "$secrets")"
[ -s "$sightings" ] || fail "the watcher does not notice a key among the arguments of a process"
kill "$watcher"
watcher='' background=''
ring=$stage/ring.toml
pass "rollback: the ring has no key again; in $(wc -l <"$secrets") keys nobody saw one: not in a journal, a log, a process list, or a file that others may read"
