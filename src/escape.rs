//! Text that came from outside, made safe for a log or a terminal.

use std::fmt::{self, Write};

/// At most this many characters of foreign text are shown.
const MOST_SHOWN: usize = 200;

/// Shows foreign text on one line: control characters and other invisible ones escaped, cut at 200 characters.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, character) in self.0.chars().enumerate() {
            if count == MOST_SHOWN {
                return formatter.write_str("[...]");
            }
            show(character, formatter)?;
        }
        Ok(())
    }
}

/// Shows foreign bytes on one line, each escaped that is not part of visible UTF-8 text; all of them.
pub struct EscapedBytes<'a>(pub &'a [u8]);

impl fmt::Display for EscapedBytes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                show(character, formatter)?;
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn show(character: char, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Quotes need no escape here, and a sentence reads better without.
    match character {
        '\'' | '"' => formatter.write_char(character),
        _ => write!(formatter, "{}", character.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_gets_through() {
        let shown = Escaped("a\x1b[2J\r\nb\u{202e}c\u{9b}'q'").to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\r\\nb\\u{202e}c\\u{9b}'q'");
        assert!(Escaped(&"x".repeat(5_000)).to_string().len() < 300);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_one_by_one() {
        let shown = EscapedBytes(b"h\xc3\xb6\xff\x1b[2J\0 \xe2\x80\xae'").to_string();
        assert_eq!(shown, "h\u{f6}\\xff\\u{1b}[2J\\0 \\u{202e}'");
    }
}
