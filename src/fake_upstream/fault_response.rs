//! HTTP responses: scripted ones, and those that a fault has changed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::connection::ResetHandle;
use super::fault::Fault;
use super::job::ScriptedResponse;
use super::representation::{gzip, gzip_bomb};
use super::state::SampleBody;
use super::status_body;

/// Bytes of a streamed body that are buffered for a slow reader.
const PIPE_BYTES: usize = 64 * 1024;

/// Entries of a huge body written at a time.
const ENTRIES_A_CHUNK: usize = 500;

/// Pause between two entries of a body that never ends; shorter than the read timeout of any client.
const TRICKLE: Duration = Duration::from_millis(50);

const HTML: &str =
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>\n";

/// A response exactly as scripted.
pub(super) fn literal(answer: ScriptedResponse) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    // A script may contain an invalid code or header.
    response.body(Body::from(answer.body)).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The response that a fault makes of a valid one.
pub(super) async fn respond(
    fault: Fault,
    sample: SampleBody,
    reset: &ResetHandle,
    stopping: &CancellationToken,
) -> Response {
    match fault {
        Fault::Truncated => truncated(sample.whole),
        Fault::NeverEnding => piped(|pipe| trickle(pipe, sample.streamed), stopping),
        Fault::Hang => {
            stopping.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Fault::Huge(entries) => piped(move |pipe| huge(pipe, sample.streamed, entries), stopping),
        Fault::Reset => {
            reset.arm();
            StatusCode::OK.into_response()
        }
        other => literal(complete(other, sample)),
    }
}

/// The response that a fault makes of a valid one, if it is complete; otherwise the valid one.
pub(super) fn complete(fault: Fault, sample: SampleBody) -> ScriptedResponse {
    let without_body = |status, headers| ScriptedResponse { status, headers, body: Bytes::new() };
    match fault {
        Fault::Status(code) => html(code),
        Fault::Html200 => html(200),
        Fault::Empty200 => without_body(200, Vec::new()),
        Fault::Deep(depth) => ScriptedResponse::ok(deep(depth)),
        Fault::Redirect(address) => without_body(307, vec![("location".to_owned(), address)]),
        Fault::Gibberish => ScriptedResponse::ok(&b"\x00\xff\xfe{\"statusLogs\":[\x80\x81]]]}\xc3\x28"[..]),
        Fault::ErrorsEnvelope200 => ScriptedResponse::ok(status_body::errors("Something went wrong", 500)),
        Fault::GzipBomb(mebibytes) => compressed(gzip_bomb(mebibytes)),
        Fault::CutGzip => {
            let whole = gzip(&sample.whole);
            compressed(whole.slice(..whole.len() / 2))
        }
        Fault::NullLogs => ScriptedResponse::ok(sample.null_logs),
        // The state answers these two itself.
        Fault::RateLimited(_) | Fault::Unauthorized => without_body(401, Vec::new()),
        Fault::Truncated | Fault::NeverEnding | Fault::Hang | Fault::Huge(_) | Fault::Reset => {
            ScriptedResponse::ok(sample.whole)
        }
    }
}

fn compressed(body: Bytes) -> ScriptedResponse {
    let mut answer = ScriptedResponse::ok(body);
    answer.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    answer
}

fn html(status: u16) -> ScriptedResponse {
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    ScriptedResponse { status, headers, body: Bytes::from_static(HTML.as_bytes()) }
}

fn deep(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(r#"{{"status":"SUCCESS","percentageComplete":100,"extra":{open}{close},"statusLogs":[],"count":0}}"#)
}

/// Announces the whole length and sends half. The half goes through a pipe, because hyper would reject a body of known,
/// different length.
fn truncated(whole: Bytes) -> Response {
    let length = whole.len();
    let mut response = piped(
        move |mut pipe| async move {
            let half = whole.slice(..length / 2);
            pipe.write_all(&half).await.is_ok()
        },
        &CancellationToken::new(),
    );
    response.headers_mut().insert("content-length", (length.max(1)).into());
    response
}

async fn trickle(mut pipe: DuplexStream, (head, entry, _): (String, String, String)) -> bool {
    if pipe.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    let next = format!("{entry},");
    while pipe.write_all(next.as_bytes()).await.is_ok() {
        tokio::time::sleep(TRICKLE).await;
    }
    false
}

async fn huge(mut pipe: DuplexStream, (head, entry, tail): (String, String, String), entries: usize) -> bool {
    let next = format!(",{entry}");
    let chunk = next.repeat(ENTRIES_A_CHUNK);
    let first = if entries == 0 { "" } else { entry.as_str() };
    let mut left = entries.saturating_sub(1);
    let mut fine = pipe.write_all(format!("{head}{first}").as_bytes()).await.is_ok();
    while fine && left >= ENTRIES_A_CHUNK {
        fine = pipe.write_all(chunk.as_bytes()).await.is_ok();
        left -= ENTRIES_A_CHUNK;
    }
    fine && pipe.write_all(format!("{}{tail}", next.repeat(left)).as_bytes()).await.is_ok()
}

/// A body that a task writes while the client reads. The task ends with the client, or when the server stops.
fn piped<F>(write: impl FnOnce(DuplexStream) -> F, stopping: &CancellationToken) -> Response
where
    F: Future<Output = bool> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let writing = write(ours);
    let stopping = stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = writing => {}
            () = stopping.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::from_stream(ReaderStream::new(theirs)));
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    response
}
