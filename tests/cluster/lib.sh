# The hosts of tests/cluster/run, all on this machine: each boots Debian with systemd and sshd in a network namespace of
# its own, on an overlay over one cached base. Nothing outside is touched, and nothing is left behind.
# shellcheck shell=sh

# shellcheck source=../../deploy/lib/packages.sh
. deploy/lib/packages.sh
# shellcheck source=../common/hosts.sh
. tests/common/hosts.sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/carom
base=$cache/cluster-base
# The same with what Raspberry Pi OS has besides: see make_pi_base.
pi_base=$cache/cluster-pi
stage=''
run_id=c$$
net=10.77.0

skip() {
    printf 'skipped: the cluster test needs %s\n' "$*"
    exit 0
}

# check_requirements: installs what is missing and makes the base image; skips the whole test where that fails.
check_requirements() {
    [ "$(uname -s)" = Linux ] || skip "Linux"
    [ "$(id -u)" -eq 0 ] || skip "root"
    [ -e /etc/debian_version ] || skip "Debian, for debootstrap and systemd-nspawn"
    install_missing systemd-nspawn:systemd-container debootstrap:debootstrap ip:iproute2 ssh:openssh-client \
        nsenter:util-linux python3:python3 || skip "$not_installed"
    unshare --mount true 2>/dev/null || skip "the right to make mount namespaces"
    mkdir -p "$cache"
    (
        flock 9
        if [ ! -d "$base" ]; then
            rm -rf "$base.new"
            debootstrap --variant=minbase --include=systemd,systemd-sysv,openssh-server,iproute2,dbus,procps,sudo \
                bookworm "$base.new" http://deb.debian.org/debian >"$cache/cluster-base.log" 2>&1 && mv "$base.new" "$base"
        fi
    ) 9>"$cache/cluster-base.lock"
    [ -d "$base" ] || skip "a base image, and debootstrap did not make one: see $cache/cluster-base.log"
}

# make_pi_base: makes $pi_base, once: $base with cloud-init, avahi and names by mDNS. False if their packages cannot be had.
make_pi_base() {
    (
        flock 9
        [ ! -d "$pi_base" ] || exit 0
        rm -rf "$pi_base.new"
        cp -a "$base" "$pi_base.new"
        cp /etc/resolv.conf "$pi_base.new/etc/resolv.conf"
        # No service may start here.
        printf '#!/bin/sh\nexit 101\n' >"$pi_base.new/usr/sbin/policy-rc.d"
        chmod 755 "$pi_base.new/usr/sbin/policy-rc.d"
        chroot "$pi_base.new" sh -c 'DEBIAN_FRONTEND=noninteractive && export DEBIAN_FRONTEND && apt-get update -q &&
            apt-get install -y -q --no-install-recommends cloud-init avahi-daemon libnss-mdns && apt-get clean' >"$cache/cluster-pi.log" 2>&1 || exit 1
        rm -f "$pi_base.new/usr/sbin/policy-rc.d" "$pi_base.new/etc/resolv.conf"
        mv "$pi_base.new" "$pi_base"
    ) 9>"$cache/cluster-base.lock"
}

# on_laptop COMMAND...: runs it in the network namespace of the teacher's laptop.
on_laptop() { ip netns exec "$run_id-laptop" "$@"; }

# set_up_network: a switch that only the hosts of this test see, with the laptop connected to it.
set_up_network() {
    make_switch
    connect_to_switch laptop 1
}
# set_link NAME up|down: plugs the network cable of a host in or out.
set_link() { ip -n "$run_id-sw" link set "$1" "$2"; }

# make_host NUMBER [BASE]: the file system and the network of a host, as if freshly installed. Does not boot it.
make_host() {
    name=pi$1
    folder=$stage/$name
    mkdir -p "$folder/upper" "$folder/work" "$folder/root"
    mount -t overlay overlay -o "lowerdir=${2:-$base},upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
    root=$folder/root
    echo "$name" >"$root/etc/hostname"
    hosts_file >"$root/etc/hosts"
    chroot "$root" useradd -m -s /bin/sh teacher
    printf 'teacher ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/teacher"
    install -d -m 700 "$root/home/teacher/.ssh"
    cp "$stage/key.pub" "$root/home/teacher/.ssh/authorized_keys"
    chroot "$root" chown -R teacher:teacher /home/teacher/.ssh
    # By default sshd refuses as many connections at a time as this test opens.
    printf 'MaxStartups 100\nUseDNS no\n' >"$root/etc/ssh/sshd_config.d/test.conf"
    # The LEDs of this test are trace files, in a folder that the sandbox of the unit does not include.
    install -d "$root/etc/systemd/system/carom.service.d" "$root/trace"
    printf '[Service]\nReadWritePaths=/trace\n' >"$root/etc/systemd/system/carom.service.d/test.conf"
    connect_to_switch "$name" "$((10 + $1))"
}
hosts_file() {
    echo '127.0.0.1 localhost'
    for each_host in 1 2 3 4 5 6 7 8 9; do echo "$net.$((10 + each_host)) pi$each_host"; done
}

