#!/bin/sh
# What the scripts of deploy/ do on a Pi: one verb a call, as root, sent over ssh or run from
# /opt/carom/target.sh. Answers are one line: "ok ...", "wait ..." or "failed SENTENCE".
#
#   /opt/carom/releases/VERSION-HASH/   binary, ring file, units: written once, never changed
#   /opt/carom/current                  a link to the release that runs
#   /opt/carom/previous                 the name of the one that `rollback` goes back to
#   /opt/carom/pending                  the name of the one to go back to unless the switch is confirmed
set -eu
umask 022
LC_ALL=C
export LC_ALL

root=/opt/carom
units=/etc/systemd/system
alive=/run/carom-rollout-alive
owner=/run/carom-rollout-owner

# A rollout that does not show up for so many seconds is dead: an unconfirmed switch is taken back.
patience=20
# A lock of a rollout that died without a word counts for so many seconds.
lock_life=600
# Releases that are kept, the running one included.
keep=3

failed() {
    printf 'failed %s\n' "$*"
    exit 1
}
note() {
    if command -v logger >/dev/null 2>&1; then logger -t carom-deploy -- "$*" || true; fi
}

current() {
    link=$(readlink "$root/current" 2>/dev/null) || link=
    if [ -n "$link" ]; then basename "$link"; else echo none; fi
}
file_or() { if [ -s "$1" ]; then cat "$1"; else echo "$2"; fi; }

