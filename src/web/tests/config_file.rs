use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::*;

fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn users(user: &str, password: &str) -> String {
    format!("basic_auth_users:\n  {user}: {}\n", bcrypt::hash(password, 4).unwrap())
}

/// The message of a file that is refused, without the folder.
fn refusal(text: &str) -> String {
    let (folder, path) = written(text);
    let message = WebConfig::load(&path).unwrap_err().to_string();
    message.replace(&format!("{}/", folder.path().display()), "")
}

#[tokio::test]
async fn without_a_file_plain_http_is_served_to_everyone() {
    let server = Server::start(None).await;
    let answer = client().build().unwrap().get(server.url("http", "/metrics")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "metrics\n"));
}

#[tokio::test]
async fn a_password_is_asked_for_everywhere_but_for_health() {
    let (_folder, path) = written(&users("prometheus", "right"));
    let server = Server::start(Some(&path)).await;
    let client = client().build().unwrap();
    for path in ["/metrics", "/", "/nowhere", "/-/reload", "/-/healthy/", "//-/healthy"] {
        let answer = client.get(server.url("http", path)).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"koreai_exporter\", charset=\"UTF-8\"");
    }
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(client.get(server.url("http", path)).send().await.unwrap().status(), 200, "{path}");
    }
    let metrics = server.url("http", "/metrics");
    for (user, password, status) in
        [("prometheus", "right", 200), ("prometheus", "wrong", 401), ("nobody", "right", 401)]
    {
        let answer = client.get(&metrics).basic_auth(user, Some(password)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{user}:{password}");
    }
}

#[tokio::test]
async fn a_changed_password_counts_at_once_and_a_broken_file_changes_nothing() {
    let (_folder, path) = written(&users("prometheus", "old"));
    let server = Server::start(Some(&path)).await;
    let (client, metrics) = (client().build().unwrap(), server.url("http", "/metrics"));
    let status = async |password: &str| {
        client.get(&metrics).basic_auth("prometheus", Some(password)).send().await.unwrap().status().as_u16()
    };
    assert_eq!((status("old").await, status("new").await), (200, 401));
    fs::write(&path, users("prometheus", "new")).unwrap();
    assert_eq!((status("old").await, status("new").await), (401, 200));
    fs::write(&path, "basic_auth_usrs: {}\n").unwrap();
    assert_eq!((status("old").await, status("new").await), (401, 200));
    fs::remove_file(&path).unwrap();
    assert_eq!((status("old").await, status("new").await), (401, 200));
}

#[tokio::test]
async fn headers_stand_on_every_answer_and_the_rate_is_limited_but_for_health() {
    let (_folder, path) = written(
        "http_server_config:\n  headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}\n\
         rate_limit: {interval: 1h, burst: 2}\n",
    );
    let server = Server::start(Some(&path)).await;
    let client = client().build().unwrap();
    for status in [200, 200, 429] {
        let answer = client.get(server.url("http", "/metrics")).send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["x-frame-options"], "deny");
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=1");
    }
    assert_eq!(client.get(server.url("http", "/-/healthy")).send().await.unwrap().status(), 200);
}

#[test]
fn all_mistakes_are_named_at_once_with_their_lines_and_no_secret() {
    let message = refusal(
        "tls_server_config:\n  cert_fle: a.pem\n  cert_file: missing.pem\n  min_version: TLS10\n  cipher_suites:\n    - \
         TLS_RSA_WITH_RC4_128_SHA\n  curve_preferences: [CurveP521]\n  client_auth_type: Maybe\n\
         http_server_config:\n  http2: maybe\n  headers:\n    X-Powered-By: me\n    X-Frame-Options: allow\n\
         basic_auth_users:\n  alice: opensesame\nrate_limit:\n  interval: often\nuser: x\n",
    );
    let expected = [
        "web.yml:2: tls_server_config.cert_fle: unknown key; known are cert, key, ",
        "web.yml:2: tls_server_config: key_file is missing; TLS needs it, or `key` inline",
        "web.yml:3: tls_server_config.cert_file: `missing.pem` cannot be read: No such file",
        "web.yml:4: tls_server_config.min_version: `TLS10` is broken and not spoken here; TLS12 or TLS13",
        "web.yml:6: tls_server_config.cipher_suites: `TLS_RSA_WITH_RC4_128_SHA` is not spoken here; one can name TLS_AES_256_GCM_SHA384, ",
        "web.yml:7: tls_server_config.curve_preferences: `CurveP521` is not spoken here; one can name X25519, ",
        "web.yml:8: tls_server_config.client_auth_type: `Maybe` is none of NoClientCert, ",
        "web.yml:10: http_server_config.http2: `maybe` is neither `true` nor `false`",
        "web.yml:12: http_server_config.headers.X-Powered-By: cannot be set; one can set Strict-Transport-Security, ",
        "web.yml:13: http_server_config.headers.X-Frame-Options: `allow` is none of deny, sameorigin",
        "web.yml:15: basic_auth_users.alice: is no bcrypt hash; ",
        "web.yml:17: rate_limit.interval: `often` is no duration such as `1s` or `250ms`",
        "web.yml:18: user: unknown key; known are tls_server_config, http_server_config, basic_auth_users, rate_limit",
    ];
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{message}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(!message.contains("opensesame"));
}

#[test]
fn what_is_no_yaml_mapping_is_refused() {
    for (text, start) in [
        ("a: [1", "web.yml:"),
        ("- a\n", "web.yml:1: is no mapping"),
        ("a: 1\na: 2\n", "web.yml:"),
        ("rate_limit: 1\n", "web.yml:1: rate_limit: is no mapping"),
        ("rate_limit: {interval: 1s}\n", "web.yml:1: rate_limit.burst: is missing"),
        ("tls_server_config: {client_ca: x}\n", "web.yml:1: tls_server_config: cert_file is missing"),
        (&"- ".repeat(100_000), "web.yml:1: is no YAML: nested too deeply"),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(start), "{text:.40}: {message}");
    }
    let (_folder, path) = written("");
    assert!(!WebConfig::load(&path).unwrap().serves_tls());
}

/// Prometheus' own judgement of files that we take; skipped where promtool is not installed.
#[test]
fn promtool_agrees_with_what_is_taken() {
    let samples = [
        users("prometheus", "secret"),
        "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin, X-Content-Type-Options: nosniff}}\n"
            .to_owned(),
        String::new(),
    ];
    for sample in samples {
        let (_folder, path) = written(&sample);
        WebConfig::load(&path).unwrap();
        match Command::new("promtool").args(["check", "web-config"]).arg(&path).output() {
            Ok(output) => assert!(output.status.success(), "{sample}\n{output:?}"),
            Err(error) => eprintln!("promtool cannot be run: {error}"),
        }
    }
}