# boot NAME [WORD...]: starts the host, in a cgroup of its own. NAME/machine-pid has the process that runs as long as the host.
# Its systemd takes the words for the kernel's command line.
boot() {
    boot_name=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --propagation private sh -c '
        name=$1 folder=$2 traces=$3 space=$4
        shift 4
        umount -R /sys/fs/cgroup 2>/dev/null
        mount -t cgroup2 none /sys/fs/cgroup || exit 1
        mkdir -p "/sys/fs/cgroup/$space" && echo $$ >"/sys/fs/cgroup/$space/cgroup.procs" || exit 1
        exec nsenter --net="/run/netns/$space" systemd-nspawn --quiet -D "$folder/root" -M "$space" --hostname="$name" \
            --register=no --keep-unit --bind="$traces:/trace" --link-journal=no --resolv-conf=off --console=pipe -b "$@"
    ' sh "$boot_name" "$stage/$boot_name" "$stage/traces" "$run_id-$boot_name" "$@" </dev/null >>"$stage/$boot_name/console" 2>&1 &
    echo $! >"$stage/$boot_name/machine-pid"
}
# cut_power NAME: kills all processes of the host at once.
cut_power() {
    group=$stage/cgroup/$run_id-$1
    if [ -e "$group/cgroup.kill" ]; then echo 1 >"$group/cgroup.kill"; fi
    wait "$(cat "$stage/$1/machine-pid")" 2>/dev/null || true
    for _ in $(seq 1 50); do
        grep -q 'populated 1' "$group/cgroup.events" 2>/dev/null || break
        sleep 0.1
    done
    umount "/run/systemd/nspawn/propagate/$run_id-$1" 2>/dev/null || true
    rmdir "/run/systemd/nspawn/propagate/$run_id-$1" 2>/dev/null || true
}
# remove_host NAME: as if it had never been made, so that another part can make it.
remove_host() {
    cut_power "$1"
    # Not left to the end of the namespace, which comes later.
    ip -n "$run_id-sw" link delete "$1"
    ip netns delete "$run_id-$1"
    umount -R "$stage/$1/root"
    rm -rf --one-file-system "${stage:?}/$1"
    ssh-keygen -q -f "$stage/known_hosts" -R "$net.$((10 + ${1#pi}))" >/dev/null 2>&1 || true
    rm -f "$stage"/traces/"$1"
}
# wait_for_ssh NAME: at most a minute or two.
wait_for_ssh() {
    for _ in $(seq 1 120); do
        if on "$1" true 2>/dev/null; then return 0; fi
        sleep 0.5
    done
    tail -n 20 "$stage/$1/console"; on "$1" true
    fail "$1 does not answer"
}

# on NAME COMMAND...: over ssh, as the teacher.
on() {
    on_host=$1
    shift
    on_laptop ssh -F "$stage/ssh_config" "$on_host" "$@" </dev/null
}

# set_up_stage: the folder $stage with the traces, an ssh key, and an ssh configuration for all hosts.
set_up_stage() {
    stage=$(mktemp -d /tmp/carom-cluster.XXXXXX)
    mkdir "$stage/traces" "$stage/cgroup"
    mount -t cgroup2 none "$stage/cgroup"
    mount -t tmpfs -o mode=1777 tmpfs "$stage/traces"
    chmod 1777 "$stage/traces"
    ssh-keygen -q -t ed25519 -N '' -f "$stage/key"
    {
        for number in 1 2 3 4 5 6 7 8 9; do printf 'Host pi%s\n  HostName %s\n' "$number" "$net.$((10 + number))"; done
        printf 'Host *\n  User teacher\n  IdentityFile %s\n  IdentitiesOnly yes\n' "$stage/key"
        printf '  StrictHostKeyChecking accept-new\n  UserKnownHostsFile %s\n  LogLevel ERROR\n  ConnectTimeout 3\n' "$stage/known_hosts"
    } >"$stage/ssh_config"
}

# clean_up: leaves this machine as it was before, whatever happened.
clean_up() {
    for machine in "$stage"/pi*/machine-pid; do
        if [ -e "$machine" ]; then cut_power "$(basename "$(dirname "$machine")")"; fi
    done
    for pid in ${background:-}; do kill "$pid" 2>/dev/null || true; done
    for space in laptop pi1 pi2 pi3 pi4 pi5 pi6 pi7 pi8 pi9 sw; do ip netns del "$run_id-$space" 2>/dev/null || true; done
    if [ -n "$stage" ]; then
        for group in "$stage/cgroup/$run_id"-*; do
            if [ -d "$group" ]; then find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
        done
        umount -R "$stage"/pi*/root "$stage"/pi*/opt "$stage/traces" "$stage/cgroup" 2>/dev/null || true
        rm -rf --one-file-system "$stage"
    fi
}

# fail TEXT: a check does not hold, and the test ends.
fail() {
    printf '%s  FAILED  %s\n' "$(elapsed)" "$*"
    exit 1
}
