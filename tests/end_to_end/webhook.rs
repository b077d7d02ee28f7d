//! A receiver of Alertmanager's messages.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One alert as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The path of the request, which identifies the receiver.
    path: String,
    /// The labels of its group.
    pub(super) group: Value,
    /// Its status, labels and annotations.
    pub(super) alert: Value,
}

impl Message {
    fn is(&self, path: &str, alertname: &str) -> bool {
        self.path == path && self.alert["labels"]["alertname"] == alertname
    }
}

/// Receives and stores all messages until the runtime of the test ends.
#[derive(Debug)]
pub(super) struct Webhook {
    port: u16,
    heard: watch::Receiver<Vec<Message>>,
}

impl Webhook {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heard) = watch::channel(Vec::new());
        let routes = Router::new().route("/{who}", post(hear)).with_state(Arc::new(sender));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { port, heard }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits for the first message of an alert with this status.
    pub(super) async fn message(&self, path: &str, alertname: &str, status: &str, within: Duration) -> Message {
        let wanted = |message: &Message| message.is(path, alertname) && message.alert["status"] == status;
        let mut receiver = self.heard.clone();
        let arrived = receiver.wait_for(|heard| heard.iter().any(wanted));
        match tokio::time::timeout(within, arrived).await {
            Ok(heard) => heard.unwrap().iter().find(|message| wanted(message)).unwrap().clone(),
            Err(_) => panic!("{path} was not told that {alertname} is {status}; it heard {:#?}", *self.heard.borrow()),
        }
    }

    /// Whether a message of this alert has arrived.
    pub(super) fn has(&self, path: &str, alertname: &str) -> bool {
        self.heard.borrow().iter().any(|message| message.is(path, alertname))
    }
}

async fn hear(State(sender): State<Arc<watch::Sender<Vec<Message>>>>, uri: Uri, body: String) {
    let body: Value = serde_json::from_str(&body).unwrap();
    let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
    sender.send_modify(|heard| {
        heard.extend(alerts.into_iter().map(|alert| Message {
            path: uri.path().to_owned(),
            group: body["groupLabels"].clone(),
            alert,
        }));
    });
}
