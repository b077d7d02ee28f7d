//! Rate limit, authentication and response headers, applied to every request before its route.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rustls::ServerConfig;
use tokio::time::Instant;
use tower::ServiceExt;

use super::basic_auth::{AuthDecision, BasicAuth};
use super::file::{Loaded, WatchedFile, log_warnings};
use super::rate_limit::TokenBucket;
use crate::web::WebError;

/// Paths without authentication and rate limit: kubelets have no password.
const EXEMPT: [&str; 2] = ["/-/healthy", "/-/ready"];

/// A loaded `--web.config.file`, reloaded when it changes. Cheap to clone.
#[derive(Clone)]
pub struct WebConfig(Arc<Inner>);

struct Inner {
    file: WatchedFile,
    basic_auth: BasicAuth,
    bucket: TokenBucket,
}

impl WebConfig {
    /// Reads the file and the certificates that it names; relative paths start at the file's directory.
    ///
    /// # Errors
    /// If it cannot be read, or with every mistake in it: file, line, key, value, and what is allowed.
    pub fn load(path: &Path) -> Result<Self, WebError> {
        let file = WatchedFile::load(path)?;
        let basic_auth = BasicAuth::new().map_err(|_| WebError::NoRandomness)?;
        Ok(Self(Arc::new(Inner { file, basic_auth, bucket: TokenBucket::default() })))
    }

    /// Settings that are accepted but have no or another effect, each with file, line, column and key.
    pub fn warnings(&self) -> Vec<String> {
        self.0.file.loaded().warnings.clone()
    }

    /// Logs the warnings. A reload logs those of the new file itself.
    pub fn log_warnings(&self) {
        log_warnings(&self.0.file.loaded());
    }

    /// Whether HTTPS is served. Does not change while the program runs.
    pub fn serves_tls(&self) -> bool {
        self.0.file.loaded().tls.is_some()
    }

    /// The TLS configuration for the next connection.
    pub(in crate::web) async fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.current().await.tls.clone()
    }

    async fn current(&self) -> Arc<Loaded> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.file.current()).await.unwrap_or_else(|_| self.0.file.loaded())
    }
}

impl fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebConfig").field(&self.0.file).finish()
    }
}

/// Handles a request: rate limit, password, then the routes. The configured headers are set on every response.
pub(in crate::web) async fn respond(config: Option<&WebConfig>, router: Router, request: Request) -> Response {
    let Some(config) = config else { return route(router, request).await };
    let loaded = config.current().await;
    let settings = &loaded.settings;
    let mut response = if EXEMPT.contains(&request.uri().path()) {
        route(router, request).await
    } else if settings.rate_limit.is_some_and(|limit| !config.0.bucket.take(limit, Instant::now())) {
        (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "too many requests\n").into_response()
    } else {
        match config.0.basic_auth.decide(settings, request.headers()).await {
            AuthDecision::Granted => route(router, request).await,
            AuthDecision::Unauthorized => unauthorized(),
            AuthDecision::Busy => {
                let body = "too many unverified passwords at once\n";
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], body).into_response()
            }
        }
    };
    for (name, value) in &settings.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

async fn route(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn unauthorized() -> Response {
    let challenge = HeaderValue::from_static("Basic realm=\"koreai_exporter\", charset=\"UTF-8\"");
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "unauthorized\n").into_response()
}
