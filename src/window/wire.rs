//! A ball on the wire: `x,y,dx,dy,radius,r,g,b`, eight decimal integers.
//!
//! The textbook's programs send exactly this, without a newline: the ball ends with the stream.
//! Anything else is rejected.

use thiserror::Error;

use crate::ring::WindowBall;

/// A ball takes at most this many bytes, including a newline at its end.
pub const LONGEST: usize = 128;

/// The fields in their order.
const FIELDS: [&str; 8] = ["x", "y", "dx", "dy", "radius", "r", "g", "b"];

/// Why some bytes are no ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// There are no bytes.
    #[error("nothing came: send the eight numbers x,y,dx,dy,radius,r,g,b and close")]
    Nothing,
    /// There are more than [`LONGEST`].
    #[error("more than {LONGEST} bytes came: send one ball a connection, eight numbers")]
    TooLong,
    /// There are not eight fields.
    #[error("a ball has eight fields, not {count}: send x,y,dx,dy,radius,r,g,b")]
    Fields {
        /// How many there are.
        count: usize,
    },
    /// A field is not a decimal integer.
    #[error("{field} is no whole number: send digits only, with a minus before them if need be")]
    NotWhole {
        /// The name of the field.
        field: &'static str,
    },
    /// A field does not fit in 32 bits.
    #[error("{field} is beyond 32 bits: send a number that fits a screen")]
    TooLarge {
        /// The name of the field.
        field: &'static str,
    },
    /// A color is not from 0 to 255.
    #[error("{field} is no color: send 0 to 255")]
    NoColor {
        /// The name of the field.
        field: &'static str,
    },
}

/// Reads a ball: all bytes of a connection, or its first line with or without the newline.
///
/// A field may have a sign, and spaces around it. The ball may end with a newline, or with a
/// carriage return and a newline.
///
/// # Errors
/// When the bytes are anything else. Nothing is rounded, clamped or guessed.
pub fn parse(bytes: &[u8]) -> Result<WindowBall, WireError> {
    if bytes.len() > LONGEST {
        return Err(WireError::TooLong);
    }
    let bytes = match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    };
    if bytes.is_empty() {
        return Err(WireError::Nothing);
    }
    let mut values = [0; FIELDS.len()];
    let mut count = 0;
    for (index, text) in bytes.split(|&byte| byte == b',').enumerate() {
        count = index + 1;
        if let (Some(value), Some(field)) = (values.get_mut(index), FIELDS.get(index)) {
            *value = integer(text, field)?;
        }
    }
    if count != FIELDS.len() {
        return Err(WireError::Fields { count });
    }
    let [x, y, dx, dy, radius, red, green, blue] = values;
    let shade = |value: i32, field| u8::try_from(value).map_err(|_| WireError::NoColor { field });
    Ok(WindowBall {
        position: [x, y],
        velocity: [dx, dy],
        radius,
        color: [shade(red, "r")?, shade(green, "g")?, shade(blue, "b")?],
    })
}

/// Reads an optional sign and at least one digit, with spaces around them.
fn integer(text: &[u8], field: &'static str) -> Result<i32, WireError> {
    let wrong = WireError::NotWhole { field };
    let text = std::str::from_utf8(text).map_err(|_| wrong)?;
    let text = text.trim_matches(' ');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong);
    }
    text.parse().map_err(|_| WireError::TooLarge { field })
}

