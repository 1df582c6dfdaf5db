//! The programs themselves, started as Lambda would, without what they need.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

fn started_with(variables: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_notify"));
    program.env_clear().envs(variables.iter().copied());
    program.output().unwrap()
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
    let request = std::thread::spawn(move || {
        let (mut connection, _) = lambda.accept().unwrap();
        let mut request = String::new();
        while !request.ends_with('}') {
            let mut bytes = [0; 1024];
            let count = connection.read(&mut bytes).unwrap();
            request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        let answer = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        connection.write_all(answer.as_bytes()).unwrap();
        request
    });
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
    let log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["fields"]["error"], said);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_function_that_a_person_starts_says_what_it_is() {
    let output = started_with(&[]);
    let log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = log["fields"]["error"].as_str().unwrap();
    assert!(
        said.contains("AWS_LAMBDA_RUNTIME_API is not set: this program is a Lambda function"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}
