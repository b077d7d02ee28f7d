//! The body of a response: decompressed while it arrives, and counted as received and as decoded.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::Body as _;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, ReadBuf};

/// `Accept-Encoding`: gzip first, because its decoder needs the least memory.
pub(super) const ACCEPTED_CODINGS: &str = "gzip, zstd;q=0.9, br;q=0.8";

/// The most bytes that are decompressed at a time.
const DECODED_CHUNK_BYTES: usize = 32 * 1024;
/// The largest window of zstd is 2 to this power: 8 MiB, as RFC 9659 requires of servers.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The content coding of a body (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Zstd,
    Brotli,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        }
    }

    /// The most memory that the decoder takes.
    fn decoder_bytes(self) -> usize {
        match self {
            Self::Gzip => 64 * 1024,
            Self::Zstd => 1 << ZSTD_WINDOW_LOG,
            // The largest window of RFC 7932.
            Self::Brotli => 16 << 20,
        }
    }

    /// The coding of a response; `None` if the body is not encoded.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, BodyError> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        let mut names = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"));
        match (names.next().map(<[u8]>::to_ascii_lowercase).as_deref(), names.next()) {
            (None, _) => Ok(None),
            (Some(b"gzip" | b"x-gzip"), None) => Ok(Some(Self::Gzip)),
            (Some(b"zstd"), None) => Ok(Some(Self::Zstd)),
            (Some(b"br"), None) => Ok(Some(Self::Brotli)),
            _ => Err(BodyError::UnknownCoding),
        }
    }
}

/// Why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The connection broke.
    #[error("incomplete body")]
    Incomplete(#[source] reqwest::Error),
    /// More bytes than `max_body_bytes`, received or decoded.
    #[error("body too large")]
    TooLarge,
    /// A coding that was not requested, or several.
    #[error("its header Content-Encoding has a value that was not requested")]
    UnknownCoding,
    /// The decoder rejects the bytes.
    #[error("the body is truncated or invalid {0} data")]
    Invalid(&'static str),
}

/// Bytes of one body so far. Shared, so that they are known if the call is cancelled.
#[derive(Debug, Default)]
pub(super) struct ByteCounts {
    received: AtomicU64,
    decoded: AtomicU64,
}

impl ByteCounts {
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }
}

/// The body of a response. Neither its received nor its decoded bytes exceed a limit by more than one chunk.
pub(super) struct ResponseBody {
    decoder: Decoder,
    counts: Arc<ByteCounts>,
    limit: u64,
    /// `Content-Length`.
    length: Option<u64>,
    buffer: BytesMut,
}

/// The decoders are boxed for their size.
enum Decoder {
    Identity(Received),
    Gzip(Box<GzipDecoder<Received>>),
    Zstd(Box<ZstdDecoder<Received>>),
    Brotli(Box<BrotliDecoder<Received>>),
}

