//! Single key presses on the terminal.

use std::io::{self, Read as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use smol::channel::{Receiver, bounded};

use crate::program::channel::recv_or_pending;

/// A key press, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Kill,
    Digit(u8),
    Enter,
    Quit,
    Other,
}

/// A terminal that delivers every key at once. It gets its old settings back when this is dropped.
pub(super) struct Keyboard {
    before: Termios,
    pressed: Receiver<u8>,
}

impl Keyboard {
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut single = before.clone();
        // ISIG stays set, so that Ctrl-C still sends a signal.
        single
            .local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &single)?;
        let (press, pressed) = bounded(8);
        // The thread ends with the process: nothing can interrupt its read of the terminal.
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || {
                for byte in io::stdin().lock().bytes() {
                    let Ok(byte) = byte else { return };
                    if press.send_blocking(byte).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self { before, pressed })
    }

    /// The next key; waits for ever if the terminal is gone, because a signal follows then.
    pub(super) async fn next(&self) -> Key {
        match recv_or_pending(&self.pressed).await {
            b'k' | b'K' => Key::Kill,
            b'q' | b'Q' => Key::Quit,
            digit @ b'0'..=b'9' => Key::Digit(digit - b'0'),
            b'\n' | b'\r' => Key::Enter,
            _ => Key::Other,
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
