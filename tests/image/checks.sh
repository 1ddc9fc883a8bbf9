# What must be true of the Pi and its card after the first start, and after the second.
# shellcheck shell=sh disable=SC2154,SC2034 # variables of tests/image/run

# expect TEXT COMMAND [WHAT]: the command, on the Pi, prints TEXT.
expect() {
    got=$(on_pi "$2" 2>&1) || true
    [ "$got" = "$1" ] || fail "on the Pi, ${3:-$2} is \"$got\", not \"$1\""
}
as_root() { printf "sudo -n sh -c '%s'" "$1"; }

check_first_start() {
    on_pi true 2>"$stage/out" || fail "nobody can log in as pi: $(cat "$stage/out")"
    expect pi3 hostname
    # shellcheck disable=SC2016 # for the Pi
    expect '/bin/bash' 'getent passwd pi | cut -d : -f 7' 'the login shell of pi'
    expect 'pi L' "$(as_root 'passwd -S pi' | sed 's/$/ | cut -d " " -f 1,2/')" 'whether pi has a password (L: none)'
    expect 'passwordauthentication no' "$(as_root 'sshd -T | grep ^passwordauthentication')" 'whether ssh takes passwords'
    expect '700 pi, 600 pi' 'stat -c "%a %U" ~/.ssh ~/.ssh/authorized_keys | paste -s -d , | sed "s/,/, /"' 'who may read ~/.ssh'
    pass "host name, user and key are as deploy/card said; nobody gets in with a password"

    expect 0 "$(as_root 'id -u')" 'sudo for a rollout'
    ! on_pi 'sudo -n id' >/dev/null 2>&1 || fail "sudo without a password allows more than a rollout needs"
    expect '440 root /etc/sudoers.d/carom' "$(as_root 'stat -c "%a %U %n" /etc/sudoers.d/carom')"
    expect '' "$(as_root 'grep -rl NOPASSWD /etc/sudoers /etc/sudoers.d | grep -v /carom$')" 'the list of other files that allow sudo without a password'
    pass "sudo: a shell for deploy/rollout, and nothing else without a password"

    expect '640 root carom' 'stat -c "%a %U %G" /etc/carom/ring.key' 'who may read the key'
    expect 'install ok installed' "dpkg-query -W -f '\${Status}' carom" 'the package'
    expect 'active active' 'systemctl is-active carom.service carom.socket | paste -s -d " "' 'carom.service and carom.socket'
    expect '' 'systemctl --failed --plain --no-legend' 'the list of failed units'
    expect 'not there' 'systemctl is-active --quiet userconfig || [ -e /etc/ssh/sshd_config.d/rename_user.conf ] && echo waits || echo "not there"' \
        'the dialogue that asks for a user at the screen'
    until on_pi 'cloud-init status' 2>/dev/null | grep -q 'status: done'; do still_waiting "$longest_start" "cloud-init's end"; done
    expect 'done' "$(as_root 'tail -n 1 /var/log/carom-card.log')" 'the last line of carom-card.log'
    pass "carom is installed as a package and runs; no unit has failed; cloud-init has finished"

    # Lines on, lines off, and the node that wrote them.
    on_pi "$(as_root 'cat /run/carom/led')" >"$stage/led" 2>/dev/null || true
    lit=$(grep -c ' pi3 on ' "$stage/led" || true)
    [ "$lit" -ge 2 ] || fail "the LED of pi3 was on $lit times: $(tail -n 3 "$stage/led")"
    on_laptop "$CAROM" find >"$stage/out" 2>&1 || fail "carom find: $(cat "$stage/out")"
    grep -qE "^image +pi3 +[0-9.]+ +http://$net\\.13:8080/\$" "$stage/out" || fail "carom find does not find pi3: $(cat "$stage/out")"
    pass "its LED was on $lit times; carom find finds it by mDNS"

    # Nothing secret may be read by all. The texts are searched for on the Pi, through its standard input.
    on_pi_with_secrets >"$stage/out" || fail "the search for secrets: $(cat "$stage/out")"
    [ ! -s "$stage/out" ] || fail "a secret is world-readable on the Pi: $(cat "$stage/out")"
    pass "neither the ring's key nor the password of the Wi-Fi can be read by everybody on the Pi"

    # What must be the same after the next start.
    on_pi "$(as_root 'cat /boot/firmware/carom/started; cksum /var/log/carom-card.log /etc/machine-id; ls /var/lib/cloud/instances')" >"$stage/first" 2>&1
    first_life=$(generation)
}
secrets() {
    grep -v '^#' "$stage/ring.key"
    # Without the part that is written in another way in other files.
    echo 'a password; with'
}
on_pi_with_secrets() {
    # shellcheck disable=SC2016 # for the Pi
    secrets | on_laptop ssh -i "$stage/key" -o IdentitiesOnly=yes -o "UserKnownHostsFile=$stage/known_hosts" -o LogLevel=ERROR "pi@$net.13" \
        'sudo -n sh -c "umask 077; cat >/root/secrets; find /etc /var /home /root /opt /boot /run -xdev -type f -perm -o+r -size -2000k -exec grep -lFf /root/secrets {} +; rm /root/secrets"' ||
        true
}
# generation: of the ball, as pi1 knows it.
generation() { on_laptop "$CAROM" status "$net.11" --json 2>/dev/null | tr -d ' \n' | sed -n 's/.*"generation":"\([^"]*\)".*/\1/p'; }

