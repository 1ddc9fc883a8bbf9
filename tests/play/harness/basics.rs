//! What every test of real processes needs: the clock of the traces, waiting, and `carom` itself.

use std::env;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// Now, on the clock of the LED traces, in nanoseconds.
pub(crate) fn now() -> u64 {
    carom::clock::monotonic_nanos()
}

pub(crate) fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap()
}

/// Polls until there is an answer; panics with the name of what was waited for if none comes in time.
pub(crate) fn wait_for<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = now() + nanos(limit);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < until, "waited {limit:?} in vain for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// The `carom` that is tested: the variable `CAROM` names it, or else it is the one that cargo built with this test.
///
/// `tests/run` names the release build, so that the test itself needs no link-time optimisation, which takes a minute.
pub(crate) fn program() -> String {
    env::var("CAROM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_carom").to_owned())
}

/// A `carom` command with those arguments, without the `CAROM_` variables of this environment.
pub(crate) fn carom(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CAROM_") {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}
