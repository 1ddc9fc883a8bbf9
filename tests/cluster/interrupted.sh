# Ctrl-C at every step: each host must be left with the old or the new release, complete and running.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with tests/cluster/run

v1=$(release_of pi1)
from=$(now_ns)
for step in '.' 'pi2: copying|pi2: has' 'pi1: switching' 'pi1: waiting' 'pi1: runs' 'pi3: switching' 'pi4: waiting'; do
    cp "$stage/v1/carom" "$stage/v2/next"
    echo "$step" >>"$stage/v2/next"
    case $step in
    # The rollout prints nothing while it probes.
    '.') during '' press_ctrl_c --binary "$stage/v2/next" ;;
    *) during "$step" press_ctrl_c --binary "$stage/v2/next" ;;
    esac
    [ "$code" -eq 130 ] || fail "Ctrl-C at /$step/: exit code $code: $(cat "$stage/out")"
    expect_all_intact
    for name in $hosts; do
        case $(release_of "$name") in '' | none) fail "Ctrl-C at /$step/ left $name with nothing" ;; esac
    done
    pass "Ctrl-C at /$step/: $(releases)"
done
saw=$(observe_since "$from")
[ "$(value_of "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
pass "afterwards one rollout makes all hosts equal again; two LEDs lit 0 times in all of this"
kept=$(on pi1 'ls /opt/carom/releases | wc -l')
[ "$kept" -le 3 ] || fail "$kept releases are kept"
pass "$kept releases are kept on pi1, after many more rollouts"
