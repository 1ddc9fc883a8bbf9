# sudo: how a command becomes root on a host. Without a password, or, with --ask-sudo, with one that is read once from the
# terminal. The password goes over ssh's standard input only: it is never an argument, and never in a file or a log.
# shellcheck shell=sh disable=SC2034 # ssh.sh reads these

sudo='sudo -n' skip_password='' sudo_password='' ask_sudo=no

# read_sudo_password: from the terminal, without showing it.
read_sudo_password() {
    [ "$ask_sudo" = yes ] || return 0
    [ -t 0 ] || die "--ask-sudo reads the password from a terminal, and standard input is none"
    printf 'the password for sudo on the hosts: ' >&2
    stty -echo
    IFS= read -r sudo_password || true
    stty echo
    echo >&2
    # -k: a remembered password would leave ours unread, and it would become the first line of the input.
    sudo='sudo -S -k -p carom:'
    # If the host asks for none, the password is still unread: everything up to the marker is skipped.
    skip_password="while read -r line; do case \\\$line in $marker) break;; esac; done; "
}
# give_password: standard input, with the password before it if the host may ask for one.
give_password() {
    if [ "$ask_sudo" = yes ]; then printf '%s\n%s\n' "$sudo_password" "$marker"; fi
    cat
}
