# sudo: how a command becomes root on a host. Without a password, or, with --ask-sudo, with one that is read once from the
# terminal. The password goes over ssh's standard input only: it is never an argument, and never in a file or a log.
# shellcheck shell=sh disable=SC2034 # ssh.sh reads these

sudo='sudo -n' skip_password='' sudo_password='' password_end='' ask_sudo=no

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
    check_sudo_password
    password_end=$marker
}
# check_sudo_password: on the first host, with an input that ends after the password. If the password is wrong, sudo would
# take the next two lines of a longer input for passwords, too: three failed logins on every host may lock the user out.
check_sudo_password() {
    first_host=$(head -n 1 "$work/selected")
    run_as_root "$first_host" true </dev/null >/dev/null && return 0
    # Any other problem is told when all hosts are asked.
    sudo_answer=$(reach_problem "$first_host")
    case $sudo_answer in *'does not take the password') die "$sudo_answer: no other host was asked" ;; esac
}
# give_password: standard input, with the password before it if the host may ask for one.
give_password() {
    if [ "$ask_sudo" = yes ]; then printf '%s\n' "$sudo_password" ${password_end:+"$password_end"}; fi
    cat
}
