//! Every key of the configuration: its name, its default, an example, and where it belongs.

/// What an environment variable's or a flag's text turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Stays text.
    Text,
    /// A number, if it reads as one.
    Number,
    /// Only the file can hold it.
    FileOnly,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As an environment variable would set it; `None` if it must be set, or has no fixed default.
    pub(super) default: Option<&'static str>,
    /// A line that sets it.
    pub(super) example: &'static str,
}

impl Key {
    /// A key without a fixed default.
    pub(super) const fn new(name: &'static str, kind: Kind, example: &'static str) -> Self {
        key(name, kind, None, example)
    }
}

const fn key(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    example: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        example,
    }
}

/// One table of the file.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    /// As it is written: `[ring]`, `[[node]]`.
    pub(super) header: &'static str,
    pub(super) keys: &'static [Key],
    /// It comes once, and environment and flags can set its keys.
    pub(super) once: bool,
}

use Kind::{FileOnly, Number, Text};

pub(super) const RING: Section = Section {
    name: "ring",
    header: "[ring]",
    once: true,
    keys: &[
        key("name", Text, None, r#"name = "classroom""#),
        key("shape", Text, Some("ring"), r#"shape = "ring""#),
        key("lease", Text, Some("500ms"), r#"lease = "500ms""#),
        key(
            "on-partition",
            Text,
            Some("freeze"),
            r#"on-partition = "freeze""#,
        ),
        key("loan", Text, Some("60s"), r#"loan = "60s""#),
        key("late-copy", Text, Some("refuse"), r#"late-copy = "refuse""#),
        key("guests", Number, Some("4"), "guests = 4"),
        key("guest-life", Text, Some("5m"), r#"guest-life = "5m""#),
    ],
};

pub(super) const SCREEN: Section = Section {
    name: "screen",
    header: "[screen]",
    once: true,
    keys: &[
        key("width", Number, Some("800"), "width = 800"),
        key("height", Number, Some("600"), "height = 600"),
    ],
};

pub(super) const PORTS: Section = Section {
    name: "ports",
    header: "[ports]",
    once: true,
    keys: &[
        key("ring", Number, Some("7700"), "ring = 7700"),
        key("receiver", Number, Some("10000"), "receiver = 10000"),
        key("rate", Number, Some("10100"), "rate = 10100"),
        key("http", Number, Some("8080"), "http = 8080"),
        key("window-left", Number, Some("10001"), "window-left = 10001"),
        key(
            "window-right",
            Number,
            Some("10002"),
            "window-right = 10002",
        ),
    ],
};

pub(super) const NODE: Section = Section {
    name: "node",
    header: "[[node]]",
    once: false,
    keys: &[
        key("name", Text, None, r#"name = "pi1""#),
        key("kind", Text, None, r#"kind = "carom""#),
        key("host", Text, None, r#"host = "pi1.local""#),
        key("ssh", Text, None, r#"ssh = "pi@pi1.local""#),
        key("listen", Text, None, r#"listen = "192.168.7.11""#),
        key("led", FileOnly, None, r#"led = { backend = "act" }"#),
        key("ports", FileOnly, None, "ports = { ring = 7701 }"),
    ],
};

/// The keys of a `[[node]]` with `kind = "window"`.
pub(super) const WINDOW_KEYS: &[Key] = &[
    key("name", Text, None, r#"name = "laptop""#),
    key("kind", Text, None, r#"kind = "window""#),
    key("host", Text, None, r#"host = "laptop.local""#),
    key(
        "listen-left",
        Text,
        None,
        r#"listen-left = "laptop.local:10001""#,
    ),
    key(
        "listen-right",
        Text,
        None,
        r#"listen-right = "laptop.local:10002""#,
    ),
    key(
        "screen",
        FileOnly,
        None,
        "screen = { width = 800, height = 600 }",
    ),
];

pub(super) const BALL: Section = Section {
    name: "ball",
    header: "[[ball]]",
    once: false,
    keys: &[
        key("start", Text, None, r#"start = "pi1""#),
        key("position", FileOnly, None, "position = [100, 300]"),
        key("velocity", FileOnly, None, "velocity = [240, 130]"),
        key("radius", Number, None, "radius = 30"),
        key("color", FileOnly, None, "color = [255, 64, 0]"),
        key("dwell", Text, None, r#"dwell = "1s""#),
    ],
};

pub(super) const SECTIONS: [&Section; 5] = [&RING, &SCREEN, &PORTS, &NODE, &BALL];

/// Keys that are decided on but do nothing yet, with what to say of them.
pub(super) const RESERVED_KEYS: &[(&str, &str, &str)] = &[(
    "ring",
    "key-file",
    "is not available yet: take this line out; links between nodes are not encrypted",
)];

/// Every key that environment and flags can set, with its section.
pub(super) fn single_keys() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS
        .into_iter()
        .filter(|section| section.once)
        .flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

/// The sections that have a key of that name: `it belongs in [ring]`.
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
    use super::*;

    /// Every key there is, as a path such as `node.led.pin`.
    fn every_key() -> Vec<String> {
        let sections = SECTIONS.into_iter().flat_map(|section| {
            let path = move |key: &Key| format!("{}.{}", section.name, key.name);
            section.keys.iter().map(path)
        });
        let later = RESERVED_KEYS
            .iter()
            .map(|(section, key, _)| format!("{section}.{key}"));
        let ports = PORTS.keys.iter();
        let ports = ports.map(|key| format!("node.ports.{}", key.name));
        let led = BACKENDS.iter().flat_map(|backend| backend.keys.iter());
        let led = led.map(|key| format!("node.led.{}", key.name));
        let window = WINDOW_KEYS.iter();
        let window = window.map(|key| format!("node.{}", key.name));
        sections
            .chain(later)
            .chain(ports)
            .chain(led)
            .chain(window)
            .collect()
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
            let told = part
                .into_iter()
                .any(|part| part.contains(&format!("{name} = ")));
            assert!(told, "config/ring.toml says nothing of {key}");
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
        let file = include_str!("../../config/ring.toml");
        for (section, key) in single_keys() {
            if key.default.is_some() {
                let shown = file.lines().any(|line| line.starts_with(key.example));
                assert!(shown, "{}.{}: {}", section.name, key.name, key.example);
            }
        }
    }

    #[test]
    fn examples_show_the_default_of_their_own_key() {
        for key in SECTIONS
            .into_iter()
            .flat_map(|section| section.keys)
            .chain(WINDOW_KEYS)
        {
            let (name, value) = key.example.split_once(" = ").unwrap();
            assert_eq!(name, key.name);
            if let Some(default) = key.default {
                assert_eq!(value.trim_matches('"'), default);
            }
        }
    }
}
