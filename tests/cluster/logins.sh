# Hosts on which a login, a shell or sudo is not as usual: a rollout works, or says in one line what to do.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
# add_user HOST USER SHELL SUDOERS: a user who may log in with the teacher's key.
add_user() {
    on "$1" "sudo useradd -m -s $3 $2 && sudo install -d -m 700 -o $2 -g $2 /home/$2/.ssh &&
        sudo install -m 600 -o $2 -g $2 .ssh/authorized_keys /home/$2/.ssh/authorized_keys"
    printf '%s\n' "$4" >"$stage/$1/root/etc/sudoers.d/$2"
    printf '%s %s\n' "$1" "$2" >>"$stage/odd-users"
}
may_all() { echo "$1 ALL=(ALL) NOPASSWD: ALL"; }
# log_in_as HOST TARGET: the ring file with another ssh = for that host.
log_in_as() { sed "s,ssh = \"[^\"]*$1\",ssh = \"$2\"," "$ring" >"$stage/as.toml" && mv "$stage/as.toml" "$ring"; }

# The shells, without their packages' scripts. In Debian's base system, /bin leads to /usr/bin.
deploy/unpack-debian "$(dpkg --print-architecture)" "$stage/shells" fish fish-common libpcre2-32-0 tcsh 2>"$stage/out" ||
    fail "fish and tcsh cannot be fetched: $(cat "$stage/out")"
if [ -d "$stage/shells/bin" ]; then cp -a "$stage/shells/bin/." "$stage/shells/usr/bin/"; fi
for name in pi1 pi2; do cp -a "$stage/shells/usr/." "$stage/$name/root/usr/"; done
ring=$stage/odd.toml
cp "$stage/ring.toml" "$ring"
add_user pi1 fisher /usr/bin/fish "$(may_all fisher)" && log_in_as pi1 fisher@pi1
add_user pi2 csher /usr/bin/tcsh "$(may_all csher)" && log_in_as pi2 csher@pi2
add_user pi3 noisy /bin/bash "$(may_all noisy)" && log_in_as pi3 noisy@pi3
on pi3 "echo 'echo Hello; printf %s and-no-line-feed' | sudo tee /home/noisy/.bashrc >/dev/null"
# Another port, a banner, a configuration with a command, a terminal and a forwarded port, and no programs in /tmp.
on pi4 "printf 'Port 22\nPort 2222\nBanner /etc/issue\n' | sudo tee /etc/ssh/sshd_config.d/odd.conf >/dev/null
    sudo systemctl restart ssh; sudo mount -t tmpfs -o noexec,mode=1777 tmpfs /tmp"
log_in_as pi4 teacher@odd4
printf 'Host odd4\n  HostName %s\n  Port 2222\n  RemoteCommand exec sleep 60\n  RequestTTY force\n  LocalForward 127.0.0.1:22 127.0.0.1:22\n' \
    "$net.14" >>"$stage/ssh_config"
# An IPv6 address.
ip -n "$run_id-laptop" address add fd00:77::1/64 dev eth0 nodad
ip -n "$run_id-pi5" address add fd00:77::15/64 dev eth0 nodad
log_in_as pi5 teacher@fd00:77::15

expect 0 'done in .* 5 of 5 hosts switched' deploy rollout --binary "$stage/v2/carom"
grep -q 'pi3: note: its login shell prints text of its own ("Hello")' "$stage/out" || fail "$(cat "$stage/out")"
[ "$(grep -c 'note: its login' "$stage/out")" = 1 ] || fail "$(cat "$stage/out")"
expect 0 'pi3 .*active *in-ring' deploy status
expect 0 'done in .* 5 of 5 hosts switched' deploy reset
expect 0 'done in .* 5 of 5 hosts switched' deploy rollback
expect_all_intact
pass "fish, tcsh, a shell that prints, another port, RemoteCommand, RequestTTY, a banner, IPv6, /tmp without programs: rollout, status, reset and rollback work"
on pi4 'sudo umount /tmp; sudo rm /etc/ssh/sshd_config.d/odd.conf; sudo systemctl restart ssh'

# refused TARGET PATTERN [CONFIG]: a rollout to pi4 as TARGET is refused, and the host is not taken for unreachable.
refused() {
    cp "$stage/ring.toml" "$ring"
    log_in_as pi4 "$1"
    expect 1 "pi4: $2" on_laptop env -u SSH_AUTH_SOCK deploy/rollout --config "$ring" --ssh-config "${3:-$stage/ssh_config}" \
        --binary "$stage/v1/carom" --only pi4 --skip-unreachable --dry-run
    ! grep -qE 'unreachable|cannot be reached' "$stage/out" || fail "$1 was taken for unreachable: $(cat "$stage/out")"
}
add_user pi4 asked /bin/sh 'asked ALL=(ALL) ALL'
refused asked@pi4 'sudo wants a password on asked@pi4: add --ask-sudo, or let'
add_user pi4 ttyer /bin/sh "Defaults:ttyer requiretty
$(may_all ttyer)"
refused ttyer@pi4 'sudo on ttyer@pi4 wants a terminal: take requiretty out'
# Stand-ins for a sudo that does not speak English, for sudo-rs, and for what sudo says once it knows the password.
# shellcheck disable=SC2016 # for the shell of the host
printf '%s\n' '#!/bin/sh' 'case $USER in foreign) echo "sudo: Ein Passwort ist notwendig" >&2; exit 1 ;;' \
    'rusty) echo "sudo: interactive authentication is required" >&2; exit 1 ;;' \
    'limited) echo "limited is not in the sudoers file." >&2; exit 1 ;; esac' 'exec /usr/bin/sudo "$@"' >"$stage/pi4/root/usr/local/bin/sudo"
