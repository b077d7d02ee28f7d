//! Refuses requests that a web page of another site makes a browser send. Programs such as curl and Prometheus send neither
//! `Sec-Fetch-Site` nor `Origin`, so they are not affected.
//!
//! The rules for both headers are those of `CrossOriginProtection` in Go's `net/http`. The rule for host names protects an
//! exporter on a loopback address from DNS rebinding: a page of `evil.example` whose name resolves to 127.0.0.1 is of the
//! same origin for the browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::connection::BoundTo;
use super::listen::{ListenAddress, parse_listen_address};
use super::reply::text;
use crate::cli::WebFlags;

/// Characters of a header value that a message repeats.
const MAX_SHOWN: usize = 100;

/// The host names of this exporter besides `localhost` and loopback addresses.
#[derive(Debug, Default)]
pub(super) struct OwnHosts {
    /// Host and port of `--web.external-url`.
    authority: Option<String>,
    /// The hosts of `--web.external-url` and `--web.listen-address`.
    names: Vec<String>,
}

impl OwnHosts {
    pub(super) fn of(flags: &WebFlags) -> Self {
        let listening = flags.listen_addresses.iter().filter_map(|address| match parse_listen_address(address) {
            Ok(ListenAddress::Named { host, .. }) => Some(host.to_ascii_lowercase()),
            Ok(ListenAddress::Socket(_) | ListenAddress::Everywhere { .. }) | Err(_) => None,
        });
        let authority = flags.external_url.as_ref().and_then(|url| url.authority()).map(str::to_owned);
        let external = authority.as_deref().map(|authority| host_of(authority).to_owned());
        Self { names: listening.chain(external).collect(), authority }
    }

    fn know(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost"
            || address.is_ok_and(|address| address.to_canonical().is_loopback())
            || self.names.contains(&host)
    }
}

