//! Durations as the ring file writes them: a whole number and a unit, such as `500ms`.

use std::time::Duration;

/// Reads `500ms`, `1s` or `2m`; `None` for anything else, such as `1.5s`, `1 s`, `+1s` or `1h`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// Reads a duration as the ring file writes it, such as `500ms`, `10s` or `2m`.
///
/// # Errors
///
/// A sentence that says how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text)
        .ok_or_else(|| "write a whole number and its unit, such as 500ms, 10s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_numbers_of_three_units() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("1s"), Some(Duration::from_secs(1)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn refuses_everything_else() {
        for wrong in [
            "",
            "s",
            "500",
            "1.5s",
            "1 s",
            " 1s",
            "1s ",
            "+1s",
            "-1s",
            "1h",
            "1S",
            "1m30s",
            "1_000ms",
            "١s",
            "18446744073709551615m",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
