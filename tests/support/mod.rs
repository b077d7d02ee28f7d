//! Support for black-box tests: the fake upstream and the exporter, both complete, and a clock that the test controls.
//!
//! - [`Time`]: tokio's clock, paused; a test advances minutes in milliseconds while sockets work normally.
//! - [`Exporter`]: the exporter in this process, on its own port.
//! - [`Program`]: the real binary.
//! - [`Samples`]: the result of a scrape.

mod exporter;
mod program;
mod samples;
mod time;

use koreai_exporter::fake_upstream::{Credential, FakeUpstream, ScriptedJob, Tenant, TenantBot};

pub(crate) use exporter::{Exporter, Got};
pub(crate) use program::{Program, run, scratch};
pub(crate) use samples::Samples;
pub(crate) use time::Time;

pub(crate) const BOT_ID: &str = "st-10000000-0000-0000-0000-000000000000";
pub(crate) const CLIENT_ID: &str = "cs-1";
/// Long enough for every algorithm, and contained in nothing else.
pub(crate) const SECRET: &str = "canary-secret-0123456789-0123456789-0123456789-0123456789-012345";
/// The environment variable with the secret of the test configurations.
pub(crate) const SECRET_ENV: &str = "KOREAI_TEST_SECRET";

pub(crate) const V1: &str = include_str!("../fixtures/status-v1.json");
pub(crate) const V1_ID: &str = "ds-10000000-0000-0000-0000-000000000000";

/// A bot with these jobs, whose app signs with HS256.
pub(crate) fn bot(jobs: Vec<ScriptedJob>) -> TenantBot {
    TenantBot::new(BOT_ID, Credential::hs256(CLIENT_ID, SECRET)).with_jobs(jobs)
}

/// A tenant with this bot, starting at the system time.
pub(crate) fn tenant(bot: TenantBot) -> Tenant {
    Tenant::new(koreai_exporter::clock::Clock::system().now().as_millis(), vec![bot])
}

/// Starts the fake upstream on a free port.
pub(crate) async fn upstream(tenant: Tenant) -> FakeUpstream {
    FakeUpstream::start(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), tenant).unwrap()
}

/// A configuration in parts; each part is YAML and can be replaced.
pub(crate) struct Configuration {
    /// The map `global`.
    pub(crate) global: String,
    pub(crate) base_url: String,
    /// The map `auth`.
    pub(crate) auth: String,
    /// More lines of the bot, each indented by four.
    pub(crate) bot: String,
    pub(crate) targets: Vec<String>,
}

impl Configuration {
    /// One bot, `support`, that polls these jobs as often as allowed.
    pub(crate) fn new(upstream: &FakeUpstream, targets: &[&str]) -> Self {
        Self {
            global: "{poll_interval: 2s, max_poll_interval: 4s}".to_owned(),
            base_url: upstream.url(),
            auth: format!("{{client_id: {CLIENT_ID}, client_secret_env: {SECRET_ENV}}}"),
            bot: String::new(),
            targets: targets.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    pub(crate) fn yaml(&self) -> String {
        let Self { global, base_url, auth, bot, targets } = self;
        let targets = if targets.is_empty() {
            String::new()
        } else {
            format!("    static_configs: [{{targets: [{}]}}]\n", targets.join(", "))
        };
        format!(
            "global: {global}\nbots:\n  - name: support\n    base_url: {base_url}\n    bot_id: {BOT_ID}\n    auth: {auth}\n{bot}{targets}"
        )
    }
}

/// Labels of a job of the bot `support`, for [`Samples::value`].
pub(crate) fn of(request_id: &str) -> String {
    format!(r#"bot="support",request_id="{request_id}""#)
}
