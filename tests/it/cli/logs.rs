//! `amiwright logs`: what the functions said of an image, through the wire.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use amiwright::aws::Aws;
use amiwright::cli::logs::{Entry, FunctionLog, LATE, Tail, cannot_read, logs_of};
use jiff::{SignedDuration, Timestamp};
use localaws::faults::Fault;
use serde_json::{Value, json};

use super::programs::{Local, amiwright, example, text};
use super::screens::seen;
use crate::support::{TestStack, refused};

const STACK: &str = "local";
const KEY: &str = "golden/web.image.yaml";

/// A stack with an operator, who may read its logs, and an uploader, who may not.
async fn stack() -> TestStack {
    let people = |builder: localaws::world::Builder| {
        builder
            .user("operator", "OperatorPolicy")
            .user("uploader", "UploaderPolicy")
    };
    TestStack::built(people).await
}

/// A function writes a line about a manifest.
fn write(stack: &TestStack, function: &str, at: Timestamp, key: &str, message: &str) {
    let fields = json!({"message": message, "manifest": key});
    let line = json!({"timestamp": at, "level": "INFO", "fields": fields, "target": "amiwright"});
    let logs = stack.world.logs();
    logs.append(function, &line.to_string()).unwrap();
}

fn messages(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.message.as_str()).collect()
}

async fn read(tail: &mut Tail, stack: &TestStack, aws: &Aws) -> Vec<Entry> {
    let now = stack.world.clock().now();
    let reading = tail.read(aws, now).await.unwrap();
    assert!(!reading.is_cut);
    reading.entries
}

