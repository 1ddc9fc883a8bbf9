//! Single key presses on the terminal.

use std::io::{self, Read as _};

use async_signal::{Signal, Signals};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use smol::channel::{Receiver, bounded};
use smol::future;
use smol::stream::StreamExt as _;

use crate::program::channel::recv_or_pending;

/// A key press, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Kill,
    Digit(u8),
    Enter,
    Quit,
    Other,
    /// No key: the process was stopped, as Ctrl-Z does, and runs on. Others may have written to the terminal.
    Continued,
}

/// A terminal that delivers every key at once. It gets its old settings back when this is dropped.
pub(super) struct Keyboard {
    before: Termios,
    single: Termios,
    /// SIGCONT.
    continued: Signals,
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
        let continued = Signals::new([Signal::Cont])?;
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
        Ok(Self {
            before,
            single,
            continued,
            pressed,
        })
    }

    /// The next key; waits for ever if the terminal is gone, because a signal follows then.
    pub(super) async fn next(&self) -> Key {
        future::or(self.next_continuation(), self.next_press()).await
    }

    /// The shell to which Ctrl-Z returned has set the terminal as it needs it: sets it for single keys again.
    async fn next_continuation(&self) -> Key {
        if (&self.continued).next().await.is_none() {
            return future::pending().await;
        }
        // Fails only if the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.single);
        Key::Continued
    }

    async fn next_press(&self) -> Key {
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
