//! The pages in a real browser: Chromium without a window, controlled through its DevTools protocol.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use koreai_exporter::fake_upstream::{Plan, ScriptedJob};
use serde_json::{Value, json};

use crate::support::{Configuration, Program, bot, scratch, tenant, upstream};

/// Timeout of the browser, which is slow to start on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The names under which distributions install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    candidates.into_iter().find(|file| file.is_file())
}

/// One page in a browser; the browser is killed when this is dropped.
struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What the browser has complained about.
    complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start(program: &std::path::Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol uses the file descriptors 3 and 4, which the shell connects to the pipes.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--remote-debugging-pipe", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (commands, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let message: Value = serde_json::from_slice(&message).unwrap();
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser =
            Self { child, commands, messages, session: None, next: 0, complaints: Vec::new(), _profile: profile };
        let target = browser.command("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.command("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Log", "Runtime"] {
            browser.command(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Sends a command and waits for its result.
    fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut command = json!({"id": self.next, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).unwrap();
        loop {
            let message = self.messages.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("{method}: {error}"));
            match message["method"].as_str() {
                Some("Log.entryAdded") => self.complaints.push(message["params"]["entry"]["text"].to_string()),
                Some("Runtime.exceptionThrown") => self.complaints.push(message["params"].to_string()),
                _ => {}
            }
            if message["id"] == self.next {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// The value of an expression.
    fn evaluate(&mut self, expression: &str) -> Value {
        let result = self.command("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    fn until(&mut self, expression: &str) {
        let started = Instant::now();
        while self.evaluate(expression) != true {
            assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {expression}");
        }
    }

    fn open(&mut self, url: &str) {
        self.command("Page.navigate", json!({"url": url}));
        self.until(&format!("document.readyState === 'complete' && location.href.startsWith({url:?})"));
    }

    fn resize(&mut self, width: u32) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", size);
    }

    fn prefer(&mut self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", features);
    }

    /// Saves a picture of the whole page in the directory `SCREENSHOTS`, if that is set.
    fn save(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("SCREENSHOTS") else { return };
        let picture = self.command("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may already have exited.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The brightness of the page's background, 0..=255.
const BRIGHTNESS: &str = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_work_in_a_browser() {
    let Some(chromium) = installed() else {
        eprintln!("skipped: none of {NAMES:?} is in PATH; scripts/test installs chromium");
        return;
    };
    let jobs = (0..40).map(|number| {
        let minutes = Plan::Runs { over: Duration::from_secs(120 * (number % 4)) };
        ScriptedJob::new(&format!("ds-{number:08}-0000-4000-8000-000000000000"), 1000)
            .with_failures(u32::try_from(number % 8).unwrap())
            .over_channels(&["msteams", "whatsapp", "slack"])
            .with_plan(minutes)
    });
    let upstream = upstream(tenant(bot(jobs.collect()))).await;
    let mut configuration = Configuration::new(&upstream, &[]);
    configuration.bot = "    static_configs:\n".to_owned();
    for number in 0..40 {
        let campaign = ["spring-sale", "a-campaign-with-a-rather-long-name-2026", "survey"][number % 3];
        configuration.bot.push_str(&format!(
            "      - {{targets: [ds-{number:08}-0000-4000-8000-000000000000], labels: {{campaign: {campaign}}}}}\n"
        ));
    }
    let (_folder, file) = scratch("koreai.yml", &configuration.yaml());
    let file = format!("--config.file={}", file.display());
    let program = Program::start(&["--web.listen-address=127.0.0.1:0", &file, "--storage.path="]);
    let url = program.url();
    tokio::task::spawn_blocking(move || look_at(&chromium, &url)).await.unwrap();
    drop(program);
}

fn look_at(chromium: &std::path::Path, url: &str) {
    let mut browser = Browser::start(chromium);
    browser.resize(1200);
    browser.open(url);
    // The script brings in what happens after the page was loaded.
    browser.until("document.querySelectorAll('progress').length === 3");
    let order = "[...document.querySelectorAll('h1')].map(heading => heading.textContent).join()";
    assert_eq!(browser.evaluate(order), "Campaigns,Bots,Jobs");

    let campaign = browser.evaluate("document.querySelector('main th a').href");
    let job = browser.evaluate("document.querySelector('a[href*=\"/job?\"]').href");
    let pages = [("status", url), ("campaign", campaign.as_str().unwrap()), ("job", job.as_str().unwrap())];
    for (name, page) in pages {
        browser.open(page);
        for width in [400, 1200] {
            browser.resize(width);
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{name} at {width} px is {wide} px wide");
            for (scheme, bright) in [("light", true), ("dark", false)] {
                browser.prefer(scheme);
                let brightness = browser.evaluate(BRIGHTNESS).as_u64().unwrap();
                assert_eq!(brightness > 127, bright, "{name} in {scheme}: {brightness}");
                browser.save(&format!("{name}-{width}-{scheme}"));
            }
        }
    }

    // Ages change all the time, so the content is replaced; the window stays where it is.
    browser.resize(400);
    browser.open(url);
    browser.evaluate("window.scrollTo(0, 700); document.querySelector('main').dataset.old = 'yes'; true");
    browser.until("document.querySelector('main').dataset.old === undefined");
    assert_eq!(browser.evaluate("window.scrollY"), 700);
    assert_eq!(browser.complaints, Vec::<String>::new());

    browser.command("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.command("Page.reload", json!({}));
    browser.until("document.readyState === 'complete' && document.querySelectorAll('progress').length === 3");
}
