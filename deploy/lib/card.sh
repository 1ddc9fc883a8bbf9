# Card: what deploy/card reads, asks and writes. It runs on Linux and macOS, and needs no root.
# shellcheck shell=sh disable=SC2154 # variables of deploy/card and its other parts

node='' mountpoint='' ssh_key='' wifi='' wifi_password='' wifi_password_file='' country='' packages='' with_carom=yes

parse_card_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --config) config=${2:?--config wants a file} && shift ;;
        --node) node=${2:?--node wants the name of a node} && shift ;;
        --ssh-key) ssh_key=${2:?--ssh-key wants a file} && shift ;;
        --wifi) wifi=${2:?--wifi wants the name of a network} && shift ;;
        --wifi-password) wifi_password_file=${2:?--wifi-password wants a file} && shift ;;
        --country) country=${2:?--country wants two letters} && shift ;;
        --package) packages="$packages ${2:?--package wants a file}" && shift ;;
        --no-carom) with_carom=no ;;
        --dry-run) dry_run=yes ;;
        -h | --help)
            print_usage
            exit 0
            ;;
        -*) die "there is no option $1: see $script_name --help" ;;
        *)
            [ -z "$mountpoint" ] || die "say one MOUNTPOINT, not $mountpoint and $1"
            mountpoint=$1
            ;;
        esac
        shift
    done
    [ -n "$config" ] || die "say which ring: $script_name --config ring.toml MOUNTPOINT"
    [ -r "$config" ] || die "cannot read $config"
    [ -n "$mountpoint" ] || die "say where the boot partition of the card is: /media/YOU/bootfs on Linux, /Volumes/bootfs on macOS"
    case $country in '' | [A-Z][A-Z]) ;; *) die "--country wants two capital letters, such as DE, not $country" ;; esac
    [ -z "$wifi" ] || [ -n "$country" ] || die "--wifi needs --country, because the radio of a Pi is off until it knows where it is"
    [ -n "$wifi" ] || [ -z "$wifi_password_file" ] || die "--wifi-password needs --wifi with the name of the network"
}

# read_ring: $work/ring-hosts, and $key_file and $key_path if the ring has a key.
read_ring() {
    find_carom
    "$carom" check --config "$config" >"$work/check" || exit 2
    "$carom" hosts --config "$config" >"$work/ring-hosts"
    read_key
    [ -z "$new_key" ] || die "the change of the key to $new_key is not finished: run deploy/rotate-key first"
    [ -z "$node" ] || cut -d ' ' -f 1 "$work/ring-hosts" | grep -qxF -- "$node" ||
        die "no node of $config is named $node: there are $(cut -d ' ' -f 1 "$work/ring-hosts" | tr '\n' ' ')"
    while read -r name target host _; do
        case $name in
        -* | *[!A-Za-z0-9-]*) die "the node $name cannot be a host name: write letters, digits and dashes only" ;;
        esac
        case $target in
        root@*) die "the node $name has ssh = \"$target\": let it log in as another user, such as pi@$host" ;;
        ?*@*) ;;
        *) die "the node $name has no user in ssh: write ssh = \"pi@$host\" in $config" ;;
        esac
    done <"$work/ring-hosts"
}
# value_of_node NAME FIELD: a field of its line.
value_of_node() { awk -v name="$1" -v field="$2" '$1 == name { print $field }' "$work/ring-hosts"; }

find_ssh_key() {
    if [ -z "$ssh_key" ]; then
        for file in "$HOME"/.ssh/id_ed25519.pub "$HOME"/.ssh/id_*.pub; do
            if [ -s "$file" ]; then
                ssh_key=$file
                break
            fi
        done
    fi
    [ -n "$ssh_key" ] || die "you have no ssh key: make one with ssh-keygen -t ed25519, or name one with --ssh-key FILE"
    [ -s "$ssh_key" ] || die "there is no $ssh_key"
    public_key=$(head -n 1 "$ssh_key" | tr -d '\r"\\')
    case $public_key in
    ssh-* | ecdsa-* | sk-*) ;;
    *) die "$ssh_key is no public key: name the file that ends in .pub" ;;
    esac
}

