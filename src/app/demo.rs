//! `demo`: the exporter with a built-in fake upstream.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::fake;
use super::options::Options;
use super::output::print;
use super::serve::serve;
use crate::cli::Cli;
use crate::config::Config;
use crate::web::parse_listen_address;

/// The rate limits of the fake upstream: those that the vendor documents for a tenant (docs/UPSTREAM.md#rate-limits).
const PER_MINUTE: u32 = 600;
const PER_HOUR: u32 = 18_000;

/// Runs until the signal.
pub(super) async fn run(cli: &Cli, shutdown: CancellationToken) -> Result<(), AppError> {
    let listener = parse_listen_address("127.0.0.1:0")?.bind().await?;
    let upstream = fake::start(listener, PER_MINUTE, PER_HOUR)?;
    let env = |name: &str| (name == "KOREAI_DEMO_SECRET").then(|| fake::CLIENT_SECRET.to_owned());
    let config =
        Config::parse(&fake::configuration(&upstream.url()), Path::new("demo.yml"), &env).map_err(AppError::Config)?;
    // Every demo has new jobs, so there is nothing to store.
    let options = Options { storage: None, ..Options::from_cli(cli)? };
    let server = serve(options, config, shutdown).await?;
    let address = server.addresses().first().map(ToString::to_string).unwrap_or_default();
    let port = address.rsplit(':').next().unwrap_or("10047").to_owned();
    let path = &cli.web.telemetry_path;
    print(&format!(
        "
koreai_exporter demo: a fake upstream at {upstream}, and the exporter, which polls its jobs.

  status page   http://localhost:{port}/
  metrics       http://localhost:{port}{path}

The jobs run, finish, fail in part or completely, stall, or have an unknown status. Bot \"sales\" uses the V2 API, which
has no percentage. After 90 s the upstream rejects calls for 20 s, and polling pauses. For example:

  curl -s localhost:{port}{path} | grep -E '^koreai_job_status.* 1$'
  curl -s localhost:{port}{path} | grep ^koreai_notifications_total

Press Ctrl-C to stop.

",
        upstream = upstream.url()
    ))?;
    let result = server.wait().await;
    upstream.stop().await;
    result
}
