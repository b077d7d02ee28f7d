//! Reading a status body, compared with other parsers. `cargo bench --bench report`
//!
//! Goal: at least 2.3 times as fast as serde_json into owned structs.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints, and stops where something is wrong"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use koreai_exporter::upstream::ReasonTable;
use koreai_exporter::upstream::report_reader::{read_slice, read_stream};
use serde::Deserialize;

/// Owned structs, as in a straightforward implementation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedBody {
    status: String,
    status_logs: Vec<OwnedEntry>,
    #[expect(dead_code, reason = "parsed, but not used")]
    requested_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, but not used")]
struct OwnedEntry {
    #[serde(rename = "_id")]
    id: String,
    request_id: String,
    original_id: String,
    status: String,
    created_by: String,
    comments: String,
    stream_id: String,
    channel: String,
    created_on: String,
    kore_id: Option<String>,
    channel_id: Option<String>,
    messagestore_id: Option<String>,
    #[serde(rename = "__v")]
    version: i64,
}

/// Counts owned entries by channel and status.
fn count(body: &OwnedBody) -> HashMap<(&str, &str), u64> {
    let mut counts = HashMap::new();
    for entry in &body.status_logs {
        *counts.entry((entry.channel.as_str(), entry.status.as_str())).or_default() += 1;
    }
    black_box(&body.status);
    counts
}

/// A body as upstream writes it, a tenth of its entries FAILURE.
fn body(entries: usize) -> String {
    let mut body = String::from(r#"{"_id":"ds-10000000-0000-0000-0000-000000000000","statusLogs":["#);
    for i in 0..entries {
        if i > 0 {
            body.push(',');
        }
        entry(&mut body, i);
    }
    body.push_str(END);
    body
}

const END: &str =
    r#"],"status":"PARTIAL_SUCCESS","percentageComplete":100,"requestedTime":"2023-11-09T10:12:36.119Z"}"#;

fn entry(body: &mut String, i: usize) {
    let (status, comments) = match i % 10 {
        0 => ("FAILURE", "'Identity is not associated with the channel'"),
        _ => ("SUCCESS", "Notification has been sent successfully"),
    };
    let channel = ["msteams", "slack", "whatsapp"][i % 3];
    write!(
        body,
        r#"{{"_id":"nl-{i:08}-0000-0000-0000-000000000000","requestId":"ds-10000000-0000-0000-0000-000000000000","originalId":"user{i:07}@example.com","status":"{status}","createdBy":"u-10000000-0000-0000-0000-000000000000","comments":"{comments}","streamId":"st-10000000-0000-0000-0000-000000000000","channel":"{channel}","createdOn":"2023-11-09T10:{:02}:{:02}.{:03}Z","__v":0,"koreId":"u-20000000-0000-0000-0000-000000000000","channelId":"29:1964-sX","messagestoreId":"ms-{i:08}"}}"#,
        13 + i / 60_000 % 40,
        i / 1_000 % 60,
        i % 1_000,
    )
    .expect("a String takes all");
}

fn report(criterion: &mut Criterion) {
    let reasons = ReasonTable::new(&[]);
    // First, while the process has used little memory.
    million(&reasons);
    for entries in [1_000, 100_000] {
        let body = body(entries);
        let mut group = criterion.benchmark_group("report");
        group.throughput(Throughput::Elements(entries as u64)).sample_size(20);
        group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
        let mut target = vec![0; body.len()];
        group.bench_function(BenchmarkId::new("memcpy", entries), |bencher| {
            bencher.iter(|| black_box(&mut target).copy_from_slice(black_box(body.as_bytes())));
        });
        group.bench_function(BenchmarkId::new("ours, slice", entries), |bencher| {
            bencher.iter(|| read_slice(black_box(body.as_bytes()), &reasons).expect("a report"));
        });
        group.bench_function(BenchmarkId::new("ours, stream", entries), |bencher| {
            bencher.iter(|| read_stream(black_box(body.as_bytes()), &reasons).expect("a report"));
        });
        group.bench_function(BenchmarkId::new("serde_json, owned", entries), |bencher| {
            bencher.iter(|| {
                count(&serde_json::from_slice(black_box(body.as_bytes())).expect("a body")).values().sum::<u64>()
            });
        });
        group.bench_function(BenchmarkId::new("sonic-rs, owned", entries), |bencher| {
            bencher.iter(|| {
                count(&sonic_rs::from_slice(black_box(body.as_bytes())).expect("a body")).values().sum::<u64>()
            });
        });
        group.finish();
        ratio(&body, entries, &reasons);
    }
}

/// Measured in turns, so that noise affects all parsers equally: medians of the times and of the ratio within a turn.
fn ratio(body: &str, entries: usize, reasons: &ReasonTable) {
    let readers: [&dyn Fn(); 4] = [
        &|| drop(black_box(read_slice(body.as_bytes(), reasons))),
        &|| drop(black_box(read_stream(body.as_bytes(), reasons))),
        &|| drop(black_box(count(&serde_json::from_slice(body.as_bytes()).expect("a body")))),
        &|| drop(black_box(count(&sonic_rs::from_slice(body.as_bytes()).expect("a body")))),
    ];
    let turns: Vec<[f64; 4]> = (0..31)
        .map(|_| {
            readers.map(|read| {
                let start = Instant::now();
                read();
                start.elapsed().as_nanos() as f64 / entries as f64
            })
        })
        .collect();
    let median = |of: &dyn Fn(&[f64; 4]) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "{entries} entries of {} bytes, ns each: slice {:.0}, stream {:.0}, serde_json owned {:.0}, sonic-rs owned {:.0}; \
         serde_json owned / slice = {:.2} (goal 2.3)",
        body.len() / entries,
        median(&|turn| turn[0]),
        median(&|turn| turn[1]),
        median(&|turn| turn[2]),
        median(&|turn| turn[3]),
        median(&|turn| turn[2] / turn[0])
    );
}

/// Generates a body of a million entries while it is read.
struct Million {
    ready: String,
    at: usize,
    next: usize,
}

impl Read for Million {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.ready.len() {
            self.ready.clear();
            self.at = 0;
            match self.next {
                0..1_000_000 => {
                    if self.next > 0 {
                        self.ready.push(',');
                    }
                    entry(&mut self.ready, self.next);
                }
                1_000_000 => self.ready.push_str(END),
                _ => {}
            }
            self.next += 1;
        }
        let read = self.ready.as_bytes()[self.at..].as_ref().read(out)?;
        self.at += read;
        Ok(read)
    }
}

fn million(reasons: &ReasonTable) {
    let before = peak_rss_kib();
    let start = Instant::now();
    let source = Million { ready: r#"{"statusLogs":["#.to_owned(), at: 0, next: 0 };
    let report = read_stream(source, reasons).expect("a report");
    println!(
        "a million entries, streamed: {} counted in {:.2?}; peak memory {} KiB, before {before} KiB",
        report.entries,
        start.elapsed(),
        peak_rss_kib()
    );
}

/// Peak memory of this process; 0 if unknown.
fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

criterion_group!(benches, report);
criterion_main!(benches);
