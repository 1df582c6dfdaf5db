//! The server, spoken to over a socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Server, ServerError};
use crate::faults::Fault;
use crate::world::World;
use crate::world::tests::{TEMPLATE, handler, start};

async fn started() -> (World, Server) {
    let world = World::builder()
        .template(TEMPLATE)
        .schedules(false)
        .start()
        .await
        .unwrap();
    let server = Server::bind(&world, 0).await.unwrap();
    (world, server)
}

/// Sends one request on a connection of its own; the whole answer as text, empty if the connection just broke.
async fn send(server: &Server, method: &str, path: &str, signed: bool, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let scope = "Credential=AKID/20251121/us-east-1/s3/aws4_request";
    let authorization =
        format!("Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00\r\n");
    let authorization = if signed { authorization } else { String::new() };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        server.address(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn health_reports_what_runs() {
    let (world, server) = started().await;
    let answer = send(&server, "GET", "/_local/health", false, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let body: serde_json::Value =
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["ready"], true);
    assert_eq!(body["bucket"], "images");
    assert_eq!(body["topic"], world.stack().topics[0].arn.as_str());
    assert_eq!(body["functions"].as_array().unwrap().len(), 1);
    assert_eq!(body["account"], crate::ACCOUNT);
    assert_eq!(body["credentials"], serde_json::json!({}));
    assert!(
        send(&server, "GET", "/_local/other", false, "")
            .await
            .starts_with("HTTP/1.1 404")
    );
}

#[tokio::test]
async fn users_and_grants_are_reported() {
    let policy = "\n  Reading:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        \
                  Version: '2012-10-17'\n        Statement: [{Sid: Read, Effect: Allow, Action: 's3:GetObject', \
                  Resource: 'arn:aws:s3:::images/*'}]\n";
    let world = World::builder()
        .template(&format!("{TEMPLATE}{policy}"))
        .user("reader", "Reading")
        .start()
        .await
        .unwrap();
    let server = Server::bind(&world, 0).await.unwrap();
    let get = async |path: &str| {
        let answer = send(&server, "GET", path, false, "").await;
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        serde_json::from_str::<serde_json::Value>(body).unwrap()
    };
    let health = get("/_local/health").await;
    assert_eq!(
        health["credentials"]["reader"],
        serde_json::json!({"accessKeyId": "LOCALUSERREADER", "secretAccessKey": "local"})
    );
    let grants = get("/_local/grants").await;
    let unused = grants["unused"].as_array().unwrap();
    let reading = serde_json::json!({"principal": "reader", "sid": "Read", "action": "s3:getobject",
                                     "resource": "arn:aws:s3:::images/*", "uses": 0});
    assert!(unused.contains(&reading), "{unused:?}");
    assert_eq!(grants["used"], serde_json::json!([]));
    assert_eq!(grants["refused"], serde_json::json!([]));
}

#[tokio::test]
async fn health_is_503_until_the_world_is_ready() {
    let (world, _server) = started().await;
    let early = super::health(&world, false);
    assert_eq!(early.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8_lossy(early.body()).contains("\"ready\":false"));
}

#[tokio::test]
async fn an_object_goes_in_and_out() {
    let (world, server) = started().await;
    let answer = send(&server, "PUT", "/images/a.bin", true, "hello").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        world.s3().get("images", "a.bin").await.unwrap().unwrap(),
        "hello"
    );
    let answer = send(&server, "GET", "/images/a.bin", true, "").await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test]
async fn a_browser_is_shown_what_to_do() {
    let (_world, server) = started().await;
    let answer = send(&server, "GET", "/images/a.bin", false, "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("--endpoint-url"), "{answer}");
}

#[tokio::test]
async fn a_lost_answer_breaks_the_connection() {
    let (world, server) = started().await;
    world.faults().at(1, Fault::LoseAnswer);
    assert_eq!(
        send(&server, "PUT", "/images/a.bin", true, "hello").await,
        ""
    );
    assert!(world.s3().get("images", "a.bin").await.unwrap().is_some());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (world, server) = started().await;
    let port = server.address().port();
    let error = Server::bind(&world, port).await.err().unwrap();
    assert!(matches!(error, ServerError::InUse { port: used } if used == port));
    assert!(error.to_string().contains("choose another port"), "{error}");
}

#[tokio::test]
async fn closing_ends_idle_connections_and_frees_the_port() {
    let (world, server) = started().await;
    let port = server.address().port();
    let mut idle = TcpStream::connect(server.address()).await.unwrap();
    assert!(
        send(&server, "GET", "/_local/health", false, "")
            .await
            .contains("200")
    );
    server.close().await;
    let ended = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 1]))
        .await
        .unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));
    let again = Server::bind(&world, port).await.unwrap();
    assert_eq!(again.address().port(), port);
}

