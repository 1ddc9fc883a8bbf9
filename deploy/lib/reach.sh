# Reach: why a host could not be used, in a sentence that says what to do. Only a host to which no connection could be made
# is unreachable; one that answers and refuses is not.
# shellcheck shell=sh

# reach_problem NAME: after run_as_root has returned 2.
reach_problem() {
    target=$(cat "$work/$1.target")
    read -r reached reach_code noise <"$work/$1.reach"
    case $reached in
    connection) connection_problem "$1" ;;
    refused) sudo_problem "$1" ;;
    nothing)
        echo "the login shell on $target runs no commands: it answers \"$(printf '%.60s' "${noise:-$(error_of "$1")}")\""
        ;;
    *) echo "the connection to $target was lost" ;;
    esac
}
# error_of NAME: the last line that was written to standard error.
error_of() { { grep . "$work/$1.stderr" || true; } | tail -n 1 | tr -d '\r' | sed 's/^carom://'; }

# is_unreachable NAME: whether no connection could be made, or it was lost. Any other reason of ssh is one to be told.
is_unreachable() {
    case $(cat "$work/$1.reach") in connection*) ;; *) return 1 ;; esac
    case $(error_of "$1") in
    '' | *"connect to host"* | *"resolve hostname"* | *"Connection closed"* | *"Connection reset"* | *"Connection to "* | *"timed out"* | \
        *"imeout"* | *"exchange"* | *"Broken pipe"*) ;;
    *) return 1 ;;
    esac
}

connection_problem() {
    case $(cat "$work/$1.stderr") in
    *"IDENTIFICATION HAS CHANGED"*)
        echo "the host key of $target has changed: if its card was written anew, run $(forget_command "$1"), then ssh $target true; otherwise another machine has its address"
        ;;
    *"ost key"*) echo "the host key of $target is unknown: run ssh $target true once and compare the key" ;;
    *"UNPROTECTED PRIVATE KEY"*)
        key_path_shown=$(sed -n "s/^Permissions .* for '\(.*\)' are too open.*/\1/p" "$work/$1.stderr" | head -n 1)
        echo "ssh does not use the key $key_path_shown, because others may read it: run chmod 600 $key_path_shown"
        ;;
    *"Permission denied"* | *"Too many authentication"*) login_problem "$1" ;;
    *"resolve hostname"*)
        echo "$target cannot be reached, because this machine finds no address of $(ssh_setting "$target" hostname): look whether the host has power and is in this network, or write its address in the ring file (ssh = \"USER@ADDRESS\")"
        ;;
    *"onfiguration option"*) echo "ssh does not take its configuration: $(head -n 1 "$work/$1.stderr" | tr -d '\r')" ;;
    *)
        problem=$(error_of "$1")
        if is_unreachable "$1"; then
            echo "$target cannot be reached (${problem:-no answer}): look whether the host has power, is in this network, and lets ssh in"
        else
            echo "ssh to $target fails: $problem"
        fi
        ;;
    esac
}
# ssh_setting TARGET KEY: what the user's configuration says of it; several lines if it may be given more than once.
ssh_setting() { ssh ${ssh_config:+-F "$ssh_config"} -G "$1" 2>/dev/null | sed -n "s/^$2 //p"; }

# forget_command NAME: removes the old host key, from the file and under the name that ssh has found it.
forget_command() {
    known_as=$(ssh_setting "$target" hostkeyalias)
    if [ -z "$known_as" ]; then
        known_as=$(ssh_setting "$target" hostname)
        port=$(ssh_setting "$target" port)
        [ "${port:-22}" = 22 ] || known_as="'[$known_as]:$port'"
    fi
    file=$(sed -n 's/^Offending .* key in \(.*\):[0-9]*.*/\1/p' "$work/$1.stderr" | head -n 1)
    case $file in
    '' | "$HOME/.ssh/known_hosts") echo "ssh-keygen -R $known_as" ;;
    *) echo "ssh-keygen -f $file -R $known_as" ;;
    esac
}

# login_problem NAME: which of the reasons for "permission denied" it is, by the keys that this machine has.
login_problem() {
    in_agent=no
    if ssh-add -l >/dev/null 2>&1; then in_agent=yes; fi
    first_key='' locked_key=''
    ssh_setting "$target" identityfile >"$work/$1.identities"
    while read -r identity; do
        # ssh prints the default ones so.
        case $identity in \~/*) identity=$HOME/${identity#??} ;; esac
        if [ ! -r "$identity" ]; then continue; fi
        first_key=${first_key:-$identity}
        ssh-keygen -y -P '' -f "$identity" </dev/null >/dev/null 2>&1 || locked_key=${locked_key:-$identity}
    done <"$work/$1.identities"
    if [ -z "$first_key" ] && [ "$in_agent" = no ]; then
        echo "this machine has no ssh key for $target: run ssh-keygen -t ed25519, then ssh-copy-id $target"
    elif [ -n "$locked_key" ] && [ "$in_agent" = no ]; then
        echo "the ssh key $locked_key has a passphrase, and no agent has it open: run eval \$(ssh-agent), then ssh-add $locked_key"
    else
        case $target in
        *@*) echo "$target does not take this machine's ssh key: run ssh-copy-id $target" ;;
        *) echo "$target does not take this machine's ssh key for the user $(ssh_setting "$target" user): if the user there is another, write ssh = \"USER@$target\" in the ring file; otherwise run ssh-copy-id $target" ;;
        esac
    fi
}

sudo_problem() {
    user=${target%@*}
    [ "$user" != "$target" ] || user=$(ssh_setting "$target" user)
    problem=$(error_of "$1")
    case $reach_code,$(cat "$work/$1.stderr") in
    127,*) echo "there is no sudo on $target: install it, or log in as root" ;;
    *"not in the sudoers"* | *"may not run sudo"* | *"not allowed to"*)
        echo "sudo on $target lets $user do nothing: add $user to the sudoers there (docs/OPERATIONS.md)"
        ;;
    *"must have a tty"*) echo "sudo on $target wants a terminal: take requiretty out of /etc/sudoers there" ;;
    *"ncorrect password"* | *"Authentication failed"* | *"incorrect authentication"*) echo "sudo on $target does not take the password" ;;
    *"password is required"* | *"a terminal is required"* | *"authentication is required"* | *"no password was provided"*)
        echo "sudo wants a password on $target: add --ask-sudo, or let the user run all commands without one (docs/OPERATIONS.md)"
        ;;
    *) echo "sudo on $target refuses: ${problem:-it gives no reason, exit code $reach_code}" ;;
    esac
}
