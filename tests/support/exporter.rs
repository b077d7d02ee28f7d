//! The exporter in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use koreai_exporter::app::{self, AppError, Options};
use koreai_exporter::cli::Cli;
use koreai_exporter::clock::Clock;
use koreai_exporter::config::Config;
use reqwest::{Method, StatusCode, header::HeaderMap};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Configuration, SECRET, SECRET_ENV, Samples, Time};

/// How far [`Exporter::until`] advances the clock between two scrapes: small compared with every interval, large enough that
/// a simulated hour takes seconds.
const STEP: Duration = Duration::from_millis(250);

/// A running exporter and its client.
pub(crate) struct Exporter {
    pub(crate) addresses: Vec<SocketAddr>,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), AppError>>,
    client: reqwest::Client,
}

/// A response.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Exporter {
    pub(crate) async fn start(configuration: &Configuration) -> Self {
        Self::start_with(configuration, &["--web.listen-address=127.0.0.1:0"]).await
    }

    pub(crate) async fn start_with(configuration: &Configuration, flags: &[&str]) -> Self {
        let cli = Cli::try_parse_from([&["koreai_exporter", "--storage.path="], flags].concat()).unwrap();
        let env = |name: &str| (name == SECRET_ENV).then(|| SECRET.to_owned());
        let config = Config::parse(&configuration.yaml(), Path::new("koreai.yml"), &env);
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let shutdown = CancellationToken::new();
        // The system's clock does not follow a stopped clock.
        let clock = Arc::new(Clock::starting_at(Clock::system().now()));
        let options = Options { clock, ..Options::from_cli(&cli).unwrap() };
        let server = app::serve(options, config, shutdown.clone()).await.unwrap();
        let addresses = server.addresses().to_vec();
        Self { addresses, shutdown, running: tokio::spawn(server.wait()), client: reqwest::Client::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.request(Method::GET, path, &[]).await
    }

    pub(crate) async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = self.client.request(method, format!("http://{}{path}", self.addresses[0]));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Got { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// A scrape; it must succeed, whatever the upstream does.
    pub(crate) async fn scrape(&self) -> Samples {
        let got = self.get("/metrics").await;
        assert_eq!(got.status, StatusCode::OK);
        Samples(got.text())
    }

    /// Advances the clock and scrapes at every step, until a scrape meets a condition.
    pub(crate) async fn until(&self, time: &Time, at_most: Duration, condition: impl Fn(&Samples) -> bool) -> Samples {
        let mut passed = Duration::ZERO;
        loop {
            let samples = self.scrape().await;
            if condition(&samples) {
                return samples;
            }
            assert!(passed < at_most, "not within {at_most:?}:\n{}", samples.0);
            time.pass(STEP).await;
            passed += STEP;
        }
    }

    /// Advances the clock by `duration` and passes every scrape on the way to `look`.
    pub(crate) async fn during(&self, time: &Time, duration: Duration, mut look: impl FnMut(&Samples)) {
        let mut passed = Duration::ZERO;
        while passed < duration {
            time.pass(STEP).await;
            passed += STEP;
            look(&self.scrape().await);
        }
    }

    /// Stops it as a signal does.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
    }
}
