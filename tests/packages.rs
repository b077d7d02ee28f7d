//! What the packages say about themselves is true: the chart's documented values are its values, versions agree, and the
//! program does what packages expect of it (`health`, `completions`, `man-page`).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed expectation fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CHART: &str = "deploy/helm/koreai-exporter";

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The leaves of the chart's default values: dotted key → value as JSON. An empty list or map is a leaf.
fn values() -> BTreeMap<String, String> {
    let text = read(&format!("{CHART}/values.yaml"));
    let documents = <saphyr::YamlOwned as saphyr::LoadableYamlNode>::load_from_str(&text).unwrap();
    let mut leaves = BTreeMap::new();
    collect("", &json(&documents[0]), &mut leaves);
    leaves
}

fn json(yaml: &saphyr::YamlOwned) -> Value {
    if let Some(map) = yaml.as_mapping() {
        return map.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), json(value))).collect();
    }
    if let Some(list) = yaml.as_sequence() {
        return list.iter().map(json).collect();
    }
    if let Some(flag) = yaml.as_bool() {
        return flag.into();
    }
    yaml.as_integer().map_or_else(|| yaml.as_str().unwrap().into(), Value::from)
}

fn collect(prefix: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                collect(&key, value, leaves);
            }
        }
        _ => drop(leaves.insert(prefix.to_owned(), value.to_string())),
    }
}

#[test]
fn the_readme_of_the_chart_has_every_value_with_its_default() {
    let page = read(&format!("{CHART}/README.md"));
    let (_, table) = page.split_once("<!-- values:begin -->\n").unwrap();
    let (table, _) = table.split_once("<!-- values:end -->").unwrap();
    let documented: BTreeMap<String, String> = table
        .lines()
        .skip(2)
        .map(|row| {
            let mut cells = row.split('`');
            let key = cells.nth(1).unwrap().to_owned();
            (key, cells.nth(1).unwrap().to_owned())
        })
        .collect();
    assert_eq!(documented, values());
}

#[test]
fn the_schema_of_the_chart_knows_every_value() {
    let schema: Value = serde_json::from_str(&read(&format!("{CHART}/values.schema.json"))).unwrap();
    for key in values().keys() {
        let mut place = &schema;
        for part in key.split('.') {
            // A map of labels, annotations or settings of Kubernetes is open; below it there is nothing to find.
            if place["properties"].is_null() {
                break;
            }
            place = &place["properties"][part];
            assert!(!place.is_null(), "values.schema.json has no {key}");
        }
    }
    // And nothing else.
    let known: BTreeSet<String> = values().keys().map(|key| key.split('.').next().unwrap().to_owned()).collect();
    let mut in_schema: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    // Helm sets it in every chart.
    assert!(in_schema.remove("global"));
    assert_eq!(in_schema, known);
}

#[test]
fn rules_and_dashboards_exist_once() {
    for (link, target) in [("rules", "deploy/prometheus/rules"), ("dashboards", "dashboards")] {
        let link = root().join(CHART).join("files").join(link);
        assert!(link.symlink_metadata().unwrap().is_symlink(), "{} is a copy", link.display());
        assert_eq!(link.canonicalize().unwrap(), root().join(target).canonicalize().unwrap());
    }
}

#[test]
fn every_package_has_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read(&format!("{CHART}/Chart.yaml")).contains(&format!("appVersion: \"{version}\"")));
    assert!(read("deploy/debian/changelog").starts_with(&format!("koreai-exporter ({version}-1) ")));
    assert!(read("deploy/docker/compose.yml").contains(&format!("koreai_exporter:{version}\n")));
}

/// The program, run to its end in an empty directory.
fn run(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_koreai_exporter");
    Command::new(program).args(arguments).current_dir(directory.path()).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn completions_and_the_manual_page_are_printed_without_a_configuration() {
    assert!(stdout(&["completions", "bash"]).contains("complete -F _koreai_exporter"));
    assert!(stdout(&["completions", "zsh"]).starts_with("#compdef koreai_exporter"));
    let page = stdout(&["man-page"]);
    assert!(page.contains(".TH koreai_exporter 1") && page.contains("/etc/koreai_exporter/koreai.yml"), "{page}");
}

#[test]
fn without_a_configuration_the_error_says_where_it_was_looked_for() {
    // A machine on which the package is installed has one.
    if Path::new("/etc/koreai_exporter/koreai.yml").exists() {
        return;
    }
    for arguments in [&["token", "--bot=support"][..], &["--config.check"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "koreai_exporter: no configuration file: looked for koreai.yml and /etc/koreai_exporter/koreai.yml; \
             name it with --config.file\n",
            "{arguments:?}"
        );
    }
}

/// A running exporter; killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts the demo with these flags, and waits until `health` with the same flags succeeds.
fn demo(flags: &[&str]) -> Running {
    let program = env!("CARGO_BIN_EXE_koreai_exporter");
    let mut command = Command::new(program);
    let running = command.arg("demo").args(flags).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = Running(running);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !run(&[&["health"], flags].concat()).status.success() {
        assert!(Instant::now() < deadline, "not healthy within a minute");
        std::thread::yield_now();
    }
    running
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn health_fails_until_the_exporter_answers() {
    let port = free_port();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let prefix = "--web.external-url=/koreai";
    let url = format!("http://127.0.0.1:{port}/koreai/-/healthy");

    let output = run(&["health", &listen, prefix]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("koreai_exporter: no answer from {url}: ")), "{error}");

    let _running = demo(&[&listen, prefix]);
    assert_eq!(stdout(&["health", &listen, prefix]), format!("{url} is healthy\n"));
    assert_eq!(stdout(&["health", &format!("--url={url}")]), format!("{url} is healthy\n"));

    let output = run(&["health", &format!("--url=http://127.0.0.1:{port}/nowhere")]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error, format!("koreai_exporter: http://127.0.0.1:{port}/nowhere answered 404 Not Found\n"));
}

/// A directory with a certificate, its key, and a web configuration that uses them, followed by `more`.
fn web_config(more: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(vec!["exporter.example".to_owned()]).unwrap();
    let file = directory.path().join("web.yml");
    std::fs::write(directory.path().join("cert.pem"), signed.cert.pem()).unwrap();
    std::fs::write(directory.path().join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
    std::fs::write(&file, format!("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n{more}")).unwrap();
    let flag = format!("--web.config.file={}", file.display());
    (directory, flag)
}

#[test]
fn health_speaks_tls_where_the_web_configuration_says_so() {
    let (_directory, web) = web_config("");
    let port = free_port();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let _running = demo(&[&listen, &web]);
    // The certificate is self-signed and of another name.
    let healthy = stdout(&["health", &listen, &web]);
    assert_eq!(healthy, format!("https://127.0.0.1:{port}/-/healthy is healthy\n"));

    let output = run(&["health", &listen]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("is it https?"), "{error}");
}
