# What the tests of whole hosts share: a switch that only they see, with hosts connected to it, and the lines of checks that hold.
# shellcheck shell=sh disable=SC2154 # $run_id and $net of the test

begun=$(date +%s)
checks=0
elapsed() { printf '%4s s' "$(($(date +%s) - begun))"; }
# pass TEXT: one check holds.
pass() {
    checks=$((checks + 1))
    printf '%s  ok  %s\n' "$(elapsed)" "$*"
}

# make_switch: in a network namespace of its own.
make_switch() {
    ip netns add "$run_id-sw"
    ip -n "$run_id-sw" link add br0 type bridge
    ip -n "$run_id-sw" link set br0 up
}
# connect_to_switch NAME NUMBER: makes a network namespace with one link to the switch.
connect_to_switch() {
    ip netns add "$run_id-$1"
    ip -n "$run_id-$1" link add eth0 type veth peer name "$1" netns "$run_id-sw"
    ip -n "$run_id-sw" link set "$1" master br0 up
    ip -n "$run_id-$1" address add "$net.$2/24" dev eth0
    ip -n "$run_id-$1" link set lo up
    ip -n "$run_id-$1" link set eth0 up
}
