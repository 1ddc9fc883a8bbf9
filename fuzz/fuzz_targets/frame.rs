//! Lines of a link, and the messages in them: bounded memory, and every message is read as it was written.

#![no_main]

mod common;

use carom::net::encode;
use carom::net::fuzzing::{Lines, message_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((piece, mut rest)) = common::cut(data) else {
        return;
    };
    let whole = rest;
    let mut lines = Lines::of_link();
    let mut taken = 0;
    while !rest.is_empty() {
        let longest = lines.longest();
        let read = lines.read(&mut rest, piece, |line| {
            assert!(line.len() < longest && !line.contains(&b'\n'));
            // The lines are those of the stream, in their order, however it was cut.
            assert_eq!(line, &whole[taken..taken + line.len()]);
            assert_eq!(whole[taken + line.len()], b'\n');
            taken += line.len() + 1;
            check_line(line);
        });
        assert!(lines.memory() <= longest);
        if let Err(sentence) = read {
            assert!(whole.len() - taken >= longest);
            common::assert_one_safe_line(&sentence);
            return;
        }
    }
    assert!(!whole[taken..].contains(&b'\n'));
});

fn check_line(line: &[u8]) {
    let message = match message_in(line) {
        Ok(message) => message,
        Err(sentence) => return common::assert_one_safe_line(&sentence),
    };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    encode(&message, &mut once);
    let text = once
        .strip_suffix(b"\n")
        .expect("a line ends with a newline");
    assert!(!text.contains(&b'\n'), "a message is one line");
    let again = message_in(text).unwrap_or_else(|error| panic!("{error}: {message:?}"));
    assert_eq!(again, message);
    encode(&again, &mut twice);
    assert_eq!(once, twice);
}
