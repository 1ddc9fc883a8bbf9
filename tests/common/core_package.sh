# shellcheck shell=sh
# A package that has only the core and one suite of tests, as one crate: a change of the core is built in a second or two.
#
# core_package ROOT SUITE DIR    from the sources in ROOT, with tests/SUITE (rules or sim), in the folder DIR
core_package() {
    mkdir -p "$3/src/config" "$3/src/net"
    cp -R "$1/src/ring" "$1/tests/$2/." "$3/src/"
    cp -R "$1/tests/common" "$3/"
    # The code of a link needs more than the core.
    if [ "$2" = sim ]; then cp "$1/tests/common/no_wire.rs" "$3/src/wire.rs"; fi
    cp "$1/Cargo.lock" "$3/"
    cp "$1/src/config/defaults.rs" "$3/src/config/"
    cp -R "$1/src/net/frame.rs" "$1/src/net/pass_line.rs" "$1/src/net/pass_line" "$3/src/net/"
    # The suite is the root of the crate, and the core one of its modules.
    {
        cat "$3/src/main.rs"
        cat <<'END'

extern crate self as carom;

pub mod ring;

#[allow(dead_code, unused_imports, missing_docs)]
pub mod net {
    mod frame;
    mod pass_line;
    pub use frame::encode;
}

#[allow(dead_code)]
mod config {
    mod defaults;

    mod types {
        pub struct Ports {
            pub ring: u16,
            pub receiver: u16,
            pub rate: u16,
            pub http: u16,
            pub window_left: u16,
            pub window_right: u16,
        }
    }
}

#[allow(dead_code)]
mod led {
    pub enum LedConfig {
        None,
    }
}
END
    } >"$3/src/lib.rs"
    rm "$3/src/main.rs"
    {
        cat <<'END'
[package]
name = "carom"
version = "0.1.0"
edition = "2024"

[lib]
doctest = false

[dependencies]
END
        grep -E '^(base16ct|fastrand|itoa|serde|serde_json|sha2|zmij) = ' "$1/Cargo.toml"
        cat <<'END'

[profile.dev]
debug = false

[profile.release]
codegen-units = 1

END
        sed -n '/^\[profile.sim\]/,/^$/p' "$1/Cargo.toml"
    } >"$3/Cargo.toml"
}
