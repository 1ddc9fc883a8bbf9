//! The thread that writes the log. It may wait for the reader of standard error; nothing else may.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tracing::Level;

use super::format::Reader;
use super::queue::LineQueue;
use crate::priority;

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The running log. When this is dropped, the lines that wait are written first, if that takes at most a second.
pub struct Log {
    queue: LineQueue,
    /// Nothing is ever sent: the thread drops its end when it ends.
    ended: Receiver<()>,
}

impl Log {
    /// Starts the thread that writes the lines of `queue` to standard error.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(super) fn start(queue: LineQueue, reader: Reader) -> io::Result<Self> {
        let (alive, ended) = channel();
        let lines = queue.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                // Without this it writes at the priority of the ring, which is short work.
                let _ = priority::go_behind_the_ring();
                write_all_lines(&lines, reader, io::stderr());
                drop(alive);
            })?;
        Ok(Self { queue, ended })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.close();
        // An error means that the thread has ended, or that the reader is too slow for us to wait.
        let _ = self.ended.recv_timeout(LAST_LINES);
    }
}

/// Writes lines until the queue is closed. Lines that are lost are counted, and the count is told once
/// something can be written again.
fn write_all_lines(queue: &LineQueue, reader: Reader, mut output: impl io::Write + AsFd) {
    let mut lines = Vec::new();
    let mut lost = 0;
    loop {
        lines.clear();
        let taken = queue.take(&mut lines);
        if write(&mut output, &lines).is_err() {
            // Some of them may have been written: then the count is too high, but never too low.
            lost += count_lines(&lines);
        }
        lost += taken.dropped;
        if lost > 0 && write(&mut output, told(reader, lost).as_bytes()).is_ok() {
            lost = 0;
        }
        if taken.closed {
            return;
        }
    }
}

/// The line that tells how many lines are missing.
fn told(reader: Reader, lost: u64) -> String {
    let lines = if lost == 1 { "line" } else { "lines" };
    reader.line(
        Level::WARN,
        format_args!(
            "{lost} log {lines} could not be written and are lost: standard error was full or closed"
        ),
    )
}

fn count_lines(lines: &[u8]) -> u64 {
    let ends = lines.iter().filter(|&&byte| byte == b'\n');
    u64::try_from(ends.count()).unwrap_or(u64::MAX)
}

/// Writes all of it, however long the reader takes.
fn write(output: &mut (impl io::Write + AsFd), mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever gave us standard error, or shares it, has made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let wanted = PollFd::new(&*output, PollFlags::OUT);
                poll(&mut [wanted], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::{PipeReader, PipeWriter, Read as _, Seek as _, Write as _, pipe};
    use std::sync::mpsc::{Sender, channel};
    use std::thread::spawn;

    use rustix::io::ioctl_fionbio;

    use super::super::format::Reader;
    use super::super::queue::LineQueue;
    use super::{Log, write, write_all_lines};

    /// A non-blocking pipe with no room left; its ends, and how many bytes are in it.
    fn full_pipe() -> (PipeReader, PipeWriter, usize) {
        let (reader, mut writer) = pipe().unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        let mut bytes = 0;
        for size in [4096, 1] {
            while let Ok(written) = writer.write(&vec![b'.'; size]) {
                bytes += written;
            }
        }
        (reader, writer, bytes)
    }

    /// Non-blocking as the pipe is, the thread waits for its reader.
    #[test]
    fn nothing_is_lost_while_the_reader_is_slow() {
        let (mut reader, mut writer, before) = full_pipe();
        let writing = spawn(move || write(&mut writer, b"a line\n").unwrap());
        let mut read = vec![0; before + 7];
        reader.read_exact(&mut read).unwrap();
        writing.join().unwrap();
        assert!(read.ends_with(b".a line\n"));
    }

    #[test]
    fn an_error_ends_nothing_and_the_lost_lines_are_told_once_there_is_room() {
        let queue = LineQueue::default();
        (&queue).write_all(b"one\ntwo\n").unwrap();
        queue.close();
        // Every write fails: the thread comes to its end all the same.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        write_all_lines(&queue, Reader::Plain, full);

        let queue = LineQueue::default();
        for _ in 0..10_000 {
            (&queue).write_all(b"too many lines\n").unwrap();
        }
        queue.close();
        let mut file = tempfile::tempfile().unwrap();
        write_all_lines(&queue, Reader::Journal, file.try_clone().unwrap());
        let mut log = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut log).unwrap();
        let kept = log.matches("too many lines").count();
        let told = format!(
            "<4>{} log lines could not be written and are lost: standard error was full or closed\n",
            10_000 - kept
        );
        assert!(kept > 1_000 && log.ends_with(&told), "{kept}: {told}");
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let (_reader, writer, _) = full_pipe();
        let (queue, (alive, ended)) = (LineQueue::default(), channel());
        (&queue).write_all(b"never read\n").unwrap();
        let lines = queue.clone();
        spawn(move || {
            write_all_lines(&lines, Reader::Plain, writer);
            drop::<Sender<()>>(alive);
        });
        drop(Log { queue, ended });
    }
}
