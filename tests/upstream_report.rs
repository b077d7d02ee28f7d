//! Status bodies, and the report that is read from each.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is wrong"
)]

use std::fmt::Write as _;
use std::io::Read;

use enum_map::EnumMap;
use koreai_exporter::model::{
    Channel, ChannelTally, EntryStatus, Inconsistency, JobNumber, JobNumbers, JobStatus, LabelValue, Reason, Report,
    Timestamp, Unrecognized, UnrecognizedKind,
};
use koreai_exporter::upstream::ReasonTable;
use koreai_exporter::upstream::report_reader::{Malformed, ReadError, read_slice, read_stream};

const V1: &str = include_str!("fixtures/status-v1.json");
const V1_2023: &str = include_str!("fixtures/status-v1-2023.json");
const V2: &str = include_str!("fixtures/status-v2.json");
const SENT: &str = include_str!("fixtures/send-response.json");
const ERRORS: &str = include_str!("fixtures/errors.json");

/// Gives a body in pieces of a few bytes.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(out.len());
        self.0.read(&mut out[..most])
    }
}

/// Reads a body both ways, which must agree.
fn read(body: impl AsRef<[u8]>) -> Result<Report, ReadError> {
    let body = body.as_ref();
    let reasons = ReasonTable::new(&[]);
    let whole = read_slice(body, &reasons);
    for step in [7, 100_000] {
        let streamed = read_stream(Pieces(body, step), &reasons);
        assert_eq!(
            format!("{streamed:?}"),
            format!("{whole:?}"),
            "streamed by {step}: {}",
            String::from_utf8_lossy(body)
        );
    }
    whole
}

fn report(body: impl AsRef<[u8]>) -> Report {
    read(body).expect("a report")
}

