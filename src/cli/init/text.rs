//! The text of a new ring file: the sections and comments of `config/ring.toml`, with the values of the plan.

use super::nodes::ListedNode;
use super::plan::Plan;

/// The sample file, whose comments every new ring file has.
const SAMPLE: &str = include_str!("../../../config/ring.toml");

/// The lease of a ring on Wi-Fi, where devices sleep and send again.
const WIFI_LEASE: &str = "2s";

/// The whole file. Empty if the sample has not the parts that are looked for, which a test excludes.
pub(super) fn write(plan: &Plan) -> String {
    let Some((before, from_nodes)) = SAMPLE.split_once("\n[[node]]\n") else {
        return String::new();
    };
    let Some((first, after)) = from_nodes.split_once("\n[[node]]\n") else {
        return String::new();
    };
    let Some(windows) = after.find("\n# A window is any program") else {
        return String::new();
    };
    let mut text = String::new();
    // The first line of the sample tells of its own nodes.
    for (index, line) in before.lines().enumerate() {
        match index {
            0 => line_of(
                &mut text,
                &format!("# The ring {}, made by carom init.", plan.name),
            ),
            _ => line_of(&mut text, &setting(line, plan)),
        }
    }
    for (index, node) in plan.nodes.iter().enumerate() {
        text += "\n[[node]]\n";
        match index {
            0 => first_node(&mut text, first, node, plan),
            _ => further_node(&mut text, node, plan),
        }
    }
    for line in after.get(windows..).unwrap_or_default().lines() {
        match (line.starts_with("start = "), plan.nodes.first()) {
            (true, Some(node)) => line_of(&mut text, &format!("start = {:?}", node.name)),
            _ => line_of(&mut text, line),
        }
    }
    text
}

fn line_of(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// A line of the sample's sections before the nodes, with the value of the plan if it sets one that the plan has.
fn setting(line: &str, plan: &Plan) -> String {
    if line.starts_with("name = ") {
        return format!("name = {:?}", plan.name);
    }
    if line.starts_with("lease = ") && plan.wifi {
        return format!("lease = {WIFI_LEASE:?}");
    }
    match (&plan.key_file, line.strip_prefix("# key-file = ")) {
        (Some(file), Some(_)) => format!("key-file = {file:?}"),
        _ => line.to_owned(),
    }
}

/// The first node, with the sample's comments but those on the LED of the sample.
fn first_node(text: &mut String, sample: &str, node: &ListedNode, plan: &Plan) {
    for line in sample.lines() {
        if line.starts_with("name = ") {
            line_of(text, &format!("name = {:?}", node.name));
        } else if line.starts_with("host = ") {
            line_of(text, &format!("host = {:?}", host(node, plan)));
        } else if line.starts_with("ssh = ") {
            line_of(text, &ssh(node, plan));
        } else if line.starts_with("# Here: an LED") {
            break;
        } else {
            line_of(text, line);
        }
    }
    text.push_str(LED_COMMENT);
    line_of(text, &format!("led = {}", plan.led));
}

const LED_COMMENT: &str = "\
# { backend = \"act\" }: the Pi's own green LED; if it is on while the ball is elsewhere, add active-low = true.
# { backend = \"gpiochip\", pin = 17 }: an LED with a resistor between BCM pin 17 (pin 11 of the header) and ground; if it is
# wired to 3.3 V instead of ground, add active-low = true. { backend = \"none\" }: no LED.
";

fn further_node(text: &mut String, node: &ListedNode, plan: &Plan) {
    line_of(text, &format!("name = {:?}", node.name));
    line_of(text, &format!("host = {:?}", host(node, plan)));
    line_of(text, &ssh(node, plan));
    line_of(text, &format!("led = {}", plan.led));
}

/// The key that says where the scripts log in.
fn ssh(node: &ListedNode, plan: &Plan) -> String {
    format!("ssh = \"{}@{}\"", plan.user, host(node, plan))
}

fn host(node: &ListedNode, plan: &Plan) -> String {
    match (&node.host, plan.domain.as_str()) {
        (Some(host), _) => host.clone(),
        (None, "") => node.name.clone(),
        (None, domain) => format!("{}.{domain}", node.name),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::nodes;
    use super::*;
    use crate::config::{Config, LedConfig, Overrides};

    fn plan(list: &str) -> Plan {
        Plan {
            name: "lab-7".to_owned(),
            nodes: nodes::parse(list).unwrap(),
            domain: "local".to_owned(),
            user: "teacher".to_owned(),
            led: r#"{ backend = "gpiochip", pin = 17 }"#.to_owned(),
            wifi: true,
            key_file: Some("lab.key".to_owned()),
        }
    }

    fn parsed(text: &str) -> Config {
        let none = Overrides::default();
        Config::parse("ring.toml", text, &[], &none)
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    #[test]
    fn the_file_has_what_was_asked_for_and_no_fault() {
        let config = parsed(&write(&plan("pi1..pi3,gate=192.168.7.20")));
        assert_eq!(config.ring.name, "lab-7");
        assert_eq!(config.ring.lease, Duration::from_secs(2));
        assert_eq!(config.ring.key_file.unwrap().to_str(), Some("lab.key"));
        let hosts: Vec<_> = config.nodes.iter().map(|node| node.host.as_str()).collect();
        assert_eq!(
            hosts,
            ["pi1.local", "pi2.local", "pi3.local", "192.168.7.20"]
        );
        for node in &config.nodes {
            assert_eq!(node.ssh, format!("teacher@{}", node.host));
            assert!(matches!(node.led, LedConfig::GpioChip { pin: 17, .. }));
        }
        assert_eq!(config.balls.len(), 1);
        assert_eq!(config.balls[0].start, "pi1");
    }

    #[test]
    fn without_a_key_a_domain_and_wifi_the_defaults_hold() {
        let bare = Plan {
            domain: String::new(),
            wifi: false,
            key_file: None,
            ..plan("a1..a255")
        };
        let config = parsed(&write(&bare));
        assert_eq!(config.nodes.len(), 255);
        assert_eq!(config.nodes[0].host, "a1");
        assert_eq!(config.nodes[0].ssh, "teacher@a1");
        assert_eq!(config.ring.lease, Duration::from_millis(500));
        assert_eq!(config.ring.key_file, None);
    }

    #[test]
    fn the_file_has_the_comments_of_the_sample_and_none_of_its_nodes() {
        let text = write(&plan("alpha,beta"));
        for words in [
            "# The ring lab-7, made by carom init.\n",
            "# How long the ring waits for a node that is silent",
            "# The file with the ring's key.",
            "# The LED that is on while the ball is here.",
            "#     kind = \"window\"\n",
            "# dwell = \"1s\"\n",
        ] {
            assert!(text.contains(words), "{words}");
        }
        // `pi1` and others stay in comments, as examples.
        let settings = || text.lines().filter(|line| !line.starts_with('#'));
        for line in settings() {
            assert!(!line.contains("pi1") && !line.contains("pi5"), "{line}");
        }
        assert_eq!(settings().filter(|line| *line == "[[node]]").count(), 2);
    }
}
