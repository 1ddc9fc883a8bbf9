# Key: the key of the ring, and how it gets to a host. It is read from its file and sent over standard input: it is never
# an argument, and never in a file on the way. Only fingerprints are printed.
# shellcheck shell=sh

# Where send_key puts it: in memory, for root only. deploy/target/head.sh knows the same path.
received_key=/run/carom-rollout-key

key_file='' key_path='' key='' new_key=''

# read_key: for a ring file with a key, sets $key_file (its path in the ring file), $key_path (its path here) and $key
# (its fingerprint). While deploy/rotate-key is not finished, $new_key is the fingerprint of the key that follows.
read_key() {
    # The last word of a line, because a path may have spaces.
    key_file=$(sed -n '1s/.* key-file=//p' "$work/ring-hosts")
    [ -n "$key_file" ] || return 0
    case /$key_file/ in
    //* | */../* | */./* | *[!A-Za-z0-9._/-]*)
        die "key-file = \"$key_file\": every host gets the key at the same path below /etc/carom, so write a path below the folder of $config, of letters, digits, dots, dashes and slashes, such as \"ring.key\""
        ;;
    esac
    key_path=$(dirname "$config")/$key_file
    key=$(only_key_of "$key_path")
    if [ -e "$key_path.new" ]; then new_key=$(only_key_of "$key_path.new"); fi
}
# only_key_of FILE: the fingerprint of the one key in it.
only_key_of() {
    shown_keys=$("$carom" key show "$1") || die "cannot read the key in $1"
    case $shown_keys in
    *also*) die "$1 has two keys: leave only the first there; deploy/rotate-key gives the hosts both while a key is changed" ;;
    esac
    printf '%s\n' "$shown_keys" | sed -n 's/^used //p'
}

# send_key NAME FILE...: the keys in these files, in this order, to $received_key on that host.
send_key() {
    key_host=$1
    shift
    # awk ends the last line of every file with a line feed.
    awk 1 "$@" | run_as_root "$key_host" "umask 077; rm -f $received_key; cat >$received_key"
}

# check_key NAME: from its probe, where the host takes the key of its new release from: NAME.key-source is `kept` (it has
# it) or `sent`. A problem if it has another key, unless its ring changes anyway.
check_key() {
    [ -n "$key_file" ] || return 0
    present=$(probe_value "$1" key)
    case $present in
    none | missing) echo sent >"$work/$1.key-source" ;;
    "$key" | "${new_key:-$key}") echo kept >"$work/$1.key-source" ;;
    *)
        echo sent >"$work/$1.key-source"
        # shellcheck disable=SC2154 # read_hosts sets it
        if [ "$(probe_value "$1" topology)" = "$topology" ]; then
            report_problem "$1" "it uses the key $present, and $key_path is $key: to change the key, put the old one back there and run deploy/rotate-key; if only this host has another key, run sudo rm /etc/carom/$(probe_value "$1" key_file) on it and try again"
            return 1
        fi
        ;;
    esac
}
# choose_sent_keys: sets $sent_keys to the fingerprints of what a host without a key gets, "USED,ALSO". In the middle of a
# change of the key it gets both keys, and uses the one that no other host has forgotten.
choose_sent_keys() {
    [ -n "$key_file" ] || return 0
    sent_keys=$key,
    [ -n "$new_key" ] || return 0
    message "note: the change of the key to $new_key is not finished: run deploy/rotate-key"
    sent_keys=$key,$new_key
    while read -r name; do
        if [ -e "$work/$name.probe" ] && [ "$(probe_value "$name" key)" = "$new_key" ]; then
            sent_keys=$new_key,$key
        fi
    done <"$work/all"
}
# send_chosen_keys NAME
send_chosen_keys() {
    case $sent_keys in
    "$key,") send_key "$1" "$key_path" ;;
    "$key,"*) send_key "$1" "$key_path" "$key_path.new" ;;
    *) send_key "$1" "$key_path.new" "$key_path" ;;
    esac
}
