//! `demo`: the exporter against the stand-in, nothing to configure.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{AppError, Options, fake, say, serve};
use crate::cli::Cli;
use crate::config::Config;
use crate::web::parse_listen_address;

/// The stand-in's own budget in the demo: what the vendor documents for a tenant (page "rate limit").
const PER_MINUTE: u32 = 600;
const PER_HOUR: u32 = 18_000;

/// Runs until the signal.
pub(super) async fn run(cli: &Cli, shutdown: CancellationToken) -> Result<(), AppError> {
    let listener = parse_listen_address("127.0.0.1:0")?.bind().await?;
    let upstream = fake::start(listener, PER_MINUTE, PER_HOUR)?;
    let env = |name: &str| (name == "KOREAI_DEMO_SECRET").then(|| fake::CLIENT_SECRET.to_owned());
    let config =
        Config::parse(&fake::configuration(&upstream.url()), Path::new("demo.yml"), &env).map_err(AppError::Config)?;
    // The next demo has other jobs.
    let options = Options { storage: None, ..Options::from_cli(cli)? };
    let server = serve(options, config, shutdown).await?;
    let address = server.addresses().first().map(ToString::to_string).unwrap_or_default();
    let port = address.rsplit(':').next().unwrap_or("10047").to_owned();
    let path = &cli.web.telemetry_path;
    say(&format!(
        "
koreai_exporter demo: a stand-in for the upstream at {upstream} and the exporter, which follows its jobs.

  status page   http://localhost:{port}/
  metrics       http://localhost:{port}{path}

What to look at: jobs that run, finish, half fail, fail whole, stall, or have an unknown status; bot \"sales\" reads the
V2 API, which has no percentage; after 90 s the upstream refuses for 20 s and calls pause. For example:

  curl -s localhost:{port}{path} | grep -E '^koreai_job_status.* 1$'
  curl -s localhost:{port}{path} | grep ^koreai_notifications_total

Ctrl-C ends it.

",
        upstream = upstream.url()
    ))?;
    let result = server.wait().await;
    upstream.stop().await;
    result
}
