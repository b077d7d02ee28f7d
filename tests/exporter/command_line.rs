//! Subcommands and flags: what is refused, what a start that fails says, and what is printed for people.

use std::net::TcpListener;

use koreai_exporter::fake_upstream::ScriptedJob;

use crate::life::words;
use crate::support::{Configuration, Program, SECRET, bot, run, scratch, tenant, upstream};

#[test]
fn a_flag_that_a_subcommand_ignores_is_refused_and_not_in_its_help() {
    for (subcommand, ignored) in [
        (&["token", "--bot=x"][..], "--web.listen-address=:1"),
        (&["token", "--bot=x"], "--storage.path=x"),
        (&["doctor"], "--web.enable-job-api"),
        (&["demo"], "--storage.path=x"),
        (&["demo"], "--config.file=x"),
        (&["render", "-"], "--config.file=x"),
        (&["fake-upstream"], "--web.listen-address=:1"),
    ] {
        let (flag, _) = ignored.split_once('=').unwrap_or((ignored, ""));
        let (code, _, stderr) = words(&run(&[subcommand, &[ignored]].concat(), None));
        assert_eq!(code, Some(2), "{subcommand:?} {ignored}: {stderr}");
        assert!(stderr.contains(&format!("unexpected argument '{flag}'")), "{stderr}");
        let (_, help, _) = words(&run(&[subcommand[0], "--help"], None));
        assert!(!help.contains(flag), "{subcommand:?} {ignored}: {help}");
    }
    let (code, _, stderr) = words(&run(&["--storage.path=x", "demo"], None));
    assert_eq!(code, Some(2), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_with_a_curl_command_that_does_not_contain_it() {
    let upstream = upstream(tenant(bot(vec![ScriptedJob::new("ds-1", 10)]))).await;
    let (_folder, file) = scratch("koreai.yml", &Configuration::new(&upstream, &["ds-1"]).yaml());
    let output = words(&run(&["token", "--bot=support", &format!("--config.file={}", file.display())], None));
    let (code, token, note) = output;
    assert_eq!((code, token.matches('.').count()), (Some(0), 2), "{note}");
    let url = format!("{}/api/public/bot/{}/notify/status/REQUEST_ID", upstream.url(), crate::support::BOT_ID);
    assert!(note.contains("curl -sS -H \"auth: $(koreai_exporter token --bot support"), "{note}");
    assert!(note.contains(&format!("\" {url}\n")), "{note}");
    assert!(!note.contains(token.trim()) && !note.contains(SECRET), "{note}");
}

fn valid_configuration() -> (tempfile::TempDir, String) {
    let yaml = "bots:\n  - {name: support, base_url: 'http://127.0.0.1:9', bot_id: st-1, auth: {client_id: cs-1, client_secret_env: KOREAI_TEST_SECRET}}\n";
    let (folder, file) = scratch("koreai.yml", yaml);
    (folder, format!("--config.file={}", file.display()))
}

#[test]
fn a_start_that_fails_names_the_flag_and_the_way_out() {
    let (folder, config) = valid_configuration();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--web.listen-address={}", taken.local_addr().unwrap());
    let stderr = |flags: &[&str]| {
        let (code, _, stderr) = words(&run(&[&[config.as_str()], flags].concat(), None));
        assert_eq!(code, Some(1), "{stderr}");
        stderr
    };
    let said = stderr(&[&address, "--storage.path="]);
    assert!(said.contains("; choose another address with --web.listen-address: Address already in use"), "{said}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = stderr(&["--web.listen-address=127.0.0.1:0", &format!("--storage.path={}/data", file.display())]);
    assert!(
        said.contains(" as the user with the ID ") && said.contains("choose another with --storage.path"),
        "{said}"
    );
    let said = stderr(&["--web.listen-address=127.0.0.1:0", "--storage.path=", "--web.config.file=absent.yml"]);
    assert!(said.contains("absent.yml; correct or remove --web.config.file"), "{said}");
}

#[test]
fn an_error_at_the_start_is_a_log_line_if_the_log_is_json() {
    let (code, _, stderr) = words(&run(&["--config.file=absent.yml", "--log.format=json"], None));
    assert_eq!(code, Some(1));
    let line: serde_json::Value = serde_json::from_str(stderr.trim()).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!((&line["level"], &line["msg"]), (&"error".into(), &"absent.yml: file does not exist".into()));
    assert!(line["ts"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
}

#[test]
fn the_demo_chooses_another_port_if_its_own_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let program = Program::start(&["demo", &format!("--web.listen-address={address}")]);
    program.log_when(|log| log.contains("ready"));
    program.signal("INT");
    let (code, log, stdout, _) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(stdout.contains(&format!("Note: cannot listen on {address}")), "{stdout}");
    assert!(stdout.contains("Look at these first:"), "{stdout}");
    assert!(!stdout.contains(&format!("http://localhost:{}/", address.port())), "{stdout}");
}