/// The middleware: status 403 with the reason, or the route.
pub(super) async fn check(State(own): State<Arc<OwnHosts>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match refusal(&parts, &own) {
        Some(reason) => text(StatusCode::FORBIDDEN, format!("{reason}\n")),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

/// Why a request that may change something is refused.
fn refusal(request: &Parts, own: &OwnHosts) -> Option<String> {
    if matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return None;
    }
    let value = |name| request.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let authority = authority_of(request);
    if request.extensions.get() == Some(&BoundTo::Loopback)
        && let Some(host) = authority.as_deref().map(host_of)
        && !own.know(host)
    {
        return Some(format!(
            "unknown host name {}: this exporter listens on a loopback address, where {} requests must use localhost, a \
             loopback IP address, or the host of --web.external-url",
            shown(host),
            request.method
        ));
    }
    match value(SEC_FETCH_SITE).as_deref() {
        Some("same-origin" | "none") => return None,
        Some(site) => {
            return Some(format!(
                "cross-site request refused: a web page of another site sent this {} request (Sec-Fetch-Site: {}); send it \
                 with a program such as curl",
                request.method,
                shown(site)
            ));
        }
        None => {}
    }
    let origin = value(header::ORIGIN.as_str())?;
    let sender = origin.split_once("://").map(|(_, authority)| authority);
    let is_own = |own: Option<&str>| sender.zip(own).is_some_and(|(sender, own)| sender.eq_ignore_ascii_case(own));
    if is_own(authority.as_deref()) || is_own(own.authority.as_deref()) {
        return None;
    }
    Some(format!(
        "cross-site request refused: a web page of another site sent this {} request (Origin: {}); if that is the address of \
         this exporter behind a proxy, set --web.external-url to it",
        request.method,
        shown(&origin)
    ))
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Host and port that the request is for: `:authority` of HTTP/2, the `Host` header of HTTP/1.
fn authority_of(request: &Parts) -> Option<String> {
    let host = |headers: &HeaderMap| Some(String::from_utf8_lossy(headers.get(header::HOST)?.as_bytes()).into_owned());
    request.uri.authority().map(|authority| authority.as_str().to_owned()).or_else(|| host(&request.headers))
}

/// The host of `host:port`; an IPv6 address keeps its brackets.
fn host_of(authority: &str) -> &str {
    let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or(authority, |(host, _)| host)
}

fn shown(value: &str) -> String {
    format!("{:?}", value.chars().take(MAX_SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn own(flags: &[&str]) -> OwnHosts {
        OwnHosts::of(&Cli::try_parse_from([&["koreai_exporter"], flags].concat()).unwrap().web)
    }

    fn refused(own: &OwnHosts, bound_to: BoundTo, method: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder().method(method).uri("/api/v1/jobs").extension(bound_to);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        refusal(&request.body(()).unwrap().into_parts().0, own)
    }

    #[test]
    fn pages_of_other_sites_are_refused_and_programs_and_own_pages_are_not() {
        let host = ("host", "exporter:10047");
        let own = own(&["--web.external-url=https://monitoring.example/koreai"]);
        let passes: [&[(&str, &str)]; 7] = [
            &[host],
            &[host, ("content-type", "application/x-www-form-urlencoded")],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://rewritten.example")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "http://exporter:10047")],
            &[host, ("origin", "https://monitoring.example")],
            &[],
        ];
        for headers in passes {
            assert_eq!(refused(&own, BoundTo::Network, "POST", headers), None, "{headers:?}");
        }
        let refusals: [(&[(&str, &str)], &str); 6] = [
            (&[host, ("sec-fetch-site", "cross-site")], "(Sec-Fetch-Site: \"cross-site\")"),
            (&[host, ("sec-fetch-site", "same-site"), ("origin", "http://exporter:10047")], "\"same-site\""),
            (&[host, ("origin", "http://evil.example")], "(Origin: \"http://evil.example\")"),
            (&[host, ("origin", "http://exporter:10048")], "set --web.external-url"),
            (&[host, ("origin", "null")], "\"null\""),
            (&[("origin", "http://evil.example")], "cross-site request refused"),
        ];
        for (headers, text) in refusals {
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                let reason = refused(&own, BoundTo::Network, method, headers);
                assert!(reason.as_ref().is_some_and(|reason| reason.contains(text)), "{headers:?}: {reason:?}");
            }
            assert_eq!(refused(&own, BoundTo::Network, "GET", headers), None, "{headers:?}");
        }
    }

    #[test]
    fn on_a_loopback_address_only_own_host_names_are_known() {
        let own = own(&["--web.external-url=http://Monitoring.example:8080/", "--web.listen-address=Me.local:1"]);
        let known = [
            "localhost:10047",
            "LOCALHOST",
            "localhost.",
            "127.0.0.1:10047",
            "127.1.2.3",
            "[::1]:10047",
            "[::ffff:127.0.0.1]",
            "monitoring.example",
            "monitoring.example:8080",
            "me.local:1",
        ];
        for host in known {
            assert_eq!(refused(&own, BoundTo::Loopback, "DELETE", &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "192.0.2.1", "", "[::2]:1"]
        {
            let reason = refused(&own, BoundTo::Loopback, "POST", &[("host", host)]).unwrap();
            assert!(reason.starts_with("unknown host name ") && reason.contains("POST requests must use localhost"));
            // A rebinding page is of the same origin.
            let headers = [("host", host), ("sec-fetch-site", "same-origin")];
            assert!(refused(&own, BoundTo::Loopback, "POST", &headers).is_some());
            assert_eq!(refused(&own, BoundTo::Network, "POST", &[("host", host)]), None, "{host}");
            assert_eq!(refused(&own, BoundTo::Loopback, "GET", &[("host", host)]), None, "{host}");
        }
        assert_eq!(refused(&own, BoundTo::Loopback, "POST", &[]), None, "HTTP/1.0 has no host");
    }
}
