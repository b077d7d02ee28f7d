//! Replaces invalid UTF-8 in a streamed body, and limits the size of single values.

use std::cell::Cell;
use std::io::{self, Read};

use super::lenient_object::ByteAllowance;

/// Bytes of one read from the source.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;
/// The replacement for invalid UTF-8, as in `String::from_utf8_lossy`.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Reads `source` with invalid UTF-8 replaced, as `String::from_utf8_lossy` does for the whole text. Fails with
/// [`io::ErrorKind::FileTooLarge`] if a value exceeds its allowance.
pub(super) struct LossyUtf8<'r, S> {
    source: S,
    allowance: &'r ByteAllowance,
    /// The first bytes of the body that are not white space.
    start: &'r Cell<[u8; 2]>,
    /// The last block, after the beginning of a character that the block before ended in.
    block: Vec<u8>,
    cut_bytes: usize,
    /// Valid UTF-8 that the reader has not taken yet, from `at`.
    ready: Vec<u8>,
    at: usize,
}

impl<'r, S: Read> LossyUtf8<'r, S> {
    pub(super) fn new(source: S, allowance: &'r ByteAllowance, start: &'r Cell<[u8; 2]>) -> Self {
        let ready = Vec::with_capacity(BLOCK_BYTES);
        Self { source, allowance, start, block: vec![0; BLOCK_BYTES], cut_bytes: 0, ready, at: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.at = 0;
        let read = self.source.read(self.block.get_mut(self.cut_bytes..).unwrap_or_default())?;
        let bytes = self.block.get(..self.cut_bytes + read).unwrap_or_default();
        if read == 0 {
            if !bytes.is_empty() {
                self.ready.extend_from_slice(REPLACEMENT);
            }
            self.cut_bytes = 0;
            return Ok(());
        }
        if self.start.get() == [0; 2]
            && let [first, rest @ ..] = bytes.trim_ascii_start()
        {
            self.start.set([*first, rest.first().copied().unwrap_or(b' ')]);
        }
        if let Some(allowance) = self.allowance.get() {
            let left = allowance.checked_sub(read).ok_or(io::ErrorKind::FileTooLarge)?;
            self.allowance.set(Some(left));
        }
        let mut rest = bytes;
        let cut = loop {
            let Err(error) = std::str::from_utf8(rest) else {
                self.ready.extend_from_slice(rest);
                break 0;
            };
            let (valid, broken) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
            self.ready.extend_from_slice(valid);
            match error.error_len() {
                Some(len) => {
                    self.ready.extend_from_slice(REPLACEMENT);
                    rest = broken.get(len..).unwrap_or_default();
                }
                None => break broken.len(),
            }
        };
        let end = bytes.len();
        self.block.copy_within(end - cut..end, 0);
        self.cut_bytes = cut;
        Ok(())
    }
}

impl<S: Read> Read for LossyUtf8<'_, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() {
            let cut_before = self.cut_bytes;
            self.next_block()?;
            // Nothing ready and no more bytes of a cut character: the end.
            if self.ready.is_empty() && self.cut_bytes <= cut_before {
                return Ok(0);
            }
        }
        let read = self.ready.get(self.at..).unwrap_or_default().read(out)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(out.len());
            self.0.read(&mut out[..most])
        }
    }

    #[test]
    fn text_is_repaired_in_blocks_as_it_is_as_a_whole() {
        for body in
            ["ab\u{e4}\u{1f600}c".as_bytes(), b"\xff\xf0\x9f\x98x\xf0\x9f\x98", b"\xed\xa0\x80\xc3", b"", b"\xf0\x9f"]
        {
            for step in [1, 2, 3, 5, 100] {
                let (allowance, start) = (ByteAllowance::default(), Cell::new([0; 2]));
                let mut repaired = String::new();
                LossyUtf8::new(Trickle(body, step), &allowance, &start).read_to_string(&mut repaired).unwrap();
                assert_eq!(repaired, String::from_utf8_lossy(body), "{body:?} by {step}");
            }
        }
    }

    #[test]
    fn a_value_beyond_its_allowance_is_an_error() {
        let (allowance, start) = (ByteAllowance::new(Some(10)), Cell::new([0; 2]));
        let error =
            LossyUtf8::new(Trickle(b"01234567890", 4), &allowance, &start).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
