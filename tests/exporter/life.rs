//! The real binary: startup, output and shutdown.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use koreai_exporter::fake_upstream::{FakeUpstream, Fault, FaultRule, Plan, ScriptedJob};

use crate::support::{Configuration, Program, V1, V1_ID, bot, run, scratch, tenant, upstream};

/// "Within a few seconds": the grace period for connections is three.
const A_FEW_SECONDS: Duration = Duration::from_secs(6);

async fn running_job() -> FakeUpstream {
    upstream(tenant(bot(vec![ScriptedJob::new("ds-1", 10).with_plan(Plan::Runs { over: Duration::from_secs(3600) })])))
        .await
}

fn start(configuration: &Configuration, flags: &[&str]) -> (tempfile::TempDir, Program) {
    let (folder, file) = scratch("koreai.yml", &configuration.yaml());
    let (file, storage) = (
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", folder.path().join("data").display()),
    );
    let program = Program::start(&[&["--web.listen-address=127.0.0.1:0", &file, &storage], flags].concat());
    (folder, program)
}

pub(crate) fn words(output: &std::process::Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_signal_shuts_it_down_gracefully() {
    for signal in ["TERM", "INT"] {
        let upstream = running_job().await;
        let (_folder, program) = start(&Configuration::new(&upstream, &["ds-1"]), &[]);
        let url = program.url();
        assert_eq!(reqwest::get(format!("{url}/-/ready")).await.unwrap().status(), 200);
        program.signal(signal);
        let (code, log, stdout, took) = program.end();
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(stdout, "");
        assert!(log.contains(&format!("SIG{signal}")) && log.contains("stopped"), "{log}");
        assert!(took < A_FEW_SECONDS, "{took:?}");
    }
}

#[tokio::test]
async fn neither_a_hanging_poll_nor_a_slow_reader_delays_the_shutdown() {
    let upstream = running_job().await;
    upstream.add_fault(FaultRule::always(Fault::Hang));
    let (_folder, program) = start(&Configuration::new(&upstream, &["ds-1"]), &[]);
    let url = program.url();
    let mut reader = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    // A thousand pipelined requests without reading a response fill the buffers of the socket.
    reader.write_all(&b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000)).unwrap();
    let mut one = [0; 1];
    reader.read_exact(&mut one).unwrap();
    assert!(upstream.wait_until(A_FEW_SECONDS, |record| record.calls().count() > 0).await);
    program.signal("TERM");
    let (code, log, _, took) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(took < A_FEW_SECONDS, "{took:?}");
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let upstream = running_job().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_folder, program) =
        start(&Configuration::new(&upstream, &["ds-1"]), &[&format!("--web.listen-address={address}")]);
    let (code, log, _, _) = program.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains(&format!(
            "koreai_exporter: cannot listen on {address}; choose another address with --web.listen-address: Address"
        )),
        "{log}"
    );
    assert_eq!(upstream.record().calls().count(), 0);
}

#[tokio::test]
async fn config_check_validates_without_starting_anything() {
    let upstream = running_job().await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    let check = |configuration: &Configuration| {
        let (_folder, file) = scratch("koreai.yml", &configuration.yaml());
        let (code, stdout, stderr) =
            words(&run(&["--config.check", &format!("--config.file={}", file.display())], None));
        (
            code,
            stdout.replace(&file.display().to_string(), "koreai.yml"),
            stderr.replace(&file.display().to_string(), "koreai.yml"),
        )
    };
    let (code, stdout, stderr) = check(&configuration);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let checked =
        "koreai.yml: configuration is valid (1 bot)\nchecked: the flags, every key, credentials: 1 (a token was made";
    assert!(stdout.starts_with(checked) && stdout.contains("static targets: 1"), "{stdout}");
    configuration.global = "{poll_interval: 1s, poll_intervall: 2s}".to_owned();
    let (code, stdout, stderr) = check(&configuration);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("koreai.yml:1:") && stderr.contains("poll_intervall") && stderr.contains("1s"), "{stderr}");
    assert_eq!(upstream.record().calls().count(), 0);
}

#[test]
fn a_missing_configuration_file_and_an_unknown_flag_are_explained() {
    let (code, _, stderr) = words(&run(&["--config.file=/does/not/exist.yml"], None));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/does/not/exist.yml"), "{stderr}");
    let (code, _, stderr) = words(&run(&["--web.listen-adress=:1"], None));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--web.listen-address"), "{stderr}");
}

#[test]
fn the_version_includes_commit_and_compiler() {
    let (code, stdout, _) = words(&run(&["--version"], None));
    assert_eq!(code, Some(0));
    let start = format!("koreai_exporter {} (revision: ", env!("CARGO_PKG_VERSION"));
    assert!(stdout.starts_with(&start) && stdout.contains("rust: "), "{stdout}");
}

#[test]
fn render_reads_a_saved_response_from_a_file_and_from_standard_input() {
    let (_folder, file) = scratch("response.json", V1);
    let flags = [&format!("--request-id={V1_ID}"), "--bot=support"];
    let (code, from_file, stderr) = words(&run(&["render", &file.display().to_string(), flags[0], flags[1]], None));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let samples = crate::support::Samples(from_file.clone());
    assert_eq!(samples.statuses(V1_ID), ["PARTIAL_SUCCESS"]);
    let (_, from_input, _) = words(&run(&["render", "-", flags[0], flags[1]], Some(V1)));
    let lasting = |text: &str| -> Vec<String> {
        let seen_at = ["finished_timestamp", "last_change", "last_poll_success"];
        text.lines().filter(|line| !seen_at.iter().any(|name| line.contains(name))).map(str::to_owned).collect()
    };
    assert_eq!(lasting(&from_file), lasting(&from_input));

    let (code, stdout, stderr) = words(&run(&["render", "-"], Some("<html>not a report</html>")));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("standard input is not a valid status response: "), "{stderr}");
}

#[test]
fn both_generations_and_v2_are_rendered_as_before() {
    for (name, body, api) in [
        ("status-v1", V1, "v1"),
        ("status-v1-2023", include_str!("../fixtures/status-v1-2023.json"), "v1"),
        ("status-v2", include_str!("../fixtures/status-v2.json"), "v2"),
    ] {
        let (code, stdout, stderr) = words(&run(&["render", "-", &format!("--api={api}")], Some(body)));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let seen_at = ["finished_timestamp", "last_change", "last_poll_success"];
        let samples: String = stdout
            .lines()
            .filter(|line| !line.starts_with('#') && !seen_at.iter().any(|name| line.contains(name)))
            .map(|line| format!("{line}\n"))
            .collect();
        let golden = format!("{}/tests/golden/render/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(format!("{}/tests/golden/render", env!("CARGO_MANIFEST_DIR"))).unwrap();
            std::fs::write(&golden, &samples).unwrap();
        }
        assert_eq!(samples, std::fs::read_to_string(&golden).unwrap(), "{name}: UPDATE_GOLDEN=1 writes it anew");
    }
}

#[test]
fn the_demo_starts_without_a_configuration_and_shows_jobs() {
    let program = Program::start(&["demo", "--web.listen-address=127.0.0.1:0"]);
    program.url();
    program.log_when(|log| log.contains("ready"));
    program.signal("INT");
    let (code, log, stdout, took) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(stdout.contains("status page") && stdout.contains("Ctrl-C"), "{stdout}");
    assert!(took < A_FEW_SECONDS, "{took:?}");
}
