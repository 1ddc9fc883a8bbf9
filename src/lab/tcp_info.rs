//! What the kernel has counted for one TCP connection: the socket option `TCP_INFO`, see tcp(7).
//!
//! This is the only unsafe code of Carom. No crate among the dependencies reads this option: see
//! docs/decisions/0012-one-file-reads-tcp-info.md.

use std::mem::offset_of;
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;

/// The receiver's round trip, in microseconds, for as long as the kernel has seen no more than one tick of its
/// timestamps pass (`tcp_rcv_rtt_measure_ts`, tcp_input.c): no estimate yet.
const LEAST_TICK: u32 = 1_000;

/// The slow-start threshold before the first loss (`TCP_INFINITE_SSTHRESH`, tcp.h).
const NO_THRESHOLD: u32 = 0x7fff_ffff;

/// What the kernel has counted for one connection so far. `None` is what an old kernel does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Segments sent that carried data, those sent again included. From Linux 4.6 on.
    pub data_segments_out: Option<u64>,
    /// All segments sent. From Linux 4.2 on.
    pub segments_out: Option<u64>,
    /// Segments received that carried data. From Linux 4.6 on.
    pub data_segments_in: Option<u64>,
    /// All segments received. From Linux 4.2 on.
    pub segments_in: Option<u64>,
    /// Segments sent again.
    pub retransmitted: u64,
    /// Segments sent that are not acknowledged yet.
    pub unacknowledged: u64,
    /// Bytes that wait to be sent. From Linux 4.6 on.
    pub unsent_bytes: Option<u64>,
    /// Segments that arrived before one that was sent earlier. From Linux 5.4 on.
    pub out_of_order: Option<u64>,
    /// The sender's smoothed round trip, in microseconds.
    pub round_trip_micros: u64,
    /// The receiver's estimate of the round trip, in microseconds, if it has one.
    pub receiver_round_trip_micros: Option<u64>,
    /// How much the round trips vary, in microseconds: the sender's smoothed mean deviation.
    pub round_trip_variance_micros: u64,
    /// The congestion window, in segments.
    pub congestion_window: u64,
    /// The slow-start threshold, in segments; absent while there is none, before the first loss.
    pub slow_start_threshold: Option<u64>,
    /// The bytes of a full segment.
    pub segment_bytes: u64,
    /// Segments that count as lost and are not sent again yet.
    pub lost: u64,
    /// Bytes that are in the network, as far as the kernel can tell: sent, and neither acknowledged nor lost.
    pub in_flight_bytes: u64,
    /// Bytes acknowledged. From Linux 4.1 on.
    pub acknowledged_bytes: Option<u64>,
    /// How fast data was delivered lately, in bytes a second. From Linux 4.9 on.
    pub delivery_rate: Option<u64>,
    /// The receive window that the peer announced last, in bytes. From Linux 5.4 on.
    pub send_window: Option<u64>,
    /// The receive window that this end announced last, in bytes. From Linux 6.2 on.
    pub receive_window: Option<u64>,
}

/// `struct tcp_info` of linux/tcp.h up to Linux 6.2: later kernels only add to its end.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Raw {
    /// tcpi_state to the bit fields.
    bytes: [u8; 8],
    rto: u32,
    ato: u32,
    snd_mss: u32,
    rcv_mss: u32,
    unacked: u32,
    sacked: u32,
    lost: u32,
    retrans: u32,
    /// tcpi_fackets, last_data_sent, last_ack_sent, last_data_recv, last_ack_recv, pmtu, rcv_ssthresh.
    first: [u32; 7],
    rtt: u32,
    rttvar: u32,
    snd_ssthresh: u32,
    snd_cwnd: u32,
    advmss: u32,
    reordering: u32,
    rcv_rtt: u32,
    rcv_space: u32,
    total_retrans: u32,
    pacing_rate: u64,
    max_pacing_rate: u64,
    bytes_acked: u64,
    bytes_received: u64,
    segs_out: u32,
    segs_in: u32,
    notsent_bytes: u32,
    min_rtt: u32,
    data_segs_in: u32,
    data_segs_out: u32,
    delivery_rate: u64,
    /// tcpi_busy_time, rwnd_limited, sndbuf_limited.
    fourth: [u64; 3],
    /// tcpi_delivered, delivered_ce.
    fifth: [u32; 2],
    bytes_sent: u64,
    bytes_retrans: u64,
    /// tcpi_dsack_dups, reord_seen.
    seventh: [u32; 2],
    rcv_ooopack: u32,
    snd_wnd: u32,
    rcv_wnd: u32,
    rehash: u32,
}

/// No other system has the option in this form.
#[cfg(not(target_os = "linux"))]
pub fn of(_: &TcpStream) -> Option<TcpInfo> {
    None
}

/// Reads the option; `None` if the kernel does not provide it.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "getsockopt(2) fills a plain structure of numbers"
)]
pub fn of(stream: &TcpStream) -> Option<TcpInfo> {
    let mut raw = Raw::default();
    let mut length = libc::socklen_t::try_from(size_of::<Raw>()).ok()?;
    // SAFETY: `raw` is valid for `length` bytes, of which the kernel writes at most as many, and any
    // bytes make a valid `Raw`. Both pointers live through the call; the descriptor is open.
    let done = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut raw).cast(),
            &raw mut length,
        )
    };
    let filled = usize::try_from(length).unwrap_or(0);
    (done == 0).then(|| read(&raw, filled)).flatten()
}

