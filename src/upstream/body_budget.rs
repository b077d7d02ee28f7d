//! Limits the memory for response bodies, over all requests of all bots.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::report_reader::MAX_SLICE_BYTES;

/// Bytes of bodies in memory: 32 streamed bodies, or over a hundred of the usual half megabyte.
const MAX_BUFFERED_BYTES: usize = 64 * 1024 * 1024;
/// The chunks in which a streamed body reaches its reader.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks in the queue: as many bytes as are collected before streaming starts.
const QUEUED_CHUNKS: usize = MAX_SLICE_BYTES / CHUNK_BYTES;
/// Bytes of a body of unknown length, or that is streamed: collected and queued.
const MAX_BYTES_PER_BODY: usize = 2 * MAX_SLICE_BYTES;

/// The budget of bytes in memory, shared by all clients.
#[derive(Debug, Clone)]
pub struct BodyBudget(Arc<Semaphore>);

impl BodyBudget {
    /// The budget of a process.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_BUFFERED_BYTES)))
    }

    /// Waits until a body of this length and its decoder fit. It reserves all bytes at once: bodies that hold a part and
    /// wait for the rest could wait for each other.
    pub(super) async fn reserve(&self, length: Option<u64>, decoder_bytes: usize) -> Reservation {
        let bytes = match length.map(usize::try_from) {
            Some(Ok(length)) if length <= MAX_SLICE_BYTES => length,
            _ => MAX_BYTES_PER_BODY,
        };
        let bytes = bytes.saturating_add(decoder_bytes).min(MAX_BUFFERED_BYTES);
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The semaphore is never closed, so there is always a permit.
        Reservation { _permit: Arc::clone(&self.0).acquire_many_owned(permits).await.ok() }
    }
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes reserved for one body, released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    _permit: Option<OwnedSemaphorePermit>,
}

/// A queue of chunks from the request to the blocking reader, which reads `collected` first.
pub(super) fn chunk_queue(collected: Vec<u8>) -> (ChunkSender, ChunkReader) {
    let (sender, receiver) = mpsc::channel(QUEUED_CHUNKS);
    (ChunkSender(sender), ChunkReader { chunk: collected.into(), receiver })
}

pub(super) struct ChunkSender(mpsc::Sender<Bytes>);

impl ChunkSender {
    /// Sends a chunk; false if the reader has ended.
    pub(super) async fn send(&self, mut chunk: Bytes) -> bool {
        while !chunk.is_empty() {
            let part = chunk.split_to(chunk.len().min(CHUNK_BYTES));
            if self.0.send(part).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// Reads the chunks, until the sender is dropped.
pub(super) struct ChunkReader {
    chunk: Bytes,
    receiver: mpsc::Receiver<Bytes>,
}

impl Read for ChunkReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let read = self.chunk.as_ref().read(out)?;
        self.chunk.advance(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bodies_beyond_the_budget_wait_until_another_is_done() {
        let budget = BodyBudget::new();
        let mut held = Vec::new();
        for _ in 0..32 {
            held.push(budget.reserve(None, 0).await);
        }
        let wait = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(wait, budget.reserve(Some(1), 0)).await.is_err());
        held.pop();
        assert!(tokio::time::timeout(wait, budget.reserve(Some(1), 0)).await.is_ok());
    }
}
