//! A campaign after its jobs: what its owner reads equals what the upstream did.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use koreai_exporter::fake_upstream::{Counts, FakeUpstream, Plan, ScriptedJob};
use serde_json::Value;

use crate::support::{BOT_ID, Configuration, Exporter, Samples, Time, bot, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// An exporter with these jobs as the campaign `spring`.
async fn tracking(upstream: &FakeUpstream, ids: &[String], global: &str) -> Exporter {
    let mut configuration = Configuration::new(upstream, &[]);
    configuration.global = format!("{{poll_interval: 2s, max_poll_interval: 4s, {global}}}");
    let ids = ids.join(", ");
    configuration.bot =
        format!("    channels: [msteams]\n    static_configs: [{{targets: [{ids}], labels: {{campaign: spring}}}}]\n");
    Exporter::start(&configuration).await
}

async fn campaigns(exporter: &Exporter, query: &str) -> Value {
    let got = exporter.get(&format!("/api/v1/campaigns{query}")).await;
    serde_json::from_slice::<Value>(&got.body).unwrap()["data"]["campaigns"].clone()
}

/// Lets time pass until the campaign has so many finished jobs.
async fn until_finished(exporter: &Exporter, time: &Time, jobs: usize) {
    for _ in 0..3600 {
        if campaigns(exporter, "").await[0]["jobs"]["finished"] == jobs {
            return;
        }
        time.pass(Duration::from_millis(500)).await;
    }
    panic!("not finished: {}", campaigns(exporter, "").await);
}

/// The log entries of all jobs, by channel.
fn truth(upstream: &FakeUpstream, ids: &[String]) -> BTreeMap<String, Counts> {
    let mut sum: BTreeMap<String, Counts> = BTreeMap::new();
    for id in ids {
        for (channel, counts) in upstream.truth(BOT_ID, id).unwrap().channels {
            let channel = sum.entry(channel).or_default();
            channel.success += counts.success;
            channel.failure += counts.failure;
        }
    }
    sum
}

/// The same, from the lines of the CSV file.
fn counted_in(csv: &str) -> BTreeMap<String, Counts> {
    let mut sum: BTreeMap<String, Counts> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[..2], ["support", "spring"], "{line}");
        let counts = sum.entry(cells[2].to_owned()).or_default();
        let count: u64 = cells[5].parse().unwrap();
        match cells[3] {
            "SUCCESS" => counts.success += count,
            "FAILURE" => counts.failure += count,
            other => panic!("{other}"),
        }
    }
    sum
}

/// The query of a panel of the board for campaigns, with all variables set to everything.
fn board_query(panel: &str, target: usize) -> String {
    let board: Value = serde_json::from_str(include_str!("../../dashboards/koreai-campaigns.json")).unwrap();
    let panel = board["panels"].as_array().unwrap().iter().find(|found| found["title"] == panel).unwrap();
    let query = panel["targets"][target]["expr"].as_str().unwrap();
    // Before the variables whose names begin alike.
    let query = query.replace("$__range_s", "86400").replace("$__range", "24h");
    ["$bot", "$campaign", "$channel"].iter().fold(query, |query, name| query.replace(name, ".+"))
}

