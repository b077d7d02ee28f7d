//! Compressed bodies.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use koreai_exporter::model::{JobStatus, Outcome};
use koreai_exporter::upstream::StatusResponse;
use tokio::io::AsyncWriteExt;

use super::server::{CANARY, Reply, Server, V1, ask, ask_with, envelope, error_of, http, settings};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn encoded(coding: &str, body: &[u8]) -> Vec<u8> {
    use async_compression::tokio::write::{BrotliEncoder, ZstdEncoder};
    match coding {
        "gzip" | "x-gzip" => gzip(body),
        "br" => {
            let mut encoder = BrotliEncoder::with_quality(Vec::new(), async_compression::Level::Fastest);
            encoder.write_all(body).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }
        "zstd" => {
            let mut encoder = ZstdEncoder::new(Vec::new());
            encoder.write_all(body).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }
        _ => body.to_vec(),
    }
}

/// A report with this many entries.
pub(crate) fn report(entries: usize) -> String {
    let entry = |number| {
        format!(
            r#"{{"originalId":"{CANARY}-{number}","channel":"slack","status":"SUCCESS","createdOn":"2022-01-24T20:55:21.918Z"}}"#
        )
    };
    let entries: Vec<_> = (0..entries).map(entry).collect();
    let (count, entries) = (entries.len(), entries.join(","));
    format!(
        r#"{{"statusLogs":[{entries}],"status":"SUCCESS","count":{count},"requestedTime":"2022-01-24T20:55:21.000Z"}}"#
    )
}

async fn answer_to(coding: &str, body: &[u8]) -> StatusResponse {
    let headers = format!("Content-Encoding: {coding}\r\n");
    ask(&Server::start(Reply::Whole(http("200 OK", &headers, body))).await).await
}

#[tokio::test]
async fn each_coding_that_is_requested_is_decoded_and_both_sizes_are_counted() {
    // Below and above the size from which a body is read while it arrives.
    for entries in [10, 20_000] {
        let plain = report(entries);
        for coding in ["gzip", "x-gzip", "br", "zstd", "identity"] {
            let body = encoded(coding, plain.as_bytes()).await;
            let answer = answer_to(coding, &body).await;
            let sizes = (answer.received_bytes, answer.decoded_bytes);
            assert_eq!(sizes, (body.len() as u64, plain.len() as u64), "{coding}");
            assert_eq!(answer.result.unwrap().entries, entries as u64, "{coding}");
        }
    }
}

#[tokio::test]
async fn a_gzip_body_of_several_members_is_read_whole() {
    let (start, end) = V1.split_at(V1.len() / 2);
    let answer = answer_to("gzip", &[gzip(start.as_bytes()), gzip(end.as_bytes())].concat()).await;
    assert_eq!(answer.result.unwrap().status, JobStatus::PartialSuccess);
}

#[tokio::test]
async fn a_compressed_refusal_is_understood() {
    let body = gzip(envelope("Invalid request ID", 400).as_bytes());
    let error = error_of(http("400 Bad Request", "Content-Encoding: gzip\r\n", body)).await;
    assert_eq!(error.outcome, Outcome::NotFound);
}

#[tokio::test]
async fn a_body_that_does_not_decode_is_malformed() {
    for coding in ["gzip", "br", "zstd"] {
        let whole = encoded(coding, report(20_000).as_bytes()).await;
        for body in [&b"{}"[..], &whole[..whole.len() / 2], &[&whole[..], b"more"].concat()] {
            let answer = answer_to(coding, body).await;
            assert_eq!(answer.outcome(), Outcome::Malformed, "{coding}");
            let detail = answer.result.unwrap_err().detail;
            let begin = format!("HTTP 200, but the body is truncated or invalid {coding} data: check gateways");
            assert!(detail.starts_with(&begin), "{detail}");
        }
    }
    for coding in ["deflate", "gzip, gzip", "canary-leak"] {
        let detail = answer_to(coding, V1.as_bytes()).await.result.unwrap_err().detail;
        assert!(detail.starts_with("HTTP 200, but its header Content-Encoding"), "{detail}");
    }
    // A gateway that compresses without saying so.
    let error = error_of(http("200 OK", "", gzip(V1.as_bytes()))).await;
    assert_eq!(error.outcome, Outcome::Malformed);
    assert!(error.detail.contains("is compressed without the header Content-Encoding"), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_within_a_compressed_body_is_a_network_error() {
    let mut half = http("200 OK", "Content-Encoding: gzip\r\n", gzip(report(20_000).as_bytes()));
    half.truncate(half.len() / 2);
    let error = error_of(half).await;
    assert_eq!(error.outcome, Outcome::Network);
    assert!(error.detail.starts_with("incomplete body: "), "{error}");
}

#[tokio::test]
async fn a_decompression_bomb_is_decoded_up_to_the_cap_only() {
    const CAP: u64 = 3_000_000;
    const CHUNK: u64 = 64 * 1024;
    // Valid JSON as far as it goes, so that nothing but the cap ends the reading.
    let entries = r#"{"channel":"slack","status":"SUCCESS"},"#.repeat(32 * 1024).into_bytes();
    for coding in ["gzip", "br", "zstd"] {
        let mut bomb = if coding == "br" {
            encoded(coding, &[&br#"{"statusLogs":["#[..], &entries.repeat(8)].concat()).await
        } else {
            let (start, member) = (encoded(coding, br#"{"statusLogs":["#).await, encoded(coding, &entries).await);
            [start, member.repeat(80)].concat()
        };
        bomb.truncate(CAP as usize / 4);
        let headers = format!("Content-Encoding: {coding}\r\n");
        let server = Server::start(Reply::Whole(http("200 OK", &headers, &bomb))).await;
        let mut settings = settings(&format!("http://{}", server.address));
        settings.max_body_bytes = CAP;
        let answer = ask_with(settings).await;
        assert_eq!(answer.outcome(), Outcome::TooLarge, "{coding}");
        assert!(answer.decoded_bytes <= CAP + CHUNK, "{coding}: {} bytes were decoded", answer.decoded_bytes);
        assert!(answer.received_bytes <= bomb.len() as u64, "{coding}");
        let detail = answer.result.unwrap_err().detail;
        assert!(detail.contains("raise max_body_bytes"), "{coding}: {detail}");
    }
}

#[tokio::test]
async fn members_without_content_end_at_the_cap_of_received_bytes() {
    let empty = gzip(b"").repeat(10_000);
    let server = Server::start(Reply::Whole(http("200 OK", "Content-Encoding: gzip\r\nX-Pad: 1\r\n", &empty))).await;
    let mut settings = settings(&format!("http://{}", server.address));
    settings.max_body_bytes = 64 * 1024;
    settings.timeout = Duration::from_secs(60);
    let answer = ask_with(settings).await;
    assert_eq!((answer.outcome(), answer.decoded_bytes), (Outcome::TooLarge, 0));
}
