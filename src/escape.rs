//! Untrusted text, made safe for a log or a terminal.

use std::fmt::{self, Write};

/// At most this many characters of an untrusted text are shown.
const MOST_SHOWN: usize = 200;

/// Shows untrusted text on one line, cut at 200 characters; control characters and other invisible
/// ones are escaped.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, character) in self.0.chars().enumerate() {
            if count == MOST_SHOWN {
                return formatter.write_str("[...]");
            }
            write_escaped(character, formatter)?;
        }
        Ok(())
    }
}

/// Shows untrusted bytes on one line, uncut; whatever is not visible UTF-8 text is escaped.
pub struct EscapedBytes<'a>(pub &'a [u8]);

impl fmt::Display for EscapedBytes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                write_escaped(character, formatter)?;
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn write_escaped(character: char, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Quotes are harmless here, and a sentence reads better without escapes.
    match character {
        '\'' | '"' => formatter.write_char(character),
        _ => write!(formatter, "{}", character.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_text_is_cut() {
        let shown = Escaped("a\x1b[2J\r\nb\u{202e}c\u{9b}'q'").to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\r\\nb\\u{202e}c\\u{9b}'q'");
        assert!(Escaped(&"x".repeat(5_000)).to_string().len() < 300);
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped_one_by_one() {
        let shown = EscapedBytes(b"h\xc3\xb6\xff\x1b[2J\0 \xe2\x80\xae'").to_string();
        assert_eq!(shown, "h\u{f6}\\xff\\u{1b}[2J\\0 \\u{202e}'");
    }
}
