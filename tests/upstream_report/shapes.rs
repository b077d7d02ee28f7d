//! Bodies of unexpected shape, size or encoding, and bodies that are not reports.

use std::fmt::Write as _;

use koreai_exporter::model::{JobNumber, JobStatus, Reason};
use koreai_exporter::upstream::ReasonTable;
use koreai_exporter::upstream::report_reader::{Malformed, ReadError, read_stream};

use super::reading::{ERRORS, V1, malformed, read, report, tally};

#[test]
fn of_a_field_that_stands_twice_the_last_wins() {
    let read = report(
        r#"{"status":"FAILURE","statusLogs":[{"channel":"slack"},{}],"count":9,"status":"SUCCESS","count":1,
            "statusLogs":[{"status":"FAILURE","channel":"slack","status":"SUCCESS","channel":"ivr"}]}"#,
    );
    assert_eq!((read.status, read.entries, read.numbers[JobNumber::ReportedEntries]), (JobStatus::Success, 1, Some(1)));
    assert_eq!(read.tallies, [tally("ivr", [1, 0, 0], &[], &[], 0.0)]);
}

#[test]
fn broken_text_inside_strings_loses_nothing() {
    let mut body = br#"{"status":"SUCCESS","x":"\ud800","statusLogs":[{"originalId":""#.to_vec();
    body.extend(b"\xff\xfe\xc3");
    body.extend(br#"","comments":"not reachable \ud83d","status":"FAILURE","channel":"slack","k\u0000ey\udfff":1,"messagestoreId":""#);
    body.extend(b"\xf0\x9f\x98");
    body.extend(br#""},{"channel":"a"#);
    body.extend(b"\xe4");
    body.extend(br#"b","status":"SUCCESS"}]}"#);
    let read = report(body);
    assert_eq!(
        read.tallies,
        [tally("slack", [0, 1, 0], &[("not_reachable", 1)], &[], 0.0), tally("other", [1, 0, 0], &[], &[], 0.0)]
    );
}

#[test]
fn odd_shapes_and_extra_fields_are_passed_over() {
    for logs in [r#"{"a":[1,{"b":null}]}"#, r#""text""#, "12", "1.5", "-1", "true"] {
        let read = report(format!(
            r#"{{"statusLogs":{logs},"store":[1,2],"status":"SUCCESS","errors":{{"a":1}},"extra":[[{{}}]]}}"#
        ));
        assert_eq!(
            (read.status, read.entries, read.numbers[JobNumber::Recipients]),
            (JobStatus::Success, 0, None),
            "{logs}"
        );
    }
    let read =
        report(r#"{"statusLogs":[[1,[2]],"x",5,{"status":"SUCCESS","channel":"slack","extra":{"status":"FAILURE"}}]}"#);
    assert_eq!(read.entries, 4);
    assert_eq!(read.tallies[1], tally("slack", [1, 0, 0], &[], &[], 0.0));
}

#[test]
fn deep_nesting_is_passed_over_wherever_it_stands() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        format!(r#"{{"extra":{deep},"status":"SUCCESS"}}"#),
        format!(r#"{{"status":"SUCCESS","count":{deep}}}"#),
        format!(r#"{{"status":"SUCCESS","statusLogs":[{{"comments":{deep},"x":{deep}}}]}}"#),
        format!(r#"{{"status":"SUCCESS","statusLogs":[{deep}]}}"#),
        format!(r#"{{"status":"SUCCESS","errors":{deep}}}"#),
    ] {
        assert_eq!(report(body).status, JobStatus::Success);
    }
    assert_eq!(malformed(deep), Malformed::NoStatus);
    assert_eq!(malformed("{\"a\":".repeat(100_000)), Malformed::CutOff);
}

#[test]
fn a_huge_string_is_bounded_in_a_stream_and_counted_as_anything_else_in_a_slice() {
    let body = format!(r#"{{"statusLogs":[{{"status":"FAILURE","comments":"{}"}}]}}"#, "x".repeat(900_000));
    assert_eq!(report(body).tallies[0].failures, [(Reason::other(), 1)]);

    let body = format!(r#"{{"status":"SUCCESS","statusLogs":[{{"comments":"{}"}}]}}"#, "x".repeat(2_000_000));
    let reasons = ReasonTable::new(&[]);
    assert!(matches!(read_stream(body.as_bytes(), &reasons), Err(ReadError::ValueTooLarge)));
    let body = format!(r#"{{"status":"SUCCESS","extra":"{}"}}"#, "x".repeat(2_000_000));
    assert!(read_stream(body.as_bytes(), &reasons).is_ok());
}

#[test]
fn a_body_that_is_no_report_is_named_and_never_shown() {
    for (body, looks) in [
        ("", Malformed::Empty),
        (" \r\n ", Malformed::Empty),
        ("<!DOCTYPE html><html></html>", Malformed::Html),
        ("  <error/>", Malformed::Html),
        ("\u{1f}\u{8b}", Malformed::NotJson),
        ("{}", Malformed::NoStatus),
        ("[]", Malformed::NoStatus),
        ("null", Malformed::NoStatus),
        ("\"SUCCESS\"", Malformed::NoStatus),
        ("5", Malformed::NoStatus),
        (r#"{"message":"hello"}"#, Malformed::NoStatus),
        (r#"{"errors":[]}"#, Malformed::NoStatus),
        ("service unavailable", Malformed::NotJson),
        (r#"{"status":"SUCCESS"} and more"#, Malformed::NotJson),
        (r#"{"status":"SUCCESS""#, Malformed::CutOff),
        (r#"{"status":"SUCC"#, Malformed::CutOff),
    ] {
        assert_eq!(malformed(body), looks, "{body}");
    }
    assert_eq!(malformed(b"\x1f\x8b\x08\x00\x00"), Malformed::Compressed);
    for end in 1..V1.trim_end().len() {
        assert_eq!(malformed(&V1[..end]), Malformed::CutOff, "{end}");
    }
}

#[test]
fn the_envelope_of_errors_is_a_refusal_even_beside_a_status() {
    let errors: serde_json::Value = serde_json::from_str(ERRORS).unwrap();
    let mut bodies: Vec<String> = errors.as_object().unwrap().values().map(ToString::to_string).collect();
    bodies.push(r#"{"status":401,"errors":[{"msg":"Invalid JWT token","code":"4002"}]}"#.to_owned());
    for body in bodies {
        assert!(matches!(read(&body), Err(ReadError::Refused(_))), "{body}");
    }
    assert!(read(r#"{"status":"SUCCESS","errors":[{"msg":"one of two","code":1}]}"#).is_ok());
}

#[test]
fn a_streamed_body_of_many_entries_is_counted_exactly() {
    let mut body = String::from(r#"{"statusLogs":["#);
    for i in 0..20_000 {
        let comma = if i == 0 { "" } else { "," };
        let (channel, status) = (["msteams", "slack"][i % 2], if i % 10 == 0 { "FAILURE" } else { "SUCCESS" });
        write!(
            body,
            r#"{comma}{{"channel":"{channel}","status":"{status}","comments":"timed out","createdOn":"2022-01-24T20:55:{:02}.{:03}Z"}}"#,
            i / 1000,
            i % 1000
        )
        .unwrap();
    }
    body.push_str(r#"],"requestedTime":"2022-01-24T20:55:00.000Z","status":"PARTIAL_SUCCESS"}"#);
    let read = report(body);
    assert_eq!(read.tallies[0].entries.into_array(), [8_000, 2_000, 0]);
    assert_eq!(read.tallies[1].entries.into_array(), [10_000, 0, 0]);
    assert_eq!(read.tallies[0].failures, [(Reason::parse("timeout").unwrap(), 2_000)]);
    assert_eq!(read.tallies[0].delivery.iter().sum::<u64>(), 10_000);
    let sum = read.tallies[0].delivery_sum + read.tallies[1].delivery_sum;
    assert!((sum - 199_990.0).abs() < 20.0, "{sum}");
}
