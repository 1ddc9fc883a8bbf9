//! Machines as network namespaces of their own, joined by one bridge. Only inside fresh network and mount namespaces: the
//! kernel removes all of it with the last process in there.

use std::fmt::Display;
use std::fs::create_dir_all;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

/// Makes the bridge, with these addresses of its own.
pub(crate) fn set_up(own: &[Ipv4Addr]) {
    create_dir_all("/run/netns").unwrap();
    mount("1m", Path::new("/run/netns"));
    run("ip link set lo up");
    run("ip link add bridge type bridge forward_delay 0");
    for address in own {
        run(&format!("ip address add {address}/24 dev bridge"));
    }
    run("ip link set bridge up");
}

/// Adds a namespace, and the end `cable{number}` of its cable to the bridge.
pub(crate) fn add_machine(number: usize, namespace: &str, address: impl Display) {
    run(&format!("ip netns add {namespace}"));
    run(&format!(
        "ip link add cable{number} type veth peer name eth0 netns {namespace}"
    ));
    run(&format!("ip link set cable{number} master bridge up"));
    run(&format!("ip -n {namespace} link set lo up"));
    run(&format!(
        "ip -n {namespace} address add {address}/24 dev eth0"
    ));
    run(&format!("ip -n {namespace} link set eth0 up"));
}

/// This command in a namespace, started by the words `by`, under the same process id; it ends with this process.
pub(crate) fn inside(namespace: &str, by: &[&str], wrapped: &Command) -> Command {
    // Not `ip netns exec`: it makes mounts that are removed with the process, which takes seconds
    // on a machine where other programs mount things, too.
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}"));
    command.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
    command.args(by);
    command.arg(wrapped.get_program()).args(wrapped.get_args());
    for (name, value) in wrapped.get_envs() {
        assert!(value.is_none(), "carom() only takes variables away");
        command.env_remove(name);
    }
    command
}

/// Mounts an empty file system of that size.
pub(crate) fn mount(size: &str, at: &Path) {
    run(&format!(
        "mount -t tmpfs -o size={size} test {}",
        at.display()
    ));
}

/// Runs a command line without quotes in it, and expects it to succeed.
pub(crate) fn run(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status();
    assert!(status.unwrap().success(), "failed: {line}");
}
