# What the scripts of deploy/ share: hosts from the ring file, ssh, output, and the switch itself.
# POSIX sh; needs ssh, scp and the carom of this machine.
# shellcheck shell=sh

here=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$here")
me=deploy/$(basename "$0")

config='' only='' jobs=8 skip_unreachable=no break_lock='' ssh_config='' dry_run=no keep_going=no binaries=''

die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 2
}

# A node that does not get ready within so many seconds has failed the gate.
gate_limit=30

# options "$@": what all the scripts understand.
options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --config) config=${2:?--config wants a file} && shift ;;
        --only) only=${2:?--only wants names with commas between} && shift ;;
        --jobs) jobs=${2:?--jobs wants a number} && shift ;;
        --ssh-config) ssh_config=${2:?--ssh-config wants a file} && shift ;;
        --binary) binaries="$binaries ${2:?--binary wants a file}" && shift ;;
        --skip-unreachable) skip_unreachable=yes ;;
        --break-lock) break_lock='break' ;;
        --dry-run) dry_run=yes ;;
        --keep-going) keep_going=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) die "there is no option $1: see $me --help" ;;
        esac
        shift
    done
    [ -n "$config" ] || die "say which ring: $me --config ring.toml"
    [ -r "$config" ] || die "cannot read $config"
    case $jobs in '' | *[!0-9]* | 0) die "--jobs wants a number from 1, not $jobs" ;; esac
}

# The comment at the head of the script that was called.
usage() { sed -n '2,/^set -eu/p' "$0" | sed -e '/^set -eu/d' -e 's/^# \{0,1\}//'; }

