# Probe: what the rollout must know of this host before it changes anything.

# probe HASHES: the hash of the new release for each kind of machine, as "x86_64=...,aarch64=...".
verb_probe() {
    machine=$(uname -m)
    hash=$(printf '%s\n' "$1" | tr ',' '\n' | sed -n "s/^$machine=//p")
    folder=/opt
    [ -d "$root" ] && folder=$root
    writable=no
    # Root may write anywhere except on a file system that is mounted read-only.
    [ -w "$folder" ] && writable=yes
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
    printf 'ok wire=%s previous_wire=%s key=%s key_file=%s previous_key_file=%s ' "$(wire_of "$root/current/carom")" \
        "$(wire_of "$root/releases/$previous/carom")" "${key%%,*}" "$(key_file_of "$running")" "$(key_file_of "$previous")"
    printf 'owner=%s had_previous=%s binary=%s ring=%s previous_topology=%s ' \
        "$(cut -d ' ' -f 3 "$lock" 2>/dev/null || true)" "$had_previous" \
        "$(checksum "$root/current/carom")" "$(checksum "$root/current/ring.toml")" \
        "$(content_or "$root/releases/$previous/topology" none)"
    printf 'machine=%s free=%s writable=%s overlay=%s systemd=%s clock=%s current=%s previous=%s pending=%s state=%s topology=%s staged=%s intact=%s\n' \
        "$machine" "${free:-0}" "$writable" "$overlay" "${systemd_version:-none}" "$(date +%s)" "$running" \
        "$previous" "$(content_or "$root/pending" none)" "${state:-unknown}" \
        "$topology" "$staged" "$intact"
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

# ring-file: the one that runs here. It tells the rollout which nodes have been in the ring.
verb_ring_file() { cat "$root/current/ring.toml"; }
