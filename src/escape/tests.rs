//! Nothing harmful gets through, and every living script does.

use super::*;

#[test]
fn control_characters_are_escaped_and_long_text_is_cut() {
    let shown = Escaped("a\x1b[2J\r\nb\u{202e}c\u{9b}'q'").to_string();
    assert_eq!(shown, "a\\u{1b}[2J\\r\\nb\\u{202e}c\\u{9b}'q'");
    assert!(Escaped(&"x".repeat(5_000)).to_string().len() < 300);
    assert!(Escaped(&"\u{301}".repeat(5_000)).to_string().len() < 2_000);
}

#[test]
fn bytes_that_are_no_text_are_escaped_one_by_one() {
    let shown = EscapedBytes(b"h\xc3\xb6\xff\x1b[2J\0 \xe2\x80\xae'\\").to_string();
    assert_eq!(shown, "h\u{f6}\\xff\\u{1b}[2J\\0 \\u{202e}'\\\\");
}

#[test]
fn a_sentence_keeps_its_backslashes() {
    let shown = EscapedSentence("not \"a\\u{1b}\"\x1b nor नमस्ते").to_string();
    assert_eq!(shown, "not \"a\\u{1b}\"\\u{1b} nor नमस्ते");
}

#[test]
fn living_scripts_and_emoji_are_shown_as_they_are() {
    for text in [
        "नमस्ते, कैसे हैं? क्षत्रिय क्\u{200d}",
        "สวัสดีครับ ที่นี่ น้ำ",
        "שָׁלוֹם בְּרֵאשִׁ֖ית",
        "مرحبا می\u{200c}خواهم ٱلسَّلَامُ",
        "မင်္ဂလာပါ မြွှောင့်",
        "སངས་རྒྱས་ སྐྲ",
        "ជំរាបសួរ វណ្ណៈ",
        "ශ්\u{200d}රී ලංකා",
        "வணக்கம் స్వాగతం ಸ್ವಾಗತ സ്വാഗതം",
        "안녕하세요 한",
        "こんにちは 世界　が 葛\u{e0100}",
        "ᠮᠣᠩᠭᠣᠯ\u{180b}",
        "ሰላም Ελληνικά Привет йога́ Tiếng Việt e\u{302}\u{301}",
        "e\u{301} n\u{303} Å\u{30a} Ç\u{327}\u{301} le prix\u{a0}: 5\u{202f}€",
        "❤\u{fe0f} ❤\u{fe0f}\u{200d}🔥 1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3} ©\u{fe0f}",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦 👩🏽\u{200d}🚀 👨🏿\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏻 👍🏽",
        "🇩🇪🇺🇦 🏳\u{fe0f}\u{200d}🌈 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "\u{e000} \u{f8ff} x² ½ → ∑ 𝕏 𒀀 \u{2800}⠓",
    ] {
        assert_eq!(Escaped(text).to_string(), text);
        assert_eq!(EscapedBytes(text.as_bytes()).to_string(), text);
        assert_eq!(EscapedSentence(text).to_string(), text);
    }
}

#[test]
fn what_nobody_sees_is_escaped_where_no_letter_needs_it() {
    for (text, shown) in [
        ("pi1\u{200d}", "pi1\\u{200d}"),
        ("pi1\u{200c}x", "pi1\\u{200c}x"),
        ("p\u{fe0f}i", "p\\u{fe0f}i"),
        (
            "a\u{200b}b\u{feff}c\u{ad}d",
            "a\\u{200b}b\\u{feff}c\\u{ad}d",
        ),
        ("\u{200e}\u{200f}\u{61c}", "\\u{200e}\\u{200f}\\u{61c}"),
        (
            "\u{2066}x\u{2069}\u{2028}\u{2029}",
            "\\u{2066}x\\u{2069}\\u{2028}\\u{2029}",
        ),
        ("\u{e0068}\u{e0069}", "\\u{e0068}\\u{e0069}"),
        ("😀\u{e0068}", "😀\\u{e0068}"),
        ("❤\u{fe0f}\u{fe0e}", "❤\u{fe0f}\\u{fe0e}"),
        ("क\u{200d}\u{200d}", "क\u{200d}\\u{200d}"),
        (
            "\u{3164}\u{115f}\u{fffe}\u{fff9}",
            "\\u{3164}\\u{115f}\\u{fffe}\\u{fff9}",
        ),
        ("\u{a0}\u{200d}", "\u{a0}\\u{200d}"),
        (
            "\u{e0001}\u{e0fff}\u{1d173}",
            "\\u{e0001}\\u{e0fff}\\u{1d173}",
        ),
    ] {
        assert_eq!(Escaped(text).to_string(), shown, "{text:?}");
    }
}

