//! What happened, event by event, and a hash of it: two runs of one seed tell the same story.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3Default;

/// Lines that are kept for people; the hash covers all.
const KEPT: usize = 4_000;

/// The story of a world.
pub(crate) struct Story {
    lines: VecDeque<String>,
    hash: Xxh3Default,
    /// What is broken, with its time; the first is what counts.
    pub(crate) broken: Vec<String>,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { lines: VecDeque::new(), hash: Xxh3Default::new(), broken: Vec::new() }
    }

    /// Tells a line.
    pub(crate) fn tell(&mut self, at: Duration, line: &str) {
        let mut text = String::with_capacity(line.len() + 16);
        let _fits = write!(text, "{:>10.3}  {line}", at.as_secs_f64());
        self.hash.update(text.as_bytes());
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(text);
    }

    /// Adds to the hash what is too long for the story.
    pub(crate) fn mix(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// A promise is broken.
    pub(crate) fn broken(&mut self, at: Duration, promise: &str, what: &str) {
        self.tell(at, &format!("BROKEN {promise}: {what}"));
        if self.broken.len() < 20 {
            self.broken.push(format!("{promise}: {what} (at {:.3} s)", at.as_secs_f64()));
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.hash.digest()
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
