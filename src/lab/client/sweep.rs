//! The whole experiment: every size, with the connection kept and reopened, Nagle on and off.

use std::net::SocketAddr;
use std::time::Duration;

use super::delay::Delay;
use super::error::ClientError;
use super::run::{Measured, Plan, Volume, measure};
use crate::lab::Mode;

/// The sizes of a sweep, in bytes: 1 B to 1 MiB.
pub const SIZES: [usize; 11] = [
    1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576,
];

/// The time for each of the 44 points: all of them take well under half a minute.
const SLICE: Duration = Duration::from_millis(300);

/// Bytes of one point at most: enough to measure a fast network.
const MOST_BYTES: u64 = 1 << 30;

/// Connections of one point at most: each keeps its port for a minute after its end, and a machine
/// has some 28,000 ports.
const MOST_CONNECTIONS: u64 = 200;

/// One point of the experiment and its figures.
#[derive(Clone, Debug)]
pub struct Point {
    /// Bytes of each write.
    pub size: usize,
    /// One connection for all, or one for each write.
    pub connect: Mode,
    /// Whether Nagle's algorithm was on.
    pub nagle: bool,
    /// The figures of both ends.
    pub measured: Measured,
}

/// Measures every point, to the first address that answers. Calls `progress` before each point with
/// the number of points that are done and of all, and `on_delay` when the receiver keeps it waiting.
///
/// # Errors
/// When a point fails; the rest is not measured.
pub fn sweep(
    addresses: &[SocketAddr],
    mut progress: impl FnMut(usize, usize),
    on_delay: &mut dyn FnMut(Delay),
) -> Result<Vec<Point>, ClientError> {
    let ways = [
        (Mode::Kept, false),
        (Mode::Kept, true),
        (Mode::Reopened, false),
        (Mode::Reopened, true),
    ];
    let all = SIZES.len() * ways.len();
    let mut points = Vec::with_capacity(all);
    for size in SIZES {
        for (connect, nagle) in ways {
            progress(points.len(), all);
            let plan = Plan {
                volume: Volume::Within {
                    span: SLICE,
                    most_bytes: MOST_BYTES,
                    most_connections: match connect {
                        Mode::Kept => u64::MAX,
                        Mode::Reopened => MOST_CONNECTIONS,
                    },
                },
                chunk: size,
                connect,
                nagle,
            };
            let measured = measure(addresses, &plan, on_delay)?;
            points.push(Point {
                size,
                connect,
                nagle,
                measured,
            });
        }
    }
    progress(all, all);
    Ok(points)
}
