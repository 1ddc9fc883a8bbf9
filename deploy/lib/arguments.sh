# Arguments: the options that all scripts of deploy/ understand, their defaults, and the usage text.
# shellcheck shell=sh

config='' only='' jobs=8 skip_unreachable=no break_lock='' ssh_config='' dry_run=no keep_going=no binaries='' given_key=''

die() {
    printf '%s: %s\n' "$script_name" "$*" >&2
    exit 2
}

# parse_arguments "$@": sets the variables above.
# shellcheck disable=SC2034 # other parts read them
parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --config) config=${2:?--config wants a file} && shift ;;
        --only) only=${2:?--only wants names with commas between} && shift ;;
        --jobs) jobs=${2:?--jobs wants a number} && shift ;;
        --ssh-config) ssh_config=${2:?--ssh-config wants a file} && shift ;;
        --new-key) given_key=${2:?--new-key wants a file} && shift ;;
        --binary) binaries="$binaries ${2:?--binary wants a file}" && shift ;;
        --ask-sudo) ask_sudo=yes ;;
        --skip-unreachable) skip_unreachable=yes ;;
        --break-lock) break_lock='break' ;;
        --dry-run) dry_run=yes ;;
        --keep-going) keep_going=yes ;;
        -h | --help)
            print_usage
            exit 0
            ;;
        *) die "there is no option $1: see $script_name --help" ;;
        esac
        shift
    done
    [ -n "$config" ] || die "say which ring: $script_name --config ring.toml"
    [ -r "$config" ] || die "cannot read $config"
    case $jobs in '' | *[!0-9]* | 0) die "--jobs wants a number from 1, not $jobs" ;; esac
}

# The usage text is the comment at the top of the script that was called.
print_usage() { sed -n '2,/^set -eu/p' "$0" | sed -e '/^set -eu/d' -e 's/^# \{0,1\}//'; }
