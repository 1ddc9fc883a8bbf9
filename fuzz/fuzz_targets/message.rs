//! The receiver of the lab: no byte is lost or counted twice, and whatever is shown is safe to show.

#![no_main]

mod common;

use std::net::SocketAddr;

use carom::lab::End;
use carom::lab::fuzzing::messages_in;
use libfuzzer_sys::fuzz_target;

/// The most bytes of a message that are shown; each takes at most ten characters when it is escaped.
const PREVIEW: usize = 200;

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = common::cut(data) else {
        return;
    };
    let peer = SocketAddr::from(([192, 168, 7, 20], 51_514));
    let cut = messages_in(peer, bytes.chunks(piece));
    let whole = messages_in(peer, [bytes]);
    assert_eq!(cut.len(), whole.len());
    let newlines = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let is_open = !bytes.is_empty() && !bytes.ends_with(b"\n");
    assert_eq!(cut.len(), newlines + usize::from(is_open));
    assert_eq!(
        cut.iter().map(|message| message.bytes).sum::<u64>(),
        bytes.len() as u64
    );
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    for ((line, cut), whole) in lines.zip(&cut).zip(&whole) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        assert_eq!(cut.bytes, line.len() as u64);
        // How TCP cuts a message changes nothing but the number of reads.
        assert_eq!(
            (&cut.text, &cut.sha256, cut.cut),
            (&whole.text, &whole.sha256, whole.cut)
        );
        assert_eq!(whole.reads, 1);
        assert!(cut.reads <= line.len() as u64);
        assert_eq!(cut.end == End::Newline, line.ends_with(b"\n"));
        assert_eq!(cut.cut, text.len() > PREVIEW);
        assert!(cut.text.len() <= PREVIEW * 10);
        common::assert_one_safe_line(&cut.to_string());
        common::assert_one_safe_line(&serde_json::to_string(cut).expect("JSON"));
    }
});
