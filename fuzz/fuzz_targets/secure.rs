//! A connection with a key: no input is taken for a handshake or a record, and what was sealed comes out whole.

#![no_main]

mod common;

use carom::net::fuzzing::{Encrypted, handshake_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, data)) = data.split_first() else {
        return;
    };
    let Some((piece, rest)) = common::cut(data) else {
        return;
    };
    match mode % 3 {
        0 => {
            let sentence = handshake_in(rest).expect_err("a handshake without the key");
            common::assert_one_safe_line(&sentence);
        }
        1 => forged(rest, piece),
        _ => whole(rest, piece),
    }
});

/// Receives all of `bytes` in reads of at most `piece` bytes.
fn receive(
    connection: &mut Encrypted,
    mut bytes: &[u8],
    piece: usize,
    mut on_line: impl FnMut(&[u8]),
) -> Result<(), String> {
    while !bytes.is_empty() {
        connection.received.read(&mut bytes, piece, &mut on_line)?;
    }
    Ok(())
}

/// Bytes that nobody sealed: never a line.
fn forged(bytes: &[u8], piece: usize) {
    let mut connection = Encrypted::connect().expect("random bits");
    let received = receive(&mut connection, bytes, piece, |line| {
        panic!("a line: {line:?}")
    });
    if let Err(sentence) = received {
        common::assert_one_safe_line(&sentence);
    }
}

/// The lines of sealed bytes are those of the bytes, and a changed record ends the connection.
fn whole(bytes: &[u8], piece: usize) {
    let mut connection = Encrypted::connect().expect("random bits");
    let mut records = Vec::new();
    for part in bytes.chunks(piece) {
        records.extend(connection.seal(part).expect("few records"));
    }
    let mut lines = Vec::new();
    let received = receive(&mut connection, &records, piece, |line| {
        lines.push(line.to_vec())
    });
    let mut expected: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let longest = connection.received.longest();
    let too_long = expected.iter().any(|line| line.len() >= longest);
    expected.pop();
    match received {
        Ok(()) => assert_eq!(lines, expected),
        Err(sentence) => assert!(too_long, "what was sealed is not opened: {sentence}"),
    }
    let mut again = connection.seal(b"one more\n").expect("few records");
    if let Some(byte) = again.last_mut() {
        *byte ^= 1;
    }
    let refused = receive(&mut connection, &again, piece, |line| {
        panic!("a line: {line:?}")
    });
    assert!(refused.is_err());
}
