//! The bodies that upstream has published.

use koreai_exporter::model::{Inconsistency, JobNumber, JobStatus, Report};

use super::reading::{SENT, V1, V1_2023, V2, at, label, numbers, report, tally};

#[test]
fn the_v1_page_s_body_is_read_whole() {
    let expected = Report {
        status: JobStatus::PartialSuccess,
        completion: Some(1.0),
        numbers: numbers(None, Some(2)),
        entries: 2,
        created: at(1_643_057_721_254),
        requested: at(1_643_057_721_254),
        first_notification: at(1_643_057_721_918),
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
        first_notification: at(1_699_524_761_616),
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
        first_notification: at(1_748_238_802_883),
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
