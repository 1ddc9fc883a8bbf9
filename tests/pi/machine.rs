//! The emulated Pi: a QEMU process, its console, its reset button.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::wait_for;

/// How long the machine may take to boot, on a busy computer too.
const BOOT: Duration = Duration::from_secs(120);
/// How long it may take to carry out a command.
const COMMAND: Duration = Duration::from_secs(60);

/// A running emulated Pi; it ends with this.
pub(crate) struct Machine {
    qemu: Child,
    folder: PathBuf,
    console: BufReader<UnixStream>,
    monitor: Monitor,
    commands: u64,
}

impl Machine {
    /// Boots it from the files of `tests/pi/image`; forwards these `ports` of the host to the same ports.
    pub(crate) fn boot(folder: &Path, ports: &[u16]) -> Self {
        let mut network = "user,id=n0".to_owned();
        for port in ports {
            network += &format!(",hostfwd=tcp:127.0.0.1:{port}-:{port}");
        }
        let socket =
            |name: &str| format!("unix:{},server=on,wait=off", folder.join(name).display());
        let file = |name: &str| folder.join(name).into_os_string();
        let log = File::create(folder.join("qemu.log")).unwrap();
        let qemu = Command::new("qemu-system-aarch64")
            .args(["-M", "raspi3b", "-display", "none", "-kernel"])
            .arg(file("kernel"))
            .arg("-dtb")
            .arg(file("dtb"))
            .arg("-initrd")
            .arg(file("initrd"))
            // Without iomem=relaxed, the kernel keeps the GPIO block's memory to itself.
            .args([
                "-append",
                "console=ttyAMA0,115200 rdinit=/init iomem=relaxed quiet loglevel=1",
            ])
            .args(["-serial", &socket("console")])
            .args(["-qmp", &socket("monitor"), "-qmp", &socket("pins")])
            .args(["-netdev", &network, "-device", "usb-net,netdev=n0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("qemu-system-aarch64 starts");
        let console = connect(&folder.join("console"));
        let monitor = Monitor::connect(&folder.join("monitor"));
        let mut machine = Self {
            qemu,
            folder: folder.to_owned(),
            console: BufReader::new(console),
            monitor,
            commands: 0,
        };
        machine.wait_for_boot();
        machine
    }

    fn wait_for_boot(&mut self) {
        self.limit(BOOT);
        self.read_until("#ready");
        self.limit(COMMAND);
    }

    fn limit(&self, span: Duration) {
        self.console.get_ref().set_read_timeout(Some(span)).unwrap();
    }

    /// The lines of the console up to that one.
    fn read_until(&mut self, mark: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = self.console.read_until(b'\n', &mut line);
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            assert!(
                read.is_ok_and(|count| count > 0),
                "the console fell silent before {mark}: {before:?}, {line:?}"
            );
            if line.starts_with(mark) {
                before.push(line);
                return before;
            }
            before.push(line);
        }
    }

    /// Runs a line of shell in the machine: what it printed, and its exit code.
    pub(crate) fn shell(&mut self, line: &str) -> (i32, String) {
        self.commands += 1;
        let number = self.commands;
        writeln!(self.console.get_mut(), "{number} {line}").unwrap();
        let mut told = self.read_until(&format!("#{number} "));
        let mark = told.pop().unwrap();
        let code = mark.rsplit(' ').next().and_then(|code| code.parse().ok());
        (code.expect("an exit code"), told.join("\n"))
    }

    /// The same, and asserts that it succeeds.
    pub(crate) fn must(&mut self, line: &str) -> String {
        let (code, told) = self.shell(line);
        assert_eq!(code, 0, "{line} failed in the machine: {told}");
        told
    }

    /// Writes a file in the machine, in pieces that a console takes.
    pub(crate) fn write(&mut self, path: &str, text: &str) {
        self.must(&format!(": >{path}"));
        for line in text.lines() {
            assert!(!line.contains('\''), "a quote would end the piece: {line}");
            self.must(&format!("echo '{line}' >>{path}"));
        }
    }

    /// Presses the reset button: no process in the machine notices.
    pub(crate) fn reset(&mut self) {
        self.monitor.ask("system_reset", "");
    }

    /// After a reset: waits until it is up again.
    pub(crate) fn come_back(&mut self) {
        self.commands = 0;
        self.wait_for_boot();
    }

    /// A second connection to QEMU, for the pins.
    pub(crate) fn pins(&self) -> Monitor {
        Monitor::connect(&self.folder.join("pins"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn connect(path: &Path) -> UnixStream {
    wait_for(Duration::from_secs(20), "a socket of QEMU", || {
        UnixStream::connect(path).ok()
    })
}

/// QEMU's own control line, QMP.
pub(crate) struct Monitor(BufReader<UnixStream>);

impl Monitor {
    fn connect(path: &Path) -> Self {
        let stream = connect(path);
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut monitor = Self(BufReader::new(stream));
        let mut greeting = String::new();
        monitor.0.read_line(&mut greeting).unwrap();
        monitor.ask("qmp_capabilities", "");
        monitor
    }

    /// Gives a command; what it returned, as JSON.
    pub(crate) fn ask(&mut self, command: &str, arguments: &str) -> serde_json::Value {
        let arguments = if arguments.is_empty() {
            String::new()
        } else {
            format!(r#","arguments":{arguments}"#)
        };
        let line = format!("{{\"execute\":\"{command}\"{arguments}}}\n");
        self.0.get_mut().write_all(line.as_bytes()).unwrap();
        loop {
            let mut line = String::new();
            let count = self.0.read_line(&mut line).expect("QEMU answers");
            assert!(count > 0, "QEMU has ended");
            let mut answer: serde_json::Value = serde_json::from_str(&line).unwrap();
            // Events come in between.
            if let Some(told) = answer.get_mut("return") {
                return told.take();
            }
            assert!(answer.get("error").is_none(), "{command}: {line}");
        }
    }
}
