//! Answers with an error status, redirects, and refusals on 200.

use std::time::Duration;

use koreai_exporter::model::Outcome;

use super::server::{CANARY, Reply, Server, V1, envelope, error_of, http};

#[tokio::test]
async fn refusals_have_their_outcome_and_a_hint() {
    for (status, body, outcome, hint) in [
        ("401 Unauthorized", envelope("Invalid SDK credentials", 4002), Outcome::Unauthorized, "check client_id"),
        ("401 Unauthorized", envelope("Invalid JWT token", 4002), Outcome::Unauthorized, "check token_file"),
        (
            "401 Unauthorized",
            envelope("Permission denied. Scope is incorrect!", 4002),
            Outcome::Unauthorized,
            "`Proactive Messages`",
        ),
        ("403 Forbidden", CANARY.to_owned(), Outcome::Unauthorized, "HTTP 403"),
        (
            "400 Bad Request",
            envelope("error verifying the jwt: possibly a replay", 401),
            Outcome::Unauthorized,
            "jti: true",
        ),
        ("400 Bad Request", envelope("Invalid request ID", 400), Outcome::NotFound, "unknown or expired job"),
        ("400 Bad Request", envelope(CANARY, 400), Outcome::ClientError, "HTTP 400, code 400"),
        ("404 Not Found", envelope("Request not found", 404), Outcome::NotFound, "HTTP 404, code 404"),
        ("410 Gone", envelope("Invalid request ID", 410), Outcome::NotFound, "unknown or expired job"),
        ("404 Not Found", envelope("Invalid SDK credentials", 4002), Outcome::Unauthorized, "check client_id"),
        ("405 Method Not Allowed", envelope("Method Not Allowed", 405), Outcome::ClientError, "check base_url and api"),
        ("500 Internal Server Error", format!("<html>{CANARY}</html>"), Outcome::ServerError, "HTTP 500"),
        ("503 Service Unavailable", "x".repeat(1_000_000), Outcome::ServerError, "HTTP 503"),
        ("200 OK", envelope("Invalid SDK credentials", 4002), Outcome::Unauthorized, "check client_id"),
        ("200 OK", envelope("Invalid request ID", 400), Outcome::NotFound, "unknown or expired job"),
    ] {
        let error = error_of(http(status, "", &body)).await;
        assert_eq!((error.outcome, error.hourly), (outcome, false), "{status} {error:?}");
        assert!(error.detail.contains(hint), "{status} {body:.80}: {}", error.detail);
    }
}

#[tokio::test]
async fn a_404_that_is_not_the_upstreams_own_answer_about_an_id_says_nothing_of_the_job() {
    let page = format!("<html><body>{CANARY}</body></html>");
    for (status, body, outcome) in [
        ("404 Not Found", String::new(), Outcome::WrongEndpoint),
        ("404 Not Found", page.clone(), Outcome::WrongEndpoint),
        ("404 Not Found", "default backend - 404".to_owned(), Outcome::WrongEndpoint),
        ("404 Not Found", r#"{"message":"no Route matched with those values"}"#.to_owned(), Outcome::WrongEndpoint),
        ("404 Not Found", r#"{"errors":[]}"#.to_owned(), Outcome::WrongEndpoint),
        ("404 Not Found", r#"{"errors":[{"status":"404","title":"x"}]}"#.to_owned(), Outcome::WrongEndpoint),
        ("404 Not Found", r#"{"errors":["canary-leak"]}"#.to_owned(), Outcome::WrongEndpoint),
        ("410 Gone", page.clone(), Outcome::WrongEndpoint),
        // What routers say of a path that they do not have.
        ("404 Not Found", envelope("Not Found", 404), Outcome::WrongEndpoint),
        ("404 Not Found", envelope("Cannot GET /api/x", 404), Outcome::WrongEndpoint),
        ("200 OK", envelope("Not Found", 404), Outcome::WrongEndpoint),
        // The phrase without the envelope may be anyone's.
        ("400 Bad Request", "<html>invalid request id canary-leak</html>".to_owned(), Outcome::ClientError),
        ("404 Not Found", r#"{"message":"Invalid request ID"}"#.to_owned(), Outcome::WrongEndpoint),
    ] {
        let error = error_of(http(status, "", &body)).await;
        assert_eq!(error.outcome, outcome, "{status} {body}: {error}");
        let advice = outcome != Outcome::WrongEndpoint
            || error.detail.contains("not an upstream answer about a request ID; check base_url");
        assert!(advice, "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn a_log_in_page_is_neither_a_report_nor_an_unknown_id() {
    for (status, body, outcome) in [
        (
            "200 OK",
            "<!doctype html><title>Log in</title>canary-leak 404 not found, invalid request id",
            Outcome::Malformed,
        ),
        ("200 OK", "", Outcome::Malformed),
        ("204 No Content", "", Outcome::Malformed),
        ("304 Not Modified", "", Outcome::Malformed),
    ] {
        assert_eq!(error_of(http(status, "", body)).await.outcome, outcome, "{status} {body}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_told_by_429_or_by_its_text_on_any_status() {
    for (status, body, hourly) in [
        ("429 Too Many Requests", CANARY.to_owned(), false),
        ("400 Bad Request", envelope("Rate limit for this API has been reached. Please try again later", 400), false),
        (
            "200 OK",
            envelope("You've exceeded the per-minute rate limit. Please wait for sometime before retrying.", 429),
            false,
        ),
        (
            "200 OK",
            envelope("You've exceeded the hourly rate limit. Please wait for sometime before retrying.", 429),
            true,
        ),
        ("403 Forbidden", r#"{"message":"Rate limit exceeded"}"#.to_owned(), false),
        ("200 OK", r#"{"message":"Rate limit exceeded"}"#.to_owned(), false),
    ] {
        let error = error_of(http(status, "", &body)).await;
        assert_eq!((error.outcome, error.hourly), (Outcome::RateLimited, hourly), "{status} {body}");
    }
}

#[tokio::test]
async fn retry_after_is_handed_on_as_seconds_or_from_a_date() {
    for (header, wait) in [("120", Some(120)), ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)), ("soon", None)] {
        let error = error_of(http("429 Too Many Requests", &format!("Retry-After: {header}\r\n"), "")).await;
        // The time that the call took is counted off a date.
        let wait_near =
            |found: Duration, wait: u64| found <= Duration::from_secs(wait) && found > Duration::from_secs(wait - 10);
        assert_eq!(error.retry_after.is_some(), wait.is_some(), "{header}");
        assert!(error.retry_after.zip(wait).is_none_or(|(found, wait)| wait_near(found, wait)), "{header}: {error:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_host_is_named() {
    let elsewhere = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let location = format!("Location: http://{}/{CANARY}?{CANARY}\r\n", elsewhere.address);
    let error = error_of(http("302 Found", &location, CANARY)).await;
    assert_eq!(error.outcome, Outcome::ClientError);
    assert!(error.detail.contains(&format!("redirect to http://{}, not followed", elsewhere.address)), "{error}");
    assert!(elsewhere.requests().is_empty());
    assert!(error_of(http("308 Permanent Redirect", "Location: /login\r\n", "")).await.detail.contains("another path"));
}
