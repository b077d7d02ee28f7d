//! The cost of a scrape of 200,000 series, in multiples of a memcpy of its text, with other libraries in the same run.
//!
//! `cargo bench --bench exposition`, with `BENCH_JOBS=100000` for ten times as many.
//! Compare ratios, because the machine is noisy. Figures are medians of several runs.
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use enum_map::EnumMap;
use koreai_exporter::exposition::{Encoding, ExporterView, Format, JobBlocks, Page, render};
use koreai_exporter::model::{
    ApiVersion, BotMetrics, BotName, Channel, ChannelTally, Job, JobKey, JobNumber, JobSlot, JobState, JobStatus,
    LabelName, LabelValue, Reason, RequestId, Shard, Timestamp,
};

const TAIL: &str =
    "# HELP process_open_fds Number of open file descriptors.\n# TYPE process_open_fds gauge\nprocess_open_fds 12\n";

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return; // `cargo test --all-targets` only wants to see it compile.
    }
    let jobs = std::env::var("BENCH_JOBS").map_or(10_000, |jobs| jobs.parse().unwrap());
    let mut table = Vec::new();
    for (population, running) in [("one job in ten runs", jobs / 10), ("all jobs run", jobs)] {
        measure(population, jobs, running, &mut table);
    }
    first_publication(100_000, &mut table);
    println!("\n| figure | measured | goal |\n| --- | ---: | ---: |");
    table.iter().for_each(|row| println!("{row}"));
}

fn measure(population: &str, count: usize, running: usize, table: &mut Vec<String>) {
    println!("\n## {count} jobs, {population}");
    let mut jobs: Vec<Job> = (0..count).map(|index| job(index, index >= count - running)).collect();
    let bots = [BotMetrics::new(BotName::parse("support").unwrap(), &channels())];
    let exporter = exporter();

    let mut blocks = JobBlocks::new();
    (0..count).for_each(|index| blocks.note(slot(index)));
    let start = Instant::now();
    let mut page = publish(&mut blocks, &jobs, &bots, &exporter);
    show("first publication of everything", start.elapsed(), None);
    let start = Instant::now();
    let mut publications = 0;
    while blocks.fast_segments() > 0 {
        page = publish(&mut blocks, &jobs, &bots, &exporter);
        publications += 1;
    }
    show(&format!("compressed thoroughly after {publications} more"), start.elapsed(), None);

    println!("resident memory with jobs, text and segments: {}", resident());
    let text = body(&page, Encoding::Identity);
    let series = text.split(|b| *b == b'\n').filter(|line| !line.is_empty() && line[0] != b'#').count();
    println!("{series} series, {} bytes of text", text.len());
    let mut copy = vec![0_u8; text.len()];
    let memcpy = median(51, || copy.copy_from_slice(black_box(&text)));
    show("memcpy of the body", memcpy, None);

    let identity = median(51, || collect(&page, Encoding::Identity));
    show("identity scrape", identity, Some(memcpy));
    let assembly = median(51, || collect(&page, Encoding::Gzip));
    show("gzip scrape", assembly, Some(memcpy));

    let mut round = 0;
    let mut update = |step: usize, jobs: &mut Vec<Job>| {
        median(21, || {
            round += 1;
            for index in (0..count / 100).map(|n| count - running + n * step) {
                advance(&mut jobs[index], round);
                blocks.note(slot(index));
            }
            collect(&publish(&mut blocks, jobs, &bots, &exporter), Encoding::Gzip);
        })
    };
    let neighbours = update(1, &mut jobs);
    show("update 1 % of the jobs, neighbours, and gzip scrape", neighbours, Some(memcpy));
    let strewn = update(running / (count / 100), &mut jobs);
    show("update 1 % of the jobs, strewn over those that run, and gzip scrape", strewn, Some(memcpy));

    while blocks.fast_segments() > 0 {
        page = publish(&mut blocks, &jobs, &bots, &exporter);
    }
    let text = body(&page, Encoding::Identity);
    let whole = gzip(&text).len() as f64;
    let size = body(&page, Encoding::Gzip).len() as f64 / whole;
    println!("gzip body {size:.3} x level 6 of the whole ({whole} bytes)");

    let naive = median(7, || drop(black_box(render(jobs.iter(), &[], &bots, Some(&exporter), Format::Text))));
    show("render everything", naive, Some(memcpy));
    let prometheus = peer_prometheus(&String::from_utf8(text.clone()).unwrap());
    show("prometheus: gather, TextEncoder, flate2 level 6", prometheus, Some(memcpy));
    let client = peer_prometheus_client(&String::from_utf8(text).unwrap());
    show("prometheus-client: encode, no compression", client, Some(memcpy));

    let ratio = |of: Duration, to: Duration| of.as_secs_f64() / to.as_secs_f64();
    let mut row = |name: &str, measured: String, goal: &str| {
        table.push(format!("| {name}, {population} | {measured} | {goal} |"))
    };
    row("identity scrape / memcpy", format!("{:.3}", ratio(identity, memcpy)), "≤ 0.5");
    row("gzip scrape", format!("{:.3} ms", assembly.as_secs_f64() * 1e3), "≤ 1 ms");
    row("update 1 % (neighbours) + gzip scrape / memcpy", format!("{:.2}", ratio(neighbours, memcpy)), "≤ 2.5");
    row("update 1 % (strewn) + gzip scrape / memcpy", format!("{:.2}", ratio(strewn, memcpy)), "");
    row("gzip body / level 6 of the whole", format!("{size:.3}"), "≤ 1.05");
    row("prometheus + TextEncoder + flate2 / gzip scrape", format!("{:.0}", ratio(prometheus, assembly)), "≥ 100");
    row(
        "prometheus + TextEncoder + flate2 / update 1 % + gzip scrape",
        format!("{:.0}", ratio(prometheus, neighbours)),
        "≥ 100",
    );
}

