//! `carom init`: writes a ring file and its key, from flags or from answers on the terminal.

mod nodes;
mod plan;
mod questions;
mod text;

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use crate::config::{Config, Overrides};
use crate::escape::EscapedBytes;
use crate::key;
use nodes::ListedNode;
use plan::Plan;
use questions::{ask, ask_whether};

/// Writes a ring file with comments, and the ring's key beside it; asks for what no option says
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom init\n  carom init --name classroom --nodes pi1..pi8 --led act\n  \
    carom init room7.toml --name room7 --nodes pi1=192.168.7.11,pi2=192.168.7.12 --led 17 --no-key\n\
    It asks only on a terminal, and only if --name or --nodes is missing. Files that exist are not overwritten.\n\
    The ring gets a key unless --no-key is given: without one, anyone on the network can take the ball."
)]
pub(super) struct Arguments {
    /// The ring file to write; the key gets the same name with the ending .key
    #[arg(value_name = "FILE", default_value = "ring.toml")]
    file: PathBuf,
    /// The name of the ring: rings with different names do not talk to each other
    #[arg(long, value_parser = plan::ring_name)]
    name: Option<String>,
    /// The host names of the Pis in the order in which the ball visits them: pi1..pi8, pi01..pi40, a,b,c, pi1=192.168.7.11
    #[arg(long, value_name = "LIST", value_parser = parse_nodes)]
    nodes: Option<Nodes>,
    /// The LED of every Pi: act (its own green LED), none, the BCM number of a pin, gpio:17, gpiochip:17 or sysfs:PWR; act unless given
    #[arg(long, value_parser = plan::led)]
    led: Option<String>,
    /// The user on the Pis, as whom the scripts in deploy/ log in; pi unless given
    #[arg(long, value_parser = plan::user)]
    user: Option<String>,
    /// What follows a host name without a dot: pi1 is reached as pi1.DOMAIN; may be empty
    #[arg(long, default_value = "local", value_parser = plan::domain)]
    domain: String,
    /// The Pis talk over Wi-Fi: sets a lease of 2s, instead of 500ms for a switch
    #[arg(long)]
    wifi: bool,
    /// Make no key: anyone on the network can then take the ball
    #[arg(long)]
    no_key: bool,
}

/// Of a type of its own, because clap takes a `Vec` for an option that is repeated.
#[derive(Clone, Debug)]
struct Nodes(Vec<ListedNode>);

fn parse_nodes(list: &str) -> Result<Nodes, String> {
    nodes::parse(list).map(Nodes)
}

pub(super) fn init(arguments: &Arguments) -> Result<(), Failure> {
    let file = &arguments.file;
    let key_file = (!arguments.no_key).then(|| file.with_extension("key"));
    if key_file.as_ref() == Some(file) {
        return Err(Failure::Usage(format!(
            "the ring file {} would have the name of its key: give it another ending, such as .toml",
            shown(file)
        )));
    }
    // Before the questions, so that nobody answers in vain.
    for path in [Some(file), key_file.as_ref()].into_iter().flatten() {
        refuse_existing(path)?;
    }
    let plan = plan(arguments, key_file.as_deref())?;
    let text = text::write(&plan);
    let none = Overrides::default();
    // What the options themselves do not check, such as a host that is no host name.
    Config::parse("ring.toml", &text, &[], &none).map_err(|faults| {
        let first = faults.iter().next();
        let fault = first.map(|fault| format!("{} {}", fault.key, fault.sentence));
        Failure::Usage(format!(
            "nothing was written: {}",
            fault.unwrap_or_default()
        ))
    })?;
    write_files(&plan, &text, file, key_file.as_deref())
}

fn plan(arguments: &Arguments, key_file: Option<&Path>) -> Result<Plan, Failure> {
    let asks = arguments.name.is_none() || arguments.nodes.is_none();
    if asks && !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "--name and --nodes are needed where no terminal can be asked, such as carom init --name classroom --nodes pi1..pi8"
                .to_owned(),
        ));
    }
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => ask(
            &mut input,
            &mut out,
            "Name of the ring",
            "classroom",
            plan::ring_name,
        )?,
    };
    let nodes = match &arguments.nodes {
        Some(Nodes(nodes)) => nodes.clone(),
        None => ask(
            &mut input,
            &mut out,
            "Host names of the Pis, in the order of the ball (pi1..pi8, or a,b,c)",
            "pi1..pi5",
            nodes::parse,
        )?,
    };
    let mut asked = |given: &Option<String>,
                     question,
                     default: &str,
                     read: fn(&str) -> Result<String, String>| {
        match given {
            Some(given) => Ok(given.clone()),
            None if asks => ask(&mut input, &mut out, question, default, read),
            None => read(default).map_err(Failure::Usage),
        }
    };
    let user = asked(&arguments.user, "User on the Pis", "pi", plan::user)?;
    let led = asked(
        &arguments.led,
        "LED: act (the Pi's own), none, or the BCM number of a pin",
        "act",
        plan::led,
    )?;
    let wifi = arguments.wifi
        || (asks && ask_whether(&mut input, &mut out, "Are the Pis on Wi-Fi?", false)?);
    Ok(Plan {
        name,
        nodes,
        domain: arguments.domain.clone(),
        user,
        led,
        wifi,
        // The ring file names the key relative to its own folder.
        key_file: key_file
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned()),
    })
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(exists(path)),
        // Whatever else is wrong there is told when the file is written.
        Err(_) => Ok(()),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::Run(format!(
        "{} exists and is not overwritten: choose another name, as in carom init room7.toml, or move it away",
        shown(path)
    ))
}

/// Writes both files, or none.
fn write_files(
    plan: &Plan,
    text: &str,
    file: &Path,
    key_file: Option<&Path>,
) -> Result<(), Failure> {
    let key = key_file.map(|path| key::create(path).map_err(Failure::KeyFile));
    let key = key.transpose()?;
    if let Err(failure) = write_new(file, text) {
        if let Some(path) = key_file {
            // A key without its ring is of no use. If it cannot be removed either, the first error still says why.
            let _removed = fs::remove_file(path);
        }
        return Err(failure);
    }
    let mut out = io::stdout().lock();
    let nodes: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    let names = match nodes.as_slice() {
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first} to {last}"),
        [] => String::new(),
    };
    let (name, count) = (&plan.name, nodes.len());
    writeln!(out, "{}: the ring {name} of {count}, {names}", shown(file))?;
    if let (Some(path), Some(key)) = (key_file, key) {
        let fingerprint = key.fingerprint();
        writeln!(
            out,
            "{}: its key, {fingerprint}; keep it secret",
            shown(path)
        )?;
    }
    writeln!(out, "next: carom check --config {}", shown(file))?;
    Ok(())
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = opened.map_err(|error| {
        // Made by somebody else since the first look.
        if error.kind() == io::ErrorKind::AlreadyExists {
            exists(path)
        } else {
            unwritable(path, &error)
        }
    })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| {
            // Half a ring file is of no use.
            let _removed = fs::remove_file(path);
            unwritable(path, &error)
        })
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Run(format!(
        "cannot write the ring file {} ({error}): choose a path in a folder that exists, is writable and has space",
        shown(path)
    ))
}

fn shown(path: &Path) -> EscapedBytes<'_> {
    EscapedBytes(path.as_os_str().as_encoded_bytes())
}
