//! A published page, and the bodies of responses.

use std::sync::Arc;

use bytes::Bytes;

use super::deflate::{GZIP_HEADER, last_segment};
use super::format::{Encoding, Format};
use super::openmetrics;
use super::segment::{SegmentList, joined_crc, length};

/// Everything that is published at one point in time, in both formats and both encodings. Immutable; a clone is a
/// reference.
#[derive(Clone)]
pub struct Page(Arc<PageSegments>);

struct PageSegments {
    number: u64,
    /// Jobs, which are the same in both formats.
    jobs: SegmentList,
    text: SegmentList,
    openmetrics: SegmentList,
}

impl Page {
    pub(super) fn new(number: u64, jobs: SegmentList, lists: [SegmentList; Format::ALL.len()]) -> Self {
        let [text, openmetrics] = lists;
        Self(Arc::new(PageSegments { number, jobs, text, openmetrics }))
    }

    /// Its number; a later page has a higher one.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The body of a response, with `tail` appended: complete families of gauges and counters in text 0.0.4 that are not in
    /// the catalogue (`process_*`, read for this scrape). It is converted for OpenMetrics.
    ///
    /// Only `tail` is parsed, copied or compressed; everything else is prepared.
    pub fn response(&self, format: Format, encoding: Encoding, tail: &str) -> Body {
        let tail = match format {
            Format::Text => tail.to_owned(),
            Format::OpenMetrics => openmetrics::from_text(tail) + format.end(),
        };
        let body = |head: &'static [u8], tail: Vec<u8>| {
            let ready: u64 = self.lists(format).map(|list| list.bytes(encoding)).sum();
            let length = length(head) + ready + length(&tail);
            Body {
                page: self.clone(),
                format,
                encoding,
                head: Bytes::from_static(head),
                tail: tail.into(),
                length,
                next: 0,
            }
        };
        match encoding {
            Encoding::Identity => body(&[], tail.into_bytes()),
            Encoding::Gzip => {
                let trailer = self.gzip_trailer(format, &tail);
                body(GZIP_HEADER, [last_segment(tail.as_bytes()).as_slice(), &trailer].concat())
            }
        }
    }

    /// CRC-32 and size (modulo 2³², RFC 1952) of the whole text, both little-endian.
    fn gzip_trailer(&self, format: Format, tail: &str) -> [u8; 8] {
        let tail = (crc32fast::hash(tail.as_bytes()), length(tail.as_bytes()));
        let parts = self.lists(format).map(SegmentList::crc).chain([tail]);
        let (crc, size) = parts.fold((0, 0), |all, part| (joined_crc(all, part), all.1 + part.1));
        let size = u32::try_from(size & u64::from(u32::MAX)).unwrap_or_default();
        let ([a, b, c, d], [e, f, g, h]) = (crc.to_le_bytes(), size.to_le_bytes());
        [a, b, c, d, e, f, g, h]
    }

    fn lists(&self, format: Format) -> impl Iterator<Item = &SegmentList> {
        let totals = match format {
            Format::Text => &self.0.text,
            Format::OpenMetrics => &self.0.openmetrics,
        };
        [&self.0.jobs, totals].into_iter()
    }
}

impl SegmentList {
    fn chunks(&self, encoding: Encoding) -> &[Bytes] {
        match encoding {
            Encoding::Identity => &self.texts,
            Encoding::Gzip => &self.deflated,
        }
    }

    fn bytes(&self, encoding: Encoding) -> u64 {
        match encoding {
            Encoding::Identity => self.text_bytes,
            Encoding::Gzip => self.deflated_bytes,
        }
    }
}

/// A response body of known length, as a sequence of chunks that are neither empty nor copied. It keeps its page alive, so
/// that a slow reader delays nobody and gets one point in time.
pub struct Body {
    page: Page,
    format: Format,
    encoding: Encoding,
    head: Bytes,
    tail: Bytes,
    length: u64,
    next: usize,
}

impl Body {
    /// The length of the whole body in bytes: the value of `Content-Length`.
    pub fn content_length(&self) -> u64 {
        self.length
    }

    fn chunk(&self, index: usize) -> Option<&Bytes> {
        let mut index = index;
        let lists = self.page.lists(self.format).map(|list| list.chunks(self.encoding));
        let parts =
            [std::slice::from_ref(&self.head)].into_iter().chain(lists).chain([std::slice::from_ref(&self.tail)]);
        for part in parts {
            match part.get(index) {
                Some(chunk) => return Some(chunk),
                None => index -= part.len(),
            }
        }
        None
    }
}

impl Iterator for Body {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let chunk = self.chunk(self.next)?.clone();
            self.next += 1;
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
    }
}
