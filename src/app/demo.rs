//! `demo`: the exporter with a built-in fake upstream.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::fake;
use super::options::Options;
use super::output::print;
use super::serve::{Server, serve};
use crate::cli::WebFlags;
use crate::config::Config;
use crate::web::parse_listen_address;

/// The rate limits of the fake upstream: those that the vendor documents for a tenant (docs/UPSTREAM.md#rate-limits).
const PER_MINUTE: u32 = 600;
const PER_HOUR: u32 = 18_000;

/// Runs until the signal.
pub(super) async fn run(web: &WebFlags, shutdown: CancellationToken) -> Result<(), AppError> {
    let listener = parse_listen_address("127.0.0.1:0")?.bind().await?;
    let upstream = fake::start(listener, PER_MINUTE, PER_HOUR)?;
    let env = |name: &str| (name == "KOREAI_DEMO_SECRET").then(|| fake::CLIENT_SECRET.to_owned());
    let config =
        Config::parse(&fake::configuration(&upstream.url()), Path::new("demo.yml"), &env).map_err(AppError::Config)?;
    let (server, taken) = start(Options::of_demo(web.clone())?, config, shutdown).await?;
    let address = server.addresses().first().map(ToString::to_string).unwrap_or_default();
    let port = address.rsplit(':').next().unwrap_or("10047").to_owned();
    let path = &web.telemetry_path;
    let taken =
        taken.map(|why| format!("Note: {why}; the demo listens on port {port} instead.\n\n")).unwrap_or_default();
    print(&format!(
        "
{taken}Look at these first:

  1. the status page                http://localhost:{port}/
     two bots, their budget, problems in words, the jobs that changed last
  2. the jobs that failed in part   curl -s localhost:{port}{path} | grep -E 'koreai_job_status.*PARTIAL_SUCCESS.* 1$'
  3. why recipients were missed     curl -s localhost:{port}{path} | grep ^koreai_notification_failures_total
  4. all metrics                    http://localhost:{port}{path}

This is a demo: the exporter polls a fake upstream at {upstream}. Its jobs run, finish, fail in part or completely, stall, or
have an unknown status. Bot \"sales\" uses the V2 API, which has no percentage. After 90 s the upstream rejects calls for
20 s, and polling pauses. Press Ctrl-C to stop.

",
        upstream = upstream.url()
    ))?;
    let result = server.wait().await;
    upstream.stop().await;
    result
}

/// Starts the exporter. If its port is taken, it uses a free one; the second value says why.
async fn start(
    options: Options,
    config: Config,
    shutdown: CancellationToken,
) -> Result<(Server, Option<String>), AppError> {
    let taken = match serve(options.clone(), config.clone(), shutdown.clone()).await {
        Ok(server) => return Ok((server, None)),
        Err(AppError::Web(error)) if error.is_address_in_use() => error.to_string(),
        Err(error) => return Err(error),
    };
    let web = WebFlags { listen_addresses: vec!["127.0.0.1:0".to_owned()], ..options.web.clone() };
    Ok((serve(Options { web, ..options }, config, shutdown).await?, Some(taken)))
}
