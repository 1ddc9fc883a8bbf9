# Display: messages about the run and about one host. On a terminal, hosts have one row each in a table that is
# redrawn in place; elsewhere each message is a line.
# shellcheck shell=sh

# host_message NAME TEXT: what a host is doing now. Also goes into the log of that host.
host_message() {
    message_host=$1
    shift
    printf '%s\n' "$*" >"$work/$message_host.message"
    mkdir -p "$logs"
    printf '%s\n' "$*" >>"$logs/$message_host.log"
    if [ "$live_table" = no ]; then printf '%s: %s\n' "$message_host" "$*"; else draw_table; fi
}

# message TEXT: a line about the whole run. It ends the table, which starts anew below it.
message() {
    if [ "$live_table" = yes ] && [ -e "$work/drawn" ]; then
        draw_table
        rm -f "$work/drawn"
    fi
    printf '%s\n' "$*"
}

draw_table() {
    # Jobs in parallel draw the same table. Whoever finds it locked leaves its row to the next drawing.
    mkdir "$work/drawing" 2>/dev/null || return 0
    rows=$(wc -l <"$work/selected")
    name_width=$(awk 'length($0) > longest { longest = length($0) } END { print longest < 16 ? 16 : longest }' "$work/selected")
    if [ -e "$work/drawn" ]; then printf '\033[%dA' "$rows"; fi
    while read -r row; do
        printf '\033[2K%-*s %.60s\n' "$name_width" "$row" "$(cat "$work/$row.message" 2>/dev/null || true)"
    done <"$work/selected"
    touch "$work/drawn"
    rmdir "$work/drawing"
}

# report_problem NAME TEXT: something that keeps the rollout from starting. Always false.
report_problem() {
    printf '%s\n' "$2" >"$work/$1.problem"
    host_message "$1" "$2"
    return 1
}
