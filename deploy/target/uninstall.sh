# Uninstall: removes everything that a rollout has put on this host.

verb_uninstall() {
    lock_step
    systemctl stop carom-guard.service carom-retry.timer carom.service carom.socket 2>/dev/null || true
    remove_units
    rm -rf "$root" "$heartbeat" "$lock" "$received_key" /run/carom-rollout-step /run/carom
    systemctl daemon-reload
    reset_failed_units
    if getent passwd carom >/dev/null; then userdel carom 2>/dev/null || true; fi
    if getent group carom >/dev/null; then groupdel carom 2>/dev/null || true; fi
    echo ok
}
