//! `http_sd_configs`.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::support::{BOT_ID, Exporter, Folder, slow_job, upstream};

const UP: &str = "koreai_exporter_target_source_up{bot=\"support\",source=\"http\"}";

/// The response of the server, and the credentials it requires.
#[derive(Clone)]
struct Targets(Arc<Mutex<(StatusCode, Value, &'static str)>>);

impl Targets {
    async fn serve(authorization: &'static str) -> (Self, String) {
        let targets = Self(Arc::new(Mutex::new((StatusCode::OK, json!([]), authorization))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/targets", listener.local_addr().unwrap());
        let router = Router::new().route("/targets", get(answer)).with_state(targets.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (targets, url)
    }

    fn put(&self, status: StatusCode, groups: Value) {
        let mut held = self.0.lock().unwrap();
        (held.0, held.1) = (status, groups);
    }
}

async fn answer(State(targets): State<Targets>, headers: HeaderMap) -> Response {
    let (status, groups, authorization) = targets.0.lock().unwrap().clone();
    match headers.get("authorization").and_then(|value| value.to_str().ok()) {
        Some(given) if given == authorization => (status, axum::Json(groups)).into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_authorization_type_other_than_bearer_provides_jobs() {
    let upstream = upstream(vec![slow_job("ds-1"), slow_job("ds-2")]).await;
    let (targets, url) = Targets::serve("Token open sesame").await;
    targets.put(StatusCode::OK, json!([{"targets": ["ds-1", "ds-2"], "labels": {"campaign": "spring"}}]));
    let folder = Folder::new();
    folder.write("token", "open sesame\n");
    let token = folder.path("token");
    let source = format!(
        "http_sd_configs: [{{url: '{url}', refresh_interval: 1s, authorization: {{type: Token, credentials_file: {}}}}}]",
        token.display()
    );
    folder.configure(&upstream, "", &[("support", BOT_ID, &source)]);
    let exporter = Exporter::start(&folder).await;
    let both = |page: &super::support::Page| page.jobs() == 2 && page.value(UP) == Some(1.0);
    let page = exporter.until_page("both jobs are tracked", both).await;
    assert!(page.has("request_id=\"ds-1\",campaign=\"spring\""), "{}", page.0);

    targets.put(StatusCode::INTERNAL_SERVER_ERROR, json!([]));
    let page = exporter.until_page("the source is down", |page| page.value(UP) == Some(0.0)).await;
    assert_eq!(page.jobs(), 2, "the previous targets remain");

    targets.put(StatusCode::OK, json!([{"targets": ["ds-2"]}]));
    let page =
        exporter.until_page("one is named no more", |page| page.jobs() == 1 && page.value(UP) == Some(1.0)).await;
    assert!(page.has("koreai_job_poll_up{bot=\"support\",request_id=\"ds-2\"}"), "{}", page.0);
}
