//! Single values: missing, contradictory, misspelt.

use koreai_exporter::model::{Channel, EntryStatus, Inconsistency, JobNumber, Unrecognized, UnrecognizedKind};

use super::reading::{report, tally};

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
