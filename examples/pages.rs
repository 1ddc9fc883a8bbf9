//! Writes the manual pages and the shell completions of `carom` into a folder: `pages FOLDER`.
//!
//! An example and no hidden command, so that what only a package needs is in no binary on a Pi.

use std::io;
use std::path::PathBuf;
use std::{env, fs};

use clap_complete::{Shell, generate_to};

fn main() -> io::Result<()> {
    let folder = env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "usage: pages FOLDER"))?;
    fs::create_dir_all(&folder)?;
    let mut command = carom::cli::command().disable_help_subcommand(true);
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "carom", &folder)?;
    }
    clap_mangen::generate_to(command, &folder)
}
