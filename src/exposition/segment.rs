//! Ready segments of a page, and strips of them.

use bytes::Bytes;

use super::deflate::{Deflater, Effort};

/// Some whole lines of one page, as text and as a deflate segment.
pub(super) struct Segment {
    text: Bytes,
    segment: Bytes,
    crc: u32,
    effort: Effort,
}

impl Segment {
    pub(super) fn new(text: &str, effort: Effort, deflater: &mut Deflater) -> Self {
        let text = Bytes::copy_from_slice(text.as_bytes());
        let segment = deflater.compress(&text, effort);
        Self { crc: crc32fast::hash(&text), text, segment, effort }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it was compressed in haste and would be smaller if done again.
    pub(super) fn is_rough(&self) -> bool {
        self.effort == Effort::Fast
    }

    pub(super) fn refine(&mut self, deflater: &mut Deflater) {
        self.segment = deflater.compress(&self.text, Effort::Fine);
        self.effort = Effort::Fine;
    }
}

/// Pieces in a row: the same text as a list of texts and as a list of segments.
#[derive(Default)]
pub(super) struct SegmentList {
    pub(super) texts: Vec<Bytes>,
    pub(super) segments: Vec<Bytes>,
    pub(super) text_bytes: u64,
    pub(super) segment_bytes: u64,
    crc: u32,
}

impl SegmentList {
    pub(super) fn push(&mut self, segment: &Segment) {
        self.crc = joined_crc((self.crc, self.text_bytes), (segment.crc, length(&segment.text)));
        self.text_bytes += length(&segment.text);
        self.segment_bytes += length(&segment.segment);
        self.texts.push(segment.text.clone());
        self.segments.push(segment.segment.clone());
    }

    /// The CRC-32 of the text and its length in bytes.
    pub(super) fn crc(&self) -> (u32, u64) {
        (self.crc, self.text_bytes)
    }
}

/// The CRC-32 of two texts in a row, each given as CRC-32 and length in bytes.
pub(super) fn joined_crc(first: (u32, u64), second: (u32, u64)) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial_len(first.0, first.1);
    hasher.combine(&crc32fast::Hasher::new_with_initial_len(second.0, second.1));
    hasher.finalize()
}

pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
