//! One poll: the GET, its response, and the outcome.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::body_budget::{BodyBudget, chunk_queue};
use super::endpoint::Endpoint;
use super::error::{ClientError, PollError};
use super::failure_reasons::ReasonTable;
use super::http_answer::{self, ResponseHead};
use super::http_client::HttpClient;
use super::refusal::{Phrase, Refusal};
use super::report_reader::{MAX_SLICE_BYTES, ReadError, read_slice, read_stream};
use super::response_body::{ACCEPTED_CODINGS, BodyError, ByteCounts, ResponseBody};
use super::settings::ClientSettings;
use crate::model::{EntityTag, Outcome, Report, RequestId, Timestamp};
use crate::transport::{Network, SharedTransport};

/// The beginning of a refusal's body that is read.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Polls the jobs of one bot. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: Arc<HttpClient>,
    transport: SharedTransport,
    endpoint: Endpoint,
    timeout: Duration,
    max_body_bytes: u64,
    reasons: Arc<ReasonTable>,
    budget: BodyBudget,
}

/// The result of one poll.
#[derive(Debug)]
pub struct StatusResponse<T = Report> {
    /// The report, or the error.
    pub result: Result<T, PollError>,
    /// From the start of the request to the end of the body.
    pub duration: Duration,
    /// Bytes of the body as received.
    pub received_bytes: u64,
    /// Bytes of the body after decompression.
    pub decoded_bytes: u64,
    /// The head of the response, if one arrived.
    pub head: Option<ResponseHead>,
}

/// A report with its validator.
#[derive(Debug)]
pub struct TaggedReport {
    /// The report.
    pub report: Report,
    /// Its `ETag`, if there is one that can be used.
    pub entity_tag: Option<EntityTag>,
}

impl<T> StatusResponse<T> {
    /// The outcome, for metrics.
    pub fn outcome(&self) -> Outcome {
        self.result.as_ref().map_or_else(|error| error.outcome, |_| Outcome::Ok)
    }
}

impl Client {
    /// Creates the client of one bot, without opening a connection.
    ///
    /// # Errors
    /// If a setting is invalid, or a file of `tls` cannot be read.
    pub fn new(settings: &ClientSettings, reasons: Arc<ReasonTable>, budget: BodyBudget) -> Result<Self, ClientError> {
        let endpoint = Endpoint::new(settings)?;
        let http = Arc::new(HttpClient::new(settings)?);
        let (timeout, max_body_bytes) = (settings.timeout, settings.max_body_bytes);
        Ok(Self { http, transport: Network::shared(), endpoint, timeout, max_body_bytes, reasons, budget })
    }

    /// The same client with another transport, for example a simulation instead of the network.
    #[must_use]
    pub fn with_transport(self, transport: SharedTransport) -> Self {
        Self { transport, ..self }
    }

    /// Polls one job: one GET, with its whole body. A `Retry-After` date is compared with `now`.
    ///
    /// Await it in a spawned task: inside `block_on` of a multi-threaded runtime a body arrives three times more slowly.
    pub async fn fetch_status(&self, id: &RequestId, token: &SecretString, now: Timestamp) -> StatusResponse {
        let StatusResponse { result, duration, received_bytes, decoded_bytes, head } =
            self.fetch_changes(id, token, now, None).await;
        let tagged = result.and_then(|changes| changes.ok_or_else(http_answer::unexpected_not_modified));
        StatusResponse { result: tagged.map(|tagged| tagged.report), duration, received_bytes, decoded_bytes, head }
    }

    /// As [`Self::fetch_status`], but the upstream may answer that nothing has changed since the report with the validator
    /// `known`: then the result is `None`.
    pub async fn fetch_changes(
        &self,
        id: &RequestId,
        token: &SecretString,
        now: Timestamp,
        known: Option<&EntityTag>,
    ) -> StatusResponse<Option<TaggedReport>> {
        let start = Instant::now();
        let (bytes, mut head) = (Arc::new(ByteCounts::default()), None);
        let call = self.call(id, token, now, known, &bytes, &mut head);
        let result = match tokio::time::timeout(self.timeout, call).await {
            Ok(result) => result,
            Err(_) => Err(PollError::new(
                Outcome::Timeout,
                format!(
                    "no complete response within {:?}; received {} bytes of the body",
                    self.timeout,
                    bytes.received()
                ),
            )),
        };
        let (received_bytes, decoded_bytes) = (bytes.received(), bytes.decoded());
        StatusResponse { result, duration: start.elapsed(), received_bytes, decoded_bytes, head }
    }

