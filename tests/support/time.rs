//! A stopped clock under real sockets.

use std::sync::mpsc;
use std::time::Duration;

/// tokio's clock, stopped until the test lets time pass.
///
/// A paused clock leaps to the next timer whenever no task is ready, and a task that waits for a socket is not: timeouts
/// would fire before the bytes arrive. It does not leap while a blocking task runs, so one is kept waiting here.
pub(crate) struct Time {
    _hold: mpsc::Sender<()>,
}

impl Time {
    /// To be called first in a `#[tokio::test]`.
    pub(crate) fn stop() -> Self {
        let (hold, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || {
            // Ends when the sender is dropped.
            let _ended = held.recv();
        });
        tokio::time::pause();
        Self { _hold: hold }
    }

    /// Timers of this time fire; what they start runs when the test next waits for something.
    pub(crate) async fn pass(&self, duration: Duration) {
        tokio::time::advance(duration).await;
    }
}