/// Has promtool evaluate the shipped rules, and then the queries, on a page that stays as it is.
fn on_the_board(page: &Samples, expected: &[(String, Vec<(String, u64)>)]) {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules/koreai-records.yml");
    let scraped = page
        .0
        .lines()
        .filter(|line| ["koreai_campaign_", "koreai_exporter_shard_info"].iter().any(|name| line.starts_with(name)));
    let series: Vec<Value> = scraped
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let target = r#"{job="koreai-exporter",instance="a:10047","#;
            serde_json::json!({"series": name.replacen('{', target, 1), "values": format!("{value}+0x10")})
        })
        .collect();
    let queries: Vec<Value> = expected
        .iter()
        .map(|(query, samples)| {
            let samples: Vec<Value> = samples
                .iter()
                .map(|(labels, value)| serde_json::json!({"labels": format!("{{{labels}}}"), "value": value}))
                .collect();
            serde_json::json!({"expr": query, "eval_time": "9m30s", "exp_samples": samples})
        })
        .collect();
    // JSON is YAML.
    let test = serde_json::json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": series, "promql_expr_test": queries}
    ]});
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("board.test.yml");
    std::fs::write(&file, test.to_string()).unwrap();
    let output = Command::new("promtool").args(["test", "rules"]).arg(&file).output();
    let output = output.unwrap_or_else(|error| panic!("promtool, of Debian's package prometheus: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// With a thousand log entries each.
const JOBS: usize = 1000;

#[tokio::test]
async fn the_owners_numbers_are_the_upstreams_a_day_after_the_series_of_the_jobs() {
    let time = Time::stop();
    let ids: Vec<String> = (0..JOBS).map(|number| format!("ds-{number}")).collect();
    let job = |(id, percent): (&String, u32)| {
        let plan = Plan::Runs { over: Duration::from_secs(1) };
        ScriptedJob::new(id, 1000).with_failures(percent % 9).over_channels(&["msteams", "slack"]).with_plan(plan)
    };
    let upstream = upstream(tenant(bot(ids.iter().zip(0..).map(job).collect()))).await;
    let exporter = tracking(&upstream, &ids, "retention: 1m").await;
    until_finished(&exporter, &time, JOBS).await;
    for _ in 0..24 {
        time.pass(DAY / 24).await;
        exporter.scrape().await;
    }
    let page = exporter.until(&time, 2 * MINUTE, |page| !page.0.contains("koreai_job_info{")).await;

    let truth = truth(&upstream, &ids);
    let (delivered, failed) =
        truth.values().fold((0, 0), |(success, failure), counts| (success + counts.success, failure + counts.failure));
    assert_eq!(delivered + failed, JOBS as u64 * 1000);
    assert!(failed > 0);
    for (channel, counts) in &truth {
        let of = |status: &str| {
            let labels = format!(r#"campaign="spring",channel="{channel}",status="{status}""#);
            page.of_bot("koreai_campaign_notifications_total", &labels)
        };
        assert_eq!((of("SUCCESS"), of("FAILURE")), (counts.success as f64, counts.failure as f64), "{channel}");
    }
    let csv = exporter.get("/api/v1/campaigns?format=csv&bot=support").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(counted_in(&csv.text()), truth);

    let row = &campaigns(&exporter, "?campaign=spring").await[0];
    assert_eq!((&row["success"], &row["failure"]), (&delivered.into(), &failed.into()));
    assert_eq!((&row["jobs"]["finished"], &row["completion_ratio"]), (&JOBS.into(), &1.0.into()));
    let failures = row["notifications"].as_array().unwrap().iter().flat_map(|on| on["failures"].as_object().unwrap());
    assert_eq!(failures.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>(), failed, "every failure has a reason");
    assert_eq!(campaigns(&exporter, "?campaign=summer").await, Value::Array(Vec::new()));

    for path in ["/", "/campaign?bot=support&campaign=spring"] {
        let html = exporter.get(path).await.text();
        for count in [delivered, failed] {
            let count = with_separators(count);
            assert!(html.contains(&format!(">{count}<")), "{path} has no {count}:\n{html}");
        }
    }
    let of_channels = |count: fn(&Counts) -> u64| {
        let of = |(channel, counts): (&String, &Counts)| {
            (format!(r#"bot="support",campaign="spring",channel="{channel}""#), count(counts))
        };
        truth.iter().map(of).collect::<Vec<_>>()
    };
    let of_all = |count| vec![(String::new(), count)];
    on_the_board(
        &page,
        &[
            (board_query("Recipients", 0), of_all(delivered + failed)),
            (board_query("Delivered", 0), of_all(delivered)),
            (board_query("Failed", 0), of_all(failed)),
            (board_query("By campaign and channel", 0), of_channels(|counts| counts.success)),
            (board_query("By campaign and channel", 1), of_channels(|counts| counts.failure)),
            (board_query("Failure reasons", 0).replacen("topk(9, sum by (reason)", "topk(9, sum", 1), of_all(failed)),
        ],
    );
    exporter.stop().await;
}

#[tokio::test]
async fn a_new_counter_series_is_scraped_at_0_before_it_counts() {
    let time = Time::stop();
    let job = ScriptedJob::new("ds-1", 10).over_channels(&["slack"]).with_plan(Plan::Runs { over: MINUTE / 60 });
    let upstream = upstream(tenant(bot(vec![job]))).await;
    let exporter = tracking(&upstream, &["ds-1".to_owned()], "retention: 1h").await;
    let value = |page: &Samples, family: &str| {
        let campaign = if family.contains("campaign") { r#"campaign="spring","# } else { "" };
        page.value(family, &format!(r#"bot="support",{campaign}channel="slack",status="SUCCESS""#))
    };
    // Nobody scrapes while the job runs to its end.
    until_finished(&exporter, &time, 1).await;
    for _ in 0..4 {
        time.pass(Duration::from_millis(500)).await;
        campaigns(&exporter, "").await;
    }
    let first = exporter.scrape().await;
    for family in ["koreai_notifications_total", "koreai_campaign_notifications_total"] {
        assert_eq!(value(&first, family), Some(0.0), "{family}");
    }
    let counted = exporter.until(&time, MINUTE, |page| value(page, "koreai_notifications_total") == Some(10.0)).await;
    assert_eq!(value(&counted, "koreai_campaign_notifications_total"), Some(10.0));
    exporter.stop().await;
}

#[tokio::test]
async fn job_series_chooses_which_jobs_have_series() {
    let time = Time::stop();
    for (setting, shown) in [("all", ["ds-ended", "ds-runs"].as_slice()), ("unfinished", &["ds-runs"]), ("none", &[])] {
        let runs = ScriptedJob::new("ds-runs", 10).with_plan(Plan::Runs { over: DAY });
        let ended = ScriptedJob::new("ds-ended", 10).with_plan(Plan::Runs { over: MINUTE / 60 });
        let upstream = upstream(tenant(bot(vec![runs, ended]))).await;
        let ids = ["ds-runs".to_owned(), "ds-ended".to_owned()];
        let exporter = tracking(&upstream, &ids, &format!("job_series: {setting}")).await;
        until_finished(&exporter, &time, 1).await;
        let page = exporter.until(&time, MINUTE, |page| page.jobs("finished") == 1.0).await;
        let jobs = ["ds-ended", "ds-runs"].into_iter().filter(|id| page.0.contains(&format!("request_id=\"{id}\"")));
        assert_eq!(jobs.collect::<Vec<_>>(), shown, "{setting}");
        assert!(page.0.contains("koreai_campaign_jobs{bot=\"support\",campaign=\"spring\",state=\"finished\"} 1"));
        exporter.stop().await;
    }
}