    async fn call(
        &self,
        id: &RequestId,
        token: &SecretString,
        now: Timestamp,
        known: Option<&EntityTag>,
        bytes: &Arc<ByteCounts>,
        head: &mut Option<ResponseHead>,
    ) -> Result<Option<TaggedReport>, PollError> {
        let start = Instant::now();
        let mut auth = HeaderValue::from_str(token.expose_secret()).map_err(|_| {
            PollError::new(
                Outcome::Unauthorized,
                "invalid token: it contains characters that are not allowed in a header; no request was sent",
            )
        })?;
        auth.set_sensitive(true);
        let http = self.http.current();
        let request = http.get(self.endpoint.of(id)).header("auth", auth);
        let request = request.header(ACCEPT, "application/json").header(ACCEPT_ENCODING, ACCEPTED_CODINGS);
        let known = known.and_then(|tag| HeaderValue::from_str(tag.as_str()).ok());
        let is_conditional = known.is_some();
        let request = known.into_iter().fold(request, |request, tag| request.header(IF_NONE_MATCH, tag));
        let no_answer = |error| http_answer::no_answer(error, self.http.settings());
        let request = request.build().map_err(|error| no_answer(error.into()))?;
        let response = self.transport.send(&http, request).await.map_err(no_answer)?;
        *head = Some(ResponseHead::of(&response));
        let retry_after = http_answer::retry_after(response.headers(), || now.plus(start.elapsed()));
        let status = response.status();
        let result = if status.is_success() {
            let entity_tag = response.headers().get(ETAG).and_then(|tag| EntityTag::parse(tag.as_bytes()));
            self.report(response, bytes).await.map(|report| Some(TaggedReport { report, entity_tag }))
        } else if status == StatusCode::NOT_MODIFIED {
            if is_conditional { Ok(None) } else { Err(http_answer::unexpected_not_modified()) }
        } else if status.is_redirection() {
            Err(http_answer::redirect(&response))
        } else {
            Err(refusal(response, self.max_body_bytes, Arc::clone(bytes)).await)
        };
        result.map_err(|error| PollError { retry_after, ..error })
    }

    async fn report(&self, response: Response, bytes: &Arc<ByteCounts>) -> Result<Report, PollError> {
        let status = response.status();
        let no_body = |error| self.no_body(error, status);
        let mut body = ResponseBody::new(response, self.max_body_bytes, Arc::clone(bytes)).map_err(no_body)?;
        let length = body.decoded_length();
        let reserved = self.budget.reserve(length, body.decoder_bytes()).await;
        let known = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut collected = Vec::with_capacity(known.min(MAX_SLICE_BYTES));
        let first = loop {
            let Some(chunk) = body.chunk().await.map_err(no_body)? else { break None };
            if collected.len().saturating_add(chunk.len()) > MAX_SLICE_BYTES {
                break Some(chunk);
            }
            collected.extend_from_slice(&chunk);
        };
        let Some(first) = first else {
            return read_slice(&collected, &self.reasons).map_err(|error| unreadable(error, status, &collected));
        };

        let (sender, reader) = chunk_queue(collected);
        let reasons = Arc::clone(&self.reasons);
        let reading = tokio::task::spawn_blocking(move || {
            let report = read_stream(reader, &reasons);
            drop(reserved);
            report
        });
        let mut reading_on = sender.send(first).await;
        while reading_on && let Some(chunk) = body.chunk().await.map_err(no_body)? {
            reading_on = sender.send(chunk).await;
        }
        drop(sender);
        match reading.await {
            Ok(report) => report.map_err(|error| unreadable(error, status, &[])),
            Err(_) => Err(PollError::new(Outcome::Network, "internal error: the task that reads the body panicked")),
        }
    }

    /// The error for a body that cannot be read to its end, on a success status.
    fn no_body(&self, error: BodyError, status: StatusCode) -> PollError {
        match error {
            BodyError::Incomplete(error) => http_answer::broken(error),
            BodyError::TooLarge => PollError::new(
                Outcome::TooLarge,
                format!("body larger than {} bytes: raise max_body_bytes if this is expected", self.max_body_bytes),
            ),
            BodyError::UnknownCoding | BodyError::Invalid(_) => PollError::new(
                Outcome::Malformed,
                format!("HTTP {}, but {error}: check gateways and proxies in between", status.as_u16()),
            ),
        }
    }
}

/// The error for a body that is not a report, on a success status.
fn unreadable(error: ReadError, status: StatusCode, body: &[u8]) -> PollError {
    let status = status.as_u16();
    match error {
        ReadError::Refused(said) => refused(said, status),
        ReadError::Malformed(_) => match Phrase::find(body).map(Refusal::from_phrase) {
            Some(said) if said.outcome(status) == Outcome::RateLimited => refused(said, status),
            _ => PollError::new(Outcome::Malformed, format!("HTTP {status}, but {error}")),
        },
        ReadError::ValueTooLarge => PollError::new(Outcome::TooLarge, error.to_string()),
        ReadError::Source(_) => PollError::new(Outcome::Network, error.to_string()),
    }
}

/// The error for a refusal. An incomplete body is not an error of its own: the status is known.
async fn refusal(response: Response, max_body_bytes: u64, bytes: Arc<ByteCounts>) -> PollError {
    let status = response.status().as_u16();
    let mut text = Vec::new();
    if let Ok(mut body) = ResponseBody::new(response, max_body_bytes, bytes) {
        while text.len() < MAX_REFUSAL_BYTES
            && let Ok(Some(chunk)) = body.chunk().await
        {
            let left = MAX_REFUSAL_BYTES - text.len();
            text.extend_from_slice(chunk.get(..left).unwrap_or(&chunk));
        }
    }
    let no_reasons = ReasonTable::new(&[]);
    let said = match read_slice(&text, &no_reasons) {
        Err(ReadError::Refused(said)) => said,
        _ => Refusal::default(),
    };
    refused(said.or_phrase(Phrase::find(&text)), status)
}

fn refused(said: Refusal, status: u16) -> PollError {
    let mut error = PollError::new(said.outcome(status), said.detail(status));
    error.hourly = said.is_hourly();
    error.phrase = said.known_phrase();
    error
}