/// The part of a restart that depends on the number of jobs.
fn first_publication(jobs: usize, table: &mut Vec<String>) {
    let jobs: Vec<Job> = (0..jobs).map(|index| job(index, false)).collect();
    let exporter = exporter();
    let mut blocks = JobBlocks::new();
    let start = Instant::now();
    (0..jobs.len()).for_each(|index| blocks.note(slot(index)));
    let page = publish(&mut blocks, &jobs, &[], &exporter);
    collect(&page, Encoding::Gzip);
    let seconds = start.elapsed().as_secs_f64();
    table
        .push(format!("| first publication of {} jobs + gzip scrape | {seconds:.2} s | (restart ≤ 1 s) |", jobs.len()));
}

fn publish(blocks: &mut JobBlocks, jobs: &[Job], bots: &[BotMetrics], exporter: &ExporterView) -> Page {
    blocks.publish(|slot| jobs.get(usize::try_from(slot.index()).unwrap()), |_| None, bots, exporter)
}

fn collect(page: &Page, encoding: Encoding) {
    let chunks: Vec<bytes::Bytes> = page.response(Format::Text, encoding, TAIL).collect();
    black_box(chunks);
}

fn body(page: &Page, encoding: Encoding) -> Vec<u8> {
    page.response(Format::Text, encoding, "").fold(Vec::new(), |mut body, chunk| {
        body.extend_from_slice(&chunk);
        body
    })
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// `VmRSS`, on Linux. Meaningful in the first population only, because other libraries leave memory behind.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown").trim().to_owned()
}

fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[runs / 2]
}

fn show(what: &str, time: Duration, memcpy: Option<Duration>) {
    let ratio =
        memcpy.map_or(String::new(), |memcpy| format!("  {:8.3} x memcpy", time.as_secs_f64() / memcpy.as_secs_f64()));
    println!("{what:<72} {:>9.3} ms{ratio}", time.as_secs_f64() * 1e3);
}

/// Name, labels and value of each sample of the jobs' families.
fn samples(text: &str) -> impl Iterator<Item = (&str, Vec<(String, String)>, f64)> {
    text.lines().filter(|line| line.starts_with("koreai_job_") && line.contains("request_id")).map(|line| {
        let (name, rest) = line.split_once('{').unwrap();
        let (labels, value) = rest.rsplit_once("} ").unwrap();
        let labels = labels.split("\",").map(|label| label.split_once("=\"").unwrap());
        let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()));
        (name, labels.collect(), value.parse().unwrap())
    })
}

fn peer_prometheus(text: &str) -> Duration {
    let registry = prometheus::Registry::new();
    let mut families: BTreeMap<&str, prometheus::GaugeVec> = BTreeMap::new();
    for (name, labels, value) in samples(text) {
        let family = families.entry(name).or_insert_with(|| {
            let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
            let family = prometheus::GaugeVec::new(prometheus::Opts::new(name, "A help text."), &names).unwrap();
            registry.register(Box::new(family.clone())).unwrap();
            family
        });
        let values: Vec<&str> = labels.iter().map(|(_, value)| value.as_str()).collect();
        family.with_label_values(&values).set(value);
    }
    median(3, || {
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        black_box(gzip(text.as_bytes()));
    })
}

