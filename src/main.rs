//! The `carom` binary: arguments, one call, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    carom::cli::main()
}
