//! What a new ring file says: the answers of the user, checked.

use crate::config::{Config, LedConfig, Overrides};

use super::nodes::ListedNode;

/// The answers of the user.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) nodes: Vec<ListedNode>,
    /// What follows a node's name in its host, without a dot in front; may be empty.
    pub(super) domain: String,
    /// The user on the Pis.
    pub(super) user: String,
    /// As the ring file writes it: `{ backend = "act" }`.
    pub(super) led: String,
    /// Whether the nodes talk over Wi-Fi, which needs a longer lease.
    pub(super) wifi: bool,
    /// The key file, relative to the ring file; `None` for a ring without a key.
    pub(super) key_file: Option<String>,
}

/// The name of a ring, or a sentence that says what is wrong with it.
pub(super) fn ring_name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins_well && text.len() <= 63 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no name of a ring: write letters without accents, digits, dots, dashes and underscores, 63 at most"
        ))
    }
}

/// The name of a user, or a sentence that says what is wrong with it.
pub(super) fn user(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if (1..=32).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('-') {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no user name: write the one that you gave to Raspberry Pi Imager, such as pi"
        ))
    }
}

/// The domain of the hosts, which may be empty, or a sentence that says what is wrong with it.
pub(super) fn domain(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('.').unwrap_or(text);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    if bare.len() <= 180 && bare.chars().all(plain) && !bare.contains("..") {
        Ok(bare.to_owned())
    } else {
        Err(format!(
            "{text:?} is no domain: write one such as local or school.example"
        ))
    }
}

/// An LED as the ring file writes it, from `act`, `none`, `17`, `gpiochip:17`, `gpio:17` or `sysfs:PWR`; or a sentence that says
/// what is wrong with it.
pub(super) fn led(text: &str) -> Result<String, String> {
    let is_number = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
    let table = match text.split_once(':') {
        None if is_number => format!("{{ backend = \"gpiochip\", pin = {text} }}"),
        None if matches!(text, "act" | "none") => format!("{{ backend = {text:?} }}"),
        Some((backend @ ("gpio" | "gpiochip"), pin)) => {
            format!("{{ backend = {backend:?}, pin = {pin} }}")
        }
        Some(("sysfs", name)) => format!("{{ backend = \"sysfs\", name = {name:?} }}"),
        Some(_) | None => {
            return Err(format!(
                "{text:?} is no LED: write act (the Pi's own green LED), none, the BCM number of a pin such as 17, or \
                 gpio:17, gpiochip:17 or sysfs:PWR"
            ));
        }
    };
    // The ring file's own rules decide about pins and names.
    let file = format!(
        "[ring]\nname = \"x\"\n[[node]]\nname = \"x\"\nhost = \"x\"\nled = {table}\n\
         [[ball]]\nstart = \"x\"\nposition = [100, 300]\nvelocity = [240, 130]\n"
    );
    let parsed = Config::parse("ring.toml", &file, &[], &Overrides::default());
    let config = parsed.map_err(|faults| {
        let first = faults.iter().next();
        let sentence = first.map_or_else(String::new, |fault| fault.sentence.clone());
        format!("{text:?} is no LED: it {sentence}")
    })?;
    let led = config.nodes.first().map(|node| &node.led);
    match led {
        Some(LedConfig::Gpio { pin, .. } | LedConfig::GpioChip { pin, .. }) if *pin > 27 => Err(
            format!("{text:?} is no LED: the pins of a Pi's header have the BCM numbers 0 to 27"),
        ),
        Some(_) | None => Ok(table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leds_are_written_as_the_ring_file_has_them() {
        for (text, table) in [
            ("act", r#"{ backend = "act" }"#),
            ("none", r#"{ backend = "none" }"#),
            ("17", r#"{ backend = "gpiochip", pin = 17 }"#),
            ("gpiochip:0", r#"{ backend = "gpiochip", pin = 0 }"#),
            ("gpio:27", r#"{ backend = "gpio", pin = 27 }"#),
            ("sysfs:PWR", r#"{ backend = "sysfs", name = "PWR" }"#),
        ] {
            assert_eq!(led(text).unwrap(), table);
        }
        for text in [
            "",
            "green",
            "28",
            "gpio:28",
            "gpiochip:99",
            "gpio:x",
            "gpio:1 }\n",
            "sysfs:",
            "sysfs:a/b",
            "act:1",
            "007",
        ] {
            let sentence = led(text).unwrap_err();
            assert!(sentence.contains("is no LED"), "{text:?}: {sentence}");
            assert!(!sentence.contains('\n'), "{sentence:?}");
        }
    }

    #[test]
    fn names_users_and_domains_are_checked() {
        for good in ["classroom", "7b", "a.b_c-d"] {
            assert_eq!(ring_name(good).unwrap(), good);
        }
        for bad in ["", "-a", "class room", "\"", "\u{e9}"] {
            assert!(ring_name(bad).unwrap_err().contains("is no name of a ring"));
        }
        assert_eq!(user("pi").unwrap(), "pi");
        for bad in ["", "-p", "a b", "a@b"] {
            assert!(user(bad).unwrap_err().contains("is no user name"), "{bad}");
        }
        assert_eq!(domain(".local").unwrap(), "local");
        assert_eq!(domain("").unwrap(), "");
        for bad in ["a..b", "a b", "x@y"] {
            assert!(domain(bad).unwrap_err().contains("is no domain"), "{bad}");
        }
    }
}
