//! Twenty thousand broken bodies: no panic, both ways of reading agree, nothing personal shows.

use koreai_exporter::upstream::ReasonTable;
use koreai_exporter::upstream::report_reader::{read_slice, read_stream};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Bytes that mean something in JSON, and two that never do.
const JSON_BYTES: &[u8] = b"\"\\{}[],:0-9eE.n\x00\xff";
const ROUNDS: usize = 20_000;
const BODIES: [&str; 5] = [
    include_str!("fixtures/status-v1.json"),
    include_str!("fixtures/status-v1-2023.json"),
    include_str!("fixtures/status-v2.json"),
    include_str!("fixtures/send-response.json"),
    r#"{"errors":[{"msg":"Invalid SDK credentials john@abc.com","code":4002}]}"#,
];

/// A body whose personal fields all hold the canary.
fn with_canaries(body: &str) -> String {
    let personal = ["john@abc.com", "u-10000000", "u-20000000", "29:1964-s", "Notification has been", "'Identity is"];
    personal.iter().fold(body.to_owned(), |body, text| body.replace(text, &format!("canary@leak {text}")))
}

#[expect(clippy::indexing_slicing, reason = "every index is drawn from within the body")]
/// Flips, cuts, inserts, or copies a piece elsewhere, up to four times.
fn mutate(body: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..=4) {
        if body.is_empty() {
            return;
        }
        let at = random.random_range(0..body.len());
        let end = (at + random.random_range(1..200)).min(body.len());
        match random.random_range(0..6) {
            0 => body[at] ^= 1 << random.random_range(0..8),
            1 => body.truncate(at),
            2 => drop(body.drain(at..end)),
            3 => body.insert(at, random.random()),
            4 => body[at] = JSON_BYTES[random.random_range(0..JSON_BYTES.len())],
            _ => {
                let piece = body[at..end].to_vec();
                let to = random.random_range(0..=body.len());
                body.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn a_broken_body_is_read_alike_both_ways_and_shows_nothing_personal() {
    let reasons = ReasonTable::new(&[]);
    let mut random = StdRng::seed_from_u64(20_220_124);
    let (mut reports, mut errors) = (0, 0);
    for round in 0..ROUNDS {
        let mut body = with_canaries(BODIES[round % BODIES.len()]).into_bytes();
        mutate(&mut body, &mut random);
        let whole = read_slice(&body, &reasons);
        let streamed = read_stream(body.as_slice(), &reasons);
        let shown = format!("{whole:?}");
        assert_eq!(format!("{streamed:?}"), shown, "round {round}: {}", String::from_utf8_lossy(&body));
        assert!(!shown.contains("canary@leak") && !shown.contains("abc.com"), "round {round}: {shown}");
        *if whole.is_ok() { &mut reports } else { &mut errors } += 1;
    }
    // The mutations are neither harmless nor all fatal.
    assert!(reports > ROUNDS / 10 && errors > ROUNDS / 10, "{reports} reports, {errors} errors");
}

#[test]
fn nothing_of_a_sound_body_s_personal_fields_shows() {
    let reasons = ReasonTable::new(&[]);
    for body in BODIES {
        let body = with_canaries(body);
        assert!(body.contains("canary@leak"));
        let shown = format!("{:?}", read_slice(body.as_bytes(), &reasons));
        for personal in ["canary", "leak", "john", "u-1", "u-2", "29:", "Identity", "Notification"] {
            assert!(!shown.contains(personal), "{personal}: {shown}");
        }
    }
}
