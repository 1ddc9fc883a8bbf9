# A card of deploy/card in a host: its first start, as systemd does it with an image of Bookworm and as cloud-init does it with one of
# Trixie. The hosts have Debian, so what only Raspberry Pi OS has (userconf, raspi-config, NetworkManager) is not there.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

# on_card_host COMMAND: on pi7, as the user that the card has made.
on_card_host() { on_laptop ssh -F "$stage/ssh_config" -l pi pi7 "$@" </dev/null; }
wait_for_card_host() {
    for _ in $(seq 1 120); do
        if on_card_host true 2>/dev/null; then return 0; fi
        sleep 0.5
    done
    fail "nobody can log in as pi on pi7: $(cat "$stage/pi7/root/boot/firmware/carom-failed.txt" 2>/dev/null; tail -n 20 "$stage/pi7/console")"
}
write_card() {
    HOME=$stage deploy/card --config "$stage/card.toml" --node pi7 --package "$package" --ssh-key "$stage/key.pub" \
        --wifi 'Room 7' --country DE --wifi-password "$stage/wifi-password" "$boot" >"$stage/out" 2>&1 || fail "deploy/card: $(cat "$stage/out")"
    # On FAT every file is executable.
    chmod -R a+x "$boot"
}
# expect_no_secret HOW: neither the key nor the password of the Wi-Fi is on the boot partition, or world-readable.
expect_no_secret() {
    secret=$(grep -v '^#' "$stage/card.key")
    # Without the part that is written in another way in other files.
    for text in "$secret" 'a password; with'; do
        ! grep -rlF -- "$text" "$boot" >"$stage/out" || fail "$1: a secret is on the boot partition: $(cat "$stage/out")"
        ! find "$stage/pi7/root/etc" "$stage/pi7/root/var" "$stage/pi7/root/home" "$stage/pi7/root/opt" -xdev -type f -perm -o+r -exec grep -lF -- "$text" {} + >"$stage/out" ||
            fail "$1: a secret is world-readable: $(cat "$stage/out")"
    done
}
# expect_member HOW: the host is a node of its ring, and nothing secret is where it should not be.
expect_member() {
    for _ in $(seq 1 60); do
        if on_card_host 'carom status localhost' 2>/dev/null | grep -q 'ball 1 is on pi7'; then break; fi
        sleep 0.5
    done
    on_card_host 'carom status localhost' >"$stage/out" 2>&1 || true
    grep -q 'ball 1 is on pi7' "$stage/out" || fail "$1: no ball: $(cat "$stage/out"; on_card_host 'sudo sh -c "cat /var/log/carom-card.log; systemctl status --no-pager carom"')"
    [ ! -e "$boot/carom-failed.txt" ] || fail "$1: $(cat "$boot/carom-failed.txt")"
    [ "$(find "$boot/carom" -type f -exec basename {} \;)" = started ] && [ ! -e "$boot/firstrun.sh" ] || fail "$1: left on the card: $(find "$boot")"
    expect_no_secret "$1"
    [ "$(on_card_host 'stat -c "%a %U %G" /etc/carom/card.key')" = "640 root carom" ] || fail "$1: the key: $(on_card_host 'ls -l /etc/carom')"
    [ "$(on_card_host 'sudo -n sh -c "id -u"')" = 0 ] || fail "$1: no sudo for a rollout"
    ! on_card_host 'sudo -n id' >/dev/null 2>&1 || fail "$1: sudo allows more than a rollout needs"
}

if ! make_package; then
    printf '        the cards are not tested: cargo-deb is missing (cargo install cargo-deb --locked)\n'
else
    make_host 7
    root=$stage/pi7/root
    boot=$root/boot/firmware
    rm "$root/etc/sudoers.d/teacher"
    mkdir -p "$boot" "$root/etc/NetworkManager/system-connections"
    echo raspberrypi >"$root/etc/hostname"
    echo 'root=/dev/mmcblk0p2 rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot' >"$boot/cmdline.txt"
    echo '[all]' >"$boot/config.txt"
    printf '%s\n' 'a password; with "\" in it' >"$stage/wifi-password"
    "$built" init "$stage/card.toml" --name card --nodes pi7 --led none --domain '' >/dev/null
    write_card
    # The words that the Pi's kernel gets. The first reboot ends the host here.
    words=$(sed -e 's/.*firstboot //' -e 's/action=reboot/action=poweroff/' "$boot/cmdline.txt")
    # shellcheck disable=SC2086 # a word each
    boot pi7 $words
    for _ in $(seq 1 240); do
        if ! kill -0 "$(cat "$stage/pi7/machine-pid")" 2>/dev/null; then break; fi
        sleep 0.5
    done
    ! kill -0 "$(cat "$stage/pi7/machine-pid")" 2>/dev/null || fail "the first start does not end: $(cat "$root/var/log/carom-card.log"; tail -n 20 "$stage/pi7/console")"
    ! grep -q 'systemd.run' "$boot/cmdline.txt" || fail "the next start would be the first again: $(cat "$boot/cmdline.txt" "$root/var/log/carom-card.log"; tail -n 30 "$stage/pi7/console")"
    boot pi7
    wait_for_card_host
    expect_member "Bookworm"
    [ "$(on_card_host hostname)" = pi7 ] && [ "$(cat "$root/etc/hostname")" = pi7 ] || fail "the host name is $(on_card_host hostname)"
    grep -qxF 'psk=a password; with "\\" in it' "$root/etc/NetworkManager/system-connections/carom.nmconnection" || fail "the Wi-Fi: $(cat "$root/etc/NetworkManager/system-connections/carom.nmconnection")"
    pass "a card for Bookworm: at its first start the host gets name, user, key and carom, and plays; nothing secret is left on the card"

    on_card_host "sudo sh -c 'apt-get purge -y carom; rm /etc/sudoers.d/carom; echo pi ALL=NOPASSWD: ALL >/etc/sudoers.d/test'" >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
    rm -rf "$boot" && mkdir "$boot"
    echo 'root=/dev/mmcblk0p2 rootwait resize' >"$boot/cmdline.txt"
    touch "$boot/config.txt" "$boot/meta-data" "$boot/user-data" "$boot/network-config"
    write_card
    on_card_host 'sudo sh -c "sh /boot/firmware/carom/first-start cloud-init; rm /etc/sudoers.d/test"' >"$stage/out" 2>&1 || fail "first-start: $(cat "$stage/out" "$boot/carom-failed.txt")"
    expect_member "Trixie"
    grep -q 'ds=nocloud;i=carom-pi7-' "$boot/cmdline.txt" || fail "cmdline.txt: $(cat "$boot/cmdline.txt")"
    pass "a card for Trixie: what cloud-init calls installs carom, which plays; nothing secret is left on the card"

    # Something is missing on the card.
    on_card_host "sudo sh -c 'echo pi ALL=NOPASSWD: ALL >/etc/sudoers.d/test'"
    rm -rf "$boot/carom"
    write_card
    rm "$boot"/carom/*.deb
    ! on_card_host 'sudo sh -c "sh /boot/firmware/carom/first-start cloud-init"' >"$stage/out" 2>&1 || fail "a card without a package counts as done: $(cat "$stage/out")"
    grep -q 'failed: the card has no package of carom for' "$boot/carom-failed.txt" || fail "the reason is not on the card: $(cat "$boot/carom-failed.txt")"
    expect_no_secret "a card without a package"
    pass "a card without the right package: the reason is on the card, and nothing secret"
    remove_host pi7
fi
