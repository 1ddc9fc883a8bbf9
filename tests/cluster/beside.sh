# The Debian package beside a rollout: each refuses a host of the other, and leaves it alone.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

if ! make_package; then
    printf '        the Debian package is not tested: cargo-deb is missing (cargo install cargo-deb --locked)\n'
else
    if [ ! -d "$stage/pi6" ]; then
        make_host 6
        boot pi6
        wait_for_ssh pi6
    else
        ring=$stage/six.toml
        expect 0 'pi6: nothing of carom is left' deploy uninstall --only pi6
    fi
    for name in pi1 pi6; do cp "$package" "$stage/$name/root/var/carom.deb"; done

    expect 100 'deploy/rollout has brought carom to this machine: run deploy/uninstall first' install_package pi1 carom.deb
    on pi1 'sudo dpkg --purge carom' >/dev/null 2>&1 || true
    ring=$stage/ring.toml
    expect_all_intact
    pass "the package refuses a host that has a rollout, which plays on"

    expect 0 'carom: put the ring file of your ring at /etc/carom/ring.toml' install_package pi6 carom.deb
    ring=$stage/six.toml
    expect 1 'pi6: the Debian package carom .* is installed there.*: run sudo apt remove carom there first' deploy rollout --binary "$stage/v1/carom" --dry-run
    expect 1 'pi6 .*the Debian package carom .* is installed there, and no rollout has been' deploy status --only pi6
    expect 0 'pi6: the Debian package carom stays' deploy uninstall --only pi6
    on pi6 'getent passwd carom' >/dev/null || fail "deploy/uninstall has removed the user of the package"
    pass "a rollout refuses a host that has the package, deploy/uninstall leaves it alone"

    # From the package to rollouts, as OPERATIONS.md says.
    on pi6 'echo "# the file of the package" | sudo tee /etc/carom/ring.toml >/dev/null; sudo apt-get remove -y carom' >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
    expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
    on pi6 'sudo apt-get purge -y carom' >"$stage/out" 2>&1 || fail "$(cat "$stage/out")"
    on pi6 'sudo systemctl restart carom && getent passwd carom' >"$stage/out" 2>&1 || fail "a purge of the removed package broke the rollout: $(cat "$stage/out")"
    ring=$stage/ring.toml
    expect 0 'pi6: is no longer in the ring file: it will be stopped' deploy rollout --binary "$stage/v1/carom"
    pass "after apt remove a rollout takes the host over, and apt purge leaves it alone"
fi
