# Uninstall: removes everything that a rollout has put on this host. What belongs to the Debian package stays.

verb_uninstall() {
    lock_step
    packaged=$(package_version)
    if [ "$packaged" != none ] && [ ! -d "$root/releases" ]; then
        rm -f "$lock"
        echo "ok package"
        return 0
    fi
    systemctl stop carom-guard.service carom-retry.timer carom.service carom.socket 2>/dev/null || true
    remove_units
    rm -rf "$root" "$heartbeat" "$lock" "$received_key" /run/carom-rollout-step /run/carom
    systemctl daemon-reload
    reset_failed_units
    if [ "$packaged" != none ]; then
        echo "ok package"
        return 0
    fi
    if getent passwd carom >/dev/null; then userdel carom 2>/dev/null || true; fi
    if getent group carom >/dev/null; then groupdel carom 2>/dev/null || true; fi
    echo ok
}
