# ssh: how a host is reached, and how a verb of deploy/target/ is run there.
# shellcheck shell=sh

# remote NAME VERB ARGUMENT...: runs a verb of deploy/target/ on that host, as root, and prints its answer.
# The script comes over standard input, so that nothing must be installed first.
remote() {
    remote_host=$1
    shift
    quoted=
    for word; do quoted="$quoted '$word'"; done
    mkdir -p "$logs"
    run_ssh "$remote_host" "$(as_root "sh -s --$quoted")" <"$work/target.sh" 2>>"$logs/$remote_host.log"
}
# as_root COMMAND: a command for the remote shell that runs this one as root.
# shellcheck disable=SC2016 # for the remote shell
as_root() { printf 'if [ "$(id -u)" = 0 ]; then exec %s; else exec sudo -n %s; fi' "$1" "$1"; }
run_ssh() {
    ssh_host=$1
    shift
    # shellcheck disable=SC2046,SC2029 # the options are separate words; the command is expanded here on purpose
    ssh $(ssh_options) "$(cat "$work/$ssh_host.target")" "$@"
}
# One connection to each host is kept open (ControlMaster) and used for everything.
ssh_options() {
    printf '%s ' -o BatchMode=yes -o ConnectTimeout=5 -o ConnectionAttempts=2 -o ServerAliveInterval=2 -o ServerAliveCountMax=3 \
        -o ControlMaster=auto -o "ControlPath=$work/c-%C" -o ControlPersist=30 -o LogLevel=ERROR
    if [ -n "$ssh_config" ]; then printf '%s ' -F "$ssh_config"; fi
}
close_connections() {
    for socket in "$work"/c-*; do
        # ssh requires a host name after the options, but does not use it here.
        if [ -S "$socket" ]; then ssh -o "ControlPath=$socket" -O exit carom 2>/dev/null || true; fi
    done
}
