//! How many bytes of bodies lie in memory, over all calls of all bots.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::report_reader::MAX_SLICE_BYTES;

/// The most bytes of bodies that lie in memory at once: 32 streamed ones, or over a hundred of the usual half megabyte.
const MAX_BUFFERED_BYTES: usize = 64 * 1024 * 1024;
/// The pieces in which a streamed body is handed to its reader.
const PIECE_BYTES: usize = 64 * 1024;
/// How many of them wait for the reader at most: as many bytes as were collected before the streaming began.
const QUEUED_PIECES: usize = MAX_SLICE_BYTES / PIECE_BYTES;
/// What a body of unknown or great length may take: what is collected, and what is queued.
const MOST_BYTES_A_BODY: usize = 2 * MAX_SLICE_BYTES;

/// Bytes of bodies in memory, shared by all clients.
#[derive(Debug, Clone)]
pub struct BodyBudget(Arc<Semaphore>);

impl BodyBudget {
    /// The one of a process.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_BUFFERED_BYTES)))
    }

    /// Waits until a body of this length has room. All that it will ever hold is taken at once: bodies that each hold a
    /// part and wait for more would wait for each other.
    pub(super) async fn reserve(&self, length: Option<u64>) -> Reserved {
        let bytes = match length.map(usize::try_from) {
            Some(Ok(length)) if length <= MAX_SLICE_BYTES => length,
            _ => MOST_BYTES_A_BODY,
        };
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The semaphore is never closed: no permit is no state that occurs.
        Reserved { _permit: Arc::clone(&self.0).acquire_many_owned(permits).await.ok() }
    }
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new()
    }
}

/// ByteAllowance for one body, given back when dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    _permit: Option<OwnedSemaphorePermit>,
}

/// A queue of pieces, from the call to the blocking reader.
pub(super) fn queue(collected: Vec<u8>) -> (ChunkSender, ChunkReader) {
    let (sender, receiver) = mpsc::channel(QUEUED_PIECES);
    (ChunkSender(sender), ChunkReader { piece: collected.into(), receiver })
}

pub(super) struct ChunkSender(mpsc::Sender<Bytes>);

impl ChunkSender {
    /// Hands on a chunk; false once the reader has ended.
    pub(super) async fn send(&self, mut chunk: Bytes) -> bool {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(PIECE_BYTES));
            if self.0.send(piece).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// Reads the pieces; ends where the sender is gone, be it done or given up.
pub(super) struct ChunkReader {
    piece: Bytes,
    receiver: mpsc::Receiver<Bytes>,
}

impl Read for ChunkReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let read = self.piece.as_ref().read(out)?;
        self.piece.advance(read);
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
            held.push(budget.reserve(None).await);
        }
        let wait = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(wait, budget.reserve(Some(1))).await.is_err());
        held.pop();
        assert!(tokio::time::timeout(wait, budget.reserve(Some(1))).await.is_ok());
    }
}
