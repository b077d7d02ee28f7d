//! Real sockets, real handshakes.

mod config_file;
mod connections;
mod draining;
mod tls;
mod toolkit_files;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{WebConfig, WebError, parse_listen_address, serve};

/// Long enough for a loaded machine, short enough to notice a hang.
const DEADLINE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), WebError>>,
}

impl Server {
    async fn start(config: Option<&Path>) -> Self {
        let router = Router::new()
            .route("/metrics", get(|| async { "metrics\n" }))
            .route("/-/healthy", get(|| async { "healthy\n" }))
            .route("/-/ready", get(|| async { "ready\n" }));
        Self::start_with(router, config, Duration::from_secs(5)).await
    }

    /// Without a configuration, with a bound on the connections of one client.
    async fn start_bounded(per_client: Option<usize>) -> Self {
        let router = Router::new().route("/metrics", get(|| async { "metrics\n" }));
        Self::spawn(router, None, per_client, Duration::from_secs(5)).await
    }

    async fn start_with(router: Router, config: Option<&Path>, grace: Duration) -> Self {
        let config = config.map(|path| WebConfig::load(path).unwrap());
        Self::spawn(router, config, None, grace).await
    }

    async fn spawn(router: Router, config: Option<WebConfig>, per_client: Option<usize>, grace: Duration) -> Self {
        let listener = parse_listen_address("127.0.0.1:0").unwrap().bind().await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(serve(vec![listener], router, config, per_client, shutdown.clone(), grace));
        Self { address, shutdown, ended }
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://localhost:{}{path}", self.address.port())
    }
}

fn client() -> reqwest::ClientBuilder {
    // Every request has its own connection, so that each sees the certificate of the moment.
    reqwest::Client::builder().no_proxy().timeout(DEADLINE).pool_max_idle_per_host(0)
}