# find_packages: sets $packages to the Debian packages for Pis. All go on the card: which one fits, the Pi knows.
find_packages() {
    if [ "$with_carom" = no ]; then
        packages=
        return 0
    fi
    if [ -z "$packages" ]; then
        version_here=$(sed -n 's/^version = "\(.*\)"/\1/p' "$project_dir/Cargo.toml" | head -n 1)
        for arch in arm64 armhf armhf_armv6; do
            file=${CARGO_TARGET_DIR:-$project_dir/target}/deploy/carom_$version_here-1_$arch.deb
            if [ -s "$file" ]; then packages="$packages $file"; fi
        done
    fi
    [ -n "$packages" ] || die "there is no Debian package of carom: run deploy/build --deb, name one with --package FILE, or prepare the Pis alone with --no-carom"
    for file in $packages; do
        [ -s "$file" ] || die "there is no package $file"
        case $file in
        *_arm64.deb | *_armhf.deb | *_armhf_armv6.deb | *_amd64.deb) ;;
        *) die "the name of the package $file does not end in its architecture, as in carom_0.1.0-1_arm64.deb" ;;
        esac
    done
}

# read_wifi: sets $wifi_password, from the terminal or a file. It is never an argument of a command.
read_wifi() {
    [ -n "$wifi" ] || return 0
    if [ -n "$wifi_password_file" ]; then
        [ -r "$wifi_password_file" ] || die "cannot read $wifi_password_file"
        IFS= read -r wifi_password <"$wifi_password_file" || true
    else
        [ -t 0 ] || die "the password of the Wi-Fi is read from a terminal, and standard input is none: name a file with --wifi-password FILE"
        printf 'the password of the Wi-Fi %s: ' "$wifi" >&2
        terminal=$(stty -g)
        stty -echo
        IFS= read -r wifi_password || true
        restore_terminal
        echo >&2
    fi
    case $wifi$wifi_password in *[[:cntrl:]]*) die "the name or the password of the Wi-Fi has a control character" ;; esac
    if [ "${#wifi_password}" -lt 8 ] || [ "${#wifi_password}" -gt 63 ]; then
        die "the password of a Wi-Fi has 8 to 63 characters, this one has ${#wifi_password}"
    fi
}
terminal=''
restore_terminal() {
    if [ -n "$terminal" ]; then stty "$terminal"; fi
    terminal=
}

# find_image: sets $image to how the system on the card takes its settings: cloud-init or firstrun.
find_image() {
    [ -d "$mountpoint" ] || die "there is no folder $mountpoint: put the card in, and look where its boot partition is"
    if [ ! -f "$mountpoint/cmdline.txt" ] || [ ! -f "$mountpoint/config.txt" ]; then
        die "$mountpoint is no boot partition of Raspberry Pi OS: it has no cmdline.txt and config.txt"
    fi
    if [ -f "$mountpoint/user-data" ] && [ -f "$mountpoint/meta-data" ]; then
        image=cloud-init
    elif grep -q 'init=/usr/lib/raspberrypi-sys-mods/firstboot' "$mountpoint/cmdline.txt"; then
        image=firstrun
    elif grep -qw resize "$mountpoint/cmdline.txt"; then
        die "the image on this card takes no settings: write Raspberry Pi OS of November 2025 or newer on it"
    else
        die "this card has been started before: write Raspberry Pi OS on it anew"
    fi
    if [ -e "$mountpoint/carom/started" ]; then die "this card has been started before: write Raspberry Pi OS on it anew"; fi
    [ -w "$mountpoint" ] || die "$mountpoint cannot be written: does the card have a lock switch?"
}

