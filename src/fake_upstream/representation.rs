//! Compression and validators of responses, if the tenant has them (docs/UPSTREAM.md#http).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::job::ScriptedResponse;

/// The size of a member of a decompression bomb, before compression.
const MEMBER_BYTES: usize = 1 << 20;

/// What HTTP features the tenant has for reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HttpFeatures {
    /// Compresses with gzip for clients that accept it.
    pub gzip: bool,
    /// Sends an `ETag`, and answers 304 to an `If-None-Match` with it.
    pub etags: bool,
}

/// The request headers that choose a representation.
#[derive(Debug, Clone, Default)]
pub(super) struct Preferences {
    /// `Accept-Encoding`.
    pub(super) accept_encoding: String,
    /// `If-None-Match`.
    pub(super) if_none_match: Option<String>,
}

impl HttpFeatures {
    /// The response to send instead of `answer`.
    pub(super) fn represent(self, mut answer: ScriptedResponse, asked: &Preferences) -> ScriptedResponse {
        if answer.status != 200 {
            return answer;
        }
        if self.etags {
            let etag = etag(&answer.body);
            let is_known = asked.if_none_match.as_deref() == Some(etag.as_str());
            answer.headers.push(("etag".to_owned(), etag));
            if is_known {
                return ScriptedResponse { status: 304, headers: answer.headers, body: Bytes::new() };
            }
        }
        let accepts_gzip = asked.accept_encoding.split(',').any(|coding| coding.trim() == "gzip");
        if self.gzip && accepts_gzip {
            answer.body = gzip(&answer.body);
            answer.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
        }
        answer
    }
}

fn etag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("W/\"{:x}-{:016x}\"", body.len(), hasher.finish())
}

pub(super) fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a vector does not fail.
    drop(encoder.write_all(body));
    encoder.finish().unwrap_or_default().into()
}

/// A gzip body of white space, of this many MiB when decompressed.
pub(super) fn gzip_bomb(mebibytes: usize) -> Bytes {
    gzip(&vec![b' '; MEMBER_BYTES]).repeat(mebibytes).into()
}
