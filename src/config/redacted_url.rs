//! URLs that may contain secrets.

use std::fmt;

use url::{ParseError, Url};

use crate::yaml::{Decoder, Fields, Node, excerpt};

/// A URL that may contain a password, or a token in its query; both are printed as `<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactedUrl(Url);

impl RedactedUrl {
    /// Wraps a URL.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole URL. Only for making requests.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        write!(f, "{}://", url.scheme())?;
        match (url.username(), url.password()) {
            ("", None) => {}
            (user, None) => write!(f, "{user}@")?,
            (user, Some(_)) => write!(f, "{user}:<secret>@")?,
        }
        f.write_str(url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())?;
        if let Some(query) = url.query() {
            for (index, pair) in query.split('&').enumerate() {
                let mark = if index == 0 { '?' } else { '&' };
                match pair.split_once('=') {
                    Some((key, _)) => write!(f, "{mark}{key}=<secret>")?,
                    None => write!(f, "{mark}<secret>")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `proxy_url`, of a bot or of HTTP discovery.
pub(super) fn decode_proxy_url(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<RedactedUrl> {
    d.optional(fields, "proxy_url", |d, node| d.url(node, &["https", "http"])).map(RedactedUrl::new)
}

impl Decoder<'_> {
    /// An http or https URL without userinfo, query or fragment; its path ends in a slash, so that relative paths can be joined.
    pub(super) fn base_url(&mut self, node: &Node) -> Option<Url> {
        let mut url = self.url(node, &["http", "https"])?;
        let problem = if url.query().is_some() {
            "a query is not allowed; set scheme, host and path only"
        } else if url.fragment().is_some() {
            "a fragment is not allowed; set scheme, host and path only"
        } else if !url.username().is_empty() || url.password().is_some() {
            "credentials are not allowed in it; use auth"
        } else {
            if !url.path().ends_with('/') {
                let path = format!("{}/", url.path());
                url.set_path(&path);
            }
            return Some(url);
        };
        self.mistake(node.at, || format!("invalid URL: {problem}"));
        None
    }

    /// A URL with one of these schemes and a host. A mistake shows it only if it cannot contain a secret.
    pub(super) fn url(&mut self, node: &Node, schemes: &[&str]) -> Option<Url> {
        let text = self.text(node, "a URL")?;
        let example = format!("expected a URL such as {}://host:port/path", schemes.last().copied().unwrap_or("https"));
        let value = if text.contains(['@', '?']) { String::new() } else { format!(" {}", excerpt(text)) };
        let problem = match Url::parse(text) {
            Err(ParseError::RelativeUrlWithoutBase) => example,
            Err(error) => format!("{error}; {example}"),
            Ok(url) if !schemes.contains(&url.scheme()) => {
                format!("the scheme must be {}; {example}", schemes.join(" or "))
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => format!("the host is missing; {example}"),
            Ok(url) => return Some(url),
        };
        self.mistake(node.at, || format!("invalid URL{value}: {problem}"));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_queries_are_masked() {
        let masked = |text| RedactedUrl::new(Url::parse(text).unwrap()).to_string();
        assert_eq!(masked("http://u:canary@h:3128/"), "http://u:<secret>@h:3128/");
        assert_eq!(masked("https://h/sd?token=canary&canary"), "https://h/sd?token=<secret>&<secret>");
        assert_eq!(masked("https://[::1]:8/a"), "https://[::1]:8/a");
    }
}
