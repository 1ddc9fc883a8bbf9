//! Single key presses.

use std::io::{self, Read as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use smol::channel::{Receiver, bounded};

/// A key that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Key {
    Kill,
    Digit(u8),
    Quit,
    Other,
}

/// A terminal that gives every key at once; as it was before when this is dropped.
pub(in crate::cli) struct Keyboard {
    before: Termios,
    pressed: Receiver<u8>,
}

impl Keyboard {
    pub(in crate::cli) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut single = before.clone();
        // Signals stay: Ctrl-C ends the demo as ever.
        single
            .local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &single)?;
        let (press, pressed) = bounded(8);
        // Ends with the process: nothing can interrupt a read of a terminal.
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

    pub(in crate::cli) async fn next(&self) -> Key {
        match self.pressed.recv().await {
            Ok(b'k' | b'K') => Key::Kill,
            Ok(b'q' | b'Q') => Key::Quit,
            Ok(digit @ b'1'..=b'9') => Key::Digit(digit - b'0'),
            Ok(_) => Key::Other,
            // The terminal has gone; a signal will follow.
            Err(_) => smol::future::pending().await,
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // There is no better place to go back to.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
