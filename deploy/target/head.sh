#!/bin/sh
# shellcheck disable=SC2317 # verbs are called by name
# What the scripts of deploy/ do on a host: one verb a call, as root, sent over ssh or run from
# /opt/carom/target.sh. Answers are one line: "ok ...", "wait ..." or "failed SENTENCE".
# This file is joined from the parts in deploy/target/. Here: settings, paths, and what all parts use.
#
#   /opt/carom/releases/VERSION-HASH/   binary, ring file, units: written once, never changed; the key (key.sh)
#   /opt/carom/current                  a link to the release that runs
#   /opt/carom/previous                 the name of the one that `rollback` goes back to
#   /opt/carom/pending                  the name of the one to go back to unless the switch is confirmed
#   /opt/carom/reverting                the same name, while the host goes back to it
set -eu
umask 022
LC_ALL=C
export LC_ALL

root=/opt/carom
units=/etc/systemd/system
# Touched by every sign of life of a rollout, removed by the guard (revert.sh) when it has seen it.
heartbeat=/run/carom-rollout-alive
# The lock: "TOKEN SECONDS-SINCE-BOOT OWNER".
lock=/run/carom-rollout-owner
# The key of the ring, on its way from a rollout to its place. deploy/lib/key.sh knows the same path.
received_key=/run/carom-rollout-key

# If a rollout gives no sign of life for so many seconds, it is dead, and the guard reverts an unconfirmed switch.
heartbeat_timeout_seconds=20
# A lock older than so many seconds belongs to a rollout that died without giving it back.
lock_timeout_seconds=600
# Releases that are kept, the running one included.
kept_releases=3

fail() {
    printf 'failed %s\n' "$*"
    exit 1
}
log() {
    if command -v logger >/dev/null 2>&1; then logger -t carom-deploy -- "$*" || true; fi
}

current_release() {
    link=$(readlink "$root/current" 2>/dev/null) || link=
    if [ -n "$link" ]; then basename "$link"; else echo none; fi
}
# content_or FILE DEFAULT: what the file says, or the default if it is missing or empty.
content_or() { if [ -s "$1" ]; then cat "$1"; else echo "$2"; fi; }

# lock_step: waits for a step that an interrupted rollout began here, because it goes on without its rollout.
lock_step() {
    exec 9>/run/carom-rollout-step
    flock -w 60 9 || fail "another step is still under way on this host"
}
