//! The programs themselves, started as Lambda would, without what they need.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread::JoinHandle;

fn started_with(variables: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_notify"));
    program.env_clear().envs(variables.iter().copied());
    program.output().unwrap()
}

/// The lines of a function's log.
fn logged(output: &Output) -> Vec<serde_json::Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Answers one request, and returns it up to the end of its JSON, or of its headers if it has no body.
fn answered_once(listener: TcpListener, answer: &'static str) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = String::new();
        while !request.ends_with('}') && !request.ends_with("\r\n\r\n") {
            let mut bytes = [0; 1024];
            let count = connection.read(&mut bytes).unwrap();
            request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        connection.write_all(answer.as_bytes()).unwrap();
        request
    })
}

const OF_LAMBDA: [(&str, &str); 4] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "notify"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_REGION", "us-east-1"),
];

#[test]
fn a_function_without_configuration_reports_an_init_error_and_exits() {
    let lambda = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = lambda.local_addr().unwrap().to_string();
    let request = answered_once(lambda, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
    let mut variables = OF_LAMBDA.to_vec();
    variables.extend([
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AMIWRIGHT_BUCKET", "images"),
        ("AMIWRIGHT_STATE_BUCKET", "images-state"),
    ]);
    let output = started_with(&variables);
    let said =
        "the environment variable AMIWRIGHT_TOPIC_ARN is not set: set it as template.yaml does";
    let request = request.join().unwrap();
    assert!(
        request.starts_with("POST /2018-06-01/runtime/init/error "),
        "{request}"
    );
    assert!(request.contains(said), "{request}");
    let log = logged(&output);
    let version = log[0]["fields"]["version"].as_str().unwrap();
    assert_eq!(version, amiwright::version::VERSION);
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");
    assert_eq!(log[1]["fields"]["error"], said);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_function_that_a_person_starts_says_what_it_is() {
    let output = started_with(&[]);
    let log = logged(&output);
    let said = log[1]["fields"]["error"].as_str().unwrap();
    assert!(
        said.contains("AWS_LAMBDA_RUNTIME_API is not set: this program is a Lambda function"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn each_call_of_aws_names_the_version() {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", aws.local_addr().unwrap());
    let request = answered_once(
        aws,
        "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let mut program = Command::new(env!("CARGO_BIN_EXE_amiwright"));
    program
        .env_clear()
        .args(["status", "--region", "us-east-1"]);
    program.args([
        "--endpoint-url",
        &url,
        "--bucket",
        "images",
        "--state-bucket",
        "images-state",
    ]);
    assert_eq!(program.output().unwrap().status.code(), Some(1));
    let request = request.join().unwrap();
    let name = format!("app/amiwright-{}", amiwright::version::VERSION);
    assert!(request.contains(&name), "{request}");
}