chmod 755 "$stage/pi4/root/usr/local/bin/sudo"
add_user pi4 foreign /bin/sh ''
refused foreign@pi4 'sudo on foreign@pi4 refuses: sudo: Ein Passwort ist notwendig'
add_user pi4 rusty /bin/sh ''
refused rusty@pi4 'sudo wants a password on rusty@pi4'
add_user pi4 limited /bin/sh ''
refused limited@pi4 'sudo on limited@pi4 lets limited do nothing: add limited to the sudoers'
rm "$stage/pi4/root/usr/local/bin/sudo"
add_user pi4 nobody2 /usr/sbin/nologin ''
refused nobody2@pi4 'the login shell on nobody2@pi4 runs no commands: it answers "This account is currently not available."'
pass "sudo with a password, only from a terminal, in German, sudo-rs, not in the sudoers file, no login shell: each is told by name, none as unreachable"

# A password for sudo, from the terminal.
printf 'asked:open sesame' | on_laptop ssh -F "$stage/ssh_config" pi4 'sudo chpasswd'
# ask_sudo PASSWORD: a rollout that asks for it on a terminal.
ask_sudo() {
    (sleep 4 && printf '%s\n' "$1") | on_laptop script -qec "deploy/rollout --config $ring --ssh-config $stage/ssh_config --binary $stage/v1/carom \
        --only pi4 --ask-sudo --dry-run" "$stage/typescript" >"$stage/out" 2>&1 || true
}
cp "$stage/ring.toml" "$ring"
log_in_as pi4 asked@pi4
ask_sudo 'open sesame'
grep -qE 'would change|nothing to do' "$stage/out" || fail "--ask-sudo: $(cat "$stage/out")"
! grep -rqs 'open sesame' "$stage/out" "$stage/state" || fail "the password is in the output or a log"
ask_sudo 'close sesame'
[ "$(grep -c 'sudo on asked@pi4 does not take the password: no other host was asked' "$stage/out")" = 1 ] || fail "a wrong password: $(cat "$stage/out")"
! on pi4 'sudo journalctl -q --no-pager | grep sesame' >/dev/null || fail "the password is in the journal of pi4"
pass "--ask-sudo: the right password works and is nowhere to be seen, a wrong one is told once"

# ssh itself. The sentence depends on why the login fails.
ssh-keygen -q -t ed25519 -N 'a passphrase' -f "$stage/locked"
ssh-keygen -q -t ed25519 -N '' -f "$stage/stranger"
cp "$stage/key" "$stage/open" && chmod 644 "$stage/open"
with_key() { sed "s,$stage/key\$,$1," "$stage/ssh_config" >"$stage/other_config"; }
with_key "$stage/locked"
refused teacher@pi4 "the ssh key $stage/locked has a passphrase, and no agent has it open: run eval .* ssh-add $stage/locked" "$stage/other_config"
with_key "$stage/open"
refused teacher@pi4 "ssh does not use the key $stage/open, because others may read it: run chmod 600 $stage/open" "$stage/other_config"
with_key "$stage/missing"
refused teacher@pi4 'this machine has no ssh key for teacher@pi4: run ssh-keygen -t ed25519, then ssh-copy-id teacher@pi4' "$stage/other_config"
with_key "$stage/stranger"
refused teacher@pi4 "teacher@pi4 does not take this machine's ssh key: run ssh-copy-id teacher@pi4" "$stage/other_config"
refused pi4 "pi4 does not take this machine's ssh key for the user teacher: if the user there is another, write ssh = \"USER@pi4\"" "$stage/other_config"
sed "s,$stage/known_hosts,$stage/known_changed," "$stage/ssh_config" >"$stage/other_config"
printf '%s %s\n' "$net.14" "$(cut -d ' ' -f 1,2 "$stage/stranger.pub")" >"$stage/known_changed"
refused teacher@pi4 "the host key of teacher@pi4 has changed: if its card was written anew, run ssh-keygen -f $stage/known_changed -R $net.14, then ssh teacher@pi4 true" "$stage/other_config"
sed "s,StrictHostKeyChecking.*,StrictHostKeyChecking yes," "$stage/other_config" >"$stage/strict_config" && : >"$stage/known_changed"
refused teacher@pi4 'the host key of teacher@pi4 is unknown: run ssh teacher@pi4 true once' "$stage/strict_config"
{ echo 'Nonsense yes' && cat "$stage/ssh_config"; } >"$stage/other_config"
refused teacher@pi4 'ssh does not take its configuration: .*Bad configuration option: nonsense' "$stage/other_config"
pass "a key with a passphrase, one that others may read, none, a stranger's; a changed and an unknown host key; a faulty configuration: a sentence for each"
# The last part looks for what is left on the hosts.
while read -r name user; do
    on "$name" "sudo userdel -rf $user; sudo rm -f /etc/sudoers.d/$user" >/dev/null 2>&1 || true
done <"$stage/odd-users"
ring=$stage/ring.toml
expect 0 'nothing to do: all 5 hosts|done in' deploy rollout --binary "$stage/v1/carom"
expect_all_intact
