//! The pages without a browser: filters, links, headers, escaping.

use std::time::Duration;

use koreai_exporter::fake_upstream::{Plan, ScriptedJob};

use crate::support::{CLIENT_ID, Configuration, Exporter, Got, SECRET, Time, bot, of, scratch, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);

async fn exporter(time: &Time) -> Exporter {
    let jobs = ["ds-apple", "ds-banana", "ds-cherry"]
        .map(|id| ScriptedJob::new(id, 10).with_failures(20).with_plan(Plan::Runs { over: Duration::from_secs(1) }));
    let upstream = upstream(tenant(bot(jobs.to_vec()))).await;
    let mut configuration = Configuration::new(&upstream, &[]);
    configuration.bot =
        "    static_configs:\n      - {targets: [ds-apple], labels: {campaign: '<b>fruit</b> & more'}}\n      \
                         - {targets: [ds-banana], labels: {campaign: berries}}\n      - {targets: [ds-cherry]}\n"
            .to_owned();
    let exporter = Exporter::start(&configuration).await;
    exporter.until(time, MINUTE, |page| page.jobs("finished") == 3.0).await;
    exporter
}

/// Which of the jobs and campaigns a page names in its tables.
fn named(page: &Got) -> Vec<&'static str> {
    let html = page.text();
    let main = html.split("<main>").nth(1).unwrap();
    let named = ["ds-apple", "ds-banana", "ds-cherry"].into_iter();
    named.filter(|id| main.contains(&format!("<code>{id}</code>"))).collect()
}

#[tokio::test]
async fn the_filter_of_the_status_page_is_in_its_address() {
    let time = Time::stop();
    let exporter = exporter(&time).await;
    for (query, jobs) in [
        ("", ["ds-apple", "ds-banana", "ds-cherry"].as_slice()),
        ("?campaign=berries", &["ds-banana"]),
        ("?campaign=%3Cb%3Efruit%3C/b%3E+%26+more", &["ds-apple"]),
        ("?request_id=an", &["ds-banana"]),
        ("?status=PARTIAL_SUCCESS&request_id=e", &["ds-apple", "ds-cherry"]),
        ("?status=IN_PROGRESS", &[]),
        ("?bot=support&campaign=&status=", &["ds-apple", "ds-banana", "ds-cherry"]),
        ("?bot=sales", &[]),
        ("?status=nonsense", &["ds-apple", "ds-banana", "ds-cherry"]),
    ] {
        let page = exporter.get(&format!("/{query}")).await;
        assert_eq!((page.status.as_u16(), named(&page)), (200, jobs.to_vec()), "{query}");
    }
    let text = exporter.get("/?status=nonsense").await.text();
    assert!(text.contains("The filter has no effect: unknown status."), "{text}");
    exporter.stop().await;
}

