//! The whole experiment: every size, connection kept and reopened, Nagle on and off.

use std::net::SocketAddr;
use std::time::Duration;

use super::ClientError;
use super::run::{Measured, Plan, Volume, measure};
use crate::lab::Mode;

/// The sizes of a sweep, in bytes: 1 B to 1 MiB.
pub const SIZES: [usize; 11] = [
    1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576,
];

/// For each point; 44 of them stay well under half a minute.
const SLICE: Duration = Duration::from_millis(300);

/// A fast network is known after so many bytes.
const MOST_BYTES: u64 = 1 << 30;

/// Every connection keeps a port for a minute after its end, and a machine has some 28,000.
const MOST_CONNECTIONS: u64 = 200;

/// One point of the experiment.
#[derive(Clone, Debug)]
pub struct Point {
    /// Bytes of each write.
    pub size: usize,
    /// One connection for all, or one for each write.
    pub connect: Mode,
    /// Whether Nagle's algorithm was on.
    pub nagle: bool,
    /// What was measured.
    pub measured: Measured,
}

/// Measures every point, to the first address that answers; tells before each how many are done, of how many.
///
/// # Errors
/// What went wrong at the first point that failed.
pub fn sweep(
    addresses: &[SocketAddr],
    mut progress: impl FnMut(usize, usize),
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
            let measured = measure(addresses, &plan)?;
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
