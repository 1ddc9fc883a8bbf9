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
            // Quotes need no escape here, and a sentence reads better without.
            match character {
                '\'' | '"' => formatter.write_char(character)?,
                _ => write!(formatter, "{}", character.escape_debug())?,
            }
        }
        Ok(())
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
}