#[test]
fn marks_do_not_pile_up_and_need_a_letter() {
    let heap = format!("a{}b", "\u{301}".repeat(9));
    let shown = Escaped(&heap).to_string();
    let expected = format!("a{}{}b", "\u{301}".repeat(6), "\\u{301}".repeat(3));
    assert_eq!(shown, expected);
    assert_eq!(Escaped("\u{301}a").to_string(), "\\u{301}a");
    assert_eq!(Escaped("\n\u{301}").to_string(), "\\n\\u{301}");
    assert_eq!(EscapedBytes(b"\xff\xcc\x81").to_string(), "\\xff\\u{301}");
    let parted = format!("a{}", "\u{301}\u{34f}".repeat(9));
    assert!(is_safe(&Escaped(&parted).to_string()));
}

/// Written down apart from the code: controls, directions, separators and what is never seen.
const NEVER_SHOWN: [std::ops::RangeInclusive<char>; 20] = [
    '\0'..='\u{1f}',
    '\u{7f}'..='\u{9f}',
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e001f}',
    '\u{e0080}'..='\u{e00ff}',
    '\u{e01f0}'..='\u{e0fff}',
];

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a line can do no harm: judged by another rule than the code's.
fn is_safe(shown: &str) -> bool {
    let harmless = |c| NEVER_SHOWN.iter().all(|range| !range.contains(&c));
    let characters: Vec<char> = shown.chars().collect();
    let is_flag = |at: usize| {
        let before = characters[..at].iter().rev().take(7);
        before.into_iter().any(|&c| c == BLACK_FLAG)
    };
    let unseen_is_placed = |at: usize| {
        let c = characters[at];
        let before = at.checked_sub(1).map(|before| characters[before]);
        !is_unseen(c)
            || ('\u{e0020}'..='\u{e007f}').contains(&c) && is_flag(at)
            || before.is_some_and(|before| {
                let needs = !before.is_ascii() || before.is_ascii_digit() || "#*".contains(before);
                needs && !before.is_whitespace()
            })
    };
    let most_unseen = characters
        .chunk_by(|a, b| is_unseen(*a) == is_unseen(*b))
        .filter(|run| {
            is_unseen(run[0]) && !run.iter().any(|c| ('\u{e0020}'..='\u{e007f}').contains(c))
        })
        .map(<[char]>::len)
        .max();
    // No letter has more than its six marks, and what is not seen between them.
    let tall = shown.graphemes(true).any(|cluster| {
        let accents = cluster
            .chars()
            .filter(|c| ('\u{300}'..='\u{36f}').contains(c) && *c != '\u{34f}');
        accents.count() > MOST_MARKS
    });
    characters.iter().copied().all(harmless)
        && (0..characters.len()).all(unseen_is_placed)
        && most_unseen.is_none_or(|most| most <= 2)
        && !tall
}

/// What was escaped, as it was.
fn unescaped(shown: &str) -> String {
    let mut text = String::new();
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next().unwrap() {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            '0' => text.push('\0'),
            '\\' => text.push('\\'),
            'u' => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let number = u32::from_str_radix(&digits, 16).unwrap();
                text.push(char::from_u32(number).unwrap());
            }
            other => panic!("no escape: {other:?}"),
        }
    }
    text
}

#[test]
fn no_text_gets_anything_harmful_through_and_none_is_changed() {
    let pool: Vec<char> = "ab1#\\'\" \u{a0}\n\t\0\x1b\u{9b}éक्षิשָׁ漢😀🏴❤🇩가"
        .chars()
        .chain("\u{301}\u{323}\u{34f}\u{200c}\u{200d}\u{fe0f}\u{fe0e}\u{20e3}\u{180b}".chars())
        .chain("\u{e0100}\u{e0067}\u{e007f}\u{202e}\u{2066}\u{200b}\u{200f}\u{feff}".chars())
        .chain("\u{1f3fd}\u{1160}\u{600}\u{d4e}\u{903}\u{94d}\u{1d165}\u{fdd0}".chars())
        .collect();
    let seed = 7;
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..20_000 {
        let length = random.usize(0..40);
        let text: String = (0..length)
            .map(|_| match random.u8(0..4) {
                0 => random.char(..),
                _ => pool[random.usize(..pool.len())],
            })
            .collect();
        let shown = Escaped(&text).to_string();
        assert!(is_safe(&shown), "seed {seed}, round {round}: {shown:?}");
        assert_eq!(unescaped(&shown), text, "seed {seed}, round {round}");
        assert_eq!(EscapedBytes(text.as_bytes()).to_string(), shown);
        assert!(is_safe(&EscapedSentence(&text).to_string()));
    }
}

#[test]
fn every_character_alone_is_shown_or_escaped_as_its_kind_wants() {
    for c in '\0'..=char::MAX {
        let text = c.to_string();
        let shown = Escaped(&text).to_string();
        let harmful = NEVER_SHOWN.iter().any(|range| range.contains(&c));
        if harmful {
            assert!(shown.starts_with('\\') && shown.is_ascii(), "{c:?}");
        } else if c.is_alphanumeric() && !is_one_cluster('a', c) {
            assert_eq!(shown, text, "{c:?}");
        }
    }
}