fn peer_prometheus_client(text: &str) -> Duration {
    use std::sync::atomic::AtomicU64;

    use prometheus_client::metrics::{family::Family, gauge::Gauge};
    type Gauges = Family<Vec<(String, String)>, Gauge<f64, AtomicU64>>;

    let mut registry = prometheus_client::registry::Registry::default();
    let mut families: BTreeMap<&str, Gauges> = BTreeMap::new();
    for (name, labels, value) in samples(text) {
        let family = families.entry(name).or_insert_with(|| {
            let family = Gauges::default();
            registry.register(name, "A help text", family.clone());
            family
        });
        family.get_or_create(&labels).set(value);
    }
    median(5, || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        black_box(text);
    })
}

fn slot(index: usize) -> JobSlot {
    JobSlot::new(u32::try_from(index).unwrap())
}

fn channels() -> [Channel; 1] {
    [Channel::clean("msteams").unwrap()]
}

fn exporter() -> ExporterView {
    ExporterView {
        version: "0.1.0".to_owned(),
        revision: "unknown".to_owned(),
        rustversion: "1.95.0".to_owned(),
        shard: Shard::WHOLE,
        started: Timestamp::from_millis(1_700_000_000_000),
        config_last_reload_successful: true,
        config_last_reload_success: Timestamp::from_millis(1_700_000_000_000),
        dropped: Default::default(),
        storage: None,
    }
}

/// A job of about 20 series, with a request ID that compresses as badly as real ones.
fn job(index: usize, runs: bool) -> Job {
    let random = |salt: u64| {
        // SplitMix64.
        let mut z = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = (random(1), random(2));
    let id = format!(
        "ds-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    let key = JobKey { bot: BotName::parse("support").unwrap(), id: RequestId::parse(&id).unwrap() };
    let labels = [(LabelName::parse("team").unwrap(), LabelValue::parse("crm").unwrap())];
    let campaign = LabelValue::parse(["spring", "renewals", "outage"][index % 3]).unwrap();
    let mut job = Job::new(key, ApiVersion::V1, Some(campaign), Arc::new(labels));
    job.job_type = LabelValue::parse("PROACTIVE_NOTIFICATIONS_API").ok();
    job.action = LabelValue::parse("PROACTIVE_NOTIFICATIONS").ok();
    let created = 1_700_000_000_000 + index as i64 * 700 + (low % 700) as i64;
    job.created = Some(Timestamp::from_millis(created));
    job.requested = Some(Timestamp::from_millis(created));
    job.numbers[JobNumber::Recipients] = Some(1_000);
    let mut tally = ChannelTally::new(channels()[0].clone());
    tally.failures.push((Reason::parse("recipient_unknown").unwrap(), 0));
    job.tallies.push(tally);
    if low.is_multiple_of(2) {
        let mut tally = ChannelTally::new(Channel::clean("whatsapp").unwrap());
        tally.entries = EnumMap::from_array([low % 300, 2, 0]);
        tally.failures.push((Reason::other(), 2));
        job.tallies.push(tally);
    }
    advance(&mut job, low % 40);
    if !runs {
        job.state = JobState::Finished;
        job.status = if low.is_multiple_of(5) { JobStatus::PartialSuccess } else { JobStatus::Success };
        job.completion = Some(1.0);
        job.finished = job.last_poll_success;
    }
    job
}

/// Changes a job as a report does.
fn advance(job: &mut Job, round: u64) {
    job.status = JobStatus::InProgress;
    job.completion = Some((round % 100) as f64 / 100.0);
    let (sent, failed) = (round * 9 % 990, round % 10);
    job.tallies[0].entries = EnumMap::from_array([sent, failed, 0]);
    job.tallies[0].failures[0].1 = failed;
    job.numbers[JobNumber::ReportedEntries] = Some(sent + failed);
    let created = job.created.unwrap();
    job.last_notification = Some(created.plus(Duration::from_millis(round * 1_317)));
    job.last_change = Some(created.plus(Duration::from_millis(round * 1_317 + 4_211)));
    job.last_poll_success = job.last_change;
    job.poll_up = Some(true);
}
