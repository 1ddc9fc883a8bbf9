//! The runs that together are the evidence: each explores all there is within its bounds.

/// One run: what goes wrong in it, and its bounds as options.
pub(crate) struct Scene {
    pub(crate) says: &'static str,
    pub(crate) options: &'static str,
}

const fn scene(says: &'static str, options: &'static str) -> Scene {
    Scene { says, options }
}

/// What the options alone say.
pub(crate) const OWN: Scene = scene("the bounds of the command line", "");

/// For `cargo test`, where the build is not optimised: every fault but the long ones, once.
pub(crate) const QUICK: &[Scene] = &[
    scene("one crash", "--crashes 1 --faults 1 --grid 4 --crossing 2"),
    scene(
        "one fault of the network, or one planned stop",
        "--losses 1 --copies 1 --strays 1 --resets 1 --drains 1 --faults 1",
    ),
];

/// Three nodes, for every change.
pub(crate) const THREE: &[Scene] = &[
    scene("two crashes", "--crashes 2 --faults 2"),
    scene(
        "a partition, or a pause, or a planned stop; equal states compared",
        "--cuts 1 --pauses 1 --drains 1 --faults 1 --audit 50",
    ),
    scene(
        "a crash and a line lost, doubled or late, or two such lines",
        "--crashes 1 --losses 2 --copies 2 --strays 2 --faults 2 --grid 4 --crossing 2",
    ),
];

/// Three nodes, for an evening.
pub(crate) const THREE_LONG: &[Scene] = &[scene(
    "a crash and a partition",
    "--crashes 1 --cuts 1 --faults 2 --grid 4 --crossing 2",
)];

/// Four nodes.
pub(crate) const FOUR: &[Scene] = &[
    scene("a crash", "--nodes 4 --crashes 1 --faults 1"),
    scene(
        "a partition, or a pause, or a planned stop; equal states compared",
        "--nodes 4 --cuts 1 --pauses 1 --drains 1 --faults 1 --grid 4 --crossing 2 --audit 50",
    ),
    scene(
        "a line lost, doubled or late, or a connection broken",
        "--nodes 4 --losses 1 --copies 1 --strays 1 --resets 1 --faults 1 --grid 4 --crossing 2",
    ),
];

/// Four nodes, for a night.
pub(crate) const FOUR_LONG: &[Scene] = &[scene(
    "two crashes",
    "--nodes 4 --crashes 2 --faults 2 --grid 4 --crossing 2",
)];

const ALL: [(&str, &[Scene]); 5] = [
    ("quick", QUICK),
    ("three", THREE),
    ("three-long", THREE_LONG),
    ("four", FOUR),
    ("four-long", FOUR_LONG),
];

pub(crate) fn named(name: &str) -> Option<&'static [Scene]> {
    ALL.iter()
        .find(|(other, _)| *other == name)
        .map(|(_, scenes)| *scenes)
}

pub(crate) fn names() -> String {
    ALL.map(|(name, _)| name).join(" ")
}
