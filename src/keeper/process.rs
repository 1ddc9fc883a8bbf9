//! The keeper's own process.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use super::book::Book;
use super::charge::Charge;
use super::ending::Parent;
use super::message::{Answer, Order};
use super::tell::tell;
use crate::clock;
use crate::led::{LedError, OffSwitch, PutOut};
use crate::process_channel::{ProcessChannel, Received, name_process};
use crate::timer::Timer;

/// The only argument of the process. No person types it, so it is not among the commands.
pub const COMMAND: &str = "led-keeper";

/// What `ps -e` and `top` show.
const NAME: &str = "carom-keeper";

/// Signals that end a process, and may be sent to all processes of the service or of the terminal: the keeper ends when
/// the daemon has ended, and not before.
const IGNORED: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// Keeps the LED of the daemon that has started this process, until the daemon has ended.
pub fn main() -> ExitCode {
    for signal in IGNORED {
        // A handler that does nothing: only the system can refuse it, and then the signal ends the process.
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    name_process(NAME);
    let Some(channel) = ProcessChannel::of_stdin() else {
        let sentence = "carom led-keeper is started by carom run, not by hand";
        // Fails only if nobody reads it.
        let _ = writeln!(io::stderr(), "{sentence}");
        return ExitCode::from(2);
    };
    Process::new(channel, Parent::watch()).run();
    ExitCode::SUCCESS
}

/// What the keeper knows.
pub(super) struct Process {
    channel: ProcessChannel,
    /// The process of the daemon, or why its end cannot be noticed.
    daemon: io::Result<Parent>,
    /// The number of the latest order that was carried out.
    number: u64,
    /// The daemon's deadline; `None` until the first order.
    timer: Option<Timer>,
    /// The LED; `None` if there is none to keep.
    led: Option<Box<dyn PutOut>>,
    /// While there is none to keep: whether it is off for certain.
    is_dark: bool,
    /// Whom to tell of the daemon's end, and where.
    charge: Option<(Charge, Book)>,
}

impl Process {
    pub(super) fn new(channel: ProcessChannel, daemon: io::Result<Parent>) -> Self {
        Self {
            channel,
            daemon,
            number: 0,
            timer: None,
            led: None,
            is_dark: true,
            charge: None,
        }
    }

    /// Until the daemon has ended. The LED is off then, and the nodes that were linked know it.
    pub(super) fn run(&mut self) {
        loop {
            let (has_message, has_fired) = match self.wait() {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                // The kernel has no memory left. Another keeper may have more luck.
                Err(_) => {
                    let _ = self.put_out();
                    return;
                }
            };
            // First, since whatever is to be received can wait.
            if has_fired {
                self.on_deadline();
            }
            if has_message && !self.on_message() {
                break;
            }
        }
        // Nobody is left whom an error could be told.
        let _ = self.put_out();
        self.tell_end();
    }

    /// Tells the nodes that were linked that the daemon has ended, if that is certain and the LED is off.
    fn tell_end(&mut self) {
        let Some((charge, book)) = self.charge.take() else {
            return;
        };
        let until = clock::now() + charge.limit();
        let Ok(daemon) = &self.daemon else {
            return;
        };
        // The connection to a daemon that lives can be closed, too.
        if !daemon.has_ended_within(charge.limit()) {
            return;
        }
        // Again, as only now nobody can have switched it on since.
        if self.put_out().is_err() || (self.led.is_none() && !self.is_dark) {
            return;
        }
        let Ok((number, places)) = book.read(charge.me) else {
            return;
        };
        // A keeper that has missed an order may know another LED than the last one.
        if number == self.number {
            tell(places, &charge.obituary.line(), until);
        }
    }

    /// Waits for a message or the deadline. Returns which of them has come.
    fn wait(&self) -> Result<(bool, bool), Errno> {
        let message = PollFd::new(&self.channel, PollFlags::IN);
        let Some(timer) = &self.timer else {
            let mut one = [message];
            poll(&mut one, None)?;
            return Ok((true, false));
        };
        let mut both = [message, PollFd::new(timer, PollFlags::IN)];
        poll(&mut both, None)?;
        let [message, deadline] = both.map(|watched| !watched.revents().is_empty());
        Ok((message, deadline))
    }

    fn on_deadline(&mut self) {
        // The daemon may have set it anew, or have acted itself.
        if !self.timer.as_ref().is_some_and(Timer::take) {
            return;
        }
        let answer = match self.put_out() {
            Ok(()) => Answer::PutOut,
            Err(error) => Answer::Refused(error.to_string()),
        };
        self.answer(&answer);
    }

    fn put_out(&mut self) -> Result<(), LedError> {
        self.led.as_mut().map_or(Ok(()), |led| led.put_out())
    }

    /// Carries one order out. Returns whether the daemon still runs.
    fn on_message(&mut self) -> bool {
        match self.channel.receive::<Order>() {
            Received::Message(order, descriptors) => {
                let number = order.number;
                let answer = match self.carry_out(order, descriptors) {
                    Ok(()) => Answer::Done(number),
                    Err(why) => Answer::Failed(number, why),
                };
                self.answer(&answer);
                true
            }
            Received::Nothing => true,
            Received::Closed => false,
        }
    }

    fn carry_out(&mut self, order: Order, descriptors: Vec<OwnedFd>) -> Result<(), String> {
        let mut descriptors = descriptors.into_iter();
        self.number = order.number;
        self.timer = descriptors.next().map(Timer::of);
        let charge = order.charge;
        self.charge = charge.and_then(|charge| Some((charge, Book::of(descriptors.next()?))));
        // Before the new one is opened: both may be the same line.
        self.led = None;
        self.is_dark = order.led.is_none() && order.is_dark;
        if let Some(how) = order.led {
            let line = descriptors.next();
            let opened = OffSwitch { how, line }.open(clock::monotonic_nanos);
            self.led = Some(opened.map_err(|error| error.to_string())?);
        }
        if let Err(why) = &self.daemon
            && self.charge.is_some()
        {
            return Err(format!("it cannot tell when this process ends: {why}"));
        }
        Ok(())
    }

    fn answer(&self, answer: &Answer) {
        // There is room, as the daemon reads all before it sets the timer anew. If it is gone, the next wait says so.
        let _ = self.channel.send(answer, &[]);
    }
}
