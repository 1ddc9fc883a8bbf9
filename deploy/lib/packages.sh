# Packages: installs Debian packages that a build or a test needs.
# shellcheck shell=sh

# install_missing PROGRAM:PACKAGE[,PACKAGE]...: makes sure that every PROGRAM (a command, or the path of a file) is
# there, and otherwise, as root on Debian, installs its packages. False if one is still missing; then $not_installed
# says so, to be put after "X needs".
install_missing() {
    missing_packages=
    for wanted_pair; do
        is_installed "${wanted_pair%%:*}" || missing_packages="$missing_packages $(printf '%s' "${wanted_pair#*:}" | tr ',' ' ')"
    done
    [ -n "$missing_packages" ] || return 0
    if [ "$(id -u)" -ne 0 ] || [ ! -e /etc/debian_version ]; then
        not_installed="packages that are not installed, and that only root on Debian can install here:$missing_packages"
        return 1
    fi
    # Another process may hold the lock of the package system for a while.
    apt-get -o DPkg::Lock::Timeout=120 update -qq >/dev/null 2>&1 || true
    # shellcheck disable=SC2086 # one word a package
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends $missing_packages >/dev/null 2>&1 || true
    # shellcheck disable=SC2034 # for the caller
    not_installed="packages that could not be installed:$missing_packages"
    for wanted_pair; do
        is_installed "${wanted_pair%%:*}" || return 1
    done
}
is_installed() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}
