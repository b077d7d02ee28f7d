//! SIGTERM and SIGINT shut down; SIGHUP reloads.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels the token on SIGTERM or SIGINT.
pub(super) async fn cancel_on_signal(shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot handle signals; the process can only be killed");
        return;
    };
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "shutting down");
    shutdown.cancel();
}

/// A stream of SIGHUPs. It never ends, and stays empty if the signal cannot be handled.
pub(super) struct Hangups(Option<tokio::signal::unix::Signal>);

impl Hangups {
    pub(super) fn new() -> Self {
        let hangups = signal(SignalKind::hangup());
        if let Err(error) = &hangups {
            tracing::warn!(error = %error, "cannot handle SIGHUP; reload with POST /-/reload");
        }
        Self(hangups.ok())
    }

    pub(super) async fn next(&mut self) {
        let got = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if got.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
