# Real hosts on one machine: each boots Debian with systemd and sshd in a network namespace of its
# own, on an overlay over one cached base. Nothing outside is touched, and nothing is left behind.
# shellcheck shell=sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/carom
base=$cache/cluster-base
stage=''
run_id=c$$
net=10.77.0

skip() {
    printf 'skipped: the cluster test needs %s\n' "$*"
    exit 0
}

# What this machine must have, installed where that can be done.
need() {
    [ "$(uname -s)" = Linux ] || skip "Linux"
    [ "$(id -u)" -eq 0 ] || skip "root"
    [ -e /etc/debian_version ] || skip "Debian, for debootstrap and systemd-nspawn"
    missing=
    for pair in systemd-nspawn:systemd-container debootstrap:debootstrap ip:iproute2 ssh:openssh-client nsenter:util-linux python3:python3; do
        command -v "${pair%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
    if [ -n "$missing" ]; then
        apt-get -o DPkg::Lock::Timeout=120 update -qq >/dev/null 2>&1 || true
        # shellcheck disable=SC2086 # one word a package
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
            skip "these packages, which could not be installed:$missing"
    fi
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

# in_desk COMMAND...: runs it on the teacher's machine, as far as the network is concerned.
in_desk() { ip netns exec "$run_id-desk" "$@"; }

# network: a switch that only the hosts of this test see.
network() {
    ip netns add "$run_id-sw"
    ip -n "$run_id-sw" link add br0 type bridge
    ip -n "$run_id-sw" link set br0 up
    plug desk 1
}
# plug NAME NUMBER: a network namespace with one cable into the switch.
plug() {
    ip netns add "$run_id-$1"
    ip -n "$run_id-$1" link add eth0 type veth peer name "$1" netns "$run_id-sw"
    ip -n "$run_id-sw" link set "$1" master br0 up
    ip -n "$run_id-$1" address add "$net.$2/24" dev eth0
    ip -n "$run_id-$1" link set lo up
    ip -n "$run_id-$1" link set eth0 up
}
cable() { ip -n "$run_id-sw" link set "$1" "$2"; }

# make_host NUMBER: a machine as an SD card image would be, not started yet.
make_host() {
    name=pi$1
    folder=$stage/$name
    mkdir -p "$folder/upper" "$folder/work" "$folder/root"
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
    root=$folder/root
    echo "$name" >"$root/etc/hostname"
    hosts_file >"$root/etc/hosts"
    chroot "$root" useradd -m -s /bin/sh teacher
    printf 'teacher ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/teacher"
    install -d -m 700 "$root/home/teacher/.ssh"
    cp "$stage/key.pub" "$root/home/teacher/.ssh/authorized_keys"
    chroot "$root" chown -R teacher:teacher /home/teacher/.ssh
    # A test opens more sessions in a minute than a teacher.
    printf 'MaxStartups 100\nUseDNS no\n' >"$root/etc/ssh/sshd_config.d/test.conf"
    # The LEDs of this test are lines in memory; a real one needs no such thing.
    install -d "$root/etc/systemd/system/carom.service.d" "$root/trace"
    printf '[Service]\nReadWritePaths=/trace\n' >"$root/etc/systemd/system/carom.service.d/test.conf"
    plug "$name" "$((10 + $1))"
}
hosts_file() {
    echo '127.0.0.1 localhost'
    for each_host in 1 2 3 4 5 6; do echo "$net.$((10 + each_host)) pi$each_host"; done
}

# boot NAME: power on. The plug is the process whose number is in NAME/plug.
boot() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --propagation private sh -c '
        name=$1 folder=$2 traces=$3 space=$4
        umount -R /sys/fs/cgroup 2>/dev/null
        mount -t cgroup2 none /sys/fs/cgroup || exit 1
        mkdir -p "/sys/fs/cgroup/$space" && echo $$ >"/sys/fs/cgroup/$space/cgroup.procs" || exit 1
        exec nsenter --net="/run/netns/$space" systemd-nspawn --quiet -D "$folder/root" -M "$space" --hostname="$name" \
            --register=no --keep-unit --bind="$traces:/trace" --link-journal=no --resolv-conf=off --console=pipe -b
    ' sh "$1" "$stage/$1" "$stage/traces" "$run_id-$1" </dev/null >>"$stage/$1/console" 2>&1 &
    echo $! >"$stage/$1/plug"
}
# pull NAME: the power goes, for all that runs there at once.
pull() {
    group=$stage/cgroup/$run_id-$1
    if [ -e "$group/cgroup.kill" ]; then echo 1 >"$group/cgroup.kill"; fi
    wait "$(cat "$stage/$1/plug")" 2>/dev/null || true
    for _ in $(seq 1 50); do
        grep -q 'populated 1' "$group/cgroup.events" 2>/dev/null || break
        sleep 0.1
    done
    umount "/run/systemd/nspawn/propagate/$run_id-$1" 2>/dev/null || true
    rmdir "/run/systemd/nspawn/propagate/$run_id-$1" 2>/dev/null || true
}
# up NAME: waits until sshd answers.
up() {
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
    in_desk ssh -F "$stage/ssh_config" "$on_host" "$@" </dev/null
}

desk() {
    stage=$(mktemp -d /tmp/carom-cluster.XXXXXX)
    mkdir "$stage/traces" "$stage/cgroup"
    mount -t cgroup2 none "$stage/cgroup"
    mount -t tmpfs -o mode=1777 tmpfs "$stage/traces"
    chmod 1777 "$stage/traces"
    ssh-keygen -q -t ed25519 -N '' -f "$stage/key"
    {
        for number in 1 2 3 4 5 6; do printf 'Host pi%s\n  HostName %s\n' "$number" "$net.$((10 + number))"; done
        printf 'Host *\n  User teacher\n  IdentityFile %s\n  IdentitiesOnly yes\n' "$stage/key"
        printf '  StrictHostKeyChecking accept-new\n  UserKnownHostsFile %s\n  LogLevel ERROR\n  ConnectTimeout 3\n' "$stage/known_hosts"
    } >"$stage/ssh_config"
}

# tidy_up: whatever happened, the machine is as before.
tidy_up() {
    for plug in "$stage"/pi*/plug; do
        if [ -e "$plug" ]; then pull "$(basename "$(dirname "$plug")")"; fi
    done
    for pid in ${background:-}; do kill "$pid" 2>/dev/null || true; done
    for space in desk pi1 pi2 pi3 pi4 pi5 pi6 sw; do ip netns del "$run_id-$space" 2>/dev/null || true; done
    if [ -n "$stage" ]; then
        for group in "$stage/cgroup/$run_id"-*; do
            if [ -d "$group" ]; then find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
        done
        umount -R "$stage"/pi*/root "$stage"/pi*/opt "$stage/traces" "$stage/cgroup" 2>/dev/null || true
        rm -rf --one-file-system "$stage"
    fi
}

begun=$(date +%s)
checks=0
# pass WORDS: one line of the report.
pass() {
    checks=$((checks + 1))
    printf '%4s s  ok  %s\n' "$(($(date +%s) - begun))" "$*"
}
fail() {
    printf '%4s s  FAILED  %s\n' "$(($(date +%s) - begun))" "$*"
    exit 1
}
