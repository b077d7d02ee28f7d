use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

/// A route that says when it was reached and answers when it is told to.
fn held() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&reached), Arc::clone(&release));
    let handler = move || async move {
        tell.notify_one();
        wait.notified().await;
        "done\n"
    };
    (Router::new().route("/", get(handler)), reached, release)
}

#[tokio::test]
async fn an_answer_under_way_is_finished_and_nothing_new_is_taken() {
    let (router, reached, release) = held();
    let server = Server::start_with(router, None, DEADLINE).await;
    let answer = tokio::spawn(client().build().unwrap().get(server.url("http", "/")).send());
    timeout(DEADLINE, reached.notified()).await.unwrap();
    server.shutdown.cancel();
    // The listener is closed once a connection is refused.
    timeout(DEADLINE, async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(!server.ended.is_finished());
    release.notify_one();
    let body = timeout(DEADLINE, answer).await.unwrap().unwrap().unwrap().text().await.unwrap();
    assert_eq!(body, "done\n");
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_that_outlasts_the_grace_period_is_cut_off() {
    let (router, reached, _release) = held();
    let server = Server::start_with(router, None, Duration::from_millis(50)).await;
    let answer = tokio::spawn(client().build().unwrap().get(server.url("http", "/")).send());
    timeout(DEADLINE, reached.notified()).await.unwrap();
    server.shutdown.cancel();
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
    assert!(timeout(DEADLINE, answer).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let server = Server::start(None).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.shutdown.cancel();
    timeout(Duration::from_secs(4), server.ended).await.unwrap().unwrap().unwrap();
}
