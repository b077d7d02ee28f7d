//! Several exporters share the request IDs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::support::{BOT_ID, Exporter, Folder, id, slow_job, upstream};

const IDS: usize = 900;
const PER_MINUTE: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn three_exporters_track_every_id_once_within_one_budget() {
    let upstream = upstream((0..IDS).map(|number| slow_job(&id(number))).collect()).await;
    let folder = Folder::new();
    folder.write_targets("jobs.json", 0..IDS);
    let source = format!(
        "rate_limit: {{per_minute: {PER_MINUTE}, per_hour: {}}}\nfile_sd_configs: [{{files: ['{}']}}]",
        PER_MINUTE * 60,
        folder.path("jobs.json").display()
    );
    folder.configure(&upstream, "", &[("support", BOT_ID, &source)]);
    let mut exporters = Vec::new();
    for index in ["--shard.index=0", "--shard.index=1", "--shard.index=2"] {
        exporters.push(Exporter::start_with(&folder.path("koreai.yml"), &[index, "--shard.total=3"]).await);
    }
    let (mut tracked, mut jobs, mut budgets) = (BTreeSet::new(), 0, 0.0);
    for exporter in &exporters {
        let page = exporter.page().await;
        let infos = page.0.lines().filter(|line| line.starts_with("koreai_job_info{"));
        tracked.extend(infos.map(|line| line.split("request_id=\"").nth(1).unwrap()[..39].to_owned()));
        jobs += page.jobs();
        budgets += page.value("koreai_upstream_budget_requests{bot=\"support\",window=\"minute\"}").unwrap();
        assert!(page.jobs().abs_diff(IDS / 3) < IDS / 10, "{}", page.jobs());
    }
    assert_eq!((tracked.len(), jobs), (IDS, IDS), "each ID by exactly one");
    assert_eq!(budgets, 600.0);

    let spent = "koreai_upstream_budget_used_requests{bot=\"support\",window=\"minute\"}";
    for exporter in &exporters {
        exporter.until_page("it spends its share", |page| page.value(spent) >= Some(40.0)).await;
    }
    let record = upstream.record();
    assert_eq!(record.calls().filter(|call| call.status != Some(200)).count(), 0);
    // Calls are spread evenly over the minute, so six seconds show a tenth of the budget plus the initial burst, a
    // twentieth. Three full budgets would be three times as many calls.
    let most = record.max_in_window(BOT_ID, Duration::from_secs(6));
    let edges = 2 * exporters.len();
    assert!((PER_MINUTE / 20..=PER_MINUTE / 10 + PER_MINUTE / 20 + edges).contains(&most), "{most}");
    let asked: BTreeSet<_> = record.calls().map(|call| call.request_id.clone()).collect();
    assert_eq!(asked.len(), record.calls().count(), "no two ask about the same job");
}