# prepare_card: writes all that the node $node needs to the card.
prepare_card() {
    rm -f "$work/unwritten"
    find_image
    prepared=$(sed -n 's/^node=//p' "$mountpoint/carom/settings" 2>/dev/null || true)
    if [ "$one_by_one" = yes ] && [ -n "$prepared" ] && [ "$prepared" != "$node" ]; then
        die "this card is the one for $prepared: take it out, and put the next one in"
    fi
    target=$(value_of_node "$node" 2)
    user=${target%%@*}
    host=$(value_of_node "$node" 3)
    case $user in *[!a-z0-9_-]* | [!a-z_]*) die "the user $user of $node is no user name for a Pi: write small letters, digits and dashes" ;; esac
    # What an earlier run has written for another node, and Imager: its host name would win.
    if [ "$dry_run" = no ]; then rm -rf "$mountpoint/carom" "$mountpoint/custom.toml"; fi
    # The new files first, and last what makes the Pi read them.
    write carom/first-start <"$deploy_dir/first-start"
    node_settings | write carom/settings
    printf '%s\n' "$public_key" | write carom/authorized_keys
    if [ "$with_carom" = yes ]; then
        for file in $packages; do
            package_name=$(basename "$file")
            write "carom/$package_name" <"$file"
        done
        write carom/ring.toml <"$config"
        if [ -n "$key_file" ]; then write carom/ring.key <"$key_path"; fi
    fi
    if [ -e "$work/unwritten" ]; then exit 2; fi
    if [ "$image" = cloud-init ]; then write_cloud_init; else write_firstrun; fi
    if [ -e "$work/unwritten" ]; then exit 2; fi
    sync
    print_summary
}
print_summary() {
    done_word=wrote
    if [ "$dry_run" = yes ]; then done_word='would write'; fi
    case $image in
    cloud-init) printf '%s: %s the settings of a Trixie image (cloud-init) to %s\n' "$node" "$done_word" "$mountpoint" ;;
    firstrun) printf '%s: %s the settings of a Bookworm image (firstrun.sh) to %s\n' "$node" "$done_word" "$mountpoint" ;;
    esac
    printf '    host name %s, user %s with the key %s and no password, sudo for deploy/rollout%s\n' "$node" "$user" "$ssh_key" \
        "${wifi:+, Wi-Fi $wifi in $country}"
    if [ "$with_carom" = yes ]; then
        printf '    carom (%s), the ring file%s\n' "$(for file in $packages; do basename "$file"; done | tr '\n' ' ' | sed 's/ $//')" \
            "${key_file:+, the key, which leaves this partition at the first start}"
    fi
    if is_address "$host"; then
        printf '    its host in the ring file is the address %s: set your router to give it that one\n' "$host"
    fi
    if [ "$dry_run" = yes ]; then echo "nothing was written: this was a dry run"; fi
}

# A colon is in no name, and a letter in no IPv4 address.
is_address() { case $1 in *:*) return 0 ;; *[!0-9.]*) return 1 ;; esac; }

# prepare_all_cards: for each node, waits for its card. Who presses Enter too early must not overwrite the card before.
one_by_one=no
prepare_all_cards() {
    one_by_one=yes
    if [ "$dry_run" = no ] && [ ! -t 0 ]; then die "one card after the other needs a terminal: say one node with --node"; fi
    cut -d ' ' -f 1 "$work/ring-hosts" >"$work/names"
    while read -r node <&3; do
        if [ "$dry_run" = no ]; then
            printf '%s: put its card in, then press Enter (s Enter skips it, q Enter ends): ' "$node"
            answer=q
            read -r answer || true
            case $answer in
            q*) return 0 ;;
            s*) continue ;;
            esac
            # In a shell of its own: what is wrong with one card does not end the others.
            until (prepare_card); do
                printf '%s: put another card in, then press Enter (s Enter skips it, q Enter ends): ' "$node"
                answer=q
                read -r answer || true
                case $answer in q*) return 1 ;; s*) break ;; esac
            done
            printf '%s: eject the card, and take it out\n' "$node"
        else
            prepare_card
        fi
    done 3<"$work/names"
}

