//! Personal data, secrets and tokens never appear in the output of the process.

use std::path::Path;
use std::time::Duration;

use koreai_exporter::fake_upstream::{FakeUpstream, Fault, FaultRule, Plan, ScriptedJob, ScriptedResponse};

use crate::support::{Configuration, Program, SECRET, V1, V1_ID, bot, scratch, tenant, upstream};

const CANARY: &str = "canary-yellow";

/// A job for every way in which a body is read or rejected, with the canary in every personal field.
fn jobs() -> Vec<ScriptedJob> {
    let in_every_place = V1
        .replace("john@abc.com", &format!("{CANARY}@abc.com"))
        .replace("u-10000000", &format!("u-{CANARY}"))
        .replace("u-20000000", &format!("u-{CANARY}"))
        .replace("29:1964", &format!("29:{CANARY}"))
        .replace("'Identity is not associated", &format!("'{CANARY} is not associated"))
        .replace("Notification has been sent", &format!("Notification for {CANARY} has been sent"));
    let long_ago = Duration::from_secs(1);
    vec![
        ScriptedJob::new("ds-good", 50).with_failures(40).with_plan(Plan::Runs { over: long_ago }),
        ScriptedJob::new("ds-runs", 50).with_failures(40).with_plan(Plan::Runs { over: Duration::from_secs(3600) }),
        ScriptedJob::new(V1_ID, 2).with_plan(Plan::fixed(in_every_place.clone())),
        // A channel and a status that are addresses: unknown values are not shown verbatim.
        ScriptedJob::new("ds-words", 2).with_plan(Plan::fixed(
            in_every_place
                .replace("msteams", &format!("{CANARY}@abc.com"))
                .replace("SUCCESS", &format!("{CANARY}@abc.com")),
        )),
        ScriptedJob::new("ds-broken", 2).with_plan(Plan::fixed(in_every_place.replace("\"lMod\":", CANARY))),
        ScriptedJob::new("ds-envelope", 2).with_plan(Plan::Answers(vec![ScriptedResponse::json(
            412,
            format!(r#"{{"errors":[{{"msg":"no notification for {CANARY}@abc.com","code":"{CANARY}"}}]}}"#),
        )])),
        ScriptedJob::new("ds-html", 2).with_plan(Plan::Answers(vec![ScriptedResponse {
            status: 502,
            headers: vec![
                ("content-type".to_owned(), "text/html".to_owned()),
                ("x-request".to_owned(), CANARY.to_owned()),
            ],
            body: format!("<html><title>{CANARY}</title></html>").into(),
        }])),
        ScriptedJob::new("ds-redirect", 2).with_plan(Plan::Answers(vec![ScriptedResponse {
            status: 302,
            headers: vec![("location".to_owned(), format!("http://elsewhere.example.org/{CANARY}?who={CANARY}"))],
            body: "".into(),
        }])),
        ScriptedJob::new("ds-truncated", 50).with_failures(40).with_plan(Plan::Runs { over: long_ago }),
        ScriptedJob::new("ds-null", 50).with_plan(Plan::Runs { over: long_ago }),
    ]
}

async fn upstream_with_canaries() -> FakeUpstream {
    let mut tenant = tenant(bot(jobs()));
    tenant.canary = CANARY.to_owned();
    tenant.faults = vec![
        FaultRule::always(Fault::Truncated).for_id("ds-truncated"),
        FaultRule::always(Fault::NullLogs).for_id("ds-null"),
    ];
    upstream(tenant).await
}

/// Panics if a text contains anything personal or secret.
fn search(place: &str, text: &str) {
    for word in [CANARY, "canary-yel", SECRET, "eyJ"] {
        if let Some(at) = text.find(word) {
            let around: String = text[..at].chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{place} has {word}, after: {around}");
        }
    }
}

fn search_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            search_files(&entry.path());
        } else if entry.file_name() != "koreai.yml" {
            search(
                &entry.path().display().to_string(),
                &String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()),
            );
        }
    }
}

#[tokio::test]
async fn no_canary_secret_or_token_appears_in_pages_logs_or_files() {
    for format in ["logfmt", "json"] {
        let upstream = upstream_with_canaries().await;
        let ids: Vec<String> = jobs().iter().map(|job| job.id.clone()).collect();
        let mut configuration = Configuration::new(&upstream, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        configuration.auth = configuration.auth.replace('}', ", jti: true}");
        let (folder, file) = scratch("koreai.yml", &configuration.yaml());
        let storage = folder.path().join("data");
        let program = Program::start(&[
            "--log.level=debug",
            &format!("--log.format={format}"),
            "--web.listen-address=127.0.0.1:0",
            &format!("--config.file={}", file.display()),
            &format!("--storage.path={}", storage.display()),
        ]);
        let url = program.url();
        let everyone_asked = upstream
            .wait_until(Duration::from_secs(15), |record| ids.iter().all(|id| record.calls_for(id).count() > 0))
            .await;
        assert!(everyone_asked);
        program.log_when(|log| ids.iter().all(|id| log.contains(id.as_str())));

        let client = reqwest::Client::new();
        let mut paths =
            vec!["/metrics".to_owned(), "/".into(), "/config".into(), "/api/v1/jobs".into(), "/nothing".into()];
        paths.extend(ids.iter().map(|id| format!("/probe?bot=support&target={id}")));
        paths.push("/probe?bot=support&target=ds-unknown".into());
        for path in &paths {
            for accept in ["text/plain", "application/openmetrics-text;version=1.0.0"] {
                let answer = client.get(format!("{url}{path}")).header("accept", accept).send().await.unwrap();
                search(path, &format!("{:?}", answer.headers()));
                search(path, &answer.text().await.unwrap());
            }
        }
        let metrics = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains(r#"reason="identity_not_associated""#), "the bodies were read:\n{metrics}");

        program.signal("TERM");
        let (code, log, stdout, _) = program.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("debug") || log.contains("DEBUG"), "{log}");
        search("the log", &log);
        search("standard output", &stdout);
        search_files(folder.path());
    }
}
