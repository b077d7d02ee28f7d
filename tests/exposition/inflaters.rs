//! Three independent gzip decoders, and `gzip` itself if it is installed.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// The decoded body; all decoders must agree, and no bytes may follow the only member.
pub(crate) fn inflated_by_all(body: &[u8]) -> Vec<u8> {
    let by_flate2 = by_flate2(body);
    assert!(by_flate2 == by_miniz_oxide(body), "flate2 and miniz_oxide differ");
    assert!(by_flate2 == by_libdeflate(body, by_flate2.len()), "flate2 and libdeflate differ");
    by_flate2
}

fn by_flate2(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut reader = flate2::bufread::GzDecoder::new(body);
    reader.read_to_end(&mut text).unwrap();
    assert!(reader.into_inner().is_empty(), "bytes after the first member");
    text
}

/// Decodes deflate only; header and trailer are skipped here.
fn by_miniz_oxide(body: &[u8]) -> Vec<u8> {
    let (header, rest) = body.split_at(10);
    assert_eq!(&header[..4], [0x1f, 0x8b, 8, 0]);
    let (deflated, trailer) = rest.split_at(rest.len() - 8);
    let text = miniz_oxide::inflate::decompress_to_vec(deflated).unwrap();
    assert_eq!(trailer[..4], crc32fast::hash(&text).to_le_bytes());
    assert_eq!(trailer[4..], u32::try_from(text.len()).unwrap().to_le_bytes());
    text
}

fn by_libdeflate(body: &[u8], length: usize) -> Vec<u8> {
    let mut text = vec![0; length];
    let read = libdeflater::Decompressor::new().gzip_decompress(body, &mut text).unwrap();
    assert_eq!(read, length);
    text
}

/// Whether `gzip -t` accepts the body; `None` if it is not installed.
pub(crate) fn gzip_accepts(body: &[u8]) -> Option<bool> {
    let mut gzip = Command::new("gzip").arg("-t").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    gzip.stdin.take()?.write_all(body).ok()?;
    Some(gzip.wait().ok()?.success())
}
