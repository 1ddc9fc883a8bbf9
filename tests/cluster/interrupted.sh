# Ctrl-C at every step: each host is left with the old or the new release, whole and running.
# shellcheck shell=sh disable=SC2154,SC2034 # variables shared with run

v1=$(release_of pi1)
from=$(now_ns)
for step in '.' 'pi2: copying|pi2: has' 'pi1: switching' 'pi1: waiting' 'pi1: runs' 'pi3: switching' 'pi4: waiting'; do
    cp "$stage/v1/carom" "$stage/v2/next"
    echo "$step" >>"$stage/v2/next"
    case $step in
    # It says nothing while it looks.
    '.') during '' ctrl_c --binary "$stage/v2/next" ;;
    *) during "$step" ctrl_c --binary "$stage/v2/next" ;;
    esac
    [ "$code" -eq 130 ] || fail "Ctrl-C at /$step/: exit code $code: $(cat "$stage/out")"
    all_whole
    for name in $hosts; do
        case $(release_of "$name") in '' | none) fail "Ctrl-C at /$step/ left $name with nothing" ;; esac
    done
    pass "Ctrl-C at /$step/: $(releases)"
done
saw=$(seen "$from")
[ "$(word "$saw" two_lit)" = 0 ] || fail "two LEDs were lit: $saw"
expect 0 'done in' deploy rollout --binary "$stage/v1/carom"
pass "afterwards one rollout makes all hosts equal again; two LEDs lit 0 times in all of this"
kept=$(on pi1 'ls /opt/carom/releases | wc -l')
[ "$kept" -le 3 ] || fail "$kept releases are kept"
pass "$kept releases are kept on pi1, after many more rollouts"
