//! `--config.check` finds everything that would prevent a start, and a start fails with the same messages.

use std::path::Path;

use crate::life::words;
use crate::support::run;

/// A PEM header, which the configuration accepts, without a usable key or certificate.
const BROKEN_PEM: &str = "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n";

/// A directory with these files, and `koreai.yml` with one bot that has these keys.
fn directory(files: &[(&str, &str)], bot: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let bot = format!(
        "bots:\n  - name: support\n    base_url: https://127.0.0.1:9/\n    bot_id: st-1\n    rate_limit: {{per_minute: 1}}\n{bot}"
    );
    for (name, content) in [&[("secret", "a-secret"), ("koreai.yml", bot.as_str())], files].concat() {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// Exit code, standard output and standard error, without the directory.
fn check(directory: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let config = format!("--config.file={}", directory.join("koreai.yml").display());
    let (code, stdout, stderr) = words(&run(&[&["--config.check", config.as_str()], flags].concat(), None));
    let prefix = format!("{}/", directory.display());
    (code, stdout.replace(&prefix, ""), stderr.replace(&prefix, ""))
}

/// The message of a check that fails. A start must fail with the same one.
fn problem(files: &[(&str, &str)], bot: &str) -> String {
    let directory = directory(files, bot);
    let (code, stdout, stderr) = check(directory.path(), &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    let config = format!("--config.file={}", directory.path().join("koreai.yml").display());
    let start = words(&run(&[config.as_str(), "--web.listen-address=127.0.0.1:0", "--storage.path="], None));
    assert_eq!(start.0, Some(1));
    let message = start.2.replace(&format!("{}/", directory.path().display()), "");
    assert!(message.ends_with(&stderr), "the start says:\n{message}\nthe check says:\n{stderr}");
    stderr
}

const SECRET: &str = "    auth: {client_id: cs-1, client_secret_file: secret}\n";

#[test]
fn an_unusable_private_key_is_found() {
    let bot = "    auth: {client_id: cs-1, private_key_file: key.pem}\n";
    let message = problem(&[("key.pem", BROKEN_PEM)], bot);
    assert!(
        message.starts_with(
            "koreai_exporter: cannot create a token for bot \"support\": no valid RSA private key in key.pem; "
        ),
        "{message}"
    );
}

#[test]
fn an_invalid_token_file_is_found_and_its_content_is_not_shown() {
    let message = problem(&[("token", "Bearer canary")], "    auth: {token_file: token}\n");
    assert!(message.contains("bot \"support\": invalid token in token: "), "{message}");
    assert!(!message.contains("canary"), "{message}");
}

#[test]
fn unusable_certificates_of_the_upstream_and_of_http_discovery_are_found() {
    let files = [("broken.pem", BROKEN_PEM)];
    let upstream = problem(&files, &format!("{SECRET}    tls_config: {{ca_file: broken.pem}}\n"));
    assert!(
        upstream.contains("connection of bot \"support\": no valid certificates in PEM format in broken.pem"),
        "{upstream}"
    );
    let source = "    http_sd_configs: [{url: 'https://127.0.0.1:9/', tls_config: {ca_file: broken.pem}}]\n";
    let discovery = problem(&files, &format!("{SECRET}    tls_config: {{insecure_skip_verify: true}}\n{source}"));
    assert!(discovery.contains("http_sd_configs[0] of bot \"support\": no valid certificates"), "{discovery}");
}

#[test]
fn the_web_configuration_is_checked_with_the_certificates_that_it_names() {
    let bot = format!("{SECRET}    tls_config: {{insecure_skip_verify: true}}\n");
    let tls = "tls_server_config: {cert_file: broken.pem, key_file: broken.pem}\n";
    let files = [("web.yml", "rate_limit: {interval: 1s, burst: 5}\n"), ("tls.yml", tls), ("broken.pem", BROKEN_PEM)];
    let directory = directory(&files, &bot);
    let flag = |name: &str| format!("--web.config.file={}", directory.path().join(name).display());
    let (code, stdout, stderr) = check(directory.path(), &[&flag("web.yml")]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let valid = "koreai.yml: configuration is valid (1 bot)\nweb.yml: web configuration is valid\nchecked: the flags, ";
    assert!(
        stdout.starts_with(valid) && stdout.contains("not checked: the upstream (run `koreai_exporter doctor`)"),
        "{stdout}"
    );
    let (code, _, stderr) = check(directory.path(), &[&flag("tls.yml")]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("tls.yml:1:32: tls_server_config.cert_file: no valid certificate"), "{stderr}");
    let (code, _, stderr) = check(directory.path(), &[&flag("absent.yml")]);
    assert_eq!(
        (code, stderr.starts_with("koreai_exporter: cannot read the web configuration absent.yml; ")),
        (Some(1), true),
        "{stderr}"
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let directory = directory(&[("web.yml", "colour: red\n")], "    auth: {token_file: absent}\n");
    let web = format!("--web.config.file={}", directory.path().join("web.yml").display());
    let flags = [&web, "--web.external-url=http://h/metrics", "--web.listen-address=10047", "--shard.index=7"];
    let (code, stdout, stderr) = check(directory.path(), &flags);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    for part in [
        "--shard.index=7",
        "invalid listen address \"10047\"",
        "auth.token_file: file does not exist",
        "web.yml:1:1: colour: unknown key",
    ] {
        assert!(stderr.contains(part), "{part} is missing in:\n{stderr}");
    }
}

#[test]
fn colliding_paths_are_an_error_that_names_both_flags() {
    for flags in
        [&["--web.external-url=http://h/metrics"][..], &["--web.external-url=/a", "--web.telemetry-path=/a/probe"]]
    {
        let (code, _, stderr) = words(&run(&[&["demo"], flags].concat(), None));
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("--web.external-url") && stderr.contains("--web.telemetry-path"), "{stderr}");
        assert!(!stderr.contains("bug") && !stderr.contains("panicked"), "{stderr}");
    }
}
