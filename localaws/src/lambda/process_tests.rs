//! Real processes: this very test binary, started again, plays the function.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{CommandOf, FunctionRunner};
use crate::faults::Fault;
use crate::server::Server;
use crate::world::World;
use crate::world::tests::TEMPLATE;

/// What a function's process answers to one request, over a connection of its own.
fn http(
    address: &str,
    request: &str,
    headers: &str,
    body: &str,
) -> (BTreeMap<String, String>, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut found = BTreeMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 && !line.trim().is_empty() {
        if let Some((name, value)) = line.trim().split_once(": ") {
            found.insert(name.to_lowercase(), value.to_owned());
        }
        line.clear();
    }
    let mut body = String::new();
    reader.read_to_string(&mut body).unwrap();
    (found, body)
}

/// Not a test of its own: the function, when started with Lambda's environment.
#[test]
fn acts_as_a_function() {
    let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    let runtime = |call: &str, body: &str| http(&api, call, "", body);
    loop {
        let (headers, event) = runtime("GET /2018-06-01/runtime/invocation/next", "");
        let event: Value = serde_json::from_str(&event).unwrap();
        let id = &headers["lambda-runtime-aws-request-id"];
        println!("got {event}");
        let path = |kind: &str| format!("POST /2018-06-01/runtime/invocation/{id}/{kind}");
        match event["do"].as_str() {
            Some("exit") => std::process::exit(3),
            Some("hang") => loop {
                std::thread::park();
            },
            Some("fail") => runtime(
                &path("error"),
                r#"{"errorType":"Boom","errorMessage":"no luck"}"#,
            ),
            Some("put") => {
                put();
                runtime(&path("response"), "\"put\"")
            }
            _ => {
                let variables: BTreeMap<String, String> = std::env::vars().collect();
                let answer = json!({"pid": std::process::id(), "headers": headers, "environment": variables});
                runtime(&path("response"), &answer.to_string())
            }
        };
    }
}

/// An S3 call with the credentials that the process was given.
fn put() {
    let (endpoint, key) = (
        std::env::var("AWS_ENDPOINT_URL").unwrap(),
        std::env::var("AWS_ACCESS_KEY_ID").unwrap(),
    );
    let address = endpoint.strip_prefix("http://").unwrap();
    let scope = format!("Credential={key}/20251121/us-east-1/s3/aws4_request");
    let authorization =
        format!("Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00\r\n");
    http(address, "PUT /images/from-process.bin", &authorization, "x");
}

fn this_binary() -> FunctionRunner {
    let command: CommandOf = Arc::new(|_| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "lambda::process_tests::acts_as_a_function",
            "--nocapture",
        ]);
        command.env("RUST_TEST_THREADS", "1");
        command
    });
    FunctionRunner::Process(command)
}

async fn started() -> (World, Server) {
    let template = TEMPLATE.replace("Timeout: 10", "Timeout: 1");
    let world = World::builder()
        .template(&template)
        .functions(this_binary())
        .schedules(false)
        .start()
        .await
        .unwrap();
    let server = Server::bind(&world, 0).await.unwrap();
    (world, server)
}

fn log(world: &World) -> String {
    let name = &world.stack().functions[0].name;
    std::fs::read_to_string(world.directory().join("logs").join(format!("{name}.log"))).unwrap()
}

#[tokio::test]
async fn a_process_gets_what_lambda_gives_it_and_is_used_again() {
    let (world, server) = started().await;
    let first = world.invoke("Work", json!({"n": 1})).await.unwrap();
    let second = world.invoke("Work", json!({"n": 2})).await.unwrap();
    assert_eq!(first["pid"], second["pid"]);
    let environment = &first["environment"];
    assert_eq!(environment["BUCKET"], "images");
    assert_eq!(
        environment["AWS_LAMBDA_FUNCTION_NAME"],
        world.stack().functions[0].name.as_str()
    );
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(environment["AWS_ENDPOINT_URL"], server.url().as_str());
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["HOME"], Value::Null, "the environment is clean");
    let headers = &first["headers"];
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        world.stack().functions[0].arn.as_str()
    );
    assert!(
        headers["lambda-runtime-deadline-ms"]
            .as_str()
            .unwrap()
            .len()
            == 13
    );
    world.close().await;
    let log = log(&world);
    assert!(
        log.contains("START RequestId: ") && log.contains("Billed Duration: "),
        "{log}"
    );
}

#[tokio::test]
async fn an_error_that_is_reported_keeps_the_process() {
    let (world, _server) = started().await;
    let before = world.invoke("Work", json!({})).await.unwrap();
    let error = world
        .invoke("Work", json!({"do": "fail"}))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "Boom: no luck");
    assert_eq!(
        world.invoke("Work", json!({})).await.unwrap()["pid"],
        before["pid"]
    );
    world.close().await;
}

#[tokio::test]
async fn a_process_that_ends_or_hangs_is_a_failed_invocation_and_is_replaced() {
    let (world, _server) = started().await;
    let first = world.invoke("Work", json!({})).await.unwrap();
    let exited = world
        .invoke("Work", json!({"do": "exit"}))
        .await
        .unwrap_err();
    assert_eq!(exited.kind, "Runtime.ExitError");
    assert!(
        exited
            .message
            .contains("Runtime exited with error: exit status: 3"),
        "{exited}"
    );
    let second = world.invoke("Work", json!({})).await.unwrap();
    assert_ne!(first["pid"], second["pid"]);
    let hung = world
        .invoke("Work", json!({"do": "hang"}))
        .await
        .unwrap_err();
    assert_eq!(hung.kind, "Sandbox.Timedout");
    assert_ne!(
        world.invoke("Work", json!({})).await.unwrap()["pid"],
        second["pid"]
    );
    world.close().await;
}

#[tokio::test]
async fn a_fault_can_kill_the_process_that_made_the_call() {
    let (world, _server) = started().await;
    world.faults().on("s3", "PutObject", 1, Fault::Crash);
    let error = world
        .invoke("Work", json!({"do": "put"}))
        .await
        .unwrap_err();
    assert!(error.message.contains("signal: killed"), "{error}");
    assert!(
        world
            .s3()
            .get("images", "from-process.bin")
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(world.calls()[0].function.as_deref(), Some("Work"));
    // The process has keys of its own: its calls are allowed by the function's policies, and counted.
    assert_eq!(world.iam().grants()[0].uses, 1);
    assert_eq!(
        world.invoke("Work", json!({"do": "put"})).await,
        Ok(json!("put"))
    );
    world.close().await;
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_named() {
    let command: CommandOf =
        Arc::new(|function| Command::new(format!("/nowhere/{}", function.binary)));
    let builder = World::builder()
        .template(TEMPLATE)
        .functions(FunctionRunner::Process(command))
        .schedules(false);
    let world = builder.start().await.unwrap();
    let _server = Server::bind(&world, 0).await.unwrap();
    let error = world.invoke("Work", json!({})).await.unwrap_err();
    assert!(
        error.message.contains("has its binary been built?"),
        "{error}"
    );
}
