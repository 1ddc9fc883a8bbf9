# Main: runs the verb. The last part, so that the whole script has arrived before anything is changed.

verb=${1:?a verb}
shift
case $verb in
probe | missing-peers | ring-file | lock | unlock | stage | switch | prepare | stop | activate | start | confirm | \
    revert | revert-at-boot | guard | gate | heartbeat | journal | report | restore | uninstall | \
    key | key-state | change-key)
    "verb_$(printf '%s' "$verb" | tr '-' '_')" "$@"
    ;;
*) fail "there is no verb $verb" ;;
esac
