//! Carom: five daemons as they are shipped, and a ball that leaves every screen at once.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Children, free_ports, watch};
use super::{Figures, NODES};

/// Runs the ring for `span`, with a key if `keyed`.
pub(crate) fn run(span: Duration, strace: bool, keyed: bool) -> Figures {
    let ports = free_ports(4 * NODES);
    let folder = std::env::temp_dir().join(format!("carom-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("ring.toml");
    let mut text = ring(&ports);
    if keyed {
        carom::key::create(&folder.join("ring.key")).expect("a key file");
        text = text.replacen("[ring]\n", "[ring]\nkey-file = \"ring.key\"\n", 1);
    }
    std::fs::write(&file, text).expect("a ring file");
    let children = (0..NODES).map(|index| {
        Command::new(env!("CARGO_BIN_EXE_carom"))
            .args(["run", "--node", &format!("n{index}"), "--config"])
            .arg(&file)
            .env("CAROM_LOG", "error")
            .stdin(Stdio::null())
            .spawn()
            .expect("a child")
    });
    let children = Children(children.collect());
    std::thread::sleep(Duration::from_millis(1_500));
    let http = ports[NODES..2 * NODES].to_vec();
    let figures = watch(&children, span, strace, || hops(&http));
    let _ = std::fs::remove_dir_all(&folder);
    figures
}

/// The newest hop that any node knows of. If none knows one, nothing can be measured.
fn hops(ports: &[u16]) -> u64 {
    let known = ports.iter().filter_map(|&port| {
        let status = async_io::block_on(carom::http::fetch_status("127.0.0.1", port));
        status.expect("a status").balls.first()?.hop
    });
    known.max().expect("a node that knows the ball")
}

fn ring(ports: &[u16]) -> String {
    let mut text = format!("[ring]\nname = \"bench-{}\"\n", std::process::id());
    for (index, &port) in ports[..NODES].iter().enumerate() {
        let [http, receiver, rate] = [1, 2, 3].map(|row| ports[row * NODES + index]);
        writeln!(
            text,
            "[[node]]\nname = \"n{index}\"\nhost = \"127.0.0.1\"\nports = {{ ring = {port}, http = {http}, receiver = {receiver}, rate = {rate} }}"
        )
        .expect("a string takes all");
    }
    text.push_str(
        "[[ball]]\nstart = \"n0\"\nposition = [0, 300]\nvelocity = [1, 0]\ndwell = \"0s\"\n",
    );
    text
}
