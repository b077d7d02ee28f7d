//! A paused clock that works with real sockets.

use std::sync::mpsc;
use std::time::Duration;

/// tokio's clock, paused until the test advances it.
///
/// A paused clock jumps to the next timer whenever no task is ready. A task that waits for a socket is not ready, so timeouts
/// would fire before the bytes arrive. The clock does not jump while a blocking task runs, so one is kept waiting here.
pub(crate) struct Time {
    _hold: mpsc::Sender<()>,
}

impl Time {
    /// Call this first in a `#[tokio::test]`.
    pub(crate) fn stop() -> Self {
        let (hold, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || {
            // Ends when the sender is dropped.
            let _ended = held.recv();
        });
        tokio::time::pause();
        Self { _hold: hold }
    }

    /// Advances the clock. Timers fire; the tasks they wake run when the test next waits.
    pub(crate) async fn pass(&self, duration: Duration) {
        tokio::time::advance(duration).await;
    }
}
