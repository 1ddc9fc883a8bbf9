//! Every key of the configuration: its name, an example, and where it belongs.

/// How the text of an environment variable or a flag is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As text.
    Text,
    /// As a number, if it is one.
    Number,
    /// As a list of texts with commas between them.
    List,
    /// As a number, or else as such a list.
    NumberOrList,
    /// Not at all: only the file can set the key.
    FileOnly,
}

/// One key of the ring file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// A line that sets it. `None` for a key with a default: `config/ring.toml` shows that.
    pub(super) example: Option<&'static str>,
}

impl Key {
    /// A key that must be set, or whose default is not the same everywhere.
    pub(super) const fn new(name: &'static str, kind: Kind, example: &'static str) -> Self {
        Self {
            name,
            kind,
            example: Some(example),
        }
    }

    /// A key with a default, which is in `defaults.rs`.
    const fn with_default(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            example: None,
        }
    }
}

/// One table of the file.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    /// As it is written: `[ring]`, `[[node]]`.
    pub(super) header: &'static str,
    pub(super) keys: &'static [Key],
    /// Whether it comes once only. Then the environment and flags can set its keys.
    pub(super) once: bool,
}

use Kind::{FileOnly, List, Number, NumberOrList, Text};

pub(super) const RING: Section = Section {
    name: "ring",
    header: "[ring]",
    once: true,
    keys: &[
        Key::new("name", Text, r#"name = "classroom""#),
        Key::with_default("shape", Text),
        Key::with_default("lease", Text),
        Key::with_default("on-partition", Text),
        Key::with_default("voters", NumberOrList),
        Key::with_default("loan", Text),
        Key::with_default("late-copy", Text),
        Key::with_default("guests", Number),
        Key::with_default("guest-life", Text),
        Key::with_default("http-names", List),
        Key::new("key-file", Text, r#"key-file = "ring.key""#),
    ],
};

pub(super) const SCREEN: Section = Section {
    name: "screen",
    header: "[screen]",
    once: true,
    keys: &[
        Key::with_default("width", Number),
        Key::with_default("height", Number),
    ],
};

pub(super) const PORTS: Section = Section {
    name: "ports",
    header: "[ports]",
    once: true,
    keys: &[
        Key::with_default("ring", Number),
        Key::with_default("receiver", Number),
        Key::with_default("rate", Number),
        Key::with_default("http", Number),
        Key::with_default("window-left", Number),
        Key::with_default("window-right", Number),
    ],
};

pub(super) const NODE: Section = Section {
    name: "node",
    header: "[[node]]",
    once: false,
    keys: &[
        Key::new("name", Text, r#"name = "pi1""#),
        Key::new("kind", Text, r#"kind = "carom""#),
        Key::new("host", Text, r#"host = "pi1.local""#),
        Key::new("ssh", Text, r#"ssh = "pi@pi1.local""#),
        Key::new("listen", Text, r#"listen = "192.168.7.11""#),
        Key::new("led", FileOnly, r#"led = { backend = "act" }"#),
        Key::new("ports", FileOnly, "ports = { ring = 7701 }"),
    ],
};

/// The keys of a `[[node]]` with `kind = "window"`.
pub(super) const WINDOW_KEYS: &[Key] = &[
    Key::new("name", Text, r#"name = "laptop""#),
    Key::new("kind", Text, r#"kind = "window""#),
    Key::new("host", Text, r#"host = "laptop.local""#),
    Key::new("listen-left", Text, r#"listen-left = "laptop.local:10001""#),
    Key::new(
        "listen-right",
        Text,
        r#"listen-right = "laptop.local:10002""#,
    ),
    Key::new("screen", FileOnly, "screen = { width = 800, height = 600 }"),
];

pub(super) const BALL: Section = Section {
    name: "ball",
    header: "[[ball]]",
    once: false,
    keys: &[
        Key::new("start", Text, r#"start = "pi1""#),
        Key::new("position", FileOnly, "position = [100, 300]"),
        Key::new("velocity", FileOnly, "velocity = [240, 130]"),
        Key::new("radius", Number, "radius = 30"),
        Key::new("color", FileOnly, "color = [255, 64, 0]"),
        Key::new("dwell", Text, r#"dwell = "1s""#),
    ],
};

pub(super) const SECTIONS: [&Section; 5] = [&RING, &SCREEN, &PORTS, &NODE, &BALL];

/// Every key that the environment and flags can set, with its section.
pub(super) fn single_keys() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS
        .into_iter()
        .filter(|section| section.once)
        .flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

/// The sections that have a key of that name, as `it belongs in [ring]`.
pub(super) fn where_key_belongs(name: &str) -> Option<String> {
    let homes: Vec<_> = SECTIONS
        .into_iter()
        .filter(|section| section.keys.iter().any(|key| key.name == name))
        .map(|section| section.header)
        .collect();
    (!homes.is_empty()).then(|| format!("it belongs in {}", homes.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::super::led::BACKENDS;
    use super::super::{Config, Overrides};
    use super::*;

    /// Every key there is, as a path such as `node.led.pin`.
    fn every_key() -> Vec<String> {
        let sections = SECTIONS.into_iter().flat_map(|section| {
            let path = move |key: &Key| format!("{}.{}", section.name, key.name);
            section.keys.iter().map(path)
        });
        let ports = PORTS.keys.iter();
        let ports = ports.map(|key| format!("node.ports.{}", key.name));
        let led = BACKENDS.iter().flat_map(|backend| backend.keys.iter());
        let led = led.map(|key| format!("node.led.{}", key.name));
        let window = WINDOW_KEYS.iter();
        let window = window.map(|key| format!("node.{}", key.name));
        sections.chain(ports).chain(led).chain(window).collect()
    }

    #[test]
    fn the_shipped_file_explains_every_key_and_backend() {
        let file = include_str!("../../config/ring.toml");
        // Word for word: "name" in a comment about something else does not count as `name =`.
        for key in every_key() {
            let (section, name) = key.split_once('.').unwrap();
            let name = name.rsplit('.').next().unwrap();
            let part = file
                .split("\n[")
                .filter(|part| part.trim_start_matches('[').starts_with(section));
            let is_explained = part
                .into_iter()
                .any(|part| part.contains(&format!("{name} = ")));
            assert!(is_explained, "config/ring.toml says nothing of {key}");
        }
        for backend in BACKENDS {
            let words = format!("backend = {:?}", backend.name);
            assert!(
                file.contains(&words),
                "config/ring.toml says nothing of {words}"
            );
        }
    }

    #[test]
    fn the_shipped_file_shows_the_defaults() {
        let shipped = include_str!("../../config/ring.toml");
        let mut without = String::new();
        let mut shown = Vec::new();
        for line in shipped.lines() {
            let has_default = |(_, key): &(_, &Key)| key.example.is_none();
            let sets = |(_, key): &(_, &Key)| line.starts_with(&format!("{} = ", key.name));
            match single_keys().filter(has_default).find(sets) {
                Some((_, key)) => shown.push(key.name),
                None => without += &format!("{line}\n"),
            }
        }
        for (section, key) in single_keys().filter(|(_, key)| key.example.is_none()) {
            let path = format!("{}.{}", section.name, key.name);
            assert!(shown.contains(&key.name), "{path} is not shown");
        }
        let parse = |text: &str| Config::parse("ring.toml", text, &[], &Overrides::default());
        assert_eq!(parse(&without), parse(shipped));
        assert!(parse(shipped).is_ok());
    }

    #[test]
    fn examples_set_their_own_key() {
        for key in SECTIONS
            .into_iter()
            .flat_map(|section| section.keys)
            .chain(WINDOW_KEYS)
        {
            let name = key
                .example
                .map(|example| example.split_once(" = ").unwrap().0);
            assert_eq!(name.unwrap_or(key.name), key.name);
        }
    }
}
