//! How a request becomes a response: the one seam between this program and the network.
//!
//! All that is sent (status calls, `http_sd_configs`) goes through a [`Transport`]: [`Network`] in the program, and in the
//! simulation the fake upstream's state, asked without a socket between them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::{Client, Request, Response};

/// A request under way; it ends when the head of the answer is there. The body follows in chunks.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, SendError>> + Send + 'a>>;

/// Sends requests.
pub trait Transport: Send + Sync {
    /// Sends one request with the settings of `client`: one attempt, no redirect that the client does not follow.
    fn send<'a>(&'a self, client: &'a Client, request: Request) -> Sending<'a>;
}

/// A transport that several clients share.
pub type SharedTransport = Arc<dyn Transport>;

/// Why no head of an answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The HTTP library says why.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The connection, where it is none of the HTTP library's.
    #[error(transparent)]
    Connection(#[from] io::Error),
}

impl SendError {
    /// Whether there was no connection at all.
    pub fn is_connect(&self) -> bool {
        match self {
            Self::Http(error) => error.is_connect(),
            Self::Connection(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        }
    }

    /// The same without the URL, which may carry credentials.
    #[must_use]
    pub fn without_url(self) -> Self {
        match self {
            Self::Http(error) => Self::Http(error.without_url()),
            Self::Connection(error) => Self::Connection(error),
        }
    }
}

/// The network: the client opens connections and uses them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network;

impl Network {
    /// The network, to be shared.
    pub fn shared() -> SharedTransport {
        Arc::new(Self)
    }
}

impl Transport for Network {
    fn send<'a>(&'a self, client: &'a Client, request: Request) -> Sending<'a> {
        Box::pin(async move { Ok(client.execute(request).await?) })
    }
}
