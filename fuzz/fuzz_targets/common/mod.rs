//! What several fuzz targets need.

#![allow(dead_code, reason = "no target needs everything")]

/// Characters that a terminal acts on or does not show must be escaped before a person sees a text.
pub(crate) fn assert_one_safe_line(sentence: &str) {
    let unsafe_one = |c: char| {
        let directions = "\u{61c}\u{200e}\u{200f}\u{2066}\u{2067}\u{2068}\u{2069}";
        let unseen = "\u{ad}\u{200b}\u{2060}\u{3164}\u{feff}";
        let is_separator_or_direction = ('\u{2028}'..='\u{202e}').contains(&c);
        c.is_control() || is_separator_or_direction || directions.contains(c) || unseen.contains(c)
    };
    assert!(!sentence.contains(unsafe_one), "{sentence:?}");
}

/// Cuts bytes as a network might: the first byte of `data` tells how long each piece is.
pub(crate) fn cut(data: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = data.split_first()?;
    // Mostly short pieces, and sometimes all at once.
    let piece = if first < 128 {
        usize::from(first) + 1
    } else {
        usize::from(first) * 64
    };
    Some((piece, rest))
}
