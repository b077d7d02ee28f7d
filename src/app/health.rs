//! `health`: asks a running exporter whether it is healthy, for health checks of containers that have no shell.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use crate::cli::WebFlags;
use crate::client_tls::{self, ClientTls, ClientTlsError};
use crate::model::error_chain;
use crate::web::{ListenAddress, WebConfig, WebError, parse_listen_address};

/// Below the five seconds that health checks of containers commonly have.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The path of the liveness check.
const PATH: &str = "/-/healthy";

/// Why the exporter does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// Not a URL that can be requested.
    #[error(
        "invalid --url={url:?}: expected a URL such as http://localhost:10047/-/healthy, without user and password"
    )]
    Url {
        /// As given.
        url: String,
    },
    /// The flags of the exporter.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The client cannot be built.
    #[error("cannot set up TLS")]
    Tls(#[from] ClientTlsError),
    /// No answer.
    #[error("no answer from {url}{hint}")]
    NoAnswer {
        /// What was requested.
        url: Url,
        /// What to do about it, or nothing.
        hint: &'static str,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// An answer other than 200.
    #[error("{url} answered {status}{hint}")]
    Unhealthy {
        /// What was requested.
        url: Url,
        /// The answer.
        status: StatusCode,
        /// A question that helps, or nothing.
        hint: &'static str,
    },
}

/// Requests `url`, or the address on which an exporter with these flags listens.
///
/// # Errors
/// Unless the answer is 200.
pub(super) async fn health(web: &WebFlags, url: Option<&str>) -> Result<String, HealthError> {
    let url = match url {
        Some(text) => parse_url(text)?,
        None => own_url(web)?,
    };
    request(url).await
}

fn parse_url(text: &str) -> Result<Url, HealthError> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    });
    url.ok_or_else(|| HealthError::Url { url: text.to_owned() })
}

/// The URL that an exporter with these flags answers from the same machine.
fn own_url(web: &WebFlags) -> Result<Url, HealthError> {
    let tls = web.config_file.as_deref().map(WebConfig::load).transpose()?.is_some_and(|config| config.serves_tls());
    let address = web.listen_addresses.first().map_or(":10047", String::as_str);
    let host_and_port = match parse_listen_address(address)? {
        ListenAddress::Everywhere { port } => format!("127.0.0.1:{port}"),
        ListenAddress::Socket(socket) if socket.ip().is_unspecified() && socket.is_ipv4() => {
            format!("127.0.0.1:{}", socket.port())
        }
        ListenAddress::Socket(socket) if socket.ip().is_unspecified() => format!("[::1]:{}", socket.port()),
        ListenAddress::Socket(socket) => socket.to_string(),
        ListenAddress::Named { host, port } => format!("{host}:{port}"),
    };
    let scheme = if tls { "https" } else { "http" };
    let prefix = web.external_url.as_ref().map_or("", |url| url.path());
    parse_url(&format!("{scheme}://{host_and_port}{prefix}{PATH}"))
}

/// Like a kubelet, it verifies no certificate: it asks its own host, and sends nothing that is worth protecting.
async fn request(url: Url) -> Result<String, HealthError> {
    let tls = match url.scheme() {
        "https" => ClientTls { insecure_skip_verify: true, ..ClientTls::default() }.rustls_config()?,
        _ => client_tls::without_trust()?,
    };
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|source| no_answer(&url, source))?;
    let response = client.get(url.clone()).send().await.map_err(|source| no_answer(&url, source))?;
    match response.status() {
        StatusCode::OK => Ok(format!("{url} is healthy\n")),
        // Servers answer so to plain HTTP on a port with TLS, this one included.
        StatusCode::BAD_REQUEST if url.scheme() == "http" => {
            Err(HealthError::Unhealthy { url, status: StatusCode::BAD_REQUEST, hint: "; is it https?" })
        }
        status => Err(HealthError::Unhealthy { url, status, hint: "" }),
    }
}

fn no_answer(url: &Url, source: reqwest::Error) -> HealthError {
    let source = source.without_url();
    let chain = error_chain(&source);
    let hint = if chain.contains("CertificateRequired") {
        "; it requires a client certificate, so check the port instead"
    } else if url.scheme() == "https" && chain.contains("InvalidContentType") {
        "; is it http?"
    } else if url.scheme() == "http" && !source.is_connect() && !source.is_timeout() {
        "; is it https?"
    } else {
        ""
    };
    HealthError::NoAnswer { url: url.clone(), hint, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn own(flags: &[&str]) -> String {
        let cli = Cli::parse_from(["koreai_exporter", "health"].iter().chain(flags));
        let Some(Command::Health { web, .. }) = cli.command else { panic!("health was given") };
        own_url(&web).unwrap().to_string()
    }

    #[test]
    fn the_url_follows_from_the_flags_of_the_exporter() {
        assert_eq!(own(&[]), "http://127.0.0.1:10047/-/healthy");
        assert_eq!(own(&["--web.listen-address=0.0.0.0:80"]), "http://127.0.0.1/-/healthy");
        assert_eq!(own(&["--web.listen-address=[::]:81"]), "http://[::1]:81/-/healthy");
        assert_eq!(own(&["--web.listen-address=10.1.2.3:82"]), "http://10.1.2.3:82/-/healthy");
        assert_eq!(own(&["--web.listen-address=exporter:83"]), "http://exporter:83/-/healthy");
        let external = "--web.external-url=https://monitoring.example.org/koreai/";
        assert_eq!(own(&[external]), "http://127.0.0.1:10047/koreai/-/healthy");
    }

    #[test]
    fn a_url_with_a_password_or_another_scheme_is_refused() {
        for url in ["https://me:secret@localhost/", "ftp://localhost/", "localhost:10047"] {
            let error = parse_url(url).unwrap_err().to_string();
            assert!(error.contains("expected a URL such as http://localhost:10047/-/healthy"), "{error}");
        }
    }
}
