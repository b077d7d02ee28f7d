//! `ETag` and `If-None-Match`.

use std::sync::Arc;

use koreai_exporter::model::{EntityTag, MAX_ENTITY_TAG_BYTES, Outcome, RequestId};
use koreai_exporter::upstream::{BodyBudget, Client, ReasonTable, StatusResponse, TaggedReport};
use secrecy::SecretString;

use super::server::{CANARY, NOW, Reply, Server, V1, http, settings};

async fn changes(server: &Server, known: Option<&EntityTag>) -> StatusResponse<Option<TaggedReport>> {
    let settings = settings(&format!("http://{}", server.address));
    let client = Client::new(&settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new()).unwrap();
    let token = SecretString::from("the.secret.token");
    let response = client.fetch_changes(&RequestId::parse("ds-1").unwrap(), &token, NOW, known).await;
    assert!(!format!("{response:?}").contains(CANARY));
    response
}

#[tokio::test]
async fn a_validator_is_sent_back_and_304_means_that_nothing_has_changed() {
    let tag = format!("W/\"{CANARY}\"");
    let server = Server::start(Reply::Whole(http("200 OK", &format!("ETag: {tag}\r\n"), V1))).await;
    let tagged = changes(&server, None).await.result.unwrap().unwrap();
    let known = tagged.entity_tag.unwrap();
    assert_eq!(known.as_str(), tag);
    assert!(!server.requests()[0].contains("if-none-match"));
    // The report has changed: it comes whole.
    assert!(changes(&server, Some(&known)).await.result.unwrap().is_some());
    assert!(server.requests()[1].contains(&format!("\r\nif-none-match: {tag}\r\n")), "{:?}", server.requests());

    let unchanged = Server::start(Reply::Whole(http("304 Not Modified", "", ""))).await;
    let response = changes(&unchanged, Some(&known)).await;
    assert_eq!((response.outcome(), response.received_bytes, response.decoded_bytes), (Outcome::Ok, 0, 0));
    assert!(response.result.unwrap().is_none());
    let error = changes(&unchanged, None).await.result.unwrap_err();
    assert_eq!(error.outcome, Outcome::Malformed);
    assert!(error.detail.starts_with("HTTP 304, but the request had no If-None-Match"), "{error}");
}

#[tokio::test]
async fn a_validator_that_is_invalid_or_too_long_is_not_used() {
    for tag in ["canary-leak", "\"a", "*", &format!("\"{}\"", "x".repeat(MAX_ENTITY_TAG_BYTES))] {
        let server = Server::start(Reply::Whole(http("200 OK", &format!("ETag: {tag}\r\n"), V1))).await;
        assert_eq!(changes(&server, None).await.result.unwrap().unwrap().entity_tag, None, "{tag}");
    }
}
