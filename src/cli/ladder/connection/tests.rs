//! Conversations written by hand, and what is noted of them.

use super::*;
use crate::cli::ladder::shown;

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:10000";

/// A segment of the client; numbers as on the wire, with 4,294,967,290 and 100 as those of the SYNs.
fn client(sequence: u32, length: u32, acknowledged: Option<u32>) -> Segment {
    Segment {
        at: 0,
        from: CLIENT.parse().unwrap(),
        to: SERVER.parse().unwrap(),
        sequence,
        acknowledged,
        syn: false,
        fin: false,
        rst: false,
        psh: false,
        length,
        options: 0,
        window: 500,
        window_shift: None,
        largest: None,
        behind_gap: None,
    }
}

fn server(sequence: u32, acknowledged: u32) -> Segment {
    let (from, to) = (SERVER.parse().unwrap(), CLIENT.parse().unwrap());
    Segment {
        from,
        to,
        ..client(sequence, 0, Some(acknowledged))
    }
}

const ISN: u32 = u32::MAX - 5;

fn handshake() -> Vec<Segment> {
    let options = |segment: Segment| Segment {
        syn: true,
        window_shift: Some(7),
        largest: Some(1_460),
        ..segment
    };
    vec![
        options(client(ISN, 0, None)),
        options(server(100, ISN + 1)),
        client(ISN + 1, 0, Some(101)),
    ]
}

fn notes(segments: Vec<Segment>) -> Vec<Option<Note>> {
    let found = connections(segments);
    assert_eq!(found.len(), 1);
    found[0].rows.iter().map(|row| row.note).collect()
}

#[test]
fn numbers_are_relative_and_go_on_past_the_largest_of_the_wire() {
    let mut segments = handshake();
    segments.push(client(ISN + 1, 1_000, Some(101)));
    segments.push(client(ISN.wrapping_add(1_001), 14, Some(101)));
    segments.push(server(101, ISN.wrapping_add(1_015)));
    let found = connections(segments);
    let rows = &found[0].rows;
    let sequences: Vec<i64> = rows.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, [0, 0, 1, 1, 1_001, 1]);
    let acknowledged: Vec<_> = rows.iter().map(|row| row.acknowledged).collect();
    let expected = [None, Some(1), Some(1), Some(1), Some(1), Some(1_015)];
    assert_eq!(acknowledged, expected);
    assert_eq!(rows[0].window, Some(500), "a SYN's window is never scaled");
    assert_eq!(rows[5].window, Some(500 << 7));
    assert_eq!(
        shown::label(&rows[4]),
        "14 bytes: 1,001\u{2013}1,014 \u{b7} ACK 1"
    );
    assert_eq!(shown::label(&rows[5]), "ACK 1,015 \u{b7} window 64,000");
    assert!(rows.iter().all(|row| row.note.is_none()));
}

#[test]
fn what_is_sent_again_or_missing_is_noted() {
    let mut segments = handshake();
    let start = ISN + 1;
    let data = |offset: u32| client(start.wrapping_add(offset), 100, Some(101));
    segments.extend([data(0), data(200), data(100), data(100), data(200)]);
    let expected = [
        None,
        Some(Note::AfterGap),
        Some(Note::FillsGap),
        Some(Note::SentAgain),
        Some(Note::SentAgain),
    ];
    assert_eq!(notes(segments)[3..], expected);
}

#[test]
fn a_closed_window_its_probe_and_its_opening_are_noted() {
    let mut segments = handshake();
    segments.push(client(ISN + 1, 100, Some(101)));
    let received = ISN.wrapping_add(101);
    let answer = |window| Segment {
        window,
        ..server(101, received)
    };
    segments.extend([answer(0), client(ISN.wrapping_add(100), 0, Some(101))]);
    segments.extend([answer(0), answer(30)]);
    let expected = [
        Some(Note::WindowClosed),
        Some(Note::Probe),
        Some(Note::WindowClosed),
        Some(Note::WindowOpens),
    ];
    assert_eq!(notes(segments)[4..], expected);
}

#[test]
fn repeated_acknowledgements_and_large_segments_are_noted() {
    let mut segments = handshake();
    segments.push(Segment {
        options: 12,
        ..client(ISN + 1, 14_480, Some(101))
    });
    let first = server(101, ISN.wrapping_add(1_461));
    let again = Segment {
        behind_gap: Some((ISN.wrapping_add(2_921), ISN.wrapping_add(4_381))),
        ..first.clone()
    };
    segments.extend([first, again]);
    let found = connections(segments);
    let rows = &found[0].rows;
    assert_eq!(rows[3].note, Some(Note::Packets(10)));
    assert_eq!(rows[4].note, None);
    assert_eq!(rows[5].note, Some(Note::AcknowledgedAgain));
    assert!(shown::label(&rows[5]).contains("SACK 2,921\u{2013}4,380"));
}

#[test]
fn the_same_ports_again_are_another_connection() {
    let mut segments = handshake();
    segments.push(Segment {
        rst: true,
        ..server(101, ISN + 1)
    });
    segments.extend(handshake());
    // Without a SYN, the higher port is the client's.
    segments.push(Segment {
        from: "10.0.0.3:10000".parse().unwrap(),
        ..server(5, 9)
    });
    let found = connections(segments);
    let sizes: Vec<usize> = found.iter().map(|one| one.rows.len()).collect();
    assert_eq!(sizes, [4, 3, 1]);
    assert_eq!(found[2].client.to_string(), CLIENT);
    assert_eq!(
        found[2].rows[0].window, None,
        "how it is scaled is not known"
    );
    assert!(shown::summary(&found[0]).ends_with("; reset by the server"));
    // An answered SYN that comes again belongs to the same connection.
    let mut repeated = handshake();
    repeated.insert(1, repeated[0].clone());
    let found = connections(repeated);
    assert_eq!(
        (found.len(), found[0].rows[1].note),
        (1, Some(Note::SentAgain))
    );
}

#[test]
fn a_long_connection_shows_its_beginning_and_its_end() {
    let mut segments = handshake();
    segments.extend((0..1_000).map(|n| client((ISN + 1).wrapping_add(n * 10), 10, Some(101))));
    let found = connections(segments);
    let items = shown::items(&found[0], 40);
    let arrows = items
        .iter()
        .filter(|item| matches!(item, shown::Item::Segment(_)));
    assert_eq!(arrows.count(), 40);
    let shown::Item::LeftOut(sentence) = &items[30] else {
        panic!("nothing is left out at line 30");
    };
    assert_eq!(
        sentence,
        "963 segments left out: 963 with data (9,630 bytes)"
    );
}
