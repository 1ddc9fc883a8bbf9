//! Finds the word that was probably meant.

/// The known word nearest to `word`, if it is near enough to be a slip of the hand.
pub(super) fn closest<'known>(
    word: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<&'known str> {
    const LONGEST: usize = 80;
    if word.len() > LONGEST {
        return None;
    }
    let word = spelling(word);
    known
        .into_iter()
        .map(|other| (distance(&word, &spelling(other)), other))
        .filter(|(distance, other)| *distance <= (other.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// ` did you mean "lease"?` or nothing.
pub(super) fn did_you_mean<'known>(
    word: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<String> {
    closest(word, known).map(|other| format!("did you mean {other:?}?"))
}

/// The letters that count: `On_Partition` is spelt like `on-partition`.
fn spelling(word: &str) -> Vec<char> {
    word.chars()
        .map(|letter| match letter {
            '_' | ' ' => '-',
            _ => letter.to_ascii_lowercase(),
        })
        .collect()
}

/// How many letters must be put in, taken out, replaced, or swapped with their neighbour.
fn distance(from: &[char], to: &[char]) -> usize {
    // The table's last three rows are enough: a swap looks back two.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut last_from = None;
    for (row, &letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut last_to = None;
        for (column, &other) in to.iter().enumerate() {
            let cell = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX);
            let replaced = cell(&above, column) + usize::from(letter != other);
            let mut cost = replaced.min(left + 1).min(cell(&above, column + 1) + 1);
            if column > 0 && last_from == Some(other) && last_to == Some(letter) {
                cost = cost.min(cell(&before, column - 1).saturating_add(1));
            }
            current.push(cost);
            left = cost;
            last_to = Some(other);
        }
        before = std::mem::replace(&mut above, current);
        last_from = Some(letter);
    }
    above.last().copied().unwrap_or(usize::MAX)
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