#[tokio::test(start_paused = true)]
async fn an_operator_reads_what_all_functions_said_of_one_image_by_time() {
    let stack = stack().await;
    let aws = stack.aws_of("operator");
    let now = stack.world.clock().now();
    let second = |count| now + SignedDuration::from_secs(count);
    write(&stack, "Notify", second(3), KEY, "notice sent");
    write(&stack, "RegisterImage", second(1), KEY, "reconciled");
    write(
        &stack,
        "RegisterImage",
        second(1),
        "web.image.yaml",
        "other",
    );
    let request = json!({"message": "recorded", "request": format!("open-requests/{KEY}.json")});
    let request = json!({"timestamp": second(2), "level": "INFO", "fields": request});
    let logs = stack.world.logs();
    logs.append("AdvanceTasks", &request.to_string()).unwrap();
    logs.append("AdvanceTasks", "no JSON").unwrap();

    let logs = logs_of(&aws, STACK).await.unwrap();
    let groups: BTreeMap<&str, &str> = logs
        .iter()
        .map(|log| (log.function.as_str(), log.group.as_str()))
        .collect();
    let expected = [
        ("advance-tasks", "local-AdvanceTasksLogs"),
        ("notify", "local-NotifyLogs"),
        ("register-image", "local-RegisterImageLogs"),
    ];
    assert_eq!(groups, BTreeMap::from(expected));
    let mut tail = Tail::new(logs.clone(), Some(KEY), now);
    let entries = read(&mut tail, &stack, &aws).await;
    assert_eq!(
        messages(&entries),
        ["reconciled", "recorded", "notice sent"]
    );
    let mut all = Tail::new(logs.clone(), None, now);
    assert_eq!(read(&mut all, &stack, &aws).await.len(), 5);
    // A key that no pattern can name is found without one.
    let odd = "w\"*b.image.yaml";
    write(&stack, "Notify", second(4), odd, "odd");
    let mut tail = Tail::new(logs, Some(odd), now);
    assert_eq!(messages(&read(&mut tail, &stack, &aws).await), ["odd"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_twice_and_what_comes_late_is_read() {
    let stack = stack().await;
    let aws = stack.aws();
    let begun = stack.world.clock().now();
    let mut tail = Tail::new(logs_of(&aws, STACK).await.unwrap(), Some(KEY), begun);
    // More than one page, of the same times.
    for count in 0..12_000 {
        let at = begun + SignedDuration::from_millis(count / 10);
        write(&stack, "Notify", at, KEY, "first");
    }
    assert_eq!(read(&mut tail, &stack, &aws).await.len(), 12_000);
    assert_eq!(read(&mut tail, &stack, &aws).await, []);

    stack.world.run_for(Duration::from_secs(600)).await;
    let now = stack.world.clock().now();
    assert_eq!(read(&mut tail, &stack, &aws).await, []);
    let late = now - LATE + SignedDuration::from_secs(1);
    write(&stack, "RegisterImage", late, KEY, "late");
    write(&stack, "Notify", now, KEY, "new");
    let found = read(&mut tail, &stack, &aws).await;
    assert_eq!(messages(&found), ["late", "new"]);
    assert_eq!(read(&mut tail, &stack, &aws).await, []);

    // What could not be read whole is read later, once, however long that takes.
    write(&stack, "RegisterImage", now, KEY, "before");
    let faults = stack.world.faults();
    faults.on(
        "logs",
        "FilterLogEvents",
        3,
        refused("AccessDeniedException"),
    );
    assert!(tail.read(&aws, now).await.is_err());
    stack.world.run_for(Duration::from_secs(3600)).await;
    let found = read(&mut tail, &stack, &aws).await;
    assert_eq!(messages(&found), ["before"]);
    assert_eq!(read(&mut tail, &stack, &aws).await, []);
}

/// What `amiwright logs` says of a stack whose CloudWatch Logs answers so.
async fn report(stack: &TestStack, aws: &Aws) -> String {
    match logs_of(aws, STACK).await {
        Err(error) => error.report(),
        Ok(logs) => {
            let now = stack.world.clock().now();
            let read = Tail::new(logs, None, now).read(aws, now).await;
            cannot_read(aws, &read.unwrap_err()).report()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_said_with_what_to_do() {
    let stack = stack().await;
    stack.expect_refusals();
    let faults = stack.world.faults();
    let uploader = report(&stack, &stack.aws_of("uploader")).await;
    assert!(
        uploader.contains("allow cloudformation:DescribeStacks"),
        "{uploader}"
    );
    let aws = stack.aws_of("operator");
    for (fault, words) in [
        (
            refused("AccessDeniedException"),
            "allow logs:FilterLogEvents on it, as the stack's output OperatorPolicyArn does",
        ),
        (
            refused("ResourceNotFoundException"),
            "the log group was deleted",
        ),
        (Fault::Throttle, "run it again in some seconds"),
        (Fault::LoseAnswer, "check the network"),
    ] {
        faults.always("logs", "FilterLogEvents", fault);
        let said = report(&stack, &aws).await;
        faults.clear();
        assert!(said.contains("reading the log group local-"), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    let missing = logs_of(&aws, "amiwrong").await.unwrap_err().report();
    assert!(
        missing.contains("allow cloudformation:DescribeStacks"),
        "{missing}"
    );
    let missing = logs_of(&stack.aws(), "amiwrong")
        .await
        .unwrap_err()
        .report();
    assert!(
        missing.contains("there is no stack amiwrong in us-east-1"),
        "{missing}"
    );
    // What passes by itself is not told at all.
    faults.on("logs", "FilterLogEvents", 1, Fault::Throttle);
    let log = FunctionLog {
        function: "notify".to_owned(),
        group: "local-NotifyLogs".to_owned(),
    };
    let mut tail = Tail::new(vec![log], None, stack.world.clock().now());
    assert_eq!(read(&mut tail, &stack, &aws).await, []);
}

#[test]
fn the_local_stack_has_logs_of_its_functions() {
    let local = Local::start(&[]);
    let place = &local.place()[..4];
    let logs = |more: &[&str]| {
        let mut command = amiwright();
        command.arg("logs").args(more).args(place).output().unwrap()
    };
    let nothing = logs(&["web.image.yaml"]);
    assert!(nothing.status.success(), "{nothing:?}");
    let said = text(&nothing.stderr);
    assert!(
        said.contains("about web.image.yaml in the last 1 h"),
        "{said}"
    );

    let mut following = amiwright();
    let following = following
        .args(["logs", "--follow", "web.image.yaml"])
        .args(place);
    let mut following = following.stdout(Stdio::piped()).spawn().unwrap();
    local.drop_file("web.image.yaml", example("web.image.yaml"));
    local.drop_file("other.image.yaml", example("mistakes.image.yaml"));
    let mut followed: Vec<String> = Vec::new();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    while !followed.iter().any(|line| line.contains("notice sent")) {
        followed.push(lines.next().unwrap().unwrap());
    }
    following.kill().unwrap();
    following.wait().unwrap();
    assert!(
        followed[0].contains("  register-image  INFO   "),
        "{followed:?}"
    );

    let all = logs(&["s3://amiwright-bucket/web.image.yaml", "-o", "json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    let items = all["items"].as_array().unwrap();
    assert!(items.len() >= followed.len(), "{all}\n{followed:?}");
    for item in items {
        assert_eq!(item["fields"]["manifest"], "web.image.yaml", "{item}");
    }
    // Lambda's own lines are for who asks for them.
    let own = |more: &[&str]| text(&logs(more).stdout).matches("platform.report").count();
    assert_eq!(own(&[]), 0);
    assert!(own(&["-v"]) > 0);

    let terminal: Vec<&str> = ["logs", "other.image.yaml"]
        .iter()
        .chain(place)
        .copied()
        .collect();
    let shown = seen(&terminal, "xterm-256color", (24, 200));
    assert_eq!(shown.code, Some(0), "{}", shown.written);
    assert!(
        shown
            .written
            .contains("\x1b[2mmanifest\x1b[0m=other.image.yaml"),
        "{}",
        shown.written
    );
    assert!(
        !shown.written.contains("web.image.yaml"),
        "{}",
        shown.written
    );
    let wrong = logs(&["web.yaml"]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = text(&wrong.stderr);
    assert!(said.contains("web.yaml is not a manifest"), "{said}");
}
