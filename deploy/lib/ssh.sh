# ssh: the one way to a host. Whatever is done there goes through run_as_root.
# shellcheck shell=sh

# run_as_root NAME COMMAND: runs COMMAND there as root, with standard input, and prints what it prints. COMMAND has no
# quotes, and no backslash, dollar or exclamation mark.
#
# Returns 0 if COMMAND has ended with 0, 1 if it has ended with anything else, and 2 if it did not run to its end. Which of
# these it was is in NAME.reach; NAME.stderr has what was written to standard error.
run_as_root() {
    mkdir -p "$logs"
    ssh_code=0
    # shellcheck disable=SC2046,SC2029 # the options are separate words; the command is expanded here on purpose
    give_password | LC_ALL=C ssh $(ssh_options) "$(cat "$work/$1.target")" "$(login_command "$2")" \
        >"$work/$1.printed" 2>"$work/$1.stderr" || ssh_code=$?
    cat "$work/$1.stderr" >>"$logs/$1.log"
    read_printed "$1"
    read -r reached command_code _ <"$work/$1.reach"
    case $reached,$command_code in
    ended,0) return 0 ;;
    ended,*) return 1 ;;
    nothing,*) if [ "$ssh_code" = 255 ]; then echo connection >"$work/$1.reach"; fi ;;
    esac
    return 2
}

# login_command COMMAND: what ssh hands to the login shell of the host. It may be fish or csh, so it gets one word in
# single quotes. Its startup files may print, so each stage announces itself by a marker that only this run knows:
# "reached" when the user has a shell, "begin" when root has one, "end CODE" when the command has ended.
login_command() {
    printf "exec sh -c '%s'" "LC_ALL=C; export LC_ALL; echo; echo $marker reached; \
root=; [ \$(id -u) = 0 ] || root=\"$sudo\"; \
\$root sh -c \"echo; echo $marker begin; $skip_password$1\"; code=\$?; echo; echo $marker end \$code"
}
# read_printed NAME: prints what the command itself has printed. NAME.reach gets the last stage that was reached (nothing,
# reached, begin or ended), the exit code of the command or a dash, and the first line that is not the command's.
read_printed() {
    awk -v marker="$marker" -v reach="$work/$1.reach" '
        BEGIN { stage = "nothing"; code = "-" }
        $1 == marker && $2 == "end" { if (stage == "begin") stage = "ended"; else refused = 1; code = $3; next }
        $1 == marker { stage = $2; next }
        stage == "begin" { if (held_any) print held; held = $0; held_any = 1; next }
        noise == "" { noise = $0 }
        END {
            # The line feed before the last marker is not from the command.
            if (held_any && held != "") print held
            if (refused) stage = "refused"
            print stage, code, noise > reach
        }' "$work/$1.printed"
}

# remote NAME VERB ARGUMENT...: runs a verb of deploy/target/ on that host and prints its answer. The script comes over
# standard input, so that nothing must be installed first, and its arguments with it, so that no shell changes them.
# If the verb did not run to its end, the answer is "lost SENTENCE" or "failed SENTENCE", and 2 is returned.
remote() {
    remote_host=$1
    shift
    remote_code=0
    script_with_arguments "$@" | run_as_root "$remote_host" 'exec sh -s' || remote_code=$?
    if [ "$remote_code" = 2 ]; then
        case $(cat "$work/$remote_host.reach") in
        connection* | reached* | begin*) echo "lost the connection was lost" ;;
        *) echo "failed $(reach_problem "$remote_host")" ;;
        esac
    fi
    return "$remote_code"
}
script_with_arguments() {
    printf 'set --'
    for word; do printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
    echo
    cat "$work/target.sh"
}

# sentence_of ANSWER: what an answer says to people, without the first word, which is for the scripts.
sentence_of() {
    case $1 in
    'wait-ball '*)
        said=${1#wait-ball }
        printf '%s\n' "${said#* }"
        ;;
    'ok '* | 'wait '* | 'failed '* | 'lost '*) printf '%s\n' "${1#* }" ;;
    '') echo "the host did not answer" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# One connection to each host is kept open (ControlMaster) and used for everything. What the user's own configuration may
# ask for beside a login (a command, a terminal, forwarded ports) would break the scripts or make them wait for ever.
ssh_options() {
    printf '%s ' -o BatchMode=yes -o ConnectTimeout=5 -o ConnectionAttempts=2 -o ServerAliveInterval=2 -o ServerAliveCountMax=3 \
        -o RemoteCommand=none -o RequestTTY=no -o ClearAllForwardings=yes -o PermitLocalCommand=no \
        -o ControlMaster=auto -o "ControlPath=$work/c-%C" -o ControlPersist=30 -o LogLevel=ERROR
    if [ -n "$ssh_config" ]; then printf '%s ' -F "$ssh_config"; fi
}
close_connections() {
    for socket in "$work"/c-*; do
        # ssh requires a host name after the options, but does not use it here.
        if [ -S "$socket" ]; then ssh -o "ControlPath=$socket" -O exit carom 2>/dev/null || true; fi
    done
}
