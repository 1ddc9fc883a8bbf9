//! Both ways agree with serde, for every pass and for every line that is almost one.

use super::*;
use crate::ring::Message;

fn random_float(random: &mut fastrand::Rng) -> f64 {
    match random.u8(..6) {
        0 => 0.0,
        1 => -0.0,
        2 => f64::from(random.i16(..)),
        3 => f64::from(random.i16(..)) / 8.0,
        4 => random.f64() * 1_000.0,
        _ => loop {
            let any = f64::from_bits(random.u64(..));
            if any.is_finite() {
                break any;
            }
        },
    }
}

fn random_number(random: &mut fastrand::Rng) -> u64 {
    let bits = random.u32(0..64);
    random.u64(..) >> bits
}

fn random_pass(random: &mut fastrand::Rng) -> Pass {
    let mut lineage = Lineage::default();
    for _ in 0..random.u8(0..=8) {
        let (hop, node) = (random_number(random), NodeId(random.u16(..)));
        lineage.push(Renewal { hop, node }).unwrap();
    }
    let round = random_number(random);
    let nonce = random_number(random);
    Pass {
        ball: BallId(random.u32(..)),
        record: Record {
            stamp: Stamp {
                generation: Generation { round, nonce },
                hop: random_number(random),
            },
            state: BallState {
                position: [random_float(random), random_float(random)],
                velocity: [random_float(random), random_float(random)],
                radius: random_float(random),
                color: [random.u8(..), random.u8(..), random.u8(..)],
            },
        },
        left: random_number(random),
        echo: random.bool().then(|| random_number(random)),
        since: random_number(random),
        lineage,
        cover: random
            .bool()
            .then(|| CoverDigest::from_bits(random_number(random))),
    }
}

fn line_of(pass: &Pass) -> Vec<u8> {
    let mut line = Vec::new();
    assert!(encode(pass, &mut line));
    line
}

/// By its digits: for floats, 0.0 and -0.0 are equal.
fn assert_same(pass: &Pass, slow: &Message) {
    let line = serde_json::to_vec(slow).unwrap();
    assert_eq!(line_of(pass), line);
}

#[test]
fn a_pass_is_written_and_read_as_serde_does() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut read = 0;
    for _ in 0..20_000 {
        let pass = random_pass(&mut random);
        let line = line_of(&pass);
        assert_eq!(line, serde_json::to_vec(&Message::Pass(pass)).unwrap());
        if let Some(pass) = parse(&line) {
            assert_same(&pass, &serde_json::from_slice(&line).unwrap());
            read += 1;
        }
    }
    // The others have a number with an exponent.
    assert!(read > 8_000, "{read}");
}

#[test]
fn what_serde_refuses_is_not_read_and_what_is_read_means_the_same() {
    let mut random = fastrand::Rng::with_seed(2);
    let bytes = br#"0123456789.,-+eE"[]{}: abfF"#;
    let (mut read, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let mut line = line_of(&random_pass(&mut random));
        for _ in 0..random.u8(1..=2) {
            let (at, byte) = (random.usize(..line.len()), random.choice(bytes).unwrap());
            match random.u8(..3) {
                0 => line[at] = *byte,
                1 => line.insert(at, *byte),
                _ => drop(line.remove(at)),
            }
        }
        match (parse(&line), serde_json::from_slice(&line)) {
            (Some(pass), slow) => {
                let slow = slow.unwrap_or_else(|error| {
                    panic!("{error} in {}", String::from_utf8_lossy(&line));
                });
                assert_same(&pass, &slow);
                read += 1;
            }
            (None, Err(_)) => refused += 1,
            (None, Ok(_)) => {}
        }
    }
    assert!(read > 1_000 && refused > 1_000, "{read} {refused}");
}

#[test]
fn what_json_does_not_have_is_left_to_serde() {
    let mut pass = random_pass(&mut fastrand::Rng::with_seed(3));
    pass.record.state.radius = f64::NAN;
    let mut line = b"before".to_vec();
    assert!(!encode(&pass, &mut line));
    assert_eq!(line, b"before");
}

#[test]
fn lines_that_are_written_otherwise_are_left_to_serde() {
    let mut random = fastrand::Rng::with_seed(4);
    let text = String::from_utf8(line_of(&random_pass(&mut random))).unwrap();
    let later = text.replacen(r#","left""#, r#","mood":"fine","left""#, 1);
    for other in [text.replace(',', ", "), later, text + " "] {
        assert_eq!(parse(other.as_bytes()), None, "{other}");
    }
}
