//! The words of the code: one term for one thing, the field's term.

/// Words that stand for a term of the glossary in docs/PROTOCOL.md, and that term.
const REPLACED: [(&str, &str); 30] = [
    ("bow", "step down"),
    ("buried", "retired"),
    ("bury", "retire"),
    ("calm", "recovery"),
    ("complain", "log"),
    ("complaint", "log line"),
    ("complaints", "DedupLog"),
    ("crowd", "many connections"),
    ("deed", "what it does"),
    ("deeds", "what they do"),
    ("door", "endpoint"),
    ("doors", "endpoints"),
    ("farewell", "LeaveAck"),
    ("grave", "tombstone"),
    ("graves", "tombstones"),
    ("hear", "on_..."),
    ("lamp", "LED"),
    ("lamps", "LEDs"),
    ("lapse", "expire"),
    ("meters", "metrics"),
    ("misfit", "InvalidWindowBall"),
    ("owed", "pending"),
    ("patience", "back-off"),
    ("sketch", "digest"),
    ("stranger", "unknown peer"),
    ("strangers", "unknown peers"),
    ("troubles", "RateLimitedLog"),
    ("unlent", "LoanUnknown"),
    ("voice", "vote"),
    ("voices", "votes"),
];

/// The words of a line: identifiers are split at `_` and at capitals. Words of the wire, which stand
/// in `serde(rename = "...")`, stay as they are.
fn words(line: &str) -> Vec<String> {
    let mut spaced = String::new();
    for letter in line.split("rename = \"").next().unwrap_or("").chars() {
        if letter.is_uppercase() {
            spaced.push(' ');
        }
        spaced.push(if letter.is_alphabetic() { letter } else { ' ' });
    }
    spaced.split(' ').map(str::to_lowercase).collect()
}

/// What is wrong with the words of a text, one sentence a line.
pub(crate) fn replaced_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        for word in words(line) {
            if let Some((_, term)) = REPLACED.iter().find(|(old, _)| *old == word) {
                found.push(format!("line {number}: \"{word}\": say \"{term}\""));
            }
        }
    }
    found
}

#[test]
fn a_replaced_word_is_found_inside_an_identifier_and_a_comment() {
    let text = "fn lend_voice() {}\n// The grave.\nstruct OpenDoors;\nlet pace = vote;";
    let found = replaced_words(text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0], "line 1: \"voice\": say \"vote\"");
    assert!(replaced_words("#[serde(rename = \"farewell\")]").is_empty());
}