/// Writes the ball as the textbook's programs do: without spaces or a newline.
pub fn format(ball: &WindowBall) -> String {
    let WindowBall {
        position: [x, y],
        velocity: [dx, dy],
        radius,
        color: [red, green, blue],
    } = ball;
    format!("{x},{y},{dx},{dy},{radius},{red},{green},{blue}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALL: WindowBall = WindowBall {
        position: [0, 300],
        velocity: [7, -2],
        radius: 30,
        color: [255, 64, 0],
    };

    fn any(random: &mut fastrand::Rng) -> WindowBall {
        let mut number = || match random.u8(..4) {
            0 => random.i32(..),
            1 => [i32::MIN, i32::MAX, 0, -1][random.usize(..4)],
            _ => random.i32(-1000..1000),
        };
        WindowBall {
            position: [number(), number()],
            velocity: [number(), number()],
            radius: number(),
            color: [random.u8(..), random.u8(..), random.u8(..)],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(format(&BALL), "0,300,7,-2,30,255,64,0");
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let ball = any(&mut random);
            let text = format(&ball);
            assert!(text.len() < LONGEST, "{text}");
            for end in ["", "\n", "\r\n"] {
                assert_eq!(parse(format!("{text}{end}").as_bytes()), Ok(ball), "{text}");
            }
        }
    }

    #[test]
    fn signs_spaces_and_leading_zeros_are_numbers_too() {
        for text in [
            "0,300,+7,-2,30,255,64,0",
            " 0, 300 ,  7,-2,30,255,64,0 \r\n",
            "-0,0300,007,-02,+30,255,064,000",
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(BALL), "{text:?}");
        }
    }

    /// A ball with this text in place of one field.
    fn with(random: &mut fastrand::Rng, text: &str) -> Vec<u8> {
        let ball = format(&any(random));
        let mut fields: Vec<&str> = ball.split(',').collect();
        let at = random.usize(..fields.len());
        fields[at] = text;
        fields.join(",").into_bytes()
    }

    /// One malformed ball of each kind; the number of kinds is checked where they are used.
    fn malformed(random: &mut fastrand::Rng) -> Vec<(&'static str, Vec<u8>)> {
        let good = format(&any(random)).into_bytes();
        let color = |random: &mut fastrand::Rng, value: i64| {
            let at = random.usize(..3);
            let shade = |index| if index == at { value } else { 9 };
            format!("1,2,3,4,5,{},{},{}", shade(0), shade(1), shade(2)).into_bytes()
        };
        let digits = usize::from(random.u8(11..40));
        let huge = "9".repeat(digits);
        let around =
            |before: &str, after: &str| [before.as_bytes(), &good, after.as_bytes()].concat();
        let cut = random.usize(1..8);
        let fewer: Vec<_> = format(&BALL)
            .split(',')
            .take(cut)
            .map(str::to_owned)
            .collect();
        let inside = random.usize(1..good.len());
        let splice = |bytes: &[u8]| [&good[..inside], bytes, &good[inside..]].concat();
        vec![
            ("nothing", Vec::new()),
            ("a newline", b"\n".to_vec()),
            ("spaces", vec![b' '; random.usize(1..60)]),
            ("fewer fields", fewer.join(",").into_bytes()),
            ("nine fields", around("", ",1")),
            ("a comma at the end", around("", ",")),
            ("a comma at the beginning", around(",", "")),
            ("commas only", vec![b','; random.usize(1..128)]),
            ("an empty field", with(random, "")),
            ("a field of spaces", with(random, "  ")),
            ("a point", with(random, "1.0")),
            ("an exponent", with(random, "1e5")),
            ("not a number", with(random, "NaN")),
            ("infinity", with(random, "-inf")),
            ("hexadecimal", with(random, "0x1f")),
            ("an underscore", with(random, "1_000")),
            ("two signs", with(random, "--5")),
            ("a sign alone", with(random, "-")),
            ("a space after the sign", with(random, "- 5")),
            ("a space in the number", with(random, "1 2")),
            ("beyond 32 bits", with(random, "2147483648")),
            ("below 32 bits", with(random, "-2147483649")),
            ("many digits", with(random, &huge)),
            ("a color of 300", color(random, 300)),
            ("a color below 0", color(random, -1)),
            ("a tab", with(random, "\t5")),
            ("digits of another script", with(random, "٣")),
            ("a minus of another script", with(random, "\u{2212}5")),
            ("a NUL", splice(b"\0")),
            ("bytes that are no text", splice(b"\xff\xfe")),
            ("semicolons", format(&BALL).replace(',', ";").into_bytes()),
            ("brackets", around("[", "]")),
            ("a request of HTTP", b"GET / HTTP/1.1\r\n".to_vec()),
            ("JSON", b"{\"x\":1}".to_vec()),
            ("two balls", [&good[..], b"\n", &good[..]].concat()),
            ("two newlines", around("", "\n\n")),
            ("a carriage return alone", around("", "\r")),
            ("a byte order mark", around("\u{feff}", "")),
            ("too long", around("", &" ".repeat(LONGEST))),
            ("an escape", with(random, "\x1b[2J")),
        ]
    }

    #[test]
    fn no_malformed_ball_of_forty_kinds_is_taken_for_another() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..200 {
            let kinds = malformed(&mut random);
            assert_eq!(kinds.len(), 40);
            for (kind, bytes) in kinds {
                let error = parse(&bytes).expect_err(kind);
                let sentence = error.to_string();
                assert!(
                    sentence.contains(": send"),
                    "round {round}, {kind}: {sentence}"
                );
            }
        }
        let flood = vec![b'1'; 10_000_000];
        assert_eq!(parse(&flood), Err(WireError::TooLong));
    }

    #[test]
    fn a_refusal_names_the_field() {
        let error = |text: &str| parse(text.as_bytes()).unwrap_err();
        let field = "dy";
        assert_eq!(error("1,2,3,x,5,6,7,8"), WireError::NotWhole { field });
        let field = "radius";
        let large = "1,2,3,4,99999999999999999999,6,7,8";
        assert_eq!(error(large), WireError::TooLarge { field });
        assert_eq!(
            error("1,2,3,4,5,6,7,300"),
            WireError::NoColor { field: "b" }
        );
        assert_eq!(error("1,2,3,4,5,6,7,8,9"), WireError::Fields { count: 9 });
    }

    #[test]
    fn any_bytes_are_a_ball_or_an_error_and_a_ball_is_what_they_say() {
        let mut random = fastrand::Rng::with_seed(11);
        let letters = b"0123456789,,,,,,,+- \r\n.x\0\xc3";
        let mut balls = 0;
        for _ in 0..200_000 {
            let mut bytes = format(&any(&mut random)).into_bytes();
            for _ in 0..random.usize(..3) {
                let at = random.usize(..bytes.len());
                let letter = letters[random.usize(..letters.len())];
                match random.u8(..3) {
                    0 => bytes[at] = letter,
                    1 => bytes.insert(at, letter),
                    _ => drop(bytes.remove(at)),
                }
            }
            let Ok(ball) = parse(&bytes) else {
                continue;
            };
            balls += 1;
            // Read the fields in another way, by the standard library and in 64 bits.
            let text = String::from_utf8(bytes).unwrap();
            let fields: Vec<i64> = text
                .trim()
                .split(',')
                .map(|field| field.trim().parse().unwrap())
                .collect();
            let [x, y] = ball.position.map(i64::from);
            let [dx, dy] = ball.velocity.map(i64::from);
            let [r, g, b] = ball.color.map(i64::from);
            assert_eq!(
                fields,
                [x, y, dx, dy, i64::from(ball.radius), r, g, b],
                "{text:?}"
            );
        }
        assert!(balls > 50_000, "{balls}");
    }
}
