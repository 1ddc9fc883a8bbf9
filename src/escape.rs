//! Untrusted text, made safe for a log, a terminal or a page.
//!
//! A character is escaped for the harm that it can do, never for its script: controls, what changes
//! the direction of text, what nobody sees, and more marks above one letter than its line has room
//! for. Marks, joiners and variation selectors stay where they belong to a letter or an emoji.

use std::fmt::{self, Write};

use unicode_segmentation::UnicodeSegmentation as _;

/// At most this many characters of an untrusted text are shown.
const MOST_SHOWN: usize = 200;

/// The most marks on one letter: more than any living script puts there, and too few to cover the
/// lines above and below. An emoji flag of tags has as many.
const MOST_MARKS: usize = 6;

/// The emoji that tags turn into the flag of a region, such as Scotland.
const BLACK_FLAG: char = '\u{1f3f4}';

/// Shows untrusted text on one line, cut at 200 characters; what can do harm is escaped.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cluster = Cluster::default();
        for (count, character) in self.0.chars().enumerate() {
            if count == MOST_SHOWN {
                return formatter.write_str("[...]");
            }
            write_escaped(character, &mut cluster, formatter)?;
        }
        Ok(())
    }
}

/// Shows untrusted bytes on one line, uncut; what can do harm or is not UTF-8 is escaped.
pub struct EscapedBytes<'a>(pub &'a [u8]);

impl fmt::Display for EscapedBytes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut cluster = Cluster::default();
            for character in chunk.valid().chars() {
                write_escaped(character, &mut cluster, formatter)?;
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Shows a sentence that may quote untrusted text: like [`Escaped`], but uncut, and backslashes stay
/// as they are, as what is quoted may have been escaped already.
pub struct EscapedSentence<'a>(pub &'a str);

impl fmt::Display for EscapedSentence<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cluster = Cluster::default();
        for character in self.0.chars() {
            match character {
                '\\' if cluster.takes(character) => formatter.write_char(character)?,
                _ => write_escaped(character, &mut cluster, formatter)?,
            }
        }
        Ok(())
    }
}

fn write_escaped(
    character: char,
    cluster: &mut Cluster,
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    // Quotes are harmless here, and a sentence reads better without escapes. A backslash is escaped
    // so that nobody can write what looks like an escape.
    match (character, cluster.takes(character)) {
        ('\\', _) => formatter.write_str("\\\\"),
        ('\0', _) => formatter.write_str("\\0"),
        (_, true) => formatter.write_char(character),
        (_, false) => write!(formatter, "{}", character.escape_default()),
    }
}

/// The letter or emoji that is being shown, and what has been added to it so far.
#[derive(Default)]
struct Cluster {
    /// Its first character; `None` at the beginning of a text and after an escape.
    base: Option<char>,
    /// The marks or tags on the last character that began a letter or an emoji.
    marks: usize,
    /// The character that was shown last.
    last: char,
}

/// What a character adds to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addition {
    /// A mark that is seen, such as an accent or a vowel sign.
    Mark,
    /// Another form of what stands before it; not seen itself.
    Selector,
    /// Joins or parts its neighbours; not seen itself.
    Joiner,
    /// A letter in the name of a flag; not seen itself.
    Tag,
}

impl Cluster {
    /// Whether the next character may be shown as it is.
    fn takes(&mut self, character: char) -> bool {
        let shown = if character.is_ascii() {
            !character.is_ascii_control() && self.begin(character)
        } else if is_harmful(character) {
            false
        } else if is_one_cluster('a', character) {
            self.takes_addition(character)
        } else {
            self.begin(character)
        };
        if !shown {
            self.base = None;
        }
        self.last = character;
        shown
    }

    fn begin(&mut self, character: char) -> bool {
        self.base = Some(character);
        self.marks = 0;
        true
    }

    fn takes_addition(&mut self, character: char) -> bool {
        // Without a letter, it would change the punctuation around the text.
        let Some(base) = self.base else {
            return false;
        };
        let last = addition(self.last);
        let is_seen = last == Addition::Mark;
        // What is not seen would let two equal names differ, so it stays only where some script or
        // emoji needs it, and never twice in a row.
        match addition(character) {
            Addition::Mark => self.count_mark(),
            Addition::Selector if base.is_ascii() => {
                is_seen && (base.is_ascii_digit() || base == '#' || base == '*')
            }
            Addition::Selector => is_seen && !base.is_whitespace(),
            Addition::Joiner => {
                let is_first = is_seen || last == Addition::Selector;
                is_first && !base.is_ascii() && !base.is_whitespace()
            }
            Addition::Tag => base == BLACK_FLAG && self.count_mark(),
        }
    }

    fn count_mark(&mut self) -> bool {
        self.marks += 1;
        self.marks <= MOST_MARKS
    }
}

/// What a character does that Unicode adds to the cluster before it. Like a mark, the first character
/// of a cluster is seen.
fn addition(character: char) -> Addition {
    match character {
        // For Mongolian, for emoji, and for forms of Chinese characters.
        '\u{180b}'..='\u{180d}'
        | '\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => Addition::Selector,
        // For Persian and the scripts of India; for the order of marks; for emoji.
        '\u{200c}' | '\u{200d}' | '\u{34f}' => Addition::Joiner,
        '\u{e0020}'..='\u{e007f}' => Addition::Tag,
        _ => Addition::Mark,
    }
}

/// Whether a character must not be shown wherever it stands.
fn is_harmful(character: char) -> bool {
    let is_invisible_letter = matches!(
        character,
        // The fillers of Hangul, and two vowels of Khmer that are not written.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}'
    );
    let number = u32::from(character);
    let is_no_character = number & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&number);
    // Unicode puts every control, every mark of direction, every line separator and every format
    // character that belongs to no letter into the one class that even an accent does not join.
    is_invisible_letter || is_no_character || !is_one_cluster(character, '\u{301}')
}

/// Whether two characters in a row are one cluster.
fn is_one_cluster(first: char, second: char) -> bool {
    let mut bytes = [0; 8];
    let length = first.encode_utf8(&mut bytes).len();
    let rest = bytes.get_mut(length..).unwrap_or_default();
    let length = length + second.encode_utf8(rest).len();
    let pair = bytes.get(..length).unwrap_or_default();
    let pair = std::str::from_utf8(pair).unwrap_or_default();
    pair.graphemes(true).count() == 1
}

#[cfg(test)]
mod tests;
