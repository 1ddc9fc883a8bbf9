# The Debian package on a host of its own, and beside a rollout.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

if ! command -v cargo-deb >/dev/null 2>&1; then
    printf '        the Debian package is not tested: cargo-deb is missing (cargo install cargo-deb --locked)\n'
else
    deploy/package "$architecture" "$built" >"$stage/out" 2>&1 || fail "deploy/package: $(cat "$stage/out")"
    package=$built.deb
    if install_missing lintian:lintian; then
        lintian --fail-on error,warning "$package" >"$stage/out" 2>&1 || fail "lintian: $(cat "$stage/out")"
        pass "lintian reports no error and no warning"
    fi
    if [ ! -d "$stage/pi6" ]; then
        make_host 6
        boot pi6
        wait_for_ssh pi6
    else
        ring=$stage/six.toml
        expect 0 'pi6: nothing of carom is left' deploy uninstall --only pi6
    fi
    for name in pi1 pi6; do cp "$package" "$stage/$name/root/var/carom.deb"; done

    expect 1 'deploy/rollout has brought carom to this machine: run deploy/uninstall first' on pi1 'sudo dpkg -i /var/carom.deb'
    on pi1 'sudo dpkg --purge carom' >/dev/null 2>&1 || true
    ring=$stage/ring.toml
    expect_all_intact
    pass "the package refuses a host that has a rollout, which plays on"

    expect 0 'carom: put the ring file of your ring at /etc/carom/ring.toml' on pi6 'sudo dpkg -i /var/carom.deb'
    [ "$(on pi6 'systemctl is-failed carom' || true)" = inactive ] || fail "without a ring file: $(on pi6 'systemctl status carom')"
    ring=$stage/six.toml
    expect 1 'pi6: the Debian package carom .* is installed there.*: run sudo apt remove carom there first' deploy rollout --binary "$stage/v1/carom" --dry-run
    expect 1 'pi6 .*the Debian package carom .* is installed there, and no rollout has been' deploy status --only pi6
    expect 0 'pi6: the Debian package carom stays' deploy uninstall --only pi6
    on pi6 'getent passwd carom' >/dev/null || fail "deploy/uninstall has removed the user of the package"
    pass "the package says what to do next; a rollout refuses its host, deploy/uninstall leaves it alone"

    # A ring of one, and a ring file that is broken, so that the timer runs.
    printf '[ring]\nname = "one"\n[[node]]\nname = "pi6"\nhost = "pi6"\n[[ball]]\nstart = "pi6"\nposition = [100, 300]\nvelocity = [800, 130]\n' |
        on_laptop ssh -F "$stage/ssh_config" pi6 'sudo tee /etc/carom/ring.toml >/dev/null && sudo systemctl start carom'
    expect 0 'ball 1 is on pi6' on pi6 'carom status localhost'
    on pi6 'sudo sed -i s/one/?/ /etc/carom/ring.toml; sudo systemctl restart carom' >/dev/null 2>&1 || true
    for _ in $(seq 1 20); do
        [ "$(on pi6 'systemctl is-active carom-retry.timer' || true)" != active ] || break
        sleep 0.2
    done
    [ "$(on pi6 'systemctl is-active carom-retry.timer' || true)" = active ] || fail "the timer does not run"
    on pi6 'sudo dpkg --remove carom' >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
    [ "$(on pi6 'systemctl is-active carom-retry.timer' || true)" = inactive ] || fail "the timer has survived the removal"
    on pi6 'test -e /etc/carom/ring.toml' || fail "a removal took the ring file"
    on pi6 'sudo dpkg --purge carom' >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
    ! on pi6 'ls -d /etc/carom || getent passwd carom || getent group carom' >"$stage/out" 2>/dev/null || fail "a purge leaves $(cat "$stage/out")"
    on pi6 'sudo find /etc /usr /lib/systemd /var/lib/systemd -xdev -name "*carom*" -not -path "*/carom.service.d*"' >"$stage/out"
    [ ! -s "$stage/out" ] || fail "a purge leaves $(cat "$stage/out")"
    ring=$stage/ring.toml
    pass "it plays with a ring file; a removal stops the timer and keeps the ring file, a purge leaves nothing"
fi
