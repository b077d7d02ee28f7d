//! Segments of a page, and lists of them.

use bytes::Bytes;

use super::deflate::{Deflater, Effort};

/// Whole lines of a page, as text and compressed.
pub(super) struct Segment {
    text: Bytes,
    deflated: Bytes,
    crc: u32,
    effort: Effort,
}

impl Segment {
    pub(super) fn new(text: &str, effort: Effort, deflater: &mut Deflater) -> Self {
        let text = Bytes::copy_from_slice(text.as_bytes());
        let deflated = deflater.compress(&text, effort);
        Self { crc: crc32fast::hash(&text), text, deflated, effort }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it was compressed at [`Effort::Fast`].
    pub(super) fn is_fast(&self) -> bool {
        self.effort == Effort::Fast
    }

    pub(super) fn refine(&mut self, deflater: &mut Deflater) {
        self.deflated = deflater.compress(&self.text, Effort::Fine);
        self.effort = Effort::Fine;
    }
}

/// Consecutive segments, as a list of texts and as a list of compressed texts.
#[derive(Default)]
pub(super) struct SegmentList {
    pub(super) texts: Vec<Bytes>,
    pub(super) deflated: Vec<Bytes>,
    pub(super) text_bytes: u64,
    pub(super) deflated_bytes: u64,
    crc: u32,
}

impl SegmentList {
    pub(super) fn push(&mut self, segment: &Segment) {
        self.crc = joined_crc((self.crc, self.text_bytes), (segment.crc, length(&segment.text)));
        self.text_bytes += length(&segment.text);
        self.deflated_bytes += length(&segment.deflated);
        self.texts.push(segment.text.clone());
        self.deflated.push(segment.deflated.clone());
    }

    /// The CRC-32 of the text and its length in bytes.
    pub(super) fn crc(&self) -> (u32, u64) {
        (self.crc, self.text_bytes)
    }
}

/// The CRC-32 of two concatenated texts, each given as CRC-32 and length in bytes.
pub(super) fn joined_crc(first: (u32, u64), second: (u32, u64)) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial_len(first.0, first.1);
    hasher.combine(&crc32fast::Hasher::new_with_initial_len(second.0, second.1));
    hasher.finalize()
}

pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
