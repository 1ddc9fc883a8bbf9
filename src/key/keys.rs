//! The keys of a key file: the one that a node uses, and another that it also accepts.

use super::error::LineFault;
use super::fingerprint::Fingerprint;
use super::secret::Key;

/// What a node takes from its key file. It has two keys only while the ring's key is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    used: Key,
    other: Option<Key>,
}

impl Keys {
    /// One key, or two that are different; an `other` that equals `used` is left out.
    pub fn new(used: Key, other: Option<Key>) -> Self {
        let other = other.filter(|other| *other != used);
        Self { used, other }
    }

    /// The first key of the file: that of the links that this node makes.
    pub const fn used(&self) -> &Key {
        &self.used
    }

    /// The second key of the file: links of other nodes may be made with it, too.
    pub const fn other(&self) -> Option<&Key> {
        self.other.as_ref()
    }

    /// Every key with which a link may be made, the used one first.
    pub fn accepted(&self) -> impl Iterator<Item = &Key> {
        [&self.used].into_iter().chain(&self.other)
    }

    /// Whether a link may be made with this key, or be kept.
    pub fn accepts(&self, key: &Key) -> bool {
        self.accepted().any(|accepted| accepted == key)
    }

    /// The accepted key of that name.
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<&Key> {
        self.accepted()
            .find(|key| key.fingerprint() == *fingerprint)
    }

    /// Reads the lines of a key file; a fault comes with its line, counted from 1. `None`: there is no key.
    pub(super) fn parse(text: &[u8]) -> Result<Option<Self>, (usize, LineFault)> {
        let mut keys: Option<(usize, Self)> = None;
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let key = Key::from_line(line).map_err(|fault| (number, fault))?;
            match &mut keys {
                None => keys = Some((number, Self::new(key, None))),
                Some((first, keys)) if keys.used == key => {
                    return Err((number, LineFault::Repeats(*first)));
                }
                Some((_, keys)) if keys.other.is_none() => keys.other = Some(key),
                Some(_) => return Err((number, LineFault::TooMany)),
            }
        }
        Ok(keys.map(|(_, keys)| keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32])
    }

    fn parse(lines: &[&str]) -> Result<Option<Keys>, (usize, LineFault)> {
        Keys::parse(lines.join("\n").as_bytes())
    }

    #[test]
    fn the_first_key_is_used_and_both_are_accepted() {
        let (one, two) = (key(1), key(2));
        let lines = ["# the old one", "", &one.line(), "  ", &two.line(), ""];
        let keys = parse(&lines).unwrap().unwrap();
        assert_eq!(keys, Keys::new(one.clone(), Some(two.clone())));
        assert_eq!(keys.used(), &one);
        assert_eq!(keys.other(), Some(&two));
        assert_eq!(keys.accepted().collect::<Vec<_>>(), [&one, &two]);
        assert!(keys.accepts(&one) && keys.accepts(&two) && !keys.accepts(&key(3)));
        assert_eq!(keys.find(&two.fingerprint()), Some(&two));
        assert_eq!(keys.find(&key(3).fingerprint()), None);
    }

    #[test]
    fn a_file_from_another_system_is_read() {
        let text = [
            b"# caf\xe9\r\n".as_slice(),
            key(1).line().as_bytes(),
            b"\r\n",
        ]
        .concat();
        assert_eq!(Keys::parse(&text), Ok(Some(Keys::new(key(1), None))));
    }

    #[test]
    fn a_file_without_a_key_is_told_from_a_bad_one() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&["# carom-key-1", "", " "]), Ok(None));
        assert_eq!(parse(&["#", "carom"]), Err((2, LineFault::Prefix)));
    }

    #[test]
    fn two_equal_keys_and_a_third_one_are_faults() {
        let [one, two, three] = [1, 2, 3].map(|byte| key(byte).line());
        assert_eq!(
            parse(&["", &one, "", &one]),
            Err((4, LineFault::Repeats(2)))
        );
        assert_eq!(parse(&[&one, &two, &three]), Err((3, LineFault::TooMany)));
    }

    #[test]
    fn no_bytes_make_the_parser_panic() {
        let line = key(7).line();
        for cut in 0..line.len() {
            for byte in [0, b' ', b'\n', b'#', 0xff] {
                let mut text = line.as_bytes().to_vec();
                text[cut] = byte;
                let _ = Keys::parse(&text);
                let _ = Keys::parse(&text[..cut]);
            }
        }
    }
}
