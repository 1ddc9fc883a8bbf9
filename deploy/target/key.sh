# Key: the key of the ring on this host. It lies in the folder of each release, at the path that the ring file gives, and
# /etc/carom has a link to it, so that one rename switches both. A release is never changed but for its key, which
# deploy/rotate-key changes in all of them. The key comes over a connection of its own (deploy/lib/key.sh).

# key_file_of RELEASE: the path of its key in its ring file, or nothing.
key_file_of() { cat "$root/releases/$1/key-file" 2>/dev/null || true; }

# fingerprints CAROM FILE: "USED,ALSO" of the keys in the file, where ALSO may be empty; "missing" if it has no key.
fingerprints() {
    shown=$("$1" key show "$2" 2>/dev/null) || shown=
    printf '%s\n' "$shown" | awk '
        $1 == "used" { used = $NF }
        $1 == "also" { also = $NF }
        END { if (used == "") print "missing"; else print used "," also }'
}
# running_fingerprints: those of the key file that the daemon reads; "none" if its ring file has none.
running_fingerprints() {
    running_key_file=$(key_file_of "$(current_release)")
    if [ -z "$running_key_file" ]; then
        echo none
    else
        fingerprints "$root/current/carom" "/etc/carom/$running_key_file"
    fi
}

# key RELEASE FINGERPRINTS: the key of a release that is on this host already. FINGERPRINTS as for put_key.
verb_key() {
    lock_step
    put_key "$1" "$2"
    rm -f "$received_key"
    echo ok
}
# put_key RELEASE FINGERPRINTS: the key that was sent, which must have these fingerprints, or "kept": the one that is used here.
put_key() {
    if [ "$2" = kept ]; then
        copy_key "/etc/carom/$(key_file_of "$(current_release)")" "$1"
        return 0
    fi
    [ "$(fingerprints "$root/releases/$1/carom" "$received_key")" = "$2" ] ||
        fail "the key that arrived is not the one that was sent: try again"
    copy_key "$received_key" "$1"
}
# copy_key FILE RELEASE: at no moment can others read it, and after a power cut the old key is there or the new one.
copy_key() {
    new_key=$root/releases/$2/$(key_file_of "$2")
    install -d "$(dirname "$new_key")"
    rm -f "$new_key.partial"
    if ! (umask 077 && cat "$1" >"$new_key.partial") || ! cmp -s "$1" "$new_key.partial"; then
        rm -f "$new_key.partial"
        fail_disk_full
    fi
    open_key "$new_key.partial"
    sync
    mv "$new_key.partial" "$new_key"
}
# open_key FILE: lets the daemon read it. Before the first install there is no such user.
open_key() {
    if getent group carom >/dev/null; then
        chgrp carom "$1"
        chmod 640 "$1"
    fi
}

# link_key RELEASE: /etc/carom leads to the key of this release, and to no other.
link_key() {
    key_file=$(key_file_of "$1")
    remove_key_links "$key_file"
    if [ -z "$key_file" ] || [ ! -e "$root/releases/$1/$key_file" ]; then return 0; fi
    open_key "$root/releases/$1/$key_file"
    install -d "$(dirname "/etc/carom/$key_file")"
    link_file "/etc/carom/$key_file" "$key_file"
}
# remove_key_links [EXCEPT]: links in /etc/carom that lead to a key, but for that path.
remove_key_links() {
    [ -d /etc/carom ] || return 0
    find /etc/carom -type l -lname "$root/current/*" ! -path /etc/carom/ring.toml ! -path /etc/carom/carom.env \
        ! -path "/etc/carom/$1" | while read -r link; do
        rm -f "$link"
        rmdir -p "$(dirname "$link")" 2>/dev/null || true
    done
}

# remove_unused_keys: of releases to which nothing goes back by itself. A rollout that wants one of them sends the key again.
remove_unused_keys() {
    rm -rf "$root/releases/.partial" "$root/releases/.damaged" "$received_key"
    for release in "$root"/releases/*; do
        key_file=$(key_file_of "$(basename "$release")")
        if [ -z "$key_file" ]; then continue; fi
        # Half of a key, if the power failed while it was written.
        rm -f "$release/$key_file.partial"
        case $(basename "$release") in
        "$(current_release)" | "$(content_or "$root/previous" none)" | "$(content_or "$root/pending" none)" | \
            "$(content_or "$root/reverting" none)") ;;
        *) rm -f "$release/$key_file" ;;
        esac
    done
}

# change-key FINGERPRINTS: the keys that were sent become the key of every release that has one of them, and the daemon
# reads them.
verb_change_key() {
    lock_step
    [ "$(fingerprints "$root/current/carom" "$received_key")" = "$1" ] ||
        fail "the key that arrived is not the one that was sent: try again"
    running=$(current_release)
    for release in "$root"/releases/*; do
        release=$(basename "$release")
        if [ "$release" != "$running" ] && has_one_of "$1" "$release"; then copy_key "$received_key" "$release"; fi
    done
    # Last, because rotate-key takes this one for all.
    copy_key "$received_key" "$running"
    rm -f "$received_key"
    systemctl reload carom.service >/dev/null 2>&1 || fail "carom refuses the key: $(last_error)"
    log "the keys are now ${1%,}"
    echo ok
}

# has_one_of FINGERPRINTS RELEASE
has_one_of() {
    present_key=$(key_file_of "$2")
    [ -n "$present_key" ] || return 1
    present_keys=$(fingerprints "$root/current/carom" "$root/releases/$2/$present_key")
    for wanted in $(printf '%s' "$1" | tr ',' ' '); do
        case ,$present_keys, in *",$wanted,"*) return 0 ;; esac
    done
    return 1
}

# key-state: which keys the file has, and which the daemon; to which peers it has no link, and how many of its links were
# made with another key than the one that it uses.
verb_key_state() {
    printf 'ok state=%s file=%s %s\n' "$(systemctl is-active carom.service 2>/dev/null || true)" "$(running_fingerprints)" \
        "$(node_facts | awk '
            { value[$1] = $2 }
            $1 == "missing" { missing = missing $2 "," }
            END {
                daemon = value["key-used"] == "" ? "none" : value["key-used"] "," value["key-also"]
                if (value["condition"] == "") missing = "unknown"
                printf "daemon=%s missing=%s old_links=%d", daemon, missing, value["nodes"] - 1 - value["key-links"]
            }')"
}
