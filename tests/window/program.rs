//! Runs `tests/interop/window.py` and `Window.java`, and keeps what they print.
//!
//! `tests/play` uses this file, too.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use tempfile::TempDir;

/// One way to receive in one language.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    classes: Option<Arc<TempDir>>,
    threads: bool,
}

/// A window that runs; killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn interop(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/interop").join(name)
}

/// Python, and Java if there is a compiler, each with one thread and with several.
pub(crate) fn programs() -> Vec<Program> {
    python().into_iter().chain(java()).collect()
}

fn is_there(name: &str) -> bool {
    let there = Command::new(name).arg("--version").output().is_ok();
    if !there {
        println!("skipped: {name} is not installed");
    }
    there
}

/// The one in Python, if there is Python, with one thread and with several.
pub(crate) fn python() -> Vec<Program> {
    if !is_there("python3") {
        return Vec::new();
    }
    both(["python", "threaded python"], None)
}

fn java() -> Vec<Program> {
    if !is_there("javac") {
        return Vec::new();
    }
    let classes = tempfile::tempdir().unwrap();
    let mut compiler = Command::new("javac");
    compiler.arg("-d").arg(classes.path());
    let compiled = compiler.arg(interop("Window.java")).status().unwrap();
    assert!(compiled.success());
    both(["java", "threaded java"], Some(Arc::new(classes)))
}

fn both(names: [&'static str; 2], classes: Option<Arc<TempDir>>) -> Vec<Program> {
    let both = names.into_iter().zip([false, true]);
    both.map(|(name, threads)| Program {
        name,
        classes: classes.clone(),
        threads,
    })
    .collect()
}

impl Program {
    /// In place of a value, for an option that has none.
    pub(crate) const FLAG: &str = "";

    /// Starts it on the loopback, and waits until it listens.
    pub(crate) fn start(&self, options: &[(&str, String)]) -> Running {
        let mut command = match &self.classes {
            None => {
                let mut command = Command::new("python3");
                command.arg(interop("window.py"));
                command
            }
            Some(classes) => {
                let mut command = Command::new("java");
                command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"]);
                command.arg(classes.path()).arg("Window");
                command
            }
        };
        command.args(["--bind", "127.0.0.1"]);
        for (name, value) in options {
            command.arg(name);
            if value != Self::FLAG {
                command.arg(value);
            }
        }
        if self.threads {
            command.arg("--threads");
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let mut running = Running {
            child,
            lines: Arc::default(),
            reader: None,
        };
        assert!(first.ends_with(" ready -"), "{first}");
        let kept = Arc::clone(&running.lines);
        running.reader = Some(spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        }));
        running
    }
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let id = self.child.id().to_string();
        assert!(kill.args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) {
        self.child.wait().unwrap();
    }

    /// What it has printed so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Kills it; everything that it printed.
    pub(crate) fn stop(mut self) -> Vec<String> {
        let _ = (self.child.kill(), self.child.wait());
        self.reader.take().unwrap().join().unwrap();
        self.lines()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}