sha256() { if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
seconds() { date +%s; }
nap() { sleep 0.2 2>/dev/null || sleep 1; }

# begin: a work folder, the log folder, and the hosts of the ring file.
begin() {
    # In /tmp, for the path of a socket of ssh has room for some 100 characters only.
    work=$(mktemp -d /tmp/carom.XXXXXX)
    logs=${XDG_STATE_HOME:-$HOME/.local/state}/carom/$(basename "$0")-$(date +%Y%m%d-%H%M%S)-$$
    token=$(basename "$work" | tr -cd 'A-Za-z0-9')
    who=$(id -un)@$(uname -n),process-$$
    stopping=''
    trap finish EXIT
    trap 'stopping=INT; exit 130' INT
    trap 'stopping=TERM; exit 143' TERM HUP
    live=no
    if [ -t 1 ] && [ "$dry_run" = no ]; then live=yes; fi
    local_carom
    "$carom" check --config "$config" >"$work/check" || exit 2
    # shellcheck disable=SC2034 # rollout reads it
    topology=$(sed -n '1s/.*topology //p' "$work/check")
    "$carom" hosts --config "$config" >"$work/hosts"
    while read -r name target host rest; do
        add_host "$name" "$target" "host=$host $rest"
    done <"$work/hosts"
    select_hosts
}
add_host() {
    printf '%s\n' "$1" >>"$work/all"
    printf '%s\n' "$2" >"$work/$1.target"
    printf '%s\n' "$3" >"$work/$1.words"
}
select_hosts() {
    if [ -z "$only" ]; then
        cp "$work/all" "$work/order"
        return 0
    fi
    for wanted in $(printf '%s' "$only" | tr ',' ' '); do
        grep -qxF "$wanted" "$work/all" ||
            die "no node of $config is named $wanted: there are $(tr '\n' ' ' <"$work/all")"
    done
    printf '%s\n' "$only" | tr ',' '\n' >"$work/wanted"
    grep -xF -f "$work/wanted" "$work/all" >"$work/order"
}
local_carom() {
    for carom in "${CAROM:-}" "$project/target/release/carom" "${CARGO_TARGET_DIR:-$project/target}/release/carom" "$(command -v carom || true)"; do
        if [ -x "$carom" ]; then return 0; fi
    done
    die "no carom for this machine, which reads the ring file: build one with cargo build --release, or set CAROM to it"
}

# remote NAME VERB ARGUMENT...: runs a verb of target.sh there, as root.
remote() {
    remote_name=$1
    shift
    words=
    for word; do words="$words '$word'"; done
    mkdir -p "$logs"
    ssh_to "$remote_name" \
        "if [ \"\$(id -u)\" = 0 ]; then exec sh -s --$words; else exec sudo -n sh -s --$words; fi" \
        <"$here/target.sh" 2>>"$logs/$remote_name.log"
}
ssh_to() {
    ssh_name=$1
    shift
    # shellcheck disable=SC2046,SC2029 # options are words; the command is meant to be made here
    ssh $(ssh_options) "$(cat "$work/$ssh_name.target")" "$@"
}
ssh_options() {
    printf '%s ' -o BatchMode=yes -o ConnectTimeout=5 -o ConnectionAttempts=2 -o ServerAliveInterval=2 -o ServerAliveCountMax=3 \
        -o ControlMaster=auto -o "ControlPath=$work/c-%C" -o ControlPersist=30 -o LogLevel=ERROR
    if [ -n "$ssh_config" ]; then printf '%s ' -F "$ssh_config"; fi
}

# each FUNCTION FILE: runs it for every name in the file, `jobs` at a time; false if any failed.
each() {
    each_failed=0
    each_pids=
    running=0
    while read -r each_name; do
        # Without its standard input, or ssh would eat the names.
        "$1" "$each_name" </dev/null &
        each_pids="$each_pids $!"
        running=$((running + 1))
        if [ "$running" -ge "$jobs" ]; then reap; fi
    done <"$2"
    reap
    return "$each_failed"
}
reap() {
    for pid in $each_pids; do wait "$pid" || each_failed=1; done
    each_pids=
    running=0
}

# say NAME WORDS: what a host is doing: a row of the live table, or a plain line.
say() {
    say_name=$1
    shift
    printf '%s\n' "$*" >"$work/$say_name.says"
    mkdir -p "$logs"
    printf '%s\n' "$*" >>"$logs/$say_name.log"
    if [ "$live" = no ]; then printf '%s: %s\n' "$say_name" "$*"; else draw; fi
}
tell() {
    if [ "$live" = yes ] && [ -e "$work/drawn" ]; then
        draw
        rm -f "$work/drawn"
    fi
    printf '%s\n' "$*"
}
draw() {
    # Rows are drawn by one at a time; who comes too late is drawn by the next.
    mkdir "$work/drawing" 2>/dev/null || return 0
    rows=$(wc -l <"$work/order")
    if [ -e "$work/drawn" ]; then printf '\033[%dA' "$rows"; fi
    while read -r row; do
        printf '\033[2K%-16s %.60s\n' "$row" "$(cat "$work/$row.says" 2>/dev/null || true)"
    done <"$work/order"
    touch "$work/drawn"
    rmdir "$work/drawing"
}

# get NAME KEY: what the probe of that host said.
get() { sed -n "s/.*[ ]$2=\\([^ ]*\\).*/\\1/p" "$work/$1.probe"; }
problem() {
    printf '%s\n' "$2" >"$work/$1.problem"
    say "$1" "$2"
    return 1
}
unreachable() {
    touch "$work/$1.unreachable"
    problem "$1" "$2"
}

# probe NAME: everything that can be known before anything is changed.
probe() {
    answer=$(remote "$1" probe "$(cat "$work/hashes" 2>/dev/null || echo none)") || {
        why=$(tail -n 1 "$logs/$1.log" 2>/dev/null | tr -d '\r')
        where=$(cat "$work/$1.target")
        case $why in
        *"Permission denied"*) problem "$1" "$where does not take this machine's ssh key: run ssh-copy-id $where" ;;
        *"Host key verification failed"* | *"host key"*) problem "$1" "the host key of $where is unknown or has changed: run ssh $where once and compare it" ;;
        *"password is required"* | *"a terminal is required"*) problem "$1" "sudo wants a password on $where: let the user run all commands without one (docs/OPERATIONS.md)" ;;
        *"sudo: not found"* | *"sudo: command not found"*) problem "$1" "there is no sudo on $where: install it, or log in as root" ;;
        *) unreachable "$1" "$where cannot be reached: ${why:-no answer}" ;;
        esac
        return 1
    }
    printf '%s\n' "$answer" >"$work/$1.probe"
    here_now=$(seconds)
    skew=$(($(get "$1" clock) - here_now))
    if [ "${skew#-}" -gt 5 ]; then say "$1" "note: its clock is $skew s off this machine's; Carom does not mind, logs will"; fi
    if [ "$(get "$1" pending)" != none ]; then
        owner=$(get "$1" owner)
        problem "$1" "${owner:+another rollout has this host: $owner, }in the middle of a switch: wait for it, or if it has died, for 20 s: then the host goes back by itself"
        return 1
    fi
    return 0
}
# survey: probes all; stops where anything is wrong, and drops the unreachable if that is asked for.
survey() {
    each probe "$work/order" || true
    if [ "$skip_unreachable" = yes ]; then
        while read -r name; do
            if [ -e "$work/$name.unreachable" ]; then
                say "$name" "skipped: unreachable"
                rm -f "$work/$name.problem"
                printf '%s\n' "$name" >>"$work/skipped"
            else
                printf '%s\n' "$name" >>"$work/reached"
            fi
        done <"$work/order"
        if [ ! -s "$work/reached" ]; then
            tell "no host can be reached: nothing was changed"
            exit 1
        fi
        mv "$work/reached" "$work/order"
    fi
}
stop_on_problems() {
    bad=
    while read -r name; do
        if [ -e "$work/$name.problem" ]; then bad="$bad $name"; fi
    done <"$work/order"
    if [ -n "$bad" ]; then
        tell "nothing was changed, because of:$bad"
        exit 1
    fi
}

