//! The complete text in both formats equals golden files; `UPDATE_GOLDEN=1` rewrites them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use koreai_exporter::exposition::{Encoding, Format, JobBlocks, render};
use koreai_exporter::model::JobSlot;

use crate::world;

/// A shortened example of the `process_*` metrics.
const TAIL: &str = "\
# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 7
# HELP process_open_fds Number of open file descriptors.
# TYPE process_open_fds gauge
process_open_fds 12
";

fn check(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/exposition").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let first = expected.lines().zip(actual.lines()).find(|(expected, actual)| expected != actual);
    assert!(expected == actual, "{name} differs, first here (UPDATE_GOLDEN=1 writes it anew): {first:#?}");
}

fn page(format: Format) -> String {
    let jobs = world::jobs();
    let mut blocks = JobBlocks::new();
    let campaigns = world::campaigns();
    campaigns.iter().for_each(|campaign| blocks.note_campaign(&campaign.key));
    (0..5).for_each(|slot| blocks.note(JobSlot::new(slot)));
    let page = blocks.publish(
        |slot| jobs.get(slot.index() as usize),
        |key| campaigns.iter().find(|campaign| campaign.key == *key),
        &world::bots(),
        &world::exporter(),
    );
    let body: Vec<u8> = page.response(format, Encoding::Identity, TAIL).flatten().collect();
    String::from_utf8(body).unwrap()
}

#[test]
fn a_page_equals_its_golden_file() {
    check("page.txt", &page(Format::Text));
    check("page.openmetrics.txt", &page(Format::OpenMetrics));
}

#[test]
fn one_rendered_job_equals_its_golden_file_and_has_no_exporter_metrics() {
    let jobs = world::jobs();
    check("job.txt", &render(jobs.iter().skip(1).take(1), &[], &[], None, Format::Text));
}

#[test]
fn without_jobs_and_bots_the_exporter_metrics_remain() {
    let mut exporter = world::exporter();
    exporter.storage = None;
    let page = JobBlocks::new().publish(|_| None, |_| None, &[], &exporter);
    let body: Vec<u8> = page.response(Format::OpenMetrics, Encoding::Identity, "").flatten().collect();
    check("empty.openmetrics.txt", &String::from_utf8(body).unwrap());
}

#[test]
fn exactly_one_status_of_a_job_is_1_and_it_is_unknown_before_the_first_report() {
    let text = page(Format::Text);
    for job in world::jobs() {
        let own = format!("request_id=\"{}\"", job.key.id);
        let lines: Vec<&str> =
            text.lines().filter(|line| line.starts_with("koreai_job_status{") && line.contains(&own)).collect();
        assert_eq!(lines.len(), 5, "{own}");
        let set: Vec<&&str> = lines.iter().filter(|line| line.ends_with(" 1")).collect();
        assert_eq!(set.len(), 1, "{own}");
        assert!(set[0].contains(&format!("status=\"{}\"", job.status.as_label())), "{own}");
    }
    assert!(text.contains("koreai_job_status{bot=\"support\",request_id=\"ds-never-polled\",status=\"UNKNOWN\"} 1\n"));
}

#[test]
fn promtool_accepts_the_page() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.expect("promtool is needed: install Debian's package `prometheus`");
    promtool.stdin.take().unwrap().write_all(page(Format::Text).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
