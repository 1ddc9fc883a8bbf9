# Lock: which rollout may change this host. The lock is made by a hard link, which succeeds for one only.

# lock TOKEN OWNER [break]
verb_lock() {
    lock_step
    token=$1 new_owner=$2
    # Seconds since the machine started, because the wall clock may jump.
    now=$(awk '{ print int($1) }' /proc/uptime)
    if [ "${3:-}" = break ]; then rm -f "$lock"; fi
    if [ -s "$lock" ] && read -r _ since _ <"$lock" && [ $((now - since)) -ge "$lock_timeout_seconds" ]; then rm -f "$lock"; fi
    printf '%s %s %s\n' "$token" "$now" "$new_owner" >"$lock.$token"
    if ln "$lock.$token" "$lock" 2>/dev/null; then
        rm -f "$lock.$token"
        # What a rollout has left that died.
        remove_unused_keys
        rm -rf "$root"/incoming-*
        echo ok
        return 0
    fi
    rm -f "$lock.$token"
    read -r held_token since owner <"$lock" || fail "another rollout has just left this host: try again"
    if [ "$held_token" = "$token" ]; then echo ok; return 0; fi
    fail "another rollout has this host: $owner, for $((now - since)) s; wait for it, or if it has died, add --break-lock"
}

# unlock TOKEN: also removes what the rollout has copied to this host.
verb_unlock() {
    # A step that goes on without its rollout may be placing a key.
    lock_step
    if [ -s "$lock" ] && grep -q "^$1 " "$lock"; then
        remove_unused_keys
        rm -f "$lock"
    fi
    rm -rf "$root/incoming-$1"
    # If nothing was brought here, nothing is left.
    rmdir "$root" 2>/dev/null || true
    echo ok
}
