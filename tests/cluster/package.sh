# The Debian package alone, on three hosts: the first installation, an upgrade while the ball moves, the removal.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

# make_next_package: sets $next to a package of a higher version, with another binary.
make_next_package() {
    next=$stage/next.deb
    rm -rf "$stage/unpacked"
    dpkg-deb -R "$package" "$stage/unpacked"
    sed -i 's/^Version: .*/&.1/' "$stage/unpacked/DEBIAN/control"
    echo "another release" >>"$stage/unpacked/usr/bin/carom"
    dpkg-deb --root-owner-group -b "$stage/unpacked" "$next" >/dev/null
}
# expect_nothing_left NAME: no file, unit, user or process of carom is on the host.
expect_nothing_left() {
    ! on "$1" 'ls -d /etc/carom /run/carom || getent passwd carom || getent group carom' >"$stage/out" 2>/dev/null ||
        fail "$1: a purge leaves $(cat "$stage/out")"
    expect_no_process "$1" "a purge"
    on "$1" 'sudo find /etc /usr /lib/systemd /var/lib /var/cache -xdev -name "*carom*" -not -path "*/carom.service.d*"; systemctl list-units --all --plain --no-legend "carom*"' >"$stage/out"
    [ ! -s "$stage/out" ] || fail "$1: a purge leaves $(cat "$stage/out")"
}

if ! make_package; then
    printf '        the Debian package is not tested: cargo-deb is missing (cargo install cargo-deb --locked)\n'
else
    if install_missing lintian:lintian; then
        lintian --fail-on error,warning "$package" >"$stage/out" 2>&1 || fail "lintian: $(cat "$stage/out")"
        pass "lintian reports no error and no warning"
    fi
    make_next_package
    packaged="pi1 pi2 pi3"
    for name in $packaged; do cp "$package" "$next" "$stage/$name/root/var/"; done

    for name in $packaged; do
        expect 0 'carom: put the ring file of your ring at /etc/carom/ring.toml' install_package "$name" "$(basename "$package")"
        on "$name" 'systemctl --failed --plain --no-legend' >"$stage/out"
        [ ! -s "$stage/out" ] || fail "$name: without a ring file a unit has failed: $(cat "$stage/out")"
    done
    pass "apt installs the package on three hosts: it says what to do next, and without a ring file no unit fails"

    # As the package says.
    (cd "$stage" && rm -f package.key && "$built" key new package.key >/dev/null)
    { ring_of 3; } | sed 's/^lease = /key-file = "package.key"\n&/' >"$stage/package.toml"
    for name in $packaged; do
        mkdir -p "$stage/$name/root/var/ring"
        cp "$stage/package.toml" "$stage/package.key" "$stage/$name/root/var/ring/"
        on "$name" 'cd /var/ring && sudo install -m 644 package.toml /etc/carom/ring.toml && sudo install -m 640 -g carom package.key /etc/carom/ &&
            sudo carom check --config /etc/carom/ring.toml >/dev/null && sudo systemctl start carom' >"$stage/out" 2>&1 || fail "$name: $(cat "$stage/out")"
    done
    wait_for_ball() {
        for _ in $(seq 1 60); do
            saw=$(observe_since "$1")
            [ "$(value_of "$saw" nodes)" != 3 ] || return 0
            sleep 0.5
        done
        fail "the ball does not visit the three hosts: $saw"
    }
    wait_for_ball "$(now_ns)"
    from=$(now_ns)
    for name in $packaged; do
        install_package "$name" next.deb >"$stage/out" 2>&1 || fail "$name: $(cat "$stage/out")"
        ! grep -q 'put the ring file' "$stage/out" || fail "$name: the hint came with a ring file in place"
        on "$name" "grep -qF 'another release' /usr/bin/carom && systemctl is-active --quiet carom" || fail "$name runs the old release"
        [ "$(processes_of "$name")" = "$processes_of_node" ] || fail "$name: after an upgrade these run: $(processes_of "$name")"
    done
    upgraded=$(now_ns)
    wait_for_ball "$upgraded"
    saw=$(observe_since "$from")
    [ "$(value_of "$saw" generations)" = 1 ] || fail "an upgrade changed the generation: $saw"
    [ "$(value_of "$saw" two_lit)" = 0 ] && [ "$(value_of "$saw" hops_back)" = 0 ] || fail "during an upgrade: $saw"
    pass "apt upgrades three hosts, one after the other: generations changed 0, two LEDs lit 0 times, longest dark $(value_of "$saw" longest_dark_ms) ms in $(value_of "$saw" ons) passes; one daemon and one LED keeper each"

    # A broken ring file, so that the timer runs.
    on pi3 'sudo sed -i s/cluster/?/ /etc/carom/ring.toml; sudo systemctl restart carom' >/dev/null 2>&1 || true
    for _ in $(seq 1 20); do
        [ "$(on pi3 'systemctl is-active carom-retry.timer' || true)" != active ] || break
        sleep 0.2
    done
    [ "$(on pi3 'systemctl is-active carom-retry.timer' || true)" = active ] || fail "the timer does not run"
    for name in $packaged; do
        on "$name" 'sudo apt-get remove -y carom' >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
        on "$name" 'test -e /etc/carom/ring.toml && test -e /etc/carom/package.key' || fail "a removal took the ring file or the key"
        expect_no_process "$name" "a removal"
        ! on "$name" 'systemctl is-active carom-retry.timer' >"$stage/out" || fail "$name: a removal leaves the timer running"
        on "$name" 'sudo apt-get purge -y carom' >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
        expect_nothing_left "$name"
        rm -rf "$stage/$name/root/var/ring" "$stage/$name/root/var/"*.deb
    done
    rm -f "$stage"/traces/pi*
    pass "a removal ends the daemon, its LED keeper and the timer, and keeps ring file and key; a purge leaves nothing"
fi
