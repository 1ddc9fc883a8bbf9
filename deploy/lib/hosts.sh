# Hosts: the nodes of the ring file, which of them are selected, and how to run a function for each of them.
# shellcheck shell=sh
#
# In $work: `all` are the names in the ring file, `voters` those that vote, `selected` those of --only, `todo` those to be
# switched; always in ring order. NAME.target is what ssh connects to, NAME.endpoints the node's host and ports as KEY=VALUE.

# read_hosts: from the ring file, which must be valid.
read_hosts() {
    "$carom" check --config "$config" >"$work/check" || exit 2
    # shellcheck disable=SC2034 # rollout reads it
    topology=$(sed -n '1s/.*topology //p' "$work/check")
    "$carom" hosts --config "$config" >"$work/ring-hosts"
    read_key
    while read -r name target host rest; do
        add_host "$name" "$target" "host=$host ${rest%% key-file=*}"
    done <"$work/ring-hosts"
    read_voters
    select_hosts
}
# read_voters: from the second line of `carom check`. It names the voters unless all nodes vote.
read_voters() {
    sed -n '2s/^[0-9]* nodes\{0,1\} votes\{0,1\}: //p' "$work/check" | tr -d ' ' | tr ',' '\n' >"$work/voters"
    if [ ! -s "$work/voters" ]; then cp "$work/all" "$work/voters"; fi
    # How many of them must run for the ring to play; none if any nodes are enough.
    majority=$(sed -n -e 's/^plays while \([0-9]*\) of .*/\1/p' -e 's/^plays while it can talk .*/1/p' "$work/check")
}
add_host() {
    printf '%s\n' "$1" >>"$work/all"
    # ssh takes an IPv6 address without brackets.
    printf '%s\n' "$2" | tr -d '[]' >"$work/$1.target"
    printf '%s\n' "$3" >"$work/$1.endpoints"
}
select_hosts() {
    if [ -z "$only" ]; then
        cp "$work/all" "$work/selected"
        return 0
    fi
    for wanted in $(printf '%s' "$only" | tr ',' ' '); do
        grep -qxF "$wanted" "$work/all" ||
            die "no node of $config is named $wanted: there are $(tr '\n' ' ' <"$work/all")"
    done
    printf '%s\n' "$only" | tr ',' '\n' >"$work/wanted"
    grep -xF -f "$work/wanted" "$work/all" >"$work/selected"
}
# check_majority: nodes that start alone must be enough to play. Said before they wait in vain.
check_majority() {
    if [ "$(grep -cxF -f "$work/voters" "$work/selected")" -ge "${majority:-0}" ]; then return 0; fi
    if cmp -s "$work/voters" "$work/all"; then
        needed="its $(wc -l <"$work/all" | tr -d ' ') nodes run"
    else
        needed="its voters run ($(paste -sd , "$work/voters" | sed 's/,/, /g'))"
    fi
    die "nothing runs yet, and the ring plays when $majority of $needed: begin with so many of them"
}

# for_each_host FUNCTION FILE: runs FUNCTION NAME for every name in the file, --jobs of them at a time.
# False if any failed.
for_each_host() {
    job_failed=0
    job_pids=
    running_jobs=0
    while read -r job_host; do
        # ssh would read the remaining names from standard input.
        "$1" "$job_host" </dev/null &
        job_pids="$job_pids $!"
        running_jobs=$((running_jobs + 1))
        if [ "$running_jobs" -ge "$jobs" ]; then wait_for_jobs; fi
    done <"$2"
    wait_for_jobs
    return "$job_failed"
}
wait_for_jobs() {
    for pid in $job_pids; do wait "$pid" || job_failed=1; done
    job_pids=
    running_jobs=0
}
