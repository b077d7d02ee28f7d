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
        "tls_server_config:\n  cert_fle: a.pem\n  cert_file: missing.pem\n  min_version: TLS9\n  cipher_suites:\n    - \
         TLS_RSA_WITH_RC4_128_SHA\n  curve_preferences: [CurveP521]\n  client_auth_type: Maybe\n\
         http_server_config:\n  http2: maybe\n  headers:\n    X-Powered-By: me\n    X-Frame-Options: allow\n\
         basic_auth_users:\n  alice: opensesame\nrate_limit:\n  interval: often\nuser: x\n",
    );
    let expected = [
        "web.yml:2:3: tls_server_config.cert_fle: unknown key; did you mean cert_file?",
        "web.yml:2:3: tls_server_config.key_file: required key is missing; set it, or key with the PEM text",
        "web.yml:3:14: tls_server_config.cert_file: cannot read \"missing.pem\": No such file",
        "web.yml:4:16: tls_server_config.min_version: invalid TLS version \"TLS9\": expected TLS12 or TLS13",
        "web.yml:6:7: tls_server_config.cipher_suites[0]: invalid cipher suite \"TLS_RSA_WITH_RC4_128_SHA\": not supported; supported are TLS_AES_256_GCM_SHA384, ",
        "web.yml:7:22: tls_server_config.curve_preferences: none of these curves is supported; supported are X25519, ",
        "web.yml:8:21: tls_server_config.client_auth_type: invalid client authentication type \"Maybe\": expected NoClientCert, ",
        "web.yml:10:10: http_server_config.http2: invalid boolean \"maybe\": expected true or false",
        "web.yml:12:19: http_server_config.headers.X-Powered-By: this header cannot be set; supported headers are Strict-Transport-Security, ",
        "web.yml:13:22: http_server_config.headers.X-Frame-Options: invalid value \"allow\": expected deny or sameorigin",
        "web.yml:15:10: basic_auth_users.alice: invalid bcrypt hash; generate one with `htpasswd -nBC 10 \"\"`",
        "web.yml:17:13: rate_limit.interval: invalid duration \"often\": expected a number with a unit, such as 1s or 250ms",
        "web.yml:18:1: user: unknown key; known keys are tls_server_config, http_server_config, basic_auth_users, rate_limit",
    ];
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{message}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(!message.contains("opensesame"));
}

#[test]
fn an_invalid_structure_is_an_error() {
    for (text, start) in [
        ("a: [1", "web.yml:"),
        (
            "- a\n",
            "web.yml:1:1: expected a mapping with keys such as tls_server_config, http_server_config, basic_auth_users, got a list",
        ),
        ("rate_limit: {}\nrate_limit: {}\n", "web.yml:2:1: rate_limit: duplicate key; first defined in line 1"),
        (
            "rate_limit: 1\n",
            "web.yml:1:13: rate_limit: expected a mapping with keys such as interval, burst, got a single value",
        ),
        ("tls_server_config: {client_ca: x}\n", "web.yml:1:20: tls_server_config.cert_file: required key is missing"),
        (&"- ".repeat(100_000), "web.yml:1:33: nested too deeply: at most 16 levels are allowed"),
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
