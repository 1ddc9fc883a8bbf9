//! Amounts of bytes as people write and read them.

/// Reads `5000`, `64k`, `16KiB`, `1MiB` or `10GiB`; at least 1.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text.get(digits.len()..) {
        Some("" | "B") => Some(1),
        Some("k") => Some(1_000),
        Some("M") => Some(1_000_000),
        Some("KiB") => Some(1 << 10),
        Some("MiB") => Some(1 << 20),
        Some("GiB") => Some(1 << 30),
        _ => None,
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| {
        "write a whole number of bytes, 1 or more, such as 5000, 16KiB or 1GiB".to_owned()
    })
}

/// The amount as text: `100 B`, `16 KiB`.
pub(super) fn show(bytes: usize) -> String {
    const UNITS: [(usize, &str); 2] = [(1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = UNITS
        .iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_and_nothing_else_is() {
        for (text, bytes) in [
            ("5000", 5_000),
            ("64k", 64_000),
            ("16KiB", 16 << 10),
            ("10GiB", 10 << 30),
            ("7B", 7),
        ] {
            assert_eq!(parse(text), Ok(bytes));
        }
        for text in [
            "",
            "0",
            "-1",
            "1.5KiB",
            "KiB",
            "5 KiB",
            "5KB",
            "99999999999GiB",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let shown = [1, 100, 1_024, 1_448, 16_384, 1_048_576].map(show);
        let expected = ["1 B", "100 B", "1 KiB", "1448 B", "16 KiB", "1 MiB"];
        assert_eq!(shown, expected);
    }
}