#[tokio::test]
async fn a_file_copied_into_the_folder_invokes_a_function() {
    let (seen, mut copied) = tokio::sync::mpsc::unbounded_channel();
    let runner = handler(move |invocation| {
        let key = invocation.payload["detail"]["object"]["key"].clone();
        seen.send(key.clone()).unwrap();
        async move { Ok(key) }
    });
    let world = start(TEMPLATE, runner).await;
    let _server = Server::bind(&world, 0).await.unwrap();
    std::fs::write(world.directory().join("s3/images/by-hand.txt"), "x").unwrap();
    let key = tokio::time::timeout(Duration::from_secs(10), copied.recv())
        .await
        .unwrap();
    assert_eq!(key.unwrap(), "by-hand.txt");
}

/// Sends a request with this head and body; the whole answer.
async fn exchange(server: &Server, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let scope = "Credential=AKID/20251121/us-east-1/s3/aws4_request";
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {}\r\nAuthorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00\r\n\
         Content-Length: {}\r\nConnection: close\r\n",
        server.address(),
        body.len()
    );
    // Further headers follow the target in `head`.
    let request = match head.split_once('\n') {
        None => request + "\r\n",
        Some((target, headers)) => request.replace(head, target) + headers + "\r\n\r\n",
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

/// Bytes that differ from place to place.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn a_large_object_goes_through_files() {
    let (world, server) = started().await;
    let content = content(3 << 20);
    let (head, _) = exchange(&server, "PUT /images/disk.raw", &content).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (head, body) = exchange(&server, "GET /images/disk.raw", b"").await;
    assert!(head.contains("content-length: 3145728"), "{head}");
    assert!(body == content, "the object is not what was put");
    let part = "GET /images/disk.raw\nRange: bytes=1000-2097151";
    let (head, body) = exchange(&server, part, b"").await;
    assert!(
        head.starts_with("HTTP/1.1 206") && head.contains("bytes 1000-2097151/3145728"),
        "{head}"
    );
    assert!(body == content[1000..2_097_152]);
    let copy = "PUT /images/copy.raw\nx-amz-copy-source: images/disk.raw";
    let (head, _) = exchange(&server, copy, b"").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let copied = world.s3().get("images", "copy.raw").await.unwrap().unwrap();
    assert!(copied == content);
    let waiting = std::fs::read_dir(world.directory().join("s3/.state/drafts"));
    assert_eq!(waiting.unwrap().count(), 0);
}

#[tokio::test]
async fn a_large_body_is_checked_and_decoded() {
    let (world, server) = started().await;
    let content = content(2 << 20);
    let mut coded = Vec::new();
    for chunk in content.chunks(500_000) {
        coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        coded.extend_from_slice(chunk);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
    let chunked = "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 2097152";
    let target = format!("PUT /images/disk.raw\n{chunked}");
    let (head, body) = exchange(&server, &target, &coded).await;
    let body = String::from_utf8(body).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 400") && body.contains("BadDigest"),
        "{head} {body}"
    );
    let at = coded.len() - "x-amz-checksum-crc32:AAAAAA==\r\n\r\n".len();
    coded.truncate(at);
    coded.extend_from_slice(b"\r\n");
    let (head, _) = exchange(&server, &target, &coded).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let put = world.s3().get("images", "disk.raw").await.unwrap().unwrap();
    assert!(put == content);
    let wrong = format!(
        "PUT /images/disk.raw\nx-amz-content-sha256: {}",
        "0".repeat(64)
    );
    let (_, body) = exchange(&server, &wrong, &content).await;
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("x-amz-content-sha256")
    );
    let waiting = std::fs::read_dir(world.directory().join("s3/.state/drafts"));
    assert_eq!(waiting.unwrap().count(), 0);
}

#[tokio::test]
async fn only_objects_are_large() {
    let (world, server) = started().await;
    let document = vec![b' '; 17 << 20];
    for target in ["PUT /images/a?tagging", "PUT /new"] {
        let (_, body) = exchange(&server, target, &document).await;
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("EntityTooLarge"), "{target}: {body}");
    }
    assert!(!world.s3().has_bucket("new"));
}

#[tokio::test]
async fn a_connection_ends_whose_client_expects_to_go_on_without_a_body() {
    let (_world, server) = started().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let scope = "Credential=AKID/20251121/us-east-1/s3/aws4_request";
    let request = format!(
        "PUT /images/empty HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00\r\n\
         Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}
