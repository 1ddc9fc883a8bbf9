//! The `carom` binary: arguments, one call, exit code.

fn main() {}
