//! Suggests the known word that was probably meant.

/// Longer words are not compared: the time grows with the product of both lengths.
const LONGEST_WORD: usize = 80;

/// The known word closest to `word`, if few enough letters differ to call it a typing error.
///
/// A letter that is missing, added or replaced counts as one difference, and so do two neighbours
/// that are swapped.
pub(super) fn closest<'known>(
    word: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<&'known str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let word = normalized(word);
    known
        .into_iter()
        .map(|other| (strsim::osa_distance(&word, &normalized(other)), other))
        .filter(|(distance, other)| *distance <= (other.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// `did you mean "lease"?`, if a known word is close enough.
pub(super) fn did_you_mean<'known>(
    word: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<String> {
    closest(word, known).map(|other| format!("did you mean {other:?}?"))
}

/// The spelling that is compared: `On_Partition` counts as `on-partition`.
fn normalized(word: &str) -> String {
    word.chars()
        .map(|letter| match letter {
            '_' | ' ' => '-',
            _ => letter.to_ascii_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["name", "shape", "lease", "on-partition"];
        assert_eq!(closest("leese", known), Some("lease"));
        assert_eq!(closest("laese", known), Some("lease"));
        assert_eq!(closest("On_Partition", known), Some("on-partition"));
        assert_eq!(closest("onpartition", known), Some("on-partition"));
        assert_eq!(closest("nmae", known), Some("name"));
        assert_eq!(closest("colour", ["color"]), Some("color"));
        assert_eq!(closest("speed", known), None);
        assert_eq!(closest("", known), None);
        assert_eq!(closest(&"name".repeat(10_000), known), None);
    }
}