switch_off() {
    # The connection may end before the answer.
    on_pi "$(as_root 'systemctl poweroff')" >/dev/null 2>&1 || true
    wait_for_end 600
    say "pi3 has switched itself off"
}

# check_card: from outside, as somebody who has the card in a laptop.
check_card() {
    [ "$(list_card | grep '^carom/.')" = carom/started ] || fail "left in the folder carom of the boot partition: $(list_card | grep '^carom/.' | paste -s -d ' ')"
    ! list_card | grep -q carom-failed.txt || fail "carom-failed.txt: $(read_card carom-failed.txt)"
    grep -q 'Wi-Fi was set up' <<TEXT || fail "network-config is $(read_card network-config)"
$(read_card network-config)
TEXT
    # In all blocks of the partition, those of removed files, too.
    secrets >"$stage/secrets"
    dd if="$disk" bs=1M skip=8 count="$boot_mib" status=none >"$stage/boot-blocks"
    ! grep -qaFf "$stage/secrets" "$stage/boot-blocks" || fail "the key or the password of the Wi-Fi is still in a block of the boot partition"
    rm -f "$stage/boot-blocks"
    pass "read from outside: nothing of the card's files is left on the boot partition, and no block of it has the key or the password of the Wi-Fi"
}

check_second_start() {
    on_pi "$(as_root 'cat /boot/firmware/carom/started; cksum /var/log/carom-card.log /etc/machine-id; ls /var/lib/cloud/instances')" >"$stage/second" 2>&1
    cmp -s "$stage/first" "$stage/second" || fail "the second start did work of the first again: $(diff "$stage/first" "$stage/second")"
    expect '' 'systemctl --failed --plain --no-legend' 'the list of failed units'
    expect '' "$(as_root 'ls /boot/firmware/carom | grep -v started')" 'the list of files in /boot/firmware/carom'
    on_pi "$(as_root 'grep -lF "a password; with" /etc/netplan/*')" >/dev/null 2>&1 || fail "the Wi-Fi is forgotten: there is no password of it in /etc/netplan"
    now_life=$(generation)
    [ -n "$now_life" ] || fail "pi1 does not say which generation the ball has"
    [ "$now_life" = "$first_life" ] || fail "the ball was lost while pi3 was off: generation $now_life, it was $first_life"
    pass "second start: pi3 is back in the ring, with the same host key, and has set nothing up again; the ball is the same (generation $now_life)"
}
