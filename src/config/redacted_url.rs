//! URLs, some of which carry a password.

use std::fmt;

use url::{ParseError, Url};

use super::decoder::{Decoder, shown};
use super::tree::Node;

/// A URL that may hold a password or a token in its query: printed, both read `<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactedUrl(Url);

impl RedactedUrl {
    /// Wraps one.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole URL, for making the call and for nothing else.
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

impl Decoder<'_> {
    /// An http or https URL without userinfo, query or fragment; a path ends in a slash, so that others can be joined.
    pub(super) fn base_url(&mut self, node: &Node) -> Option<Url> {
        let mut url = self.url(node, &["http", "https"])?;
        let problem = if url.query().is_some() {
            "has a query; give scheme, host and path alone"
        } else if url.fragment().is_some() {
            "has a fragment; give scheme, host and path alone"
        } else if !url.username().is_empty() || url.password().is_some() {
            "has a user in it; the platform takes a token, see auth"
        } else {
            if !url.path().ends_with('/') {
                let path = format!("{}/", url.path());
                url.set_path(&path);
            }
            return Some(url);
        };
        self.mistake(node.at, || format!("this URL {problem}"));
        None
    }

    /// A URL with one of these schemes and a host. It is shown in a mistake only if no secret can be in it.
    pub(super) fn url(&mut self, node: &Node, schemes: &[&str]) -> Option<Url> {
        let text = self.text(node, "a URL")?;
        let example = format!("give one like {}://host:port/path", schemes.last().copied().unwrap_or("https"));
        let shown = if text.contains(['@', '?']) { "this".to_owned() } else { shown(text) };
        let problem = match Url::parse(text) {
            Err(ParseError::RelativeUrlWithoutBase) => format!("is not a URL; {example}"),
            Err(error) => format!("is not a URL ({error}); {example}"),
            Ok(url) if !schemes.contains(&url.scheme()) => {
                format!("does not begin with {}; {example}", schemes.join(" or "))
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => format!("has no host; {example}"),
            Ok(url) => return Some(url),
        };
        self.mistake(node.at, || format!("{shown} {problem}"));
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
