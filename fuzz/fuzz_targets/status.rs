//! The clients of `/status` and `/events`: whatever a server answers, there is a status or a safe sentence.

#![no_main]

mod common;

use carom::http::fuzzing::{status_in, updates_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = common::cut(data) else {
        return;
    };
    match status_in(bytes, piece) {
        Ok(status) => {
            let json = serde_json::to_string(&status).expect("JSON");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", json.len());
            let again = status_in(&[head.as_bytes(), json.as_bytes()].concat(), piece);
            let again = again.expect("our own JSON");
            assert_eq!(again.nodes.len(), status.nodes.len());
            assert_eq!((again.node, again.counters), (status.node, status.counters));
        }
        Err(error) => common::assert_one_safe_line(&error.to_string()),
    }
    // However the stream is cut, it brings the same events.
    let mut whole = bytes.to_vec();
    let at_once = updates_in(&mut whole);
    let (mut buffer, mut in_pieces) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        in_pieces.extend(updates_in(&mut buffer));
    }
    assert_eq!(format!("{at_once:?}"), format!("{in_pieces:?}"));
    assert_eq!(buffer, whole, "the same rest waits");
    assert!(!whole.windows(2).any(|end| end == b"\n\n"));
});