fn malformed(body: impl AsRef<[u8]>) -> Malformed {
    match read(body) {
        Err(ReadError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

fn at(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

fn label(text: &str) -> Option<LabelValue> {
    Some(LabelValue::parse(text).unwrap())
}

fn numbers(recipients: Option<u64>, reported_entries: Option<u64>) -> JobNumbers {
    let mut numbers = JobNumbers::default();
    numbers[JobNumber::Recipients] = recipients;
    numbers[JobNumber::ReportedEntries] = reported_entries;
    numbers
}

fn tally(
    channel: &str,
    entries: [u64; 3],
    failures: &[(&str, u64)],
    delivery: &[(usize, u64)],
    sum: f64,
) -> ChannelTally {
    let mut tally = ChannelTally::new(Channel::clean(channel).unwrap());
    tally.entries = EnumMap::from_array(entries);
    tally.failures = failures.iter().map(|(reason, count)| (Reason::parse(reason).unwrap(), *count)).collect();
    for (bucket, count) in delivery {
        tally.delivery[*bucket] = *count;
    }
    tally.delivery_sum = sum;
    tally
}

#[test]
fn the_v1_page_s_body_is_read_whole() {
    let expected = Report {
        status: JobStatus::PartialSuccess,
        completion: Some(1.0),
        numbers: numbers(None, Some(2)),
        entries: 2,
        created: at(1_643_057_721_254),
        requested: at(1_643_057_721_254),
        last_notification: at(1_643_057_723_029),
        job_type: label("PROACTIVE_NOTIFICATIONS_API"),
        action: label("PROACTIVE_NOTIFICATIONS"),
        tallies: vec![tally("msteams", [1, 1, 0], &[("identity_not_associated", 1)], &[(0, 1), (1, 1)], 0.664 + 1.775)],
        inconsistencies: vec![],
        unrecognized: vec![],
    };
    assert_eq!(report(V1), expected);
}

#[test]
fn the_v1_body_of_2023_is_read_whole() {
    let expected = Report {
        status: JobStatus::Success,
        completion: Some(1.0),
        numbers: numbers(Some(1), Some(1)),
        entries: 1,
        created: at(1_699_524_756_119),
        requested: at(1_699_524_756_119),
        last_notification: at(1_699_524_761_616),
        job_type: label("PROACTIVE_NOTIFICATIONS_API"),
        action: label("PROACTIVE_NOTIFICATIONS"),
        tallies: vec![tally("msteams", [1, 0, 0], &[], &[(3, 1)], 5.497)],
        inconsistencies: vec![Inconsistency::ModifiedBeforeCreated],
        unrecognized: vec![],
    };
    assert_eq!(report(V1_2023), expected);
}

#[test]
fn what_the_v2_body_lacks_is_missing_and_not_zero() {
    let expected = Report {
        status: JobStatus::Success,
        completion: None,
        numbers: numbers(None, Some(2)),
        entries: 2,
        created: None,
        requested: None,
        last_notification: at(1_748_238_802_990),
        job_type: None,
        action: None,
        tallies: vec![tally("ivr", [2, 0, 0], &[], &[], 0.0)],
        inconsistencies: vec![],
        unrecognized: vec![],
    };
    assert_eq!(report(V2), expected);
}

#[test]
fn the_send_response_is_a_report_of_a_job_that_runs() {
    let report = report(SENT);
    assert_eq!((report.status, report.completion), (JobStatus::InProgress, Some(0.0)));
    assert_eq!(
        (report.numbers[JobNumber::Recipients], report.numbers[JobNumber::ReportedEntries], report.entries),
        (Some(250), None, 0)
    );
}

#[test]
fn the_order_of_fields_does_not_matter() {
    fn reversed(value: &serde_json::Value) -> String {
        match value {
            serde_json::Value::Object(map) => {
                let fields: Vec<_> =
                    map.iter().rev().map(|(key, value)| format!("{key:?}:{}", reversed(value))).collect();
                format!("{{{}}}", fields.join(","))
            }
            serde_json::Value::Array(list) => format!("[{}]", list.iter().map(reversed).collect::<Vec<_>>().join(",")),
            other => other.to_string(),
        }
    }
    for body in [V1, V1_2023, V2, SENT] {
        let sorted: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(report(reversed(&sorted)), report(body));
        assert_eq!(report(sorted.to_string()), report(body));
    }
}

#[test]
fn nulls_are_as_good_as_missing() {
    let nulls = report(
        r#"{"status":null,"percentageComplete":null,"statusLogs":null,"count":null,"store":null,"createdOn":null,
            "requestedTime":null,"lMod":null,"jobType":null,"action":null,"errors":null}"#,
    );
    assert_eq!(nulls, report(r#"{"status":null}"#));
    assert_eq!(
        (nulls.completion, nulls.numbers[JobNumber::ReportedEntries], nulls.numbers[JobNumber::Recipients]),
        (None, None, None)
    );
    assert_eq!((nulls.inconsistencies, nulls.unrecognized), (vec![], vec![]));

    let entry = report(r#"{"statusLogs":[{"channel":null,"status":null,"comments":null,"createdOn":null},{},null]}"#);
    assert_eq!(entry.tallies, vec![tally("other", [0, 0, 3], &[], &[], 0.0)]);
    assert_eq!((entry.inconsistencies, entry.unrecognized), (vec![], vec![]));
}

#[test]
fn numbers_may_be_strings_and_what_is_no_number_is_told() {
    let read =
        report(r#"{"status":"SUCCESS","percentageComplete":"100","count":"2","store":{"identitiesCount":"947"}}"#);
    assert_eq!(
        (read.completion, read.numbers[JobNumber::ReportedEntries], read.numbers[JobNumber::Recipients]),
        (Some(1.0), Some(2), Some(947))
    );
    for bad in ["1e400", "true", "[]", "{}", "\"x\"", "\"NaN\""] {
        let read = report(format!(
            r#"{{"status":"SUCCESS","percentageComplete":{bad},"count":{bad},"store":{{"identitiesCount":{bad}}}}}"#
        ));
        assert_eq!(
            (read.completion, read.numbers[JobNumber::ReportedEntries], read.numbers[JobNumber::Recipients]),
            (None, None, None),
            "{bad}"
        );
        assert_eq!(read.inconsistencies, [Inconsistency::BadNumber], "{bad}");
    }
    for bad in ["-5", "1.5", "1e300"] {
        let read = report(format!(r#"{{"status":"SUCCESS","count":{bad}}}"#));
        assert_eq!(
            (read.numbers[JobNumber::ReportedEntries], &read.inconsistencies[..]),
            (None, &[Inconsistency::BadNumber][..]),
            "{bad}"
        );
    }
}

#[test]
fn a_percentage_out_of_range_is_clamped_and_told() {
    for (percent, completion, inconsistent) in
        [("-5", 0.0, true), ("85", 0.85, false), ("0", 0.0, false), ("100.5", 1.0, true), ("1e300", 1.0, true)]
    {
        let read = report(format!(r#"{{"status":"IN_PROGRESS","percentageComplete":{percent}}}"#));
        assert_eq!(read.completion, Some(completion), "{percent}");
        assert_eq!(read.inconsistencies == [Inconsistency::PercentageOutOfRange], inconsistent, "{percent}");
    }
}

#[test]
fn counts_that_disagree_are_told() {
    let read = report(r#"{"status":"SUCCESS","count":2,"store":{"identitiesCount":2},"statusLogs":[{},{},{}]}"#);
    assert_eq!(read.inconsistencies, [Inconsistency::CountMismatch, Inconsistency::MoreEntriesThanRecipients]);
    let no_list = report(r#"{"status":"SUCCESS","count":2,"statusLogs":"none"}"#);
    assert_eq!((no_list.entries, &no_list.inconsistencies[..]), (0, &[Inconsistency::CountMismatch][..]));
    let no_logs = report(r#"{"status":"SUCCESS","count":2,"statusLogs":null}"#);
    assert_eq!((no_logs.entries, &no_logs.inconsistencies[..]), (0, &[][..]));
}

#[test]
fn bad_timestamps_are_missing_and_told_once() {
    let read = report(
        r#"{"status":"SUCCESS","createdOn":"soon","requestedTime":5,"statusLogs":[{"createdOn":"2022-13-01"},{"createdOn":""}]}"#,
    );
    assert_eq!((read.created, read.requested, read.last_notification), (None, None, None));
    assert_eq!(read.inconsistencies, [Inconsistency::BadTimestamp]);
}

#[test]
fn an_entry_from_before_the_request_took_no_time_and_created_stands_in_for_requested() {
    let read = report(
        r#"{"statusLogs":[{"channel":"slack","status":"SUCCESS","createdOn":"2022-01-24T20:55:20.000Z"},
            {"channel":"slack","status":"SUCCESS","createdOn":"2022-01-24T20:55:31.000Z"}],"createdOn":"2022-01-24T20:55:21.000Z"}"#,
    );
    assert_eq!(read.tallies, [tally("slack", [2, 0, 0], &[], &[(0, 1), (3, 1)], 10.0)]);
}

#[test]
fn casing_is_forgiven_and_unknown_words_are_counted_and_sampled() {
    let read = report(
        r#"{"status":"Halted by moon","statusLogs":[
            {"channel":" MSTeam ","status":"success"},{"channel":"msteams","status":"Failed","comments":"TIMEOUT"},
            {"channel":"john@abc.com","status":"sent to john@abc.com"},{"channel":7,"status":{"a":1}},
            {"channel":"slack","status":"FAILURE","comments":"the moon"},{"channel":"slack","status":"FAILURE"}]}"#,
    );
    assert_eq!(
        read.tallies,
        [
            tally("msteams", [1, 1, 0], &[("timeout", 1)], &[], 0.0),
            tally("other", [0, 0, 2], &[], &[], 0.0),
            tally("slack", [0, 2, 0], &[("other", 2)], &[], 0.0),
        ]
    );
    let unrecognized =
        |kind, sample: Option<&str>, count| Unrecognized { kind, sample: sample.map(str::to_owned), count };
    assert_eq!(
        read.unrecognized,
        [
            unrecognized(UnrecognizedKind::JobStatus, Some("Halted by moon"), 1),
            unrecognized(UnrecognizedKind::EntryStatus, None, 2),
            unrecognized(UnrecognizedKind::Channel, None, 2),
            unrecognized(UnrecognizedKind::FailureReason, None, 1),
        ]
    );
}

#[test]
fn channels_beyond_the_bound_are_other() {
    let entries: Vec<_> = (0..1_000).map(|i| format!(r#"{{"channel":"c{i}","status":"SUCCESS"}}"#)).collect();
    let read = report(format!(r#"{{"statusLogs":[{}]}}"#, entries.join(",")));
    assert_eq!(read.tallies.len(), 33);
    assert_eq!(read.tallies[32].channel, Channel::other());
    assert_eq!(read.tallies[32].entries[EntryStatus::Success], 968);
    assert_eq!(read.unrecognized, [Unrecognized { kind: UnrecognizedKind::Channel, sample: None, count: 968 }]);
}

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
