//! `fake-upstream`: runs the fake upstream; also used by `demo`.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::output::print;
use crate::clock::Clock;
use crate::fake_upstream::{Credential, FakeUpstream, JobGenerator, demo_tenant};
use crate::web::parse_listen_address;

/// The credentials of the fake upstream. They are public: it protects nothing.
pub(super) const CLIENT_IDS: [&str; 2] = ["cs-demo-support", "cs-demo-sales"];
pub(super) const CLIENT_SECRET: &str = "demo-secret-that-guards-nothing-at-all";

/// Starts the fake upstream with generated jobs.
pub(super) fn start(listener: TcpListener, per_minute: u32, per_hour: u32) -> Result<FakeUpstream, AppError> {
    let [support, sales] = CLIENT_IDS.map(|id| Credential::hs256(id, CLIENT_SECRET));
    let mut tenant = demo_tenant(Clock::system().now().as_millis(), support, sales);
    for bot in &mut tenant.bots {
        bot.per_minute = per_minute;
        bot.per_hour = per_hour;
    }
    FakeUpstream::start(listener, tenant).map_err(AppError::Fake)
}

/// A configuration for the fake upstream, with targets from its discovery endpoint.
pub(super) fn configuration(url: &str) -> String {
    let [support, sales] = CLIENT_IDS;
    let (support_bot, sales_bot) = JobGenerator::BOT_IDS;
    format!(
        "\
global:
  poll_interval: 5s
  max_poll_interval: 30s
  retention: 30m
bots:
  - name: support
    base_url: {url}
    bot_id: {support_bot}
    api: v1
    auth: {{client_id: {support}, client_secret_env: KOREAI_DEMO_SECRET}}
    http_sd_configs: [{{url: '{url}/demo/targets/0', refresh_interval: 5s}}]
  - name: sales
    base_url: {url}
    bot_id: {sales_bot}
    api: v2
    auth: {{client_id: {sales}, client_secret_env: KOREAI_DEMO_SECRET, jti: true}}
    http_sd_configs: [{{url: '{url}/demo/targets/1', refresh_interval: 5s}}]
"
    )
}

/// Runs until the signal.
pub(super) async fn run(
    listen_address: &str,
    per_minute: u32,
    per_hour: u32,
    shutdown: CancellationToken,
) -> Result<(), AppError> {
    let listener = parse_listen_address(listen_address)?.bind().await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        AppError::Flag(format!(
            "cannot listen on {listen_address}; choose another address with --listen-address: {cause}"
        ))
    })?;
    let fake = start(listener, per_minute, per_hour)?;
    print(&format!(
        "\
The fake Kore.ai upstream listens on {url}. Press Ctrl-C to stop.
Use this configuration, with KOREAI_DEMO_SECRET={CLIENT_SECRET} in the environment:

{configuration}",
        url = fake.url(),
        configuration = configuration(&fake.url())
    ))?;
    shutdown.cancelled().await;
    fake.stop().await;
    Ok(())
}