# write PATH: standard input to a file of the boot partition. With cat, because cp makes second files there on macOS.
write() {
    if [ "$dry_run" = yes ]; then
        cat >/dev/null
        return 0
    fi
    if ! mkdir -p "$mountpoint/$(dirname "$1")" || ! cat >"$mountpoint/$1"; then
        # In a pipe, die ends this side of it only.
        touch "$work/unwritten"
        die "cannot write $1 to $mountpoint: is it full?"
    fi
}

# node_settings: a line each, KEY=VALUE; the value goes to the end of the line.
node_settings() {
    printf 'node=%s\nuser=%s\nkey_file=%s\nwith_carom=%s\ncountry=%s\n' "$node" "$user" "$key_file" "$with_carom" "$country"
    # On a cloud-init image, network-config has these.
    if [ "$image" = firstrun ] && [ -n "$wifi" ]; then printf 'wifi=%s\nwifi_password=%s\n' "$wifi" "$wifi_password"; fi
}

# change_cmdline WORDS: the kernel's command line is one line. What an earlier run or Imager has added is replaced.
change_cmdline() {
    tr -d '\r\n' <"$mountpoint/cmdline.txt" |
        sed -e 's/ systemd\.run[^ ]*//g' -e 's/ systemd\.unit=kernel[^ ]*//g' -e 's/ ds=nocloud[^ ]*//g' -e 's/ cfg80211[^ ]*//g' >"$work/cmdline"
    printf '%s %s%s\n' "$(cat "$work/cmdline")" "$1" "${country:+ cfg80211.ieee80211_regdom=$country}" | write cmdline.txt
}

# quoted TEXT: as YAML and JSON have it.
quoted() { printf '"%s"' "$(printf %s "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')"; }

# write_cloud_init: for the images that have it. A new instance-id makes it read the files; that it is on the command line,
# too, keeps it from reading them again at every start.
write_cloud_init() {
    instance=carom-$node-$(date +%s)
    printf '# Written by deploy/card for the node %s.\ninstance-id: %s\n' "$node" "$instance" | write meta-data
    if [ -n "$wifi" ]; then
        network_config | write network-config
    elif grep -q 'deploy/card' "$mountpoint/network-config" 2>/dev/null; then
        echo '# No Wi-Fi.' | write network-config
    fi
    user_data | write user-data
    change_cmdline "ds=nocloud;i=$instance"
}
user_data() {
    cat <<YAML
#cloud-config
# Written by deploy/card for the node $node.
hostname: $node
manage_etc_hosts: true
manage_resolv_conf: false
user:
  name: $user
  shell: /bin/bash
  lock_passwd: true
  sudo: null
  ssh_authorized_keys:
    - $(quoted "$public_key")
ssh_pwauth: false
bootcmd:
  # The dialogue that asks for a user at the screen would keep the last commands waiting for somebody there.
  - [ cloud-init-per, instance, carom-no-dialogue, sh, -c, "systemctl --no-block stop userconfig; systemctl disable userconfig; true" ]
runcmd:
  - [ systemctl, enable, --now, ssh ]
  - [ sh, /boot/firmware/carom/first-start, cloud-init ]
YAML
}
network_config() {
    cat <<YAML
# Written by deploy/card.
network:
  version: 2
  ethernets:
    eth0:
      dhcp4: true
      optional: true
  wifis:
    wlan0:
      dhcp4: true
      optional: true
      regulatory-domain: $(quoted "$country")
      access-points:
        $(quoted "$wifi"):
          password: $(quoted "$wifi_password")
YAML
}

# write_firstrun: systemd runs the script once, with root, before the first ordinary start.
write_firstrun() {
    printf '#!/bin/sh\n# Written by deploy/card for the node %s.\nexec sh /boot/firmware/carom/first-start firstrun\n' "$node" | write firstrun.sh
    change_cmdline "systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"
}
