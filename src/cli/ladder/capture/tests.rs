//! Captures of Carom's own programs, captures written by hand, and files that are none.

use etherparse::TcpOptionElement;

use super::*;

const LAB: &[u8] = include_bytes!("../../../../contrib/wireshark/captures/lab.pcapng");

fn read_bytes(bytes: &[u8]) -> Result<Capture, &'static str> {
    read_from(bytes, LONGEST_FILE)
}

/// A pcap of one SYN from 10.0.0.1:40000 to 10.0.0.2:10000, after the header of that link.
fn pcap(
    big_endian: bool,
    nanoseconds: bool,
    link: u32,
    link_header: &[u8],
    fraction: u32,
) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .tcp(40_000, 10_000, 7, 64_240)
        .syn()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1_460),
            TcpOptionElement::WindowScale(7),
        ])
        .unwrap();
    let mut packet = link_header.to_vec();
    builder.write(&mut packet, &[]).unwrap();
    let mut bytes = Vec::new();
    let mut push = |word: u32| {
        bytes.extend(if big_endian {
            word.to_be_bytes()
        } else {
            word.to_le_bytes()
        });
    };
    push(if nanoseconds {
        0xa1b2_3c4d
    } else {
        0xa1b2_c3d4
    });
    let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
    let length = packet.len() as u32;
    for word in [version, 0, 0, 65_535, link, 1, fraction, length, length] {
        push(word);
    }
    bytes.extend(packet);
    bytes
}

#[test]
fn a_capture_of_our_own_programs_is_read_whole() {
    let capture = read_bytes(LAB).unwrap();
    assert_eq!(capture.cut, None);
    let opened = capture.segments.iter().filter(|one| one.syn);
    assert_eq!(opened.count(), 12, "two each of six connections");
    let to_receiver = capture
        .segments
        .iter()
        .filter(|one| one.to.port() == 10_000);
    let bytes: u32 = to_receiver.map(|one| one.length).sum();
    assert_eq!(bytes, 20 + 20_000, "the two messages");
    let times: Vec<u64> = capture.segments.iter().map(|one| one.at).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(
        times[0] > 1_500_000_000 * 1_000_000_000,
        "nanoseconds since 1970"
    );
}

#[test]
fn a_pcap_is_read_in_both_orders_of_bytes_with_both_clocks_and_from_every_link() {
    let ethernet = [&[0; 12][..], &[8, 0]].concat();
    let cooked = [&[0; 14][..], &[8, 0]].concat();
    let cooked_2 = [&[8, 0][..], &[0; 18]].concat();
    let links: [(u32, &[u8]); 6] = [
        (1, &ethernet),
        (113, &cooked),
        (276, &cooked_2),
        (0, &[2, 0, 0, 0]),
        (101, &[]),
        (228, &[]),
    ];
    for (link, header) in links {
        for (big_endian, nanoseconds) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let fraction = if nanoseconds { 5_000 } else { 5 };
            let bytes = pcap(big_endian, nanoseconds, link, header, fraction);
            let capture = read_bytes(&bytes).unwrap();
            assert_eq!(
                capture.segments.len(),
                1,
                "link {link}, {big_endian}, {nanoseconds}"
            );
            let segment = &capture.segments[0];
            assert_eq!(segment.at, 1_000_005_000);
            assert_eq!(
                (segment.sequence, segment.syn, segment.window),
                (7, true, 64_240)
            );
            assert_eq!(
                (segment.largest, segment.window_shift),
                (Some(1_460), Some(7))
            );
            assert_eq!(segment.from.to_string(), "10.0.0.1:40000");
        }
    }
}

#[test]
fn a_cut_file_shows_what_is_there_and_says_so() {
    let whole = read_bytes(LAB).unwrap().segments.len();
    let capture = read_bytes(&LAB[..LAB.len() / 2]).unwrap();
    assert!((1..whole).contains(&capture.segments.len()));
    assert_eq!(
        capture.cut.as_deref(),
        Some("it ends in the middle of a packet")
    );
    let capture = read_from(LAB, 4_096).unwrap();
    assert_eq!(
        capture.cut.as_deref(),
        Some("only its first 0 MiB were read")
    );
}

#[test]
fn what_is_no_capture_gets_one_sentence() {
    for bytes in [&b"GIF89a, not a capture at all"[..], b"\n", &[0; 400]] {
        let why = read_bytes(bytes).unwrap_err();
        assert!(why.starts_with("is not a capture: give a file"), "{why}");
    }
    assert!(read_bytes(b"").unwrap_err().starts_with("is empty"));
    let missing = read(Path::new("/nowhere/lab.pcapng")).unwrap_err();
    assert!(
        missing.starts_with("/nowhere/lab.pcapng cannot be read"),
        "{missing}"
    );
    let folder = read(Path::new("/")).unwrap_err();
    assert_eq!(folder, "/ cannot be read: is it a file?");
}

#[test]
fn no_changed_byte_of_a_capture_ends_the_reading_in_a_panic_or_never() {
    let mut random = fastrand::Rng::with_seed(20);
    let pcap = pcap(true, true, 101, &[], 5);
    for (bytes, rounds) in [(LAB, 100), (pcap.as_slice(), 1_000)] {
        for _ in 0..rounds {
            let mut bytes = bytes.to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(bytes.len() / 2..=bytes.len()));
            if let Ok(capture) = read_bytes(&bytes) {
                let connections = super::super::connection::connections(capture.segments);
                let shown: Vec<_> = connections.iter().enumerate().collect();
                super::super::svg::draw("changed", &shown, 40, &[]).unwrap();
            }
        }
    }
}
