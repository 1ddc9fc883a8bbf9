//! The words of fingerprints: one for each byte, easy to spell and hard to mistake for another aloud.

/// In alphabetical order. The first three letters of a word occur in no other.
///
/// Do not change it: two releases with different lists would show different fingerprints of one key.
#[rustfmt::skip]
pub(super) const WORDS: [&str; 256] = [
    "acorn", "album", "almond", "alpine", "amber", "anchor", "anthem", "apple",
    "april", "arctic", "arrow", "artist", "aspen", "avocado", "bagel", "bakery",
    "ballad", "bamboo", "banana", "barley", "basket", "beacon", "bicycle", "birch",
    "biscuit", "bottle", "boulder", "bracelet", "breeze", "bridge", "broom", "buffalo",
    "butter", "cactus", "camera", "canal", "cargo", "castle", "cedar", "cello",
    "chalk", "cherry", "chimney", "chorus", "cinema", "circle", "clarinet", "climate",
    "clover", "cobalt", "coconut", "coffee", "comet", "concert", "copper", "cotton",
    "cousin", "coyote", "cradle", "crystal", "cucumber", "curtain", "cushion", "cypress",
    "daisy", "dancer", "denim", "desert", "diamond", "doctor", "dolphin", "domino",
    "donkey", "dragon", "drum", "eagle", "echo", "eclipse", "elbow", "elder",
    "elephant", "emerald", "engine", "envelope", "equator", "evening", "fabric", "falcon",
    "farmer", "feather", "fennel", "fiddle", "flamingo", "flute", "forest", "fossil",
    "fountain", "fox", "galaxy", "garden", "gazelle", "giraffe", "glacier", "gravel",
    "guitar", "harbor", "hedge", "helmet", "heron", "hickory", "horizon", "iceberg",
    "igloo", "indigo", "insect", "iris", "island", "ivory", "jaguar", "jasmine",
    "jersey", "jigsaw", "journey", "jungle", "kayak", "kitchen", "kiwi", "koala",
    "ladder", "lagoon", "lantern", "laurel", "lava", "leopard", "lettuce", "library",
    "lilac", "lizard", "lobster", "lotus", "lunar", "machine", "magnet", "marble",
    "meadow", "mercury", "meteor", "mirror", "mitten", "monsoon", "muffin", "museum",
    "napkin", "needle", "nickel", "north", "notebook", "nutmeg", "nylon", "oasis",
    "oatmeal", "ocean", "octopus", "office", "olive", "onion", "opera", "orange",
    "orbit", "orchid", "ostrich", "oxygen", "palace", "panda", "papaya", "peanut",
    "pebble", "pelican", "pencil", "piano", "picnic", "pigeon", "pilot", "pocket",
    "polar", "poppy", "potato", "pumpkin", "purple", "pyramid", "python", "quartz",
    "quilt", "rabbit", "raft", "rainbow", "recipe", "ribbon", "robin", "rodeo",
    "ruby", "saffron", "sapphire", "satin", "scarf", "school", "sequoia", "shelter",
    "signal", "silver", "skate", "slipper", "sofa", "spider", "spruce", "squirrel",
    "stadium", "summer", "sunset", "swan", "syrup", "tablet", "teapot", "temple",
    "tennis", "thimble", "thunder", "tiger", "toast", "topaz", "tortoise", "tractor",
    "trumpet", "tulip", "tundra", "tuxedo", "umbrella", "unicorn", "vanilla", "vessel",
    "village", "vinegar", "violet", "volcano", "voyage", "waffle", "walnut", "willow",
    "wolf", "wombat", "yacht", "yogurt", "zebra", "zenith", "zephyr", "zigzag",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_short_plain_and_in_order() {
        for word in WORDS {
            assert!((3..=8).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
        }
        assert!(WORDS.is_sorted_by(|a, b| a < b), "in order, each once");
        let beginnings: BTreeSet<&str> = WORDS.iter().map(|word| &word[..3]).collect();
        assert_eq!(beginnings.len(), WORDS.len());
    }

    #[test]
    fn no_two_words_are_easily_mistaken_for_each_other() {
        for (index, one) in WORDS.iter().enumerate() {
            for other in &WORDS[index + 1..] {
                let distance = strsim::levenshtein(one, other);
                assert!(distance >= 3, "{one}, {other}: {distance}");
            }
        }
    }
}