/// What the kernel has written in the first `filled` bytes; `None` if they are too few.
fn read(raw: &Raw, filled: usize) -> Option<TcpInfo> {
    // An emulator may treat the option as a plain number: then the structure is not filled.
    let is_filled = |offset: usize| filled >= offset + size_of::<u32>();
    let counted = |offset: usize, value: u32| is_filled(offset).then(|| u64::from(value));
    let long = |offset: usize, value: u64| (filled >= offset + size_of::<u64>()).then_some(value);
    is_filled(offset_of!(Raw, total_retrans)).then(|| TcpInfo {
        data_segments_out: counted(offset_of!(Raw, data_segs_out), raw.data_segs_out),
        segments_out: counted(offset_of!(Raw, segs_out), raw.segs_out),
        data_segments_in: counted(offset_of!(Raw, data_segs_in), raw.data_segs_in),
        segments_in: counted(offset_of!(Raw, segs_in), raw.segs_in),
        retransmitted: raw.total_retrans.into(),
        unacknowledged: raw.unacked.into(),
        unsent_bytes: counted(offset_of!(Raw, notsent_bytes), raw.notsent_bytes),
        out_of_order: counted(offset_of!(Raw, rcv_ooopack), raw.rcv_ooopack),
        round_trip_micros: raw.rtt.into(),
        receiver_round_trip_micros: (![0, LEAST_TICK].contains(&raw.rcv_rtt))
            .then(|| raw.rcv_rtt.into()),
        round_trip_variance_micros: raw.rttvar.into(),
        congestion_window: raw.snd_cwnd.into(),
        slow_start_threshold: (raw.snd_ssthresh < NO_THRESHOLD).then(|| raw.snd_ssthresh.into()),
        segment_bytes: raw.snd_mss.into(),
        lost: raw.lost.into(),
        in_flight_bytes: in_flight(raw, long(offset_of!(Raw, bytes_retrans), raw.bytes_retrans)),
        acknowledged_bytes: long(offset_of!(Raw, bytes_acked), raw.bytes_acked),
        delivery_rate: long(offset_of!(Raw, delivery_rate), raw.delivery_rate),
        send_window: counted(offset_of!(Raw, snd_wnd), raw.snd_wnd),
        receive_window: counted(offset_of!(Raw, rcv_wnd), raw.rcv_wnd),
    })
}

/// As the kernel counts for the congestion window, in full segments (`tcp_packets_in_flight`, tcp.h); but no more than
/// is not acknowledged, because segments may be small. `sent_again`: bytes, from Linux 4.19 on.
fn in_flight(raw: &Raw, sent_again: Option<u64>) -> u64 {
    let segments = (u64::from(raw.unacked) + u64::from(raw.retrans))
        .saturating_sub(u64::from(raw.sacked) + u64::from(raw.lost));
    let bytes = segments * u64::from(raw.snd_mss);
    let outstanding = sent_again.map(|again| {
        let sent = raw.bytes_sent.saturating_sub(again);
        sent.saturating_sub(raw.bytes_acked)
    });
    outstanding.map_or(bytes, |outstanding| bytes.min(outstanding))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// The offsets of linux/tcp.h.
    #[test]
    fn the_structure_is_laid_out_as_the_kernel_lays_it_out() {
        assert_eq!(offset_of!(Raw, unacked), 24);
        assert_eq!(offset_of!(Raw, rtt), 68);
        assert_eq!(offset_of!(Raw, rttvar), 72);
        assert_eq!(offset_of!(Raw, snd_cwnd), 80);
        assert_eq!(offset_of!(Raw, rcv_rtt), 92);
        assert_eq!(offset_of!(Raw, total_retrans), 100);
        assert_eq!(offset_of!(Raw, bytes_acked), 120);
        assert_eq!(offset_of!(Raw, segs_out), 136);
        assert_eq!(offset_of!(Raw, notsent_bytes), 144);
        assert_eq!(offset_of!(Raw, data_segs_out), 156);
        assert_eq!(offset_of!(Raw, delivery_rate), 160);
        assert_eq!(offset_of!(Raw, bytes_retrans), 208);
        assert_eq!(offset_of!(Raw, rcv_ooopack), 224);
        assert_eq!(offset_of!(Raw, rcv_wnd), 232);
    }

    #[test]
    fn three_writes_without_nagle_are_three_segments_at_both_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        sender.set_nodelay(true).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        let mut taken = [0; 5];
        for _ in 0..3 {
            sender.write_all(b"tiny!").unwrap();
            receiver.read_exact(&mut taken).unwrap();
        }
        assert_eq!(of(&sender).unwrap().data_segments_out, Some(3));
        let received = of(&receiver).unwrap();
        assert_eq!(received.data_segments_in, Some(3));
        assert_eq!(received.out_of_order, Some(0));
        assert!(received.segments_in >= Some(4), "{received:?}");
    }
}