# The release of that hash, if it is here and whole.
with_hash() {
    for found in "$root"/releases/*-"$1"; do
        if [ -d "$found" ]; then
            basename "$found"
            return 0
        fi
    done
    echo none
}

is_whole() {
    [ "$1" = none ] || (cd "$root/releases/$1" && sha256sum --quiet -c SHA256SUMS >/dev/null 2>&1)
}
sum_of() { if [ -s "$1" ]; then sha256sum <"$1" | cut -c 1-64; else echo none; fi; }

# One step at a time: what an interrupted rollout began here goes on for a moment after it.
hold() {
    exec 9>/run/carom-rollout-step
    flock -w 60 9 || failed "another step is still under way on this host"
}

verb_probe() {
    machine=$(uname -m)
    # The hash for this kind of machine, from "x86_64=...,aarch64=...".
    hash=$(printf '%s\n' "$1" | tr ',' '\n' | sed -n "s/^$machine=//p")
    place=/opt
    [ -d "$root" ] && place=$root
    writable=no
    # Root may write everywhere but on a file system that is mounted read-only.
    [ -w "$place" ] && writable=yes
    free=$(df -Pk "$place" | awk 'NR == 2 { print $4 }')
    version=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 }')
    running=$(current)
    topology=none
    if [ "$running" != none ] && [ -s "$root/current/topology" ]; then
        topology=$(cat "$root/current/topology")
    fi
    state=$(systemctl is-active carom.service 2>/dev/null) || true
    overlay=no
    [ "$(findmnt -n -o FSTYPE / 2>/dev/null)" = overlay ] && overlay=yes
    whole=yes
    is_whole "$running" || whole=no
    staged=$(with_hash "${hash:-unknown}")
    is_whole "$staged" || staged=none
    before=$(file_or "$root/previous" none)
    had_previous=no
    if [ -s "$root/previous" ]; then had_previous=yes; fi
    printf 'ok owner=%s had_previous=%s binary=%s ring=%s previous_topology=%s ' "$(cut -d ' ' -f 3 "$owner" 2>/dev/null || true)" "$had_previous" "$(sum_of "$root/current/carom")" "$(sum_of "$root/current/ring.toml")" \
        "$(file_or "$root/releases/$before/topology" none)"
    printf 'machine=%s free=%s writable=%s overlay=%s systemd=%s clock=%s current=%s previous=%s pending=%s state=%s topology=%s staged=%s whole=%s\n' \
        "$machine" "${free:-0}" "$writable" "$overlay" "${version:-none}" "$(date +%s)" "$running" \
        "$before" "$(file_or "$root/pending" none)" "${state:-unknown}" \
        "$topology" "$staged" "$whole"
}

# A lock is one hard link: whoever makes it first has the host.
verb_lock() {
    token=$1 who=$2
    now=$(awk '{ print int($1) }' /proc/uptime)
    if [ "${3:-}" = break ]; then rm -f "$owner"; fi
    # Seconds since the machine started: no clock that jumps decides.
    if [ -s "$owner" ] && read -r _ since _ <"$owner" && [ $((now - since)) -ge "$lock_life" ]; then rm -f "$owner"; fi
    printf '%s %s %s\n' "$token" "$now" "$who" >"$owner.$token"
    if ln "$owner.$token" "$owner" 2>/dev/null; then
        rm -f "$owner.$token"
        echo ok
        return 0
    fi
    rm -f "$owner.$token"
    read -r theirs since name <"$owner" || failed "another rollout has just left this host: try again"
    if [ "$theirs" = "$token" ]; then echo ok; return 0; fi
    failed "another rollout has this host: $name, for $((now - since)) s; wait for it, or if it has died, add --break-lock"
}
verb_unlock() {
    if [ -s "$owner" ] && grep -q "^$1 " "$owner"; then rm -f "$owner"; fi
    rm -rf "/tmp/carom-$1"
    echo ok
}

# stage TOKEN HASH NODE ring=P receiver=P ...: what scp has brought becomes a release, checked by its own binary.
verb_stage() {
    token=$1 hash=$2 node=$3
    shift 3
    from=/tmp/carom-$token
    (cd "$from" && sha256sum --quiet -c SHA256SUMS) >/dev/null 2>&1 ||
        failed "what arrived is not what was sent: checksums differ; try again"
    chmod 755 "$from/carom"
    version=$("$from/carom" --version 2>&1) ||
        failed "the binary does not run on this machine ($(uname -m)): $(printf '%s' "$version" | head -n 1)"
    version=$(printf '%s\n' "$version" | awk 'NR == 1 { print $2 }' | tr -cd 'A-Za-z0-9.+~')
    topology=$("$from/carom" check --config "$from/ring.toml" 2>"$from/why") || {
        failed "the new binary refuses the ring file: $(head -n 1 "$from/why")"
    }
    topology=$(printf '%s\n' "$topology" | sed -n '1s/.*topology //p')
    name=${version:-unknown}-$hash
    install -d -m 755 "$root" "$root/releases"
    rm -rf "$root/releases/.partial"
    install -d "$root/releases/.partial"
    cp "$from"/* "$root/releases/.partial/" || full
    cd "$root/releases/.partial"
    rm -f why
    mv SHA256SUMS sent
    sha256sum --quiet -c sent >/dev/null 2>&1 || full
    printf 'CAROM_NODE=%s\n' "$node" >carom.env
    printf '%s\n' "$topology" >topology
    listeners "$@"
    rm sent
    cp -p ring.toml ring.toml.as-sent || full
    sha256sum -- * >../.sums || full
    mv ../.sums SHA256SUMS
    sync
    cd "$root"
    # The same release again only takes the place of one that was damaged.
    rm -rf releases/.damaged
    if [ -d "releases/$name" ]; then mv -T "releases/$name" releases/.damaged; fi
    mv -T releases/.partial "releases/$name"
    rm -rf releases/.damaged
    install -m 755 "releases/$name/target.sh" target.sh.new && mv target.sh.new target.sh
    rm -rf "$from"
    sync
    printf 'ok %s\n' "$name"
}
full() {
    rm -rf "$root/releases/.partial"
    failed "the release could not be written to $root: $(df -Pk "$root" | awk 'NR == 2 { print $4 }') KiB are free there"
}

# The socket unit with this node's ports, bound as the daemon itself would bind them.
listeners() {
    address=
    for word; do
        case $word in
        listen=*) address=${word#listen=} ;;
        host=*)
            if [ -z "$address" ] && ip -o address 2>/dev/null | grep -qF " ${word#host=}/"; then
                address=${word#host=}
            fi
            ;;
        esac
    done
    case $address in *:*) address="[$address]" ;; esac
    streams=
    for word; do
        case $word in
        ring=* | receiver=* | rate=* | http=* | window-left=* | window-right=*)
            streams="${streams}ListenStream=${address:+$address:}${word#*=}\\n"
            ;;
        esac
        case $word in http=*) printf '%s\n' "${address:-127.0.0.1}:${word#http=}" >http ;; esac
    done
    awk -v streams="$streams" '/^ListenStream=/ { if (!done) { printf streams; done = 1 } next } { print }' \
        carom.socket >carom.socket.new
    mv carom.socket.new carom.socket
}

# Where the machine finds what the running release brings: all through one link.
link_units() {
    install -d "$units/multi-user.target.wants" "$units/sockets.target.wants" /etc/carom /usr/local/bin
    # A power cut must find the old one or the new one, whole: it is what goes back then.
    install -m 644 "$root/releases/$1/carom-revert.service" "$units/carom-revert.new"
    mv "$units/carom-revert.new" "$units/carom-revert.service"
    ln -sfn ../carom-revert.service "$units/multi-user.target.wants/carom-revert.service"
    for unit in carom.service carom.socket carom-retry.timer; do
        ln -sfn "$root/current/$unit" "$units/$unit"
    done
    ln -sfn ../carom.service "$units/multi-user.target.wants/carom.service"
    ln -sfn ../carom.socket "$units/sockets.target.wants/carom.socket"
    for file in ring.toml carom.env; do
        # A file of one's own is kept beside, not lost.
        if [ -e "/etc/carom/$file" ] && [ ! -L "/etc/carom/$file" ]; then
            mv "/etc/carom/$file" "/etc/carom/$file.before-rollout"
        fi
        ln -sfn "$root/current/$file" "/etc/carom/$file"
    done
    ln -sfn "$root/current/carom" /usr/local/bin/carom
    install -D -m 644 "$root/releases/$1/carom.sysusers" /etc/sysusers.d/carom.conf
    systemd-sysusers /etc/sysusers.d/carom.conf
    if command -v udevadm >/dev/null 2>&1; then
        install -D -m 644 "$root/releases/$1/60-carom.rules" /etc/udev/rules.d/60-carom.rules
        # In a container there is nobody to answer.
        udevadm control --reload 2>/dev/null || true
        udevadm trigger --subsystem-match=gpio --subsystem-match=leds 2>/dev/null || true
    fi
}
unlink_units() {
    rm -f "$units/multi-user.target.wants/carom.service" "$units/sockets.target.wants/carom.socket" \
        "$units/multi-user.target.wants/carom-revert.service" "$units/carom-revert.service" \
        "$units/carom.service" "$units/carom.socket" "$units/carom-retry.timer" \
        /etc/sysusers.d/carom.conf /etc/udev/rules.d/60-carom.rules
    for link in /usr/local/bin/carom /etc/carom/ring.toml /etc/carom/carom.env; do
        if [ -L "$link" ]; then rm -f "$link"; fi
    done
    # Folders that were made for these alone; others keep them.
    rmdir /etc/carom /etc/sysusers.d "$units/sockets.target.wants" 2>/dev/null || true
}

# Points `current` at a release, in one step that a power cut cannot halve.
point_to() {
    ln -sfn "releases/$1" "$root/current.new"
    sync
    mv -T "$root/current.new" "$root/current"
    sync
}

# Notes what to go back to, and starts the one who does so if nobody confirms.
arm() {
    touch "$alive"
    printf '%s\n' "$(current)" >"$root/pending.new"
    sync
    mv "$root/pending.new" "$root/pending"
    systemctl stop carom-guard.service 2>/dev/null || true
    systemd-run --quiet --collect --unit=carom-guard --description="Goes back unless the new release of carom is confirmed" \
        "$root/target.sh" guard >/dev/null 2>&1 || failed "systemd-run does not start the guard: nothing was changed"
}

# The ball is handed on by the stop; the listeners stay open unless they change.
run_current() {
    systemctl daemon-reload
    systemctl reset-failed carom.service carom.socket 2>/dev/null || true
    if [ "$1" = same ] && [ "$(systemctl is-active carom.socket 2>/dev/null)" = active ]; then
        systemctl restart --no-block carom.service
    else
        systemctl stop carom.service carom.socket
        start_units
    fi
}
start_units() {
    # A port that another program uses: the daemon says so in a better sentence.
    systemctl start carom.socket 2>/dev/null || true
    systemctl start --no-block carom.service
}
sockets_of() { if [ -s "$root/releases/$1/carom.socket" ]; then cat "$root/releases/$1/carom.socket"; fi; }

may_switch() {
    [ "$1" = none ] || [ -d "$root/releases/$1" ] || failed "the release $1 is not on this host"
    if [ -e "$root/pending" ] || [ -e "$root/reverting" ]; then
        failed "an earlier switch is not confirmed yet: wait until it is taken back (at most $patience s)"
    fi
}

# switch RELEASE: unconfirmed until `confirm`.
verb_switch() {
    hold
    new=$1
    may_switch "$new"
    old=$(current)
    [ "$old" = none ] || note "switching from $old to $new"
    arm
    same=changed
    if [ "$old" != none ] && [ "$(sockets_of "$old")" = "$(sockets_of "$new")" ]; then same=same; fi
    point_to "$new"
    link_units "$new"
    run_current "$same"
    echo ok
}

# The three steps of a change of the whole ring: each on all hosts before the next.
verb_prepare() {
    hold
    may_switch "$1"
    arm
    echo ok
}
verb_halt() {
    hold
    touch "$alive"
    # The timer too: it would start the node again in the middle of what follows.
    systemctl stop carom-retry.timer carom.service carom.socket 2>/dev/null || true
    echo ok
}
verb_flip() {
    hold
    touch "$alive"
    [ -e "$root/pending" ] || failed "this host went back by itself meanwhile"
    if [ "$1" = none ]; then
        rm -f "$root/current"
        unlink_units
    else
        point_to "$1"
        link_units "$1"
    fi
    systemctl daemon-reload
    echo ok
}
verb_start() {
    hold
    touch "$alive"
    [ "$(current)" != none ] || {
        echo ok
        return 0
    }
    systemctl reset-failed carom.service carom.socket 2>/dev/null || true
    start_units
    echo ok
}

# confirm [PREVIOUS]: what runs stays; PREVIOUS is what rollback goes to, else what ran before.
verb_confirm() {
    hold
    old=$(file_or "$root/pending" none)
    mv "$root/pending" "$root/confirmed" 2>/dev/null || failed "this host went back by itself before it could be confirmed"
    if [ -n "${1:-}" ]; then old=$1; fi
    if [ "$old" != "$(current)" ]; then
        printf '%s\n' "$old" >"$root/previous.new"
        mv "$root/previous.new" "$root/previous"
    fi
    rm -f "$root/confirmed"
    sync
    systemctl stop carom-guard.service 2>/dev/null || true
    rm -f "$alive"
    prune
    note "$(current) is confirmed"
    printf 'ok %s\n' "$(current)"
}

# Keeps the running release, the previous one, and the newest others.
prune() {
    now=$(current) before=$(file_or "$root/previous" none) kept=1
    [ "$before" = none ] || [ "$before" = "$now" ] || kept=2
    # shellcheck disable=SC2012 # names are of our own making
    ls -1t "$root/releases" | while read -r release; do
        if [ "$release" = "$now" ] || [ "$release" = "$before" ]; then continue; fi
        if [ "$kept" -lt "$keep" ]; then
            kept=$((kept + 1))
        else
            rm -rf "${root:?}/releases/$release"
        fi
    done
}

go_back() {
    # Whoever moves the note does the work; anyone else finds nothing to do.
    mv "$root/pending" "$root/reverting" 2>/dev/null || [ -e "$root/reverting" ] || return 1
    old=$(cat "$root/reverting")
    if [ "$old" = none ] || [ ! -d "$root/releases/$old" ]; then
        old=none
        rm -f "$root/current"
    else
        point_to "$old"
    fi
}
verb_revert() {
    hold
    from=$(current)
    go_back || {
        echo "ok $(current)"
        return 0
    }
    if [ "$old" = none ]; then
        systemctl stop carom-retry.timer carom.service carom.socket 2>/dev/null || true
        unlink_units
        systemctl daemon-reload
        systemctl reset-failed carom.service carom.socket 2>/dev/null || true
    else
        link_units "$old"
        same=changed
        if [ "$(sockets_of "$old")" = "$(sockets_of "$from")" ]; then same=same; fi
        run_current "$same"
    fi
    rm -f "$root/reverting" "$alive"
    sync
    note "$from was not confirmed: back to $old"
    # Last, for it may be the one who runs this.
    if [ "${1:-}" != guard ]; then systemctl stop carom-guard.service 2>/dev/null || true; fi
    printf 'ok %s\n' "$old"
}
verb_revert_at_boot() {
    go_back || return 0
    if [ "$old" = none ]; then unlink_units; else link_units "$old"; fi
    rm -f "$root/reverting"
    sync
    systemctl daemon-reload
    # What this start had planned may stem from the release that is gone.
    [ "$old" = none ] || systemctl start --no-block carom.socket carom.service
    note "the machine restarted in the middle of a switch: back to $old"
}
verb_guard() {
    silent=0
    while [ -e "$root/pending" ]; do
        if [ -e "$alive" ]; then
            rm -f "$alive"
            silent=0
        fi
        if [ "$silent" -ge "$patience" ]; then
            verb_revert guard
            # Whoever had this host is gone.
            rm -f "$owner"
            return 0
        fi
        sleep 1
        silent=$((silent + 1))
    done
}

# What the running node says of itself, a word a line: from the JSON of `carom status`.
facts() {
    "$root/current/carom" status "$(cat "$root/current/http")" --json 2>/dev/null | awk '
        /"condition":/ { gsub(/[",]/, ""); print "condition", $2 }
        /"name":/ { gsub(/[",]/, ""); name = $2 }
        /"state": "/ { gsub(/[",]/, ""); if ($2 != "up") print "missing", name }
        /"here": true/ { print "here 1" }
        /"ball":/ { print "ball 1" }
        /"hops":/ { gsub(/,/, ""); print "hops", $2 }
        /"nodes":/ { in_nodes = 1 }
        /"screen":/ { getline; gsub(/,/, ""); width = $1 }
        /"velocity":/ { getline; gsub(/[,-]/, ""); if ($1 > 0) print "crossing", int(width / $1) + 1 }
        /"name":/ { if (in_nodes) nodes++ }
        /"balls":/ { in_nodes = 0; print "nodes", nodes }'
}
verb_missing() {
    if [ "$(systemctl is-active carom.service 2>/dev/null)" != active ]; then
        echo "ok unknown"
        return 0
    fi
    printf 'ok %s\n' "$(facts | awk '$1 == "missing" { printf "%s,", $2 }')"
}

# gate ALLOWED BALL: one look at the node. ALLOWED: nodes that may be missing, with commas; BALL: whether one must have come by.
verb_gate() {
    allowed=$1 wants_ball=$2
    touch "$alive"
    state=$(systemctl show -p ActiveState -p SubState -p NRestarts carom.service | tr '\n' ' ')
    case $state in
    *ActiveState=failed* | *SubState=auto-restart*) failed "carom does not stay up: $(last_word)" ;;
    *NRestarts=0*) ;;
    *) failed "carom was restarted: $(last_word)" ;;
    esac
    case $state in
    *ActiveState=active*) ;;
    *)
        echo "wait starting"
        return 0
        ;;
    esac
    facts >/run/carom-rollout-facts
    missing=$(awk '$1 == "missing" { print $2 }' /run/carom-rollout-facts | while read -r node; do
        case ,$allowed, in *",$node,"*) ;; *) printf '%s ' "$node" ;; esac
    done)
    awk -v missing="$missing" -v wants_ball="$wants_ball" '
        { value[$1] = $2 }
        $1 == "ball" { balls++ }
        $1 == "crossing" && $2 > longest { longest = $2 }
        END {
            limit = 2 * longest * value["nodes"] + 10
            if (value["condition"] == "") print "wait no answer on its HTTP port"
            else if (value["condition"] != "in-ring") print "wait", value["condition"]
            else if (missing != "") print "wait not whole: no link to", missing
            else if (wants_ball == "yes" && balls && value["nodes"] > 1 && value["hops"] < 1 + value["here"])
                print "wait-ball", limit, "for the ball to pass through"
            else print "ok ready"
        }' /run/carom-rollout-facts
    rm -f /run/carom-rollout-facts
}
# What the daemon said before it ended, at this start or, if that has said nothing yet, at the one before; or else how it ended.
last_word() {
    word=$(journalctl -q -u carom.service -n 60 -o cat --no-pager 2>/dev/null | awk '
        /^Starting carom/ { before = word; word = "" }
        word == "" && (/^carom: / || /^[^ ]*:[0-9]+:[0-9]+: /) { word = $0 }
        END { print substr(word == "" ? before : word, 1, 240) }')
    [ -n "$word" ] || word="it ended with $(systemctl show -p Result --value carom.service)"
    printf '%s\n' "${word#carom: }"
}

# The ring file that runs here, for whoever must know who was in the ring.
verb_ringfile() { cat "$root/current/ring.toml"; }
verb_beat() {
    touch "$alive"
    echo ok
}
verb_journal() { journalctl -q -u carom.service -n 60 --no-pager -o short-precise 2>/dev/null || true; }

verb_report() {
    running=$(current)
    if [ "$running" = none ]; then
        echo "ok release=none"
        return 0
    fi
    since=$(systemctl show -p ActiveEnterTimestamp --value carom.service)
    whole=as-rolled-out
    (cd "$root/current" && sha256sum --quiet -c SHA256SUMS >/dev/null 2>&1) || whole=changed-by-hand
    printf 'ok release=%s state=%s restarts=%s files=%s previous=%s pending=%s condition=%s since=%s status=%s\n' \
        "$running" "$(systemctl is-active carom.service || true)" \
        "$(systemctl show -p NRestarts --value carom.service)" "$whole" "$(file_or "$root/previous" none)" \
        "$(file_or "$root/pending" none)" "$(facts | awk '$1 == "condition" { print $2 }')" \
        "$(printf '%s' "${since:-never}" | tr ' ' '_')" "$(systemctl show -p StatusText --value carom.service | tr ' ' '_')"
}

# restore: the ring file as it was rolled out, from the copy beside it.
verb_restore() {
    hold
    cd "$root/current" 2>/dev/null || failed "no release runs on this host: deploy/rollout brings one"
    if [ "$(cat ring.toml)" != "$(cat ring.toml.as-sent)" ]; then
        cp -p ring.toml.as-sent ring.toml.new
        mv ring.toml.new ring.toml
        echo "ok restored"
    else
        echo "ok unchanged"
    fi
}

verb_uninstall() {
    hold
    systemctl stop carom-guard.service carom-retry.timer carom.service carom.socket 2>/dev/null || true
    unlink_units
    rm -rf "$root" "$alive" "$owner" /run/carom-rollout-step /run/carom
    systemctl daemon-reload
    systemctl reset-failed carom.service carom.socket 2>/dev/null || true
    if getent passwd carom >/dev/null; then userdel carom 2>/dev/null || true; fi
    if getent group carom >/dev/null; then groupdel carom 2>/dev/null || true; fi
    echo ok
}

verb=${1:?a verb}
shift
case $verb in
probe | lock | unlock | stage | switch | prepare | halt | flip | start | confirm | revert | guard | beat | ringfile | missing | gate | journal | report | restore | uninstall)
    "verb_$verb" "$@"
    ;;
revert-at-boot) verb_revert_at_boot ;;
*) failed "there is no verb $verb" ;;
esac
