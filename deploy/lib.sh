# Loads what the scripts of deploy/ share, from the parts in deploy/lib/. Each part says at its top what it holds.
# POSIX sh; needs ssh, tar and a carom for this machine.
# shellcheck shell=sh

deploy_dir=$(cd "$(dirname "$0")" && pwd)
project_dir=$(dirname "$deploy_dir")
script_name=deploy/$(basename "$0")

# shellcheck source=lib/arguments.sh
. "$deploy_dir/lib/arguments.sh"
# shellcheck source=lib/display.sh
. "$deploy_dir/lib/display.sh"
# shellcheck source=lib/sudo.sh
. "$deploy_dir/lib/sudo.sh"
# shellcheck source=lib/ssh.sh
. "$deploy_dir/lib/ssh.sh"
# shellcheck source=lib/reach.sh
. "$deploy_dir/lib/reach.sh"
# shellcheck source=lib/key.sh
. "$deploy_dir/lib/key.sh"
# shellcheck source=lib/hosts.sh
. "$deploy_dir/lib/hosts.sh"
# shellcheck source=lib/probe.sh
. "$deploy_dir/lib/probe.sh"
# shellcheck source=lib/lock.sh
. "$deploy_dir/lib/lock.sh"
# shellcheck source=lib/gate.sh
. "$deploy_dir/lib/gate.sh"
# shellcheck source=lib/switch.sh
. "$deploy_dir/lib/switch.sh"
# shellcheck source=lib/switch_together.sh
. "$deploy_dir/lib/switch_together.sh"
# shellcheck source=lib/session.sh
. "$deploy_dir/lib/session.sh"
