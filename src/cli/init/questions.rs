//! Questions on the terminal, each with an answer that Enter gives.

use std::io::{self, BufRead, Read as _, Write};

use super::super::failure::Failure;

/// The longest answer, in bytes: some hundred names.
const LONGEST_ANSWER: u64 = 8192;

/// How often a question is asked again after an answer that does not fit.
const ATTEMPTS: usize = 5;

/// Asks until `read` takes the answer; an empty line is the default.
pub(super) fn ask<T>(
    input: &mut impl BufRead,
    out: &mut impl Write,
    question: &str,
    default: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    for _ in 0..ATTEMPTS {
        write!(out, "{question} [{default}]: ")?;
        out.flush()?;
        let answer = read_line(input)?;
        let answer = match answer.trim() {
            "" => default,
            answer => answer,
        };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(sentence) => writeln!(out, "  {sentence}")?,
        }
    }
    Err(Failure::Run(format!(
        "nothing was written: {ATTEMPTS} answers did not fit"
    )))
}

/// A question with the answers y and n.
pub(super) fn ask_whether(
    input: &mut impl BufRead,
    out: &mut impl Write,
    question: &str,
    default: bool,
) -> Result<bool, Failure> {
    let shown = if default { "y" } else { "n" };
    ask(input, out, question, shown, |answer| {
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("write y or n".to_owned()),
        }
    })
}

fn read_line(input: &mut impl BufRead) -> Result<String, Failure> {
    let mut line = Vec::new();
    let read = input.take(LONGEST_ANSWER).read_until(b'\n', &mut line);
    if read? == 0 {
        return Err(Failure::Run(
            "nothing was written: the input ended before the last answer".to_owned(),
        ));
    }
    String::from_utf8(line).map_err(|_| Failure::from(io::Error::from(io::ErrorKind::InvalidData)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes_or_no(mut answers: &[u8]) -> (Result<bool, Failure>, String) {
        let mut out = Vec::new();
        let answer = ask_whether(&mut answers, &mut out, "Wi-Fi?", false);
        (answer, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_and_enter_is_the_default() {
        let (answer, shown) = yes_or_no(b"perhaps\nYES\n");
        assert!(matches!(answer, Ok(true)));
        assert_eq!(shown, "Wi-Fi? [n]:   write y or n\nWi-Fi? [n]: ");
        assert!(matches!(yes_or_no(b"\n").0, Ok(false)));
    }

    #[test]
    fn it_gives_up_when_the_input_ends_or_no_answer_fits() {
        for (answers, words) in [
            (b"".as_slice(), "the input ended"),
            (b"?\n?\n?\n?\n?\ny\n", "5 answers did not fit"),
        ] {
            let Err(Failure::Run(sentence)) = yes_or_no(answers).0 else {
                panic!("{words}")
            };
            assert!(sentence.contains(words), "{sentence}");
        }
    }
}