#[tokio::test]
async fn campaigns_and_jobs_link_to_pages_of_their_own_and_markup_stays_text() {
    let time = Time::stop();
    let exporter = exporter(&time).await;
    let status = exporter.get("/").await.text();
    assert!(!status.contains("<b>fruit"), "{status}");
    for kind in ["/campaign?", "/job?"] {
        let links = status.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let links: Vec<String> =
            links.filter(|link| link.starts_with(kind)).map(|link| link.replace("&#38;", "&")).collect();
        assert!(links.len() >= 2, "{kind}: {links:?}");
        for link in links {
            let page = exporter.get(&link).await;
            let text = page.text();
            assert_eq!(page.status.as_u16(), 200, "{link}: {text}");
            assert!(text.contains("80 %") && !text.contains("<b>fruit"), "{link}: {text}");
        }
    }
    let job = exporter.get("/job?bot=support&request_id=ds-apple").await.text();
    assert!(job.contains("<h2>Reports</h2>") && job.contains("PARTIAL_SUCCESS"), "{job}");
    let campaign = exporter.get("/campaign?bot=support&campaign=berries").await.text();
    assert!(campaign.contains("<h2>Course</h2>") && campaign.contains("ds-banana"), "{campaign}");
    for missing in ["/job?bot=support&request_id=ds-none", "/campaign?bot=support&campaign=none"] {
        assert_eq!(exporter.get(missing).await.status.as_u16(), 404, "{missing}");
    }
    for wrong in ["/job", "/job?bot=a%20b&request_id=x", "/campaign?bot=support"] {
        assert_eq!(exporter.get(wrong).await.status.as_u16(), 400, "{wrong}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn the_status_page_says_in_words_what_is_wrong() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![ScriptedJob::new("ds-good", 1)]))).await;
    let (folder, secret) = scratch("secret", SECRET);
    let mut configuration = Configuration::new(&upstream, &["ds-good", "ds-unknown"]);
    configuration.auth = format!("{{client_id: {CLIENT_ID}, client_secret_file: {}}}", secret.display());
    configuration.bot = format!("    file_sd_configs:\n      - files: ['{}/none-*.yml']\n", folder.path().display());
    let file = folder.path().join("koreai.yml");
    let flag = format!("--config.file={}", file.display());
    let exporter =
        Exporter::start_with(&configuration, &["--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", &flag])
            .await;
    exporter.until(&time, MINUTE, |page| page.value("koreai_job_poll_up", &of("ds-unknown")) == Some(0.0)).await;
    let text = exporter.get("/").await.text();
    assert!(
        text.contains("file_sd_configs[0] of bot support matches no file, or its files have no targets."),
        "{text}"
    );
    assert!(text.contains("unknown request ID for "), "{text}");
    assert!(!text.contains("The reload"), "{text}");
    let text = exporter.get("/?request_id=none").await.text();
    assert!(text.contains("No job matches."), "{text}");

    std::fs::write(&file, "bots: 7\n").unwrap();
    assert_eq!(exporter.request(reqwest::Method::POST, "/-/reload", &[]).await.status.as_u16(), 500);
    let text = exporter.get("/").await.text();
    assert!(text.contains("failed; the previous configuration is in use."), "{text}");
    assert!(text.contains("koreai.yml:1:7") && text.contains("expected a list"), "{text}");

    std::fs::write(&file, configuration.yaml()).unwrap();
    assert_eq!(exporter.request(reqwest::Method::POST, "/-/reload", &[]).await.status.as_u16(), 200);
    assert!(!exporter.get("/").await.text().contains("The reload"));
    exporter.stop().await;
}

#[tokio::test]
async fn the_empty_page_offers_the_job_api_only_where_it_is_enabled() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![]))).await;
    for (flags, offer) in [
        (["--web.listen-address=127.0.0.1:0"].as_slice(), "or start with <code>--web.enable-job-api</code>"),
        (&["--web.listen-address=127.0.0.1:0", "--web.enable-job-api"], ", or POST them to <code>/api/v1/jobs</code>."),
    ] {
        let exporter = Exporter::start_with(&Configuration::new(&upstream, &[]), flags).await;
        exporter.until(&time, MINUTE, |_| true).await;
        let text = exporter.get("/").await.text();
        assert!(text.contains(offer), "{text}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_page_allows_its_own_files_only_and_nothing_inline() {
    let time = Time::stop();
    let exporter = exporter(&time).await;
    for path in ["/", "/campaign?bot=support&campaign=berries", "/job?bot=support&request_id=ds-apple"] {
        let page = exporter.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = page.text();
        for inline in ["<style", " style=", " onclick=", " onload=", "<script>"] {
            assert!(!html.contains(inline), "{path} has {inline}");
        }
    }
    for (path, content_type) in
        [("/static/style.css", "text/css; charset=utf-8"), ("/static/refresh.js", "text/javascript; charset=utf-8")]
    {
        let file = exporter.get(path).await;
        assert_eq!((file.status.as_u16(), file.header("content-type")), (200, content_type));
    }
    exporter.stop().await;
}
