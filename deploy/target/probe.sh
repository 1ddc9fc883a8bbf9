# Probe: what the rollout must know of this host before it changes anything.

# probe HASHES: the hash of the new release for each kind of machine, as "x86_64=...,aarch64=...".
verb_probe() {
    machine=$(userland)
    hash=$(printf '%s\n' "$1" | tr ',' '\n' | sed -n "s/^$machine=//p")
    folder=/opt
    [ -d "$root" ] && folder=$root
    writable=no
    # Root may write anywhere except on a file system that is mounted read-only.
    [ -w "$folder" ] && writable=yes
    runs_programs=yes
    case ,$(findmnt -n -o OPTIONS --target "$folder" 2>/dev/null), in *,noexec,*) runs_programs=no ;; esac
    free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
    systemd_version=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 }')
    running=$(current_release)
    topology=none
    if [ "$running" != none ] && [ -s "$root/current/topology" ]; then
        topology=$(cat "$root/current/topology")
    fi
    state=$(systemctl is-active carom.service 2>/dev/null) || true
    overlay=no
    [ "$(findmnt -n -o FSTYPE / 2>/dev/null)" = overlay ] && overlay=yes
    intact=yes
    is_intact "$running" || intact=no
    staged=$(release_with_hash "${hash:-unknown}")
    is_intact "$staged" || staged=none
    previous=$(content_or "$root/previous" none)
    had_previous=no
    if [ -s "$root/previous" ]; then had_previous=yes; fi
    key=$(running_fingerprints)
    changed=none
    if [ "$running" != none ]; then changed=$(changed_files); fi
    printf 'ok wire=%s previous_wire=%s key=%s key_file=%s previous_key_file=%s ' "$(wire_of "$root/current/carom")" \
        "$(wire_of "$root/releases/$previous/carom")" "${key%%,*}" "$(key_file_of "$running")" "$(key_file_of "$previous")"
    printf 'package=%s changed=%s runs_programs=%s ' "$(package_version)" "$changed" "$runs_programs"
    printf 'owner=%s had_previous=%s binary=%s ring=%s previous_topology=%s ' \
        "$(cut -d ' ' -f 3 "$lock" 2>/dev/null || true)" "$had_previous" \
        "$(checksum "$root/current/carom")" "$(checksum "$root/current/ring.toml")" \
        "$(content_or "$root/releases/$previous/topology" none)"
    printf 'machine=%s free=%s writable=%s overlay=%s systemd=%s current=%s previous=%s pending=%s state=%s topology=%s staged=%s intact=%s ' \
        "$machine" "${free:-0}" "$writable" "$overlay" "${systemd_version:-none}" "$running" \
        "$previous" "$(content_or "$root/pending" none)" "${state:-unknown}" \
        "$topology" "$staged" "$intact"
    # Last, so that the rollout sees whether the answer is whole.
    printf 'clock=%s probe=complete\n' "$(date +%s)"
}

# userland: the kind of machine whose programs run here. The kernel alone does not tell: that of a 32-bit Raspberry Pi OS may
# have 64 bits.
userland() {
    kernel=$(uname -m)
    debian=$(dpkg --print-architecture 2>/dev/null) || debian=
    case $debian,$(getconf LONG_BIT 2>/dev/null || true),$kernel in
    armel,*) echo "$debian" ;;
    *,armv6l) echo armv6l ;;
    armhf,* | ,32,aarch64 | ,*,armv[78]l) echo armv7l ;;
    arm64,*) echo aarch64 ;;
    amd64,*) echo x86_64 ;;
    ,32,x86_64) echo i386 ;;
    ,*) echo "$kernel" ;;
    *) echo "$debian" ;;
    esac
}
# package_version: of the Debian package, if it is installed; else "none".
package_version() {
    package=$(dpkg-query -W -f '${db:Status-Status} ${Version}' carom 2>/dev/null) || package=
    case $package in 'installed '*) echo "${package#* }" ;; *) echo none ;; esac
}

# release_with_hash HASH: the name of that release if it is on this host, else "none".
release_with_hash() {
    for found in "$root"/releases/*-"$1"; do
        if [ -d "$found" ]; then
            basename "$found"
            return 0
        fi
    done
    echo none
}
is_intact() {
    [ "$1" = none ] || (cd "$root/releases/$1" && sha256sum --quiet -c SHA256SUMS >/dev/null 2>&1)
}
# wire_of BINARY: the version of the ring protocol that it speaks; 1 if it cannot say, as before there were others.
wire_of() {
    spoken=$("$1" --version 2>/dev/null | sed -n '1s/.*(wire \([0-9]*\)).*/\1/p')
    echo "${spoken:-1}"
}
checksum() { if [ -s "$1" ]; then sha256sum <"$1" | cut -c 1-64; else echo none; fi; }

# missing-peers: the peers to which this node has no link, separated by commas.
verb_missing_peers() {
    if [ "$(systemctl is-active carom.service 2>/dev/null)" != active ]; then
        echo "ok unknown"
        return 0
    fi
    printf 'ok %s\n' "$(node_facts | awk '$1 == "missing" { printf "%s,", $2 }')"
}

# ring-file [RELEASE]: the one that runs here, or that of another release. It tells which nodes are in the ring.
verb_ring_file() {
    if [ -n "${1:-}" ]; then cat "$root/releases/$1/ring.toml"; else cat "$root/current/ring.toml"; fi
}
