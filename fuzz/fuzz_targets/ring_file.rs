//! The ring file: every fault is a line with a place, and a file without a fault describes a ring.

#![no_main]

mod common;

use carom::config::{Config, MOST_FAULTS, Overrides};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parse = |text: &str| Config::parse("ring.toml", text, &[], &Overrides::default());
    match parse(text) {
        Ok(config) => {
            let topology = config.topology();
            assert_eq!(topology.nodes.len(), config.nodes.len());
            assert!(!topology.nodes.is_empty() && topology.majority() <= topology.nodes.len());
            for warning in config.warnings() {
                common::assert_one_safe_line(&warning.to_string());
            }
            // What is no value changes nothing.
            let text = text.trim_start_matches('\u{feff}');
            let commented = format!("\u{feff}# a comment\n{text}\n# and another");
            let again = parse(&commented).expect("a comment is no fault").topology();
            assert_eq!(again.fingerprint(), topology.fingerprint());
        }
        Err(faults) => {
            let shown = faults.to_string();
            assert!(!shown.is_empty());
            assert!(shown.lines().count() <= MOST_FAULTS + 1);
            shown.lines().for_each(common::assert_one_safe_line);
        }
    }
});
