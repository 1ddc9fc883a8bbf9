//! The number of a node, typed after k.

use crate::cli::keyboard::Key;

/// What has been typed so far.
pub(super) struct Entry {
    nodes: u8,
    /// Whether standard input is a terminal, so that keys come at all.
    keys: bool,
    /// The number so far, 0 right after k; `None` while no number is typed.
    number: Option<u8>,
}

impl Entry {
    pub(super) fn new(nodes: u8, keys: bool) -> Self {
        Self {
            nodes,
            keys,
            number: None,
        }
    }

    /// A key was pressed. Returns the number of a node as soon as it is complete: when no further digit can follow, or
    /// at Enter.
    pub(super) fn press(&mut self, key: Key) -> Option<u8> {
        let number = self.number.take();
        match key {
            Key::Kill => {
                self.number = Some(0);
                None
            }
            Key::Digit(digit) => {
                let number = number?.checked_mul(10)?.checked_add(digit)?;
                if number == 0 || number > self.nodes {
                    return None;
                }
                if number > self.nodes / 10 {
                    return Some(number);
                }
                self.number = Some(number);
                None
            }
            Key::Enter => number.filter(|&number| number > 0),
            Key::Quit | Key::Other | Key::Continued => None,
        }
    }

    /// What the keys do now, for the last line of the display; in 38 columns if it must be short.
    pub(super) fn prompt(&self, short: bool) -> String {
        match self.number {
            None if !self.keys => "Ctrl-C ends it".to_owned(),
            None if short => "k1 kills n1, again starts it; q quits".to_owned(),
            Some(number) if short && number > 0 => {
                format!("node {number}_ (Enter, or one more digit)")
            }
            None => "k and its number kills a node, again starts it; q quits".to_owned(),
            Some(0) => format!("kill or start node _ (1 to {})", self.nodes),
            Some(number) => format!("kill or start node {number}_ (Enter, or one more digit)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses k and these keys; a space stands for Enter. The numbers that were complete, each with the count of keys
    /// that it took.
    fn typed(nodes: u8, keys: &str) -> Vec<(usize, u8)> {
        let mut entry = Entry::new(nodes, true);
        entry.press(Key::Kill);
        let key = |letter: char| match letter {
            ' ' => Key::Enter,
            'k' => Key::Kill,
            'x' => Key::Other,
            digit => Key::Digit(u8::try_from(digit.to_digit(10).unwrap()).unwrap()),
        };
        let complete = |(index, letter)| Some((index + 1, entry.press(key(letter))?));
        keys.chars().enumerate().filter_map(complete).collect()
    }

    #[test]
    fn every_node_of_every_demo_can_be_named() {
        for nodes in 1..=60 {
            for number in 1..=nodes {
                let found = typed(nodes, &format!("{number} "));
                let [(keys, named)] = found[..] else {
                    panic!("{number} of {nodes}: {found:?}");
                };
                assert_eq!(named, number, "of {nodes}");
                assert!(nodes > 9 || keys == 1, "{number} of {nodes} needs an Enter");
            }
        }
    }

    #[test]
    fn without_a_keyboard_no_keys_are_offered() {
        assert_eq!(Entry::new(5, false).prompt(false), "Ctrl-C ends it");
    }

    #[test]
    fn a_short_prompt_fits_forty_columns() {
        let mut entry = Entry::new(60, true);
        for key in [Key::Other, Key::Kill, Key::Digit(5)] {
            entry.press(key);
            let prompt = entry.prompt(true);
            assert!(prompt.len() <= 38, "{prompt}");
        }
    }

    #[test]
    fn a_number_is_complete_when_no_digit_can_follow() {
        assert_eq!(typed(60, "12"), [(2, 12)]);
        assert_eq!(typed(60, "7"), [(1, 7)]);
        assert_eq!(typed(60, "6"), []);
        assert_eq!(typed(60, "6 "), [(2, 6)]);
        assert_eq!(typed(60, "60"), [(2, 60)]);
        assert_eq!(typed(12, "2"), [(1, 2)]);
        assert_eq!(typed(12, "12"), [(2, 12)]);
    }

    #[test]
    fn what_is_no_number_of_a_node_ends_the_entry() {
        for keys in ["0", " ", "61 ", "1x2", "1k ", "x7"] {
            assert_eq!(typed(60, keys), [], "{keys}");
        }
        assert_eq!(typed(5, "6"), []);
        assert_eq!(typed(60, "1k3 "), [(4, 3)]);
        // Without k first, digits are nothing.
        assert_eq!(Entry::new(5, true).press(Key::Digit(3)), None);
    }
}
