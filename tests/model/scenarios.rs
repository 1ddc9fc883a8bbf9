//! The runs that together are the evidence: each explores all states within its bounds.

/// One run: what goes wrong in it, and its bounds as options.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) says: &'static str,
    pub(crate) options: &'static str,
}

const fn scenario(says: &'static str, options: &'static str) -> Scenario {
    Scenario { says, options }
}

/// The bounds that the options alone define.
pub(crate) const OWN: Scenario = scenario("the bounds of the command line", "");

/// For `cargo test`, where the build is not optimised: every fault but the long ones, once.
pub(crate) const QUICK: &[Scenario] = &[
    scenario("one crash", "--crashes 1 --faults 1 --grid 4 --crossing 2"),
    scenario(
        "one fault of the network, or one planned stop",
        "--losses 1 --copies 1 --strays 1 --resets 1 --drains 1 --faults 1",
    ),
];

/// For every change.
pub(crate) const USUAL: &[Scenario] = &[
    scenario(
        "two crashes",
        "--crashes 2 --faults 2 --grid 4 --crossing 2",
    ),
    scenario(
        "a partition, or a pause, or a planned stop; equal states compared",
        "--cuts 1 --pauses 1 --drains 1 --faults 1 --equivalence 50",
    ),
    scenario(
        "a crash and a message lost, doubled or late, or two such messages",
        "--crashes 1 --losses 2 --copies 2 --strays 2 --faults 2 --grid 4 --crossing 2",
    ),
    scenario(
        "a crash, while messages take up to a sixteenth of a lease",
        "--crashes 1 --faults 1 --grid 16 --crossing 6 --max-delay 1",
    ),
    scenario(
        "a process is killed, and its obituary comes to each other node at any moment or never",
        "--kills 1 --faults 1 --grid 4 --crossing 2",
    ),
    FOUR[0],
    scenario(
        "a window that accepts one loan, and one fault; equal states compared",
        "--window --loans 1 --crashes 1 --losses 1 --copies 1 --strays 1 --faults 1 \
         --grid 4 --crossing 2 --equivalence 50",
    ),
    scenario(
        "a guest from a window that accepts one loan, and one fault or its removal",
        "--guest --loans 1 --crashes 1 --losses 1 --copies 1 --strays 1 --removals 1 --faults 1 \
         --grid 4 --crossing 2",
    ),
    scenario(
        "a crash, or a message lost, doubled or late, in a ring in which one node does not vote",
        "--nodes 4 --voters 3 --crashes 1 --losses 1 --copies 1 --strays 1 --faults 1 --grid 4 --crossing 2",
    ),
    // Small, and split votes of equal rounds are common in it (L5).
    scenario(
        "two nodes that start together, and a crash",
        "--nodes 2 --cold --crashes 1 --faults 1",
    ),
];

/// Three nodes, for an evening.
pub(crate) const THREE_LONG: &[Scenario] = &[
    scenario(
        "two crashes, twice as many moments",
        "--crashes 2 --faults 2",
    ),
    scenario(
        "a crash and a partition",
        "--crashes 1 --cuts 1 --faults 2 --grid 4 --crossing 2",
    ),
    scenario(
        "a window that accepts any number of loans, and one fault",
        "--window --crashes 1 --losses 1 --copies 1 --strays 1 --faults 1 --grid 4 --crossing 2",
    ),
    scenario(
        "a guest from a window that accepts one loan, a crash and its removal",
        "--guest --loans 1 --crashes 1 --removals 1 --faults 2 --grid 4 --crossing 2",
    ),
];

/// Four nodes.
pub(crate) const FOUR: &[Scenario] = &[
    scenario("a crash", "--nodes 4 --crashes 1 --faults 1"),
    scenario(
        "a partition, or a pause, or a planned stop; equal states compared",
        "--nodes 4 --cuts 1 --pauses 1 --drains 1 --faults 1 --grid 4 --crossing 2 --equivalence 50",
    ),
    scenario(
        "a message lost, doubled or late, or a connection broken",
        "--nodes 4 --losses 1 --copies 1 --strays 1 --resets 1 --faults 1 --grid 4 --crossing 2",
    ),
];

/// Four nodes, for a night.
pub(crate) const FOUR_LONG: &[Scenario] = &[scenario(
    "two crashes",
    "--nodes 4 --crashes 2 --faults 2 --grid 4 --crossing 2",
)];

const ALL: [(&str, &[Scenario]); 5] = [
    ("quick", QUICK),
    ("usual", USUAL),
    ("three-long", THREE_LONG),
    ("four", FOUR),
    ("four-long", FOUR_LONG),
];

pub(crate) fn named(name: &str) -> Option<&'static [Scenario]> {
    ALL.iter()
        .find(|(other, _)| *other == name)
        .map(|(_, scenarios)| *scenarios)
}

pub(crate) fn names() -> String {
    ALL.map(|(name, _)| name).join(" ")
}
