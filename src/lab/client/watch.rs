//! What TCP does with a connection over time: samples of its `TCP_INFO`, taken by a thread of their own.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::connection::milliseconds;
use crate::clock;
use crate::lab::tcp_info::{self, TcpInfo};
use crate::lab::time::{Nanos, seconds};

/// The time between two samples, at first.
const INTERVAL: Duration = Duration::from_millis(5);

/// Beyond this many, every second sample is dropped, and from then on half as many are taken.
const MOST_SAMPLES: usize = 4096;

/// The time between two calls that show the samples.
const SHOW_INTERVAL: Nanos = 100_000_000;

/// One sample. `None` is what the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Since the connection was opened.
    pub seconds: f64,
    /// The congestion window, in segments.
    pub congestion_window: u64,
    /// The slow-start threshold, in segments; absent before the first loss.
    pub slow_start_threshold: Option<u64>,
    /// The bytes of a full segment.
    pub segment_bytes: u64,
    /// Bytes that are in the network, as far as the kernel can tell: sent, and neither acknowledged nor lost.
    pub in_flight_bytes: u64,
    /// The smoothed round trip.
    pub round_trip_ms: f64,
    /// The smoothed mean deviation of the round trips.
    pub round_trip_variance_ms: f64,
    /// Segments sent again so far.
    pub retransmitted: u64,
    /// Segments that count as lost and are not sent again yet.
    pub lost: u64,
    /// The receive window that the receiver announced last, in bytes. From Linux 5.4 on.
    pub receive_window: Option<u64>,
    /// How fast data was delivered lately, in bytes a second. From Linux 4.9 on.
    pub delivery_rate: Option<u64>,
    /// Bytes acknowledged so far. From Linux 4.1 on.
    pub acknowledged_bytes: Option<u64>,
}

impl Sample {
    fn new(since: Nanos, info: &TcpInfo) -> Self {
        Self {
            seconds: seconds(clock::monotonic_nanos().saturating_sub(since)),
            congestion_window: info.congestion_window,
            slow_start_threshold: info.slow_start_threshold,
            segment_bytes: info.segment_bytes,
            in_flight_bytes: info.in_flight_bytes,
            round_trip_ms: milliseconds(info.round_trip_micros),
            round_trip_variance_ms: milliseconds(info.round_trip_variance_micros),
            retransmitted: info.retransmitted,
            lost: info.lost,
            receive_window: info.send_window,
            delivery_rate: info.delivery_rate,
            acknowledged_bytes: info.acknowledged_bytes,
        }
    }

    /// The congestion window in bytes.
    pub fn congestion_window_bytes(&self) -> u64 {
        self.congestion_window.saturating_mul(self.segment_bytes)
    }

    /// The slow-start threshold in bytes.
    pub fn slow_start_threshold_bytes(&self) -> Option<u64> {
        let segments = self.slow_start_threshold?;
        Some(segments.saturating_mul(self.segment_bytes))
    }
}

/// Samples one connection until it is finished.
pub struct Watcher {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Watcher {
    /// Samples `stream` from now on. Calls `show` with all samples about ten times a second.
    ///
    /// # Errors
    /// When the system has no descriptor or no thread left.
    pub fn start(
        stream: &TcpStream,
        mut show: impl FnMut(&[Sample]) + Send + 'static,
    ) -> io::Result<Self> {
        let (stream, since) = (stream.try_clone()?, clock::monotonic_nanos());
        let (stop, stopped) = channel();
        let sample = move || {
            let (mut samples, mut interval, mut shown) = (Vec::new(), INTERVAL, since);
            loop {
                samples.extend(tcp_info::of(&stream).map(|info| Sample::new(since, &info)));
                if samples.len() > MOST_SAMPLES {
                    thin_out(&mut samples);
                    interval *= 2;
                }
                let now = clock::monotonic_nanos();
                if now.saturating_sub(shown) >= SHOW_INTERVAL {
                    shown = now;
                    show(&samples);
                }
                match stopped.recv_timeout(interval) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            // The last figures are those of the whole connection.
            samples.extend(tcp_info::of(&stream).map(|info| Sample::new(since, &info)));
            samples
        };
        let thread = std::thread::Builder::new().spawn(sample)?;
        Ok(Self { stop, thread })
    }

    /// Takes the last sample, and ends.
    pub fn finish(self) -> Vec<Sample> {
        // Fails only if the thread has ended.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

/// Drops every second sample, so that the rest are still evenly spaced.
fn thin_out(samples: &mut Vec<Sample>) {
    let mut is_kept = false;
    samples.retain(|_| {
        is_kept = !is_kept;
        is_kept
    });
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_last_sample_has_what_the_whole_connection_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        let watcher = Watcher::start(&sender, |_| ()).unwrap();
        let mut taken = [0; 1000];
        for _ in 0..5 {
            sender.write_all(&[b'X'; 1000]).unwrap();
            receiver.read_exact(&mut taken).unwrap();
            std::thread::sleep(INTERVAL);
        }
        let samples = watcher.finish();
        assert!(samples.len() >= 3, "{samples:?}");
        assert!(samples.is_sorted_by_key(|sample| sample.acknowledged_bytes));
        let last = samples.last().unwrap();
        // The handshake counts as a byte in some kernels.
        assert!((5000..=5001).contains(&last.acknowledged_bytes.unwrap()));
        assert_eq!((last.retransmitted, last.in_flight_bytes), (0, 0));
        assert!(last.congestion_window > 0 && last.receive_window > Some(0));
    }

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_samples_from_all_of_it() {
        let mut samples: Vec<Sample> = (0..=MOST_SAMPLES)
            .map(|number| Sample {
                retransmitted: number as u64,
                ..Sample::default()
            })
            .collect();
        thin_out(&mut samples);
        let numbers: Vec<u64> = samples.iter().map(|sample| sample.retransmitted).collect();
        assert_eq!(numbers.len(), MOST_SAMPLES / 2 + 1);
        assert_eq!(numbers[..3], [0, 2, 4]);
        assert_eq!(numbers.last(), Some(&(MOST_SAMPLES as u64)));
    }
}
