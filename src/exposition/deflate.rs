//! Raw deflate segments that can be concatenated into one gzip member.

use bytes::Bytes;
use flate2::{Compress, CompressError, Compression, FlushCompress, Status};

/// The header of a gzip member without name, time and other optional fields; the last byte is "unknown system".
pub(super) const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The most bytes that fit a stored deflate block.
const MAX_STORED: usize = 65_535;

/// The compression effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Small output, for segments that stay.
    Fine,
    /// Four times as fast and a few percent larger, for segments that are needed at once.
    Fast,
}

impl Effort {
    const fn level(self) -> Compression {
        match self {
            Self::Fine => Compression::new(6),
            Self::Fast => Compression::new(1),
        }
    }
}

/// Compresses segments and reuses the memory of the compressors.
pub(super) struct Deflater {
    fine: Compress,
    fast: Compress,
    scratch: Vec<u8>,
    stores: bool,
}

impl Deflater {
    pub(super) fn new() -> Self {
        Self {
            fine: Compress::new(Effort::Fine.level(), false),
            fast: Compress::new(Effort::Fast.level(), false),
            scratch: Vec::new(),
            stores: false,
        }
    }

    /// From now on segments are stored, not compressed.
    pub(super) fn store_only(&mut self) {
        self.stores = true;
    }

    /// Compresses a text into a segment that refers to nothing before it and ends on a byte boundary, so that it can be
    /// placed between any other two.
    pub(super) fn compress(&mut self, text: &[u8], effort: Effort) -> Bytes {
        let compress = match effort {
            Effort::Fine => &mut self.fine,
            Effort::Fast => &mut self.fast,
        };
        let compressed = !self.stores && {
            compress.reset();
            deflate(compress, text, FlushCompress::Sync, &mut self.scratch).is_ok()
        };
        if !compressed {
            store(text, &mut self.scratch);
        }
        Bytes::copy_from_slice(&self.scratch)
    }
}

/// Compresses the last segment of a member.
pub(super) fn last_segment(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut compress = Compress::new(Effort::Fast.level(), false);
    if deflate(&mut compress, text, FlushCompress::Finish, &mut out).is_err() {
        store(text, &mut out);
        // An empty stored block with the flag "last block".
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    out
}

fn deflate(compress: &mut Compress, text: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> Result<(), CompressError> {
    out.clear();
    out.reserve(text.len() / 4 + 64);
    let mut rest = text;
    loop {
        let before = compress.total_in();
        let status = compress.compress_vec(rest, out, flush)?;
        let taken = usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        // A flush is complete if output space is left (manual of zlib, deflate()).
        let flushed = flush == FlushCompress::Sync && rest.is_empty() && out.len() < out.capacity();
        if flushed || status == Status::StreamEnd {
            return Ok(());
        }
        out.reserve(out.capacity().max(64));
    }
}

/// Writes stored blocks: a segment in case the compressor fails.
fn store(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    for block in text.chunks(MAX_STORED) {
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn inflated(deflated: &[u8]) -> String {
        let mut text = String::new();
        flate2::read::DeflateDecoder::new(deflated).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn segments_can_be_concatenated_in_any_order() {
        let mut deflater = Deflater::new();
        let texts = ["", "a", &"koreai_job_info 1\n".repeat(20_000), &"x1y2".repeat(15)];
        for first in texts {
            for second in texts {
                let mut body = deflater.compress(first.as_bytes(), Effort::Fine).to_vec();
                body.extend_from_slice(&deflater.compress(second.as_bytes(), Effort::Fast));
                body.extend_from_slice(&last_segment(first.as_bytes()));
                assert_eq!(inflated(&body), format!("{first}{second}{first}"));
            }
        }
    }

    #[test]
    fn stored_blocks_are_a_segment_too() {
        let text = "0123456789".repeat(14_000);
        let mut body = Vec::new();
        store(text.as_bytes(), &mut body);
        body.extend_from_slice(&last_segment(b"end"));
        assert_eq!(inflated(&body), format!("{text}end"));
    }
}
