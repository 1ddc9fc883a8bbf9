# Stage: makes a release of what the rollout has copied to this host. Nothing that runs is changed.

# stage TOKEN HASH NODE host=H ring=P receiver=P ... [wire=N] [key-file=PATH key=FINGERPRINTS]: the new binary itself checks the
# ring file. wire=: the version of the ring protocol that the binary should speak. key=: as for put_key.
verb_stage() {
    lock_step
    trap 'rm -rf "$root/releases/.partial" "$received_key"' EXIT
    token=$1 hash=$2 node=$3
    shift 3
    from=$root/incoming-$token
    (cd "$from" && sha256sum --quiet -c SHA256SUMS) >/dev/null 2>&1 ||
        fail "what arrived is not what was sent: checksums differ; try again"
    chmod 644 "$from"/*
    chmod 755 "$from" "$from/carom" "$from/target.sh"
    version=$("$from/carom" --version 2>&1) ||
        fail "the binary does not run on this machine ($(userland)): $(printf '%s' "$version" | head -n 1)"
    version=$(printf '%s\n' "$version" | awk 'NR == 1 { print $2 }' | tr -cd 'A-Za-z0-9.+~')
    expected_wire=$(value_in wire "$@")
    [ "$(wire_of "$from/carom")" = "$expected_wire" ] ||
        fail "the binary speaks version $(wire_of "$from/carom") of the ring protocol, and not $expected_wire as the rollout has read from it: build it again"
    name=${version:-unknown}-$hash
    install -d -m 755 "$root" "$root/releases"
    rm -rf "$root/releases/.partial"
    mv "$from" "$root/releases/.partial"
    cd "$root/releases/.partial"
    mv SHA256SUMS sent
    printf 'CAROM_NODE=%s\n' "$node" >carom.env
    key_file=$(value_in key-file "$@")
    if [ -n "$key_file" ]; then
        [ ! -e "$key_file" ] || fail "key-file = \"$key_file\" is the name of another file of a release: choose one such as \"ring.key\""
        printf '%s\n' "$key_file" >key-file
        put_key .partial "$(value_in key "$@")"
    fi
    topology=$(./carom check --config ring.toml 2>why) ||
        fail "the new binary refuses the ring file: $(head -n 1 why)"
    rm -f why
    topology=$(printf '%s\n' "$topology" | sed -n '1s/.*topology //p')
    printf '%s\n' "$topology" >topology
    write_socket_unit "$@"
    rm sent
    # deploy/reset restores the ring file from this copy.
    cp -p ring.toml ring.toml.as-sent || fail_disk_full
    # All but the key, which deploy/rotate-key changes.
    find . -type f ! -path "./$key_file" -exec sha256sum -- {} + >../.sums || fail_disk_full
    mv ../.sums SHA256SUMS
    sync
    cd "$root"
    # A release of that name is staged again only if its files were damaged.
    rm -rf releases/.damaged
    if [ -d "releases/$name" ]; then mv -T "releases/$name" releases/.damaged; fi
    mv -T releases/.partial "releases/$name"
    rm -rf releases/.damaged
    install -m 755 "releases/$name/target.sh" target.sh.new && mv target.sh.new target.sh
    sync
    printf 'ok %s\n' "$name"
}
fail_disk_full() {
    rm -rf "$root/releases/.partial"
    fail "the release could not be written to $root: $(df -Pk "$root" | awk 'NR == 2 { print $4 }') KiB are free there"
}

# value_in KEY KEY=VALUE...: the value of that key, or nothing.
value_in() {
    wanted_key=$1
    shift
    for word; do
        case $word in "$wanted_key="*) printf '%s\n' "${word#*=}" ;; esac
    done
}

# write_socket_unit KEY=VALUE...: this node's ports, on the address to which the daemon itself would bind them.
write_socket_unit() {
    address=
    for word; do
        case $word in
        listen=*) address=${word#listen=} ;;
        host=*)
            if [ -z "$address" ] && ip -o address 2>/dev/null | grep -qF " ${word#host=}/"; then
                address=${word#host=}
            fi
            ;;
        esac
    done
    case $address in *:*) address="[$address]" ;; esac
    streams=
    for word; do
        case $word in
        ring=* | receiver=* | rate=* | http=* | window-left=* | window-right=*)
            streams="${streams}ListenStream=${address:+$address:}${word#*=}\\n"
            ;;
        esac
        case $word in http=*) printf '%s\n' "${address:-127.0.0.1}:${word#http=}" >http ;; esac
    done
    awk -v streams="$streams" '/^ListenStream=/ { if (!done) { printf streams; done = 1 } next } { print }' \
        carom.socket >carom.socket.new
    mv carom.socket.new carom.socket
}
