//! Closes connections that transfer no bytes for too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A client that accepts no byte of a response for this long does not read it.
pub(super) const WRITE_STALL: Duration = Duration::from_secs(30);
/// A connection without any transfer for this long is closed. Longer than usual scrape intervals, so that Prometheus keeps
/// its connection.
pub(super) const IDLE: Duration = Duration::from_secs(150);

/// A stream with both timeouts. Timers run only while a read or a write waits.
pub(super) struct IdleTimeout<S> {
    stream: S,
    read_wait: Option<Pin<Box<Sleep>>>,
    write_wait: Option<Pin<Box<Sleep>>>,
}

impl<S> IdleTimeout<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, read_wait: None, write_wait: None }
    }

    /// Resets the timers after a write that made progress.
    fn wrote<T>(&mut self, result: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_wait = None;
            if let Some(wait) = &mut self.read_wait {
                wait.as_mut().reset(Instant::now() + IDLE);
            }
            return result;
        }
        expired(&mut self.write_wait, WRITE_STALL, cx)
    }
}

fn expired<T>(wait: &mut Option<Pin<Box<Sleep>>>, limit: Duration, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
    let timer = wait.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
    ready!(timer.as_mut().poll(cx));
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if result.is_ready() {
            self.read_wait = None;
            return result;
        }
        expired(&mut self.read_wait, IDLE, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(result, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_times_out() {
        let (ours, _theirs) = tokio::io::duplex(8);
        let start = Instant::now();
        let error = IdleTimeout::new(ours).write_all(b"more than eight bytes").await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, WRITE_STALL.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_served_to_the_end() {
        let (ours, mut theirs) = tokio::io::duplex(1);
        let slow_reader = async {
            for _ in 0..10 {
                tokio::time::advance(WRITE_STALL - Duration::from_secs(1)).await;
                theirs.read_u8().await.unwrap();
            }
        };
        let mut stream = IdleTimeout::new(ours);
        let (written, ()) = tokio::join!(stream.write_all(b"ten bytes!"), slow_reader);
        written.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_times_out() {
        let (ours, _theirs) = tokio::io::duplex(8);
        let start = Instant::now();
        let error = IdleTimeout::new(ours).read_u8().await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, IDLE.as_secs()));
    }
}