lock_hosts() {
    # The first host alone, so that of two who come at once one gets through.
    head -n 1 "$work/order" >"$work/first"
    tail -n +2 "$work/order" >"$work/rest"
    if each lock "$work/first" && each lock "$work/rest"; then return 0; fi
    tell "refused: somebody else is at it, nothing was changed"
    exit 1
}
lock() {
    answer=$(remote "$1" lock "$token" "$who" "$break_lock") && touch "$work/$1.locked" && return 0
    # A rollout of this machine that is no more cannot give its lock back.
    owner=$(printf '%s\n' "$answer" | sed -n "s/.* host: ${who%-*}-\([0-9]*\),.*/\1/p")
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
        answer=$(remote "$1" lock "$token" "$who" break) && touch "$work/$1.locked" && return 0
    fi
    problem "$1" "${answer#failed }"
}
unlock() { remote "$1" unlock "$token" >/dev/null; }

# switch_one NAME: one host to its release, through the gate, or back.
switch_one() {
    release=$(cat "$work/$1.release")
    allowed=$(missing_by "$1")
    say "$1" "switching to $release: the ball is handed on"
    touch "$work/$1.armed"
    answer=$(remote "$1" switch "$release") || {
        not_switched "$1" "${answer:-the connection was lost}"
        return 1
    }
    if ! pass_gate "$1" "$allowed"; then
        not_switched "$1" "$(cat "$work/$1.why")"
        return 1
    fi
    answer=$(remote "$1" confirm "${2:-}") || {
        not_switched "$1" "${answer:-the connection was lost before the switch was confirmed}"
        return 1
    }
    rm -f "$work/$1.armed"
    touch "$work/$1.done"
    say "$1" "runs $release"
}
# Who is missing from that host's links already, and so may be missing afterwards.
missing_by() {
    known=$(remote "$1" missing 2>/dev/null) || known=
    known=${known#ok}
    known=${known# }
    if [ "$known" = unknown ]; then known=$(cat "$work/missing" 2>/dev/null || true); fi
    known=$(printf '%s' "$known" | tr ',' '\n' | grep -vxF "$1" | tr '\n' ',')
    printf '%s' "$known" | tee "$work/missing"
}
not_switched() {
    printf '%s\n' "${2#failed }" >"$work/$1.why"
    remote "$1" journal >>"$logs/$1.log" || true
    say "$1" "failed: ${2#failed }"
    put_back "$1"
}
# put_back NAME: takes an unconfirmed switch back; a host that cannot be reached does so by itself.
put_back() {
    answer=$(remote "$1" revert) && {
        rm -f "$work/$1.armed"
        say "$1" "back on ${answer#ok }: $(cat "$work/$1.why" 2>/dev/null || echo interrupted)"
        return 0
    }
    say "$1" "not reached: it goes back to $(get "$1" current) by itself within 20 s, or when it starts again"
}
# pass_gate NAME ALLOWED: active, ready, ring whole, ball passed through; else false, and NAME.why.
pass_gate() {
    gate_began=$(seconds) gate_until=$gate_limit lost=0 last=
    while :; do
        answer=$(remote "$1" gate "$2" yes) || {
            case $answer in
            failed*)
                printf '%s\n' "$answer" >"$work/$1.why"
                return 1
                ;;
            esac
            lost=$((lost + 1))
            answer="wait the connection was lost"
        }
        spent=$(($(seconds) - gate_began))
        case $answer in
        ok*) return 0 ;;
        wait-ball*)
            lost=0
            answer=${answer#wait-ball }
            gate_until=$((gate_limit + ${answer%% *}))
            answer=${answer#* }
            ;;
        wait*) answer=${answer#wait } ;;
        esac
        if [ "$answer" != "$last" ]; then say "$1" "waiting: $answer"; fi
        last=$answer
        if [ "$spent" -ge "$gate_until" ] || [ "$lost" -ge 3 ]; then
            printf '%s after %s s\n' "$answer" "$spent" >"$work/$1.why"
            return 1
        fi
        nap
    done
}

# rolling: the hosts of $work/todo one after the other; false if one failed.
rolling() {
    roll_failed=0
    while read -r name <&3; do
        if switch_one "$name" </dev/null; then
            printf '%s\n' "$name" >>"$work/done"
            continue
        fi
        roll_failed=1
        if [ "$keep_going" = no ]; then break; fi
    done 3<"$work/todo"
    if [ "$roll_failed" = 1 ] && [ "$keep_going" = no ] && [ -s "$work/done" ]; then undo; fi
    return "$roll_failed"
}
# undo: the hosts that were done go back too, in the same careful way.
undo() {
    tell "putting back what was done already"
    mv "$work/done" "$work/undo"
    while read -r name <&4; do
        old=$(get "$name" current)
        if [ "$old" = none ]; then
            remote "$name" prepare none >/dev/null && remote "$name" halt >/dev/null &&
                remote "$name" flip none >/dev/null && remote "$name" confirm none >/dev/null &&
                say "$name" "back to nothing, as before"
            continue
        fi
        printf '%s\n' "$old" >"$work/$name.release"
        switch_one "$name" "$(get "$name" previous)" </dev/null || true
        rm -f "$work/$name.done"
        say "$name" "back on $old: the rollout failed elsewhere"
    done 4<"$work/undo"
}

# together: stop all, switch all, start all, for rings that would not talk to each other.
together() {
    touch "$work/together"
    each prepare "$work/todo" || {
        back_together
        return 1
    }
    pause_began=$(seconds)
    tell "stopping all, switching all, starting all"
    if each halt "$work/todo" && each flip "$work/todo" && each start "$work/todo" && all_pass_gate; then
        each confirm "$work/todo" || return 1
        cp "$work/todo" "$work/done"
        return 0
    fi
    back_together
    return 1
}
step() {
    answer=$(remote "$@") && return 0
    printf '%s\n' "${answer:-failed the connection was lost}" | sed 's/^failed //' >"$work/$1.why"
    say "$1" "failed: $(cat "$work/$1.why")"
    return 1
}
prepare() {
    touch "$work/$1.armed"
    step "$1" prepare "$(cat "$work/$1.release")"
}
halt() { step "$1" halt; }
flip() { step "$1" flip "$(cat "$work/$1.release")"; }
start() { step "$1" start; }
confirm() {
    step "$1" confirm || return 1
    rm -f "$work/$1.armed"
    touch "$work/$1.done"
    say "$1" "runs $(cat "$work/$1.release")"
}
look() {
    if [ "$(cat "$work/$1.release")" = none ]; then
        remote "$1" beat >"$work/$1.looks" || echo "failed the connection was lost" >"$work/$1.looks"
        return 0
    fi
    remote "$1" gate "$(cat "$work/absent" 2>/dev/null || true)" "$(cat "$work/wants-ball")" >"$work/$1.looks" ||
        grep -q '^failed' "$work/$1.looks" || echo "wait the connection was lost" >"$work/$1.looks"
}
# all_pass_gate: every host is looked at in every round, which also keeps its guard quiet.
all_pass_gate() {
    if [ -s "$work/skipped" ]; then tr "\n" "," <"$work/skipped" >"$work/absent"; fi
    echo no >"$work/wants-ball"
    gate_began=$(seconds) gate_until=$gate_limit
    while :; do
        each look "$work/todo" || true
        waiting=0
        while read -r name; do
            answer=$(cat "$work/$name.looks")
            case $answer in
            ok*) ;;
            failed*)
                printf '%s\n' "${answer#failed }" >"$work/$name.why"
                say "$name" "failed: ${answer#failed }"
                remote "$name" journal </dev/null >>"$logs/$name.log" || true
                return 1
                ;;
            *)
                waiting=1
                limit=${answer#wait-ball }
                if [ "$limit" != "$answer" ]; then gate_until=$((gate_limit + ${limit%% *})); fi
                printf '%s\n' "$answer" >"$work/$name.why"
                ;;
            esac
        done <"$work/todo"
        if [ "$waiting" = 0 ] && [ "$(cat "$work/wants-ball")" = yes ]; then return 0; fi
        if [ "$waiting" = 0 ]; then
            echo yes >"$work/wants-ball"
            tell "the ring is whole again, after a pause of at most $(($(seconds) - pause_began + 1)) s"
        fi
        if [ $(($(seconds) - gate_began)) -ge "$gate_until" ]; then
            tell "the ring did not come back within $gate_until s"
            return 1
        fi
        nap
    done
}
back_together() {
    tell "going back everywhere"
    each put_back "$work/todo" || true
}

