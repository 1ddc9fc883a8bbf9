# What tests/image/run needs: the memory card, a network that only this test sees, the emulated machine, and what is read from outside.
# shellcheck shell=sh disable=SC2154 # variables of tests/image/run

net=10.79.0
mac=52:54:00:ca:70:03
# The boot partition of the card, as pi-gen makes it but for its size: 512 MiB there.
boot_mib=128
boot_offset=8M

say() { printf '%s      %s\n' "$(elapsed)" "$*"; }
# last_console LINES: without the colours.
last_console() { tail -n "$1" "$stage/console" | tr -d '\r' | sed "s/$(printf '\033')\[[0-9;]*m//g"; }
# fail TEXT: with what the Pi said last.
fail() {
    printf '%s  FAILED  %s\n' "$(elapsed)" "$*"
    if [ -s "$stage/console" ]; then
        echo "the last lines of its console:"
        last_console 15
    fi
    [ "$keep" = yes ] || echo "with --keep, the card and all logs stay"
    exit 1
}

# set_up_network: a switch, with the emulated Pi, a DHCP server that always gives it one address, and two hosts for pi1 and pi2. No way
# leads out of it.
set_up_network() {
    make_switch
    ip -n "$run_id-sw" address add "$net.1/24" dev br0
    ip -n "$run_id-sw" link set lo up
    ip -n "$run_id-sw" tuntap add dev tap0 mode tap
    ip -n "$run_id-sw" link set tap0 master br0 up
    for number in 1 2; do connect_to_switch "pi$number" "1$number"; done
    in_background ip netns exec "$run_id-sw" dnsmasq --conf-file=/dev/null --keep-in-foreground --user=root --port=0 --interface=br0 \
        --bind-interfaces --dhcp-range="$net.13,$net.13,12h" --dhcp-option=3 --dhcp-leasefile="$stage/leases" --log-facility="$stage/dhcp.log"
}
# in_background COMMAND...: until the test ends.
in_background() {
    "$@" </dev/null >>"$stage/background.log" 2>&1 &
    background="$background $!"
}
# on_laptop COMMAND...: where the switch is.
on_laptop() { ip netns exec "$run_id-sw" "$@"; }
# on_pi COMMAND: over ssh, as the user that the card has made. The first login records the Pi's host key; another one is refused.
on_pi() {
    on_laptop ssh -i "$stage/key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o "UserKnownHostsFile=$stage/known_hosts" \
        -o LogLevel=ERROR -o ConnectTimeout=10 -o BatchMode=yes "pi@$net.13" "$@" </dev/null
}
# facts: what the Pi's node says of itself, a word and its value on each line; nothing while it does not answer.
facts() { on_laptop "$CAROM" status "$net.13" --facts 2>/dev/null || true; }
fact() { facts | sed -n "s/^$1 //p"; }

clean_up() {
    if [ -n "$machine" ]; then kill "$machine" 2>/dev/null || true; fi
    for pid in $background; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    for space in sw pi1 pi2; do ip netns del "$run_id-$space" 2>/dev/null || true; done
    if [ "$keep" = no ]; then rm -rf "$stage"; fi
}

# make_card: $stage/disk, with an empty boot partition and the system.
make_card() {
    disk=$stage/disk
    truncate -s "$((8 + boot_mib + $(stat -c %s "$system/root.ext4") / 1048576 + 1))M" "$disk"
    printf 'label: dos\nlabel-id: 0xc0ffee42\nstart=8MiB, size=%sMiB, type=c\nstart=%sMiB, type=83\n' "$boot_mib" "$((8 + boot_mib))" |
        sfdisk --quiet "$disk" >/dev/null
    dd if="$system/root.ext4" of="$disk" bs=1M seek="$((8 + boot_mib))" conv=notrunc,sparse status=none
    mformat -i "$disk@@$boot_offset" -F -c 1 -v bootfs -T "$((boot_mib * 2048))" ::
}
# fresh_boot_partition FOLDER: what Imager leaves there when it is not asked for a customisation.
fresh_boot_partition() {
    mkdir "$1"
    echo 'console=serial0,115200 console=tty1 root=PARTUUID=c0ffee42-02 rootfstype=ext4 fsck.repair=yes rootwait resize' >"$1/cmdline.txt"
    printf 'arm_64bit=1\n[all]\n' >"$1/config.txt"
    printf 'dsmode: local\ninstance_id: rpios-image\n' >"$1/meta-data"
    printf '#cloud-config\n' >"$1/user-data"
    printf '# nothing\n' >"$1/network-config"
}
write_to_card() { mcopy -i "$disk@@$boot_offset" -s -Q "$1"/* ::; }
# read_card FILE, list_card: the boot partition from outside.
read_card() { mtype -i "$disk@@$boot_offset" "::$1" 2>/dev/null; }
list_card() { mdir -i "$disk@@$boot_offset" -/ -b :: | sed 's,^::/,,'; }

# switch_on: the firmware of a Pi gives the kernel what is in cmdline.txt. The serial line has another name here.
switch_on() {
    words=$(read_card cmdline.txt | tr -d '\r\n' | sed -e 's/console=serial0,115200/console=ttyAMA0/' -e 's/console=tty1 //')
    : >"$stage/console"
    ip netns exec "$run_id-sw" qemu-system-aarch64 -M virt -cpu cortex-a57 -smp 2 -m 1024 -accel tcg,thread=multi -nodefaults -display none \
        -no-reboot -kernel "$system/kernel" -initrd "$system/initrd" -append "$words" -serial "file:$stage/console" \
        -drive "file=$disk,if=virtio,format=raw,cache=unsafe" -device virtio-rng-pci \
        -netdev tap,id=net0,ifname=tap0,script=no,downscript=no -device "virtio-net-pci,netdev=net0,mac=$mac,romfile=" \
        </dev/null >>"$stage/qemu.log" 2>&1 &
    machine=$!
    switched_on=$(date +%s)
    told=$switched_on
}
# still_waiting SECONDS FOR-WHAT: fails if the machine has ended, if its card says why it failed, or after SECONDS since it was switched on.
still_waiting() {
    kill -0 "$machine" 2>/dev/null || fail "the machine has ended while the test waited for $2: $(tail -n 3 "$stage/qemu.log")"
    ! reason=$(read_card carom-failed.txt) || fail "the first start failed; carom-failed.txt on the boot partition says: $reason"
    ! grep -q 'You are in emergency mode' "$stage/console" || fail "the start has ended in systemd's emergency mode, while the test waited for $2: $(last_console 1000 | grep -o 'Timed out waiting.*' | head -n 1)"
    now=$(date +%s)
    [ "$((now - switched_on))" -le "$1" ] || fail "$2: not within $1 s after the Pi was switched on. What it says: $(facts | tr '\n' ' ')"
    if [ "$((now - told))" -ge 60 ]; then
        told=$now
        say "waiting for $2; its console: $(last_console 1 | cut -c 1-100)"
    fi
    sleep 1
}
# wait_for_end SECONDS: until it has switched itself off.
wait_for_end() {
    for _ in $(seq 1 "$1"); do
        if ! kill -0 "$machine" 2>/dev/null; then
            wait "$machine" 2>/dev/null || true
            machine=
            return 0
        fi
        sleep 1
    done
    fail "the Pi does not switch itself off within $1 s"
}
