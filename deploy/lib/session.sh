# Session: what a script sets up before it works, what it must leave in order at its end, and the summary.
# shellcheck shell=sh

# What end_session says of the hosts if somebody has interrupted the script.
when_interrupted='every host is left with one release, whole'

# start_session: a work folder, a log folder, and the hosts of the ring file.
start_session() {
    # In /tmp, because the path of an ssh control socket may have about 100 characters only.
    work=$(mktemp -d /tmp/carom.XXXXXX)
    logs=${XDG_STATE_HOME:-$HOME/.local/state}/carom/$(basename "$0")-$(date +%Y%m%d-%H%M%S)-$$
    token=$(basename "$work" | tr -cd 'A-Za-z0-9')
    # shellcheck disable=SC2034 # ssh.sh reads it
    marker=marker-$token
    # shellcheck disable=SC2034 # lock.sh reads it
    operator=$(id -un)@$(uname -n),process-$$
    caught_signal=''
    trap end_session EXIT
    trap 'caught_signal=INT; exit 130' INT
    trap 'caught_signal=TERM; exit 143' TERM HUP
    trap 'caught_signal=PIPE; exit 141' PIPE
    live_table=no
    # shellcheck disable=SC2034 # display.sh reads it
    if [ -t 1 ] && [ "$dry_run" = no ]; then live_table=yes; fi
    find_carom
    : >"$work/absent"
    "$deploy_dir/target/join" >"$work/target.sh"
    read_hosts
    read_sudo_password
}
# find_carom: sets $carom to a binary for this machine, which reads the ring file.
find_carom() {
    for carom in "${CAROM:-}" "$project_dir/target/release/carom" "${CARGO_TARGET_DIR:-$project_dir/target}/release/carom" "$(built_binary "$(uname -m)")" "$(command -v carom || true)"; do
        if [ -x "$carom" ]; then return 0; fi
    done
    die "no carom for this machine, which reads the ring file: build one with cargo build --release, or set CAROM to it"
}

# built_binary MACHINE: what deploy/build has made for such a machine, or nothing. On a machine of that kind, what cargo has
# made there comes second.
built_binary() {
    target_dir=${CARGO_TARGET_DIR:-$project_dir/target}
    version_here=$(sed -n 's/^version = "\(.*\)"/\1/p' "$project_dir/Cargo.toml" | head -n 1)
    case $1 in
    armv7l) built_names='armv7 armv6' ;;
    armv6l) built_names=armv6 ;;
    *) built_names=$1 ;;
    esac
    for name in $built_names; do
        if [ -s "$target_dir/deploy/carom-$version_here-$name" ]; then
            echo "$target_dir/deploy/carom-$version_here-$name"
            return 0
        fi
    done
    if [ "$1" = "$(uname -m)" ] && [ "$(uname -s)" = Linux ] && [ -s "$target_dir/release/carom" ]; then echo "$target_dir/release/carom"; fi
}

# end_session: runs however the script ends. No host keeps an unconfirmed switch, a stopped node or a lock.
end_session() {
    code=$?
    trap '' INT TERM HUP PIPE
    trap - EXIT
    # Whatever fails from here on, the rest must still be put in order.
    set +e
    # The signal may have come while the password was typed.
    if [ "$ask_sudo" = yes ]; then stty echo 2>/dev/null; fi
    # Nobody reads the output any more.
    if [ "$caught_signal" = PIPE ]; then exec >/dev/null 2>&1; fi
    if [ -n "$caught_signal" ]; then
        message "interrupted: $when_interrupted"
        for pid in ${job_pids:-}; do kill "$pid" 2>/dev/null || true; done
    fi
    for unconfirmed in "$work"/*.unconfirmed; do
        if [ -e "$unconfirmed" ]; then revert_host "$(basename "$unconfirmed" .unconfirmed)" </dev/null || true; fi
    done
    for stopped in "$work"/*.stopped; do
        if [ -e "$stopped" ]; then remote "$(basename "$stopped" .stopped)" start >/dev/null </dev/null || true; fi
    done
    unlock_hosts
    close_connections
    rm -rf "$work"
    exit "$code"
}

# apply FUNCTION: runs what changes the hosts of `todo`, prints one line about each, and exits.
apply() {
    apply_began=$(date +%s)
    result=0
    "$1" || result=1
    message ""
    while read -r name; do
        printf '%s: %s\n' "$name" "$(outcome_of "$name")"
    done <"$work/todo"
    if [ "$result" = 0 ]; then
        printf 'done in %s s: %s of %s hosts switched\n' "$(($(date +%s) - apply_began))" "$(wc -l <"$work/done" | tr -d ' ')" "$(wc -l <"$work/selected" | tr -d ' ')"
    else
        printf 'not done; logs are in %s\n' "$logs"
    fi
    exit "$result"
}
outcome_of() {
    if [ -e "$work/$1.done" ]; then
        echo "runs $(cat "$work/$1.release")"
    elif [ -s "$work/$1.failure" ]; then
        echo "failed, $(cat "$work/$1.failure"); log: $logs/$1.log"
    else
        case $(cat "$work/$1.message" 2>/dev/null || true) in
        back*) cat "$work/$1.message" ;;
        *) echo "not switched, runs $(probe_value "$1" current)" ;;
        esac
    fi
}