impl ResponseBody {
    /// The body of this response, of at most `limit` bytes.
    pub(super) fn new(response: Response, limit: u64, counts: Arc<ByteCounts>) -> Result<Self, BodyError> {
        let coding = Coding::of(response.headers())?;
        let length = response.content_length();
        if length.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge);
        }
        let received = Received { body: response.into(), chunk: Bytes::new(), counts: Arc::clone(&counts), limit };
        let decoder = match coding {
            None => Decoder::Identity(received),
            Some(Coding::Gzip) => {
                let mut decoder = GzipDecoder::new(received);
                decoder.multiple_members(true);
                Decoder::Gzip(Box::new(decoder))
            }
            Some(Coding::Zstd) => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(received, &[window]);
                decoder.multiple_members(true);
                Decoder::Zstd(Box::new(decoder))
            }
            Some(Coding::Brotli) => Decoder::Brotli(Box::new(BrotliDecoder::new(received))),
        };
        Ok(Self { decoder, counts, limit, length, buffer: BytesMut::new() })
    }

    /// The number of decoded bytes, if the head of the response says it.
    pub(super) fn decoded_length(&self) -> Option<u64> {
        self.length.filter(|_| self.coding().is_none())
    }

    /// The most memory that the decoder takes.
    pub(super) fn decoder_bytes(&self) -> usize {
        self.coding().map_or(0, Coding::decoder_bytes)
    }

    /// The next decoded bytes; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let chunk = match &mut self.decoder {
            Decoder::Identity(received) => std::future::poll_fn(|context| received.poll_chunk(context)).await?,
            _ => self.decode().await.map_err(|error| self.body_error(error))?,
        };
        let Some(chunk) = chunk else { return Ok(None) };
        let before = self.counts.decoded.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        if before.saturating_add(chunk.len() as u64) > self.limit {
            return Err(BodyError::TooLarge);
        }
        Ok(Some(chunk))
    }

    async fn decode(&mut self) -> io::Result<Option<Bytes>> {
        self.buffer.reserve(DECODED_CHUNK_BYTES);
        let mut space = (&mut self.buffer).limit(DECODED_CHUNK_BYTES);
        let read = match &mut self.decoder {
            Decoder::Identity(received) => received.read_buf(&mut space).await?,
            Decoder::Gzip(decoder) => decoder.read_buf(&mut space).await?,
            Decoder::Zstd(decoder) => decoder.read_buf(&mut space).await?,
            Decoder::Brotli(decoder) => decoder.read_buf(&mut space).await?,
        };
        if read > 0 {
            return Ok(Some(self.buffer.split().freeze()));
        }
        // The connection can be used again only if its body was read to the end.
        let received = match &mut self.decoder {
            Decoder::Identity(received) => received,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
            Decoder::Brotli(decoder) => decoder.get_mut(),
        };
        if received.fill_buf().await?.is_empty() { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn coding(&self) -> Option<Coding> {
        match self.decoder {
            Decoder::Identity(_) => None,
            Decoder::Gzip(_) => Some(Coding::Gzip),
            Decoder::Zstd(_) => Some(Coding::Zstd),
            Decoder::Brotli(_) => Some(Coding::Brotli),
        }
    }

    /// What an error of the decoder is: one of [`Received`], which went through it, or its own.
    fn body_error(&self, error: io::Error) -> BodyError {
        let invalid = BodyError::Invalid(self.coding().map_or("", Coding::name));
        error.into_inner().and_then(|inner| inner.downcast().ok()).map_or(invalid, |inner| *inner)
    }
}

/// The bytes of a body as they arrive.
struct Received {
    body: reqwest::Body,
    /// What arrived last and was not read yet.
    chunk: Bytes,
    counts: Arc<ByteCounts>,
    limit: u64,
}

impl Received {
    /// The next bytes; `None` at the end.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
                return Poll::Ready(Ok(None));
            };
            let frame = frame.map_err(BodyError::Incomplete)?;
            // Trailers are not used.
            let Ok(chunk) = frame.into_data() else { continue };
            let before = self.counts.received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            if before.saturating_add(chunk.len() as u64) > self.limit {
                return Poll::Ready(Err(BodyError::TooLarge));
            }
            if !chunk.is_empty() {
                return Poll::Ready(Ok(Some(chunk)));
            }
        }
    }
}

impl AsyncBufRead for Received {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty()
            && let Some(chunk) = ready!(this.poll_chunk(context)).map_err(io::Error::other)?
        {
            this.chunk = chunk;
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().chunk.advance(amount);
    }
}

impl AsyncRead for Received {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let chunk = ready!(self.as_mut().poll_fill_buf(context))?;
        let part = chunk.get(..out.remaining()).unwrap_or(chunk);
        out.put_slice(part);
        let read = part.len();
        self.consume(read);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(values: &[&str]) -> Result<Option<Coding>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, value.parse().unwrap());
        }
        Coding::of(&headers).map_err(|error| error.to_string())
    }

    #[test]
    fn one_coding_that_was_requested_is_accepted() {
        for (values, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["identity"], None),
            (&["gzip"], Some(Coding::Gzip)),
            (&["X-GZIP, identity"], Some(Coding::Gzip)),
            (&["identity", " Br "], Some(Coding::Brotli)),
            (&["zstd"], Some(Coding::Zstd)),
        ] {
            assert_eq!(coding(values), Ok(expected), "{values:?}");
        }
        for values in [&["deflate"][..], &["gzip, gzip"], &["gzip", "br"], &["canary-leak"]] {
            let message = coding(values).unwrap_err();
            assert!(!message.contains("canary-leak"), "{message}");
        }
    }
}
