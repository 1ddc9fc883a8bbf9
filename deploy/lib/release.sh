# Release: which binary goes to which kind of machine, and how it is copied to a host with the ring file and the units.
# shellcheck shell=sh

unit_files="carom.service carom.socket carom-retry.timer carom-revert.service carom.sysusers carom.avahi 60-carom.rules"

# machine_of FILE: the kind of machine that runs this binary, by the header of its ELF file.
machine_of() {
    case $(od -An -tx1 -N 20 "$1" | tr -d ' \n') in
    7f454c46*3e00) echo x86_64 ;;
    7f454c46*b700) echo aarch64 ;;
    7f454c46*2800) echo arm ;;
    7f454c46*f300) echo riscv64 ;;
    *) echo none ;;
    esac
}
# binary_for MACHINE: the file to copy to such a machine, or nothing.
binary_for() {
    if [ -z "$binaries" ]; then
        built_binary "$1"
        return 0
    fi
    case $1 in
    armv6l | armv7l) kinds=arm ;;
    # Such a system may have 32-bit libraries, too. The host itself tries the binary before it takes it.
    aarch64) kinds='aarch64 arm' ;;
    *) kinds=$1 ;;
    esac
    for kind in $kinds; do
        for file in $binaries; do
            if [ "$(machine_of "$file")" = "$kind" ]; then
                echo "$file"
                return 0
            fi
        done
    done
}
sha256() { if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
# hash_of BINARY: part of the name of the release; covers every file of it.
hash_of() {
    {
        sha256 <"$1"
        sha256 <"$config"
        for unit in $unit_files; do sha256 <"$project_dir/systemd/$unit"; done
        sha256 <"$work/target.sh"
    } | sha256 | cut -c 1-12
}
# wire_in BINARY: the version of the ring protocol that it speaks, from the text of `carom --version` in it, because a binary
# for another kind of machine does not run here. 1 if it has no such text, as before there were others.
wire_in() {
    spoken=$(LC_ALL=C grep -a -o '(wire [0-9][0-9]*)' "$1" | head -n 1 | tr -cd 0-9)
    echo "${spoken:-1}"
}
# find_binaries: for each kind of machine that has a binary, binary-MACHINE and hash-MACHINE in $work. $wire is the version
# of the ring protocol that they speak.
find_binaries() {
    for file in $binaries; do
        [ -s "$file" ] || die "there is no binary $file"
        [ "$(machine_of "$file")" != none ] || die "$file is no program for Linux"
    done
    list='' wire=''
    for machine in x86_64 aarch64 armv7l armv6l riscv64; do
        file=$(binary_for "$machine")
        if [ -n "$file" ]; then
            printf '%s\n' "$file" >"$work/binary-$machine"
            hash_of "$file" >"$work/hash-$machine"
            list="$list$machine=$(cat "$work/hash-$machine"),"
            [ "$(wire_in "$file")" = "${wire:=$(wire_in "$file")}" ] ||
                die "$file speaks version $(wire_in "$file") of the ring protocol, and another binary version $wire: make all with deploy/build"
        fi
    done
    [ -n "$list" ] || die "there is no binary to roll out: run deploy/build, or name one with --binary"
    printf '%s\n' "${list%,}" >"$work/hashes"
}

# make_bundles: for each kind of machine, a folder with what is copied.
make_bundles() {
    for binary in "$work"/binary-*; do
        bundle=$work/bundle-${binary##*/binary-}
        mkdir "$bundle"
        cp "$(cat "$binary")" "$bundle/carom"
        cp "$config" "$bundle/ring.toml"
        for unit in $unit_files; do cp "$project_dir/systemd/$unit" "$bundle/"; done
        cp "$work/target.sh" "$bundle/"
        (cd "$bundle" && sha256 -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)
    done
}

# copy_release NAME: to /opt, because /tmp may be small, or may not run programs. deploy/target/stage.sh knows the folder.
copy_release() {
    incoming=/opt/carom/incoming-$token
    # The variable keeps macOS from adding files of its own.
    (cd "$bundle" && COPYFILE_DISABLE=1 tar -cf - .) |
        run_as_root "$1" "umask 022; mkdir -p /opt/carom && rm -rf $incoming && mkdir -m 700 $incoming && tar -xof - -C $incoming"
}
# stage_host NAME: copies the release to the host, unless the host has it already.
stage_host() {
    name=$1
    if [ "$(cat "$work/$name.release" 2>/dev/null)" = none ]; then return 0; fi
    if [ "$(probe_value "$name" staged)" != none ]; then
        probe_value "$name" staged >"$work/$name.release"
        host_message "$name" "has $(probe_value "$name" staged) already"
        [ -n "$key_file" ] || return 0
        send_wanted_key "$name" || return 1
        run_step "$name" key "$(cat "$work/$name.release")" "$key_answer" && return 0
        report_problem "$name" "$(cat "$work/$name.failure")"
        return 1
    fi
    bundle=$work/bundle-$(probe_value "$name" machine)
    host_message "$name" "copying"
    copy_release "$name" || {
        report_problem "$name" "could not copy to /opt on $(cat "$work/$name.target"): $(error_of "$name")"
        return 1
    }
    key_words=
    if [ -n "$key_file" ]; then
        send_wanted_key "$name" || return 1
        key_words="key-file=$key_file key=$key_answer"
    fi
    # shellcheck disable=SC2046,SC2086 # separate words
    answer=$(remote "$name" stage "$token" "$(cat "$work/$name.hash")" "$name" $(cat "$work/$name.endpoints") "wire=$wire" $key_words) || {
        report_problem "$name" "$(sentence_of "$answer")"
        return 1
    }
    sentence_of "$answer" >"$work/$name.release"
    host_message "$name" "has $(sentence_of "$answer"), checked by its own binary"
}
# send_wanted_key NAME: the key for its new release, unless it has it. Sets $key_answer, which tells the host where the key is.
send_wanted_key() {
    key_answer=kept
    if [ "$(cat "$work/$1.key-source")" = kept ]; then return 0; fi
    key_answer=$sent_keys
    send_chosen_keys "$1" || {
        report_problem "$1" "the key could not be sent: $(error_of "$1")"
        return 1
    }
    host_message "$1" "gets the key ${sent_keys%%,*}"
}