# apply MODE: does what was decided; the exit code of the script.
apply() {
    apply_began=$(seconds)
    result=0
    "$1" || result=1
    tell ""
    while read -r name; do
        if [ -e "$work/$name.done" ]; then
            outcome="runs $(cat "$work/$name.release")"
        elif [ -s "$work/$name.why" ]; then
            outcome="failed, $(sed 's/^failed //' "$work/$name.why"); log: $logs/$name.log"
        else
            case $(cat "$work/$name.says" 2>/dev/null || true) in
            back*) outcome=$(cat "$work/$name.says") ;;
            *) outcome="not switched, runs $(get "$name" current)" ;;
            esac
        fi
        printf '%s: %s\n' "$name" "$outcome"
    done <"$work/todo"
    if [ "$result" = 0 ]; then
        printf 'done in %s s: %s of %s hosts switched\n' "$(($(seconds) - apply_began))" "$(wc -l <"$work/done" | tr -d ' ')" "$(wc -l <"$work/order" | tr -d ' ')"
    else
        printf 'not done; logs are in %s\n' "$logs"
    fi
    exit "$result"
}

# What must be left in order, however the script ends.
finish() {
    code=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$stopping" ]; then
        tell "interrupted: every host is left with one release, whole"
        for pid in ${each_pids:-}; do kill "$pid" 2>/dev/null || true; done
    fi
    for armed in "$work"/*.armed; do
        [ -e "$armed" ] || continue
        name=$(basename "$armed" .armed)
        put_back "$name" </dev/null || true
    done
    for stopped in "$work"/*.stopped; do
        if [ -e "$stopped" ]; then remote "$(basename "$stopped" .stopped)" start >/dev/null </dev/null || true; fi
    done
    if ls "$work"/*.locked >/dev/null 2>&1; then
        for locked in "$work"/*.locked; do basename "$locked" .locked; done >"$work/locked"
        each unlock "$work/locked" || true
    fi
    for socket in "$work"/c-*; do
        # The name after the options is not used, but must be there.
        if [ -S "$socket" ]; then ssh -o "ControlPath=$socket" -O exit carom 2>/dev/null || true; fi
    done
    rm -rf "$work"
    exit "$code"
}
