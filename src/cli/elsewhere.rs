//! The commands that need Linux, on other systems: each says so.

/// Defines modules of those names, each with what `mod.rs` uses of the command's own module.
macro_rules! need_linux {
    ($($command:ident)*) => {$(
        pub(super) mod $command {
            use crate::cli::failure::Failure;

            /// Only on Linux
            #[derive(clap::Args)]
            pub(in crate::cli) struct Arguments {
                #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
                rest: Vec<std::ffi::OsString>,
            }

            pub(in crate::cli) fn $command(_: &Arguments) -> Result<(), Failure> {
                Err(Failure::Usage(concat!(
                    "carom ", stringify!($command), " needs Linux: run it on a Pi, or on another machine with Linux"
                ).to_owned()))
            }
        }
    )*};
}

need_linux! { ball demo led receive run }
