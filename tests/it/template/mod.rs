//! The project's template: what is deployed is what the tests run.

mod grants;
mod people;
mod two_stacks;

use std::collections::BTreeMap;
use std::time::Duration;

use amiwright::image::notice::SEND_LEASE;
use amiwright::manifest::guardrails::PARAMETERS;
use localaws::template::TemplateError;
use localaws::template::stack::{Bucket, Function, Retry, Stack};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("../../../template.yaml");

fn read(parameters: &[(&str, &str)]) -> Result<Stack, TemplateError> {
    let parameters: BTreeMap<_, _> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    localaws::template::read(TEMPLATE, &parameters, "us-east-1", "amiwright")
}

fn deployed(parameters: &[(&str, &str)]) -> Stack {
    read(parameters).unwrap()
}

fn environment(function: &Function) -> Vec<(&str, &str)> {
    function
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn function<'a>(stack: &'a Stack, id: &str) -> &'a Function {
    stack
        .functions
        .iter()
        .find(|function| function.logical_id == id)
        .unwrap()
}

#[test]
fn the_template_has_its_bucket_topic_and_queue() {
    let stack = deployed(&[]);
    let bucket = |logical_id: &str, name: &str| Bucket {
        logical_id: logical_id.to_owned(),
        name: name.to_owned(),
        event_bridge: true,
        versioning: Some("Enabled".to_owned()),
        object_ownership: Some("BucketOwnerPreferred".to_owned()),
    };
    assert_eq!(
        stack.buckets,
        [
            bucket("Bucket", "amiwright-bucket"),
            bucket("StateBucket", "amiwright-statebucket")
        ]
    );
    assert_eq!(stack.topics.len(), 1);
    assert_eq!(
        stack.topics[0].arn,
        "arn:aws:sns:us-east-1:000000000000:amiwright-Topic"
    );
    assert!(
        stack.topics[0].subscriptions.is_empty(),
        "no email without an address"
    );
    assert_eq!(stack.queues.len(), 1);
    assert_eq!(
        stack.queues[0].arn,
        "arn:aws:sqs:us-east-1:000000000000:amiwright-FailedEvents"
    );
    assert_eq!(stack.outputs["BucketName"], "amiwright-bucket");
    assert_eq!(stack.outputs["StateBucketName"], "amiwright-statebucket");
    assert_eq!(
        stack.outputs["DropAManifest"],
        "aws s3 cp web.image.yaml s3://amiwright-bucket/"
    );
    assert_eq!(stack.outputs["NotifyFunction"], "amiwright-Notify");

    let stack = deployed(&[
        ("NotificationEmail", "ops@example.com"),
        ("BucketName", "images"),
    ]);
    assert_eq!(
        stack.topics[0].subscriptions,
        [("email".to_owned(), "ops@example.com".to_owned())]
    );
    assert_eq!(stack.buckets[0].name, "images");
}

/// The variables of a function that are of guardrails, or those that are not.
fn variables(function: &Function, of_guardrails: bool) -> Vec<(&str, &str)> {
    let mut variables = environment(function);
    variables.retain(|(name, _)| PARAMETERS.iter().any(|it| it.variable == *name) == of_guardrails);
    variables
}

#[test]
fn nothing_is_open_to_manifests_by_default() {
    let stack = deployed(&[]);
    let closed = [
        ("AMIWRIGHT_ALLOW_PUBLIC", "false"),
        ("AMIWRIGHT_ALLOW_RETIRE", "false"),
        ("AMIWRIGHT_COPY_REGIONS", ""),
        ("AMIWRIGHT_KMS_KEYS", ""),
        ("AMIWRIGHT_PARAMETER_PREFIX", ""),
        ("AMIWRIGHT_SHARE_WITH", ""),
        ("AMIWRIGHT_SOURCE_BUCKETS", ""),
        ("AMIWRIGHT_SOURCE_OWNERS", "self"),
        ("AMIWRIGHT_STORE_BUCKETS", ""),
        ("AMIWRIGHT_TAG_KEYS", ""),
    ];
    for name in ["RegisterImage", "AdvanceTasks"] {
        assert_eq!(variables(function(&stack, name), true), closed);
    }
    assert_eq!(variables(function(&stack, "Notify"), true), []);
}

#[test]
fn the_template_has_three_functions() {
    let stack = deployed(&[]);
    let summary: Vec<_> = stack
        .functions
        .iter()
        .map(|f| {
            (
                f.binary.as_str(),
                f.timeout.as_secs(),
                f.memory,
                f.maximum_retries,
                f.maximum_event_age.as_secs(),
            )
        })
        .collect();
    assert_eq!(
        summary,
        [
            ("register-image", 60, 256, 2, 21600),
            ("advance-tasks", 50, 256, 0, 60),
            ("notify", 30, 128, 2, 21600)
        ]
    );
    for function in &stack.functions {
        assert_eq!(function.on_failure.as_ref(), Some(&stack.queues[0].arn));
        assert_eq!(function.reserved_concurrency, None);
    }
    let topic = "arn:aws:sns:us-east-1:000000000000:amiwright-Topic";
    let (account, bucket) = (
        ("AMIWRIGHT_ACCOUNT_ID", "000000000000"),
        ("AMIWRIGHT_BUCKET", "amiwright-bucket"),
    );
    let (state, topic) = (
        ("AMIWRIGHT_STATE_BUCKET", "amiwright-statebucket"),
        ("AMIWRIGHT_TOPIC_ARN", topic),
    );
    // Lambda's own filter would leave out metrics.
    let (own_level, stack_name) = (
        ("AMIWRIGHT_LOG_LEVEL", "INFO"),
        ("AMIWRIGHT_STACK", "amiwright"),
    );
    let ignored = ("AMIWRIGHT_NOTIFY_IGNORED", "true");
    let (key, started, role) = (
        ("AMIWRIGHT_BUNDLE_KEY_PARAMETER", ""),
        ("AMIWRIGHT_NOTIFY_STARTED", "false"),
        ("AMIWRIGHT_VM_IMPORT_ROLE", ""),
    );
    let (format, level) = (
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    );
    let environment = |name: &str| variables(function(&stack, name), false);
    assert_eq!(
        environment("RegisterImage"),
        [
            account, bucket, key, own_level, started, stack_name, state, role, format, level
        ]
    );
    assert_eq!(
        environment("AdvanceTasks"),
        [
            account, bucket, key, own_level, ignored, started, stack_name, state, topic, role,
            format, level
        ]
    );
    assert_eq!(
        environment("Notify"),
        [bucket, own_level, stack_name, state, topic, format, level]
    );
}

#[test]
fn the_templates_rules_invoke_its_functions() {
    let stack = deployed(&[]);
    let event = |what: &str, name: &str, key: &Value| {
        json!({"source": "aws.s3", "detail-type": what,
               "detail": {"bucket": {"name": name}, "object": {"key": key}}})
    };
    let created = |name: &str, key: &Value| event("Object Created", name, key);
    let takes = |id: &str, event: &Value| {
        function(&stack, id)
            .rules
            .iter()
            .any(|rule| localaws::events::matches(&rule.pattern, event).unwrap())
    };
    let manifests = [
        "a.image.yaml",
        "dir/a.image.yml",
        "a b.image.json",
        "web.manifest.xml",
    ];
    for key in manifests {
        assert!(
            takes("RegisterImage", &created("amiwright-bucket", &json!(key))),
            "{key}"
        );
        assert!(
            !takes("RegisterImage", &created("other", &json!(key))),
            "{key} of another bucket"
        );
        // Removing a manifest cancels its image.
        let deleted = event("Object Deleted", "amiwright-bucket", &json!(key));
        assert!(takes("RegisterImage", &deleted), "{key}");
        assert!(
            !takes("Notify", &created("amiwright-bucket", &json!(key))),
            "{key}"
        );
    }
    let (manifests, state) = ("amiwright-bucket", "amiwright-statebucket");
    let due = json!("due/a.image.yaml.due");
    assert!(takes("Notify", &created(state, &due)));
    assert!(!takes("Notify", &created(manifests, &due)));
    for own in [
        "due/a.image.yaml.due",
        "open/a.image.yaml.open",
        "status/a.image.yaml.json",
    ] {
        assert!(!takes("RegisterImage", &created(state, &json!(own))));
    }
    let bundle = created(state, &json!("bundles/web.image.yaml/1f0c.manifest.xml"));
    assert!(
        takes("RegisterImage", &bundle),
        "requeues the image that waits for it"
    );
    let request = json!("open-requests/web.image.yaml.json");
    assert!(takes("RegisterImage", &created(state, &request)));
    assert!(!takes("RegisterImage", &created(manifests, &request)));
    let answered = event("Object Deleted", state, &request);
    assert!(!takes("RegisterImage", &answered));
    let manifest = created(state, &json!("web.image.yaml"));
    assert!(!takes("RegisterImage", &manifest));
    assert!(!takes(
        "RegisterImage",
        &created("amiwright-bucket", &json!("web.part.0"))
    ));
    let available = json!({"source": "aws.ec2", "detail-type": "EC2 AMI State Change", "detail": {"State": "available"}});
    assert!(takes("AdvanceTasks", &available));
}

#[test]
fn the_template_does_not_retry_ticks() {
    let stack = deployed(&[]);
    let once = Retry {
        attempts: 0,
        maximum_event_age: Duration::from_secs(60),
    };
    assert_eq!(
        function(&stack, "RegisterImage").rules[0].retry,
        Retry::default()
    );
    assert_eq!(function(&stack, "AdvanceTasks").rules[0].retry, once);
    let tick = Retry {
        attempts: 2,
        ..once
    };
    let schedules: Vec<_> = function(&stack, "AdvanceTasks")
        .schedules
        .iter()
        .map(|s| {
            (
                s.expression.as_str(),
                s.enabled,
                s.input.clone().unwrap(),
                s.retry,
            )
        })
        .collect();
    assert_eq!(
        schedules,
        [
            ("rate(1 minute)", true, json!({"task": "advance"}), tick),
            ("rate(15 minutes)", true, json!({"task": "sweep"}), tick),
            ("rate(6 hours)", true, json!({"task": "audit"}), tick),
        ]
    );
}

#[test]
fn the_concurrency_of_register_image_is_limited_only_by_its_parameter() {
    let stack = deployed(&[("RegisterImageConcurrency", "25")]);
    let reserved = stack.functions.iter().map(|it| it.reserved_concurrency);
    assert_eq!(reserved.collect::<Vec<_>>(), [Some(25), None, None]);
}

#[test]
fn the_queue_of_failed_events_takes_them_from_each_rule_that_has_it() {
    let stack = deployed(&[]);
    let queue = Some(&stack.queues[0].arn);
    let mut rules = Vec::new();
    for function in &stack.functions {
        let of_rules = function.rules.iter();
        let of_rules = of_rules.map(|rule| (&rule.logical_id, &rule.dead_letters));
        let schedules = function.schedules.iter();
        let schedules = schedules.map(|it| (&it.logical_id, &it.dead_letters));
        let with_queue = of_rules.chain(schedules);
        let with_queue = with_queue.filter(|(_, dead_letters)| dead_letters.as_ref() == queue);
        rules
            .extend(with_queue.map(|(id, _)| format!("- !GetAtt {}{id}.Arn", function.logical_id)));
    }
    let statement = TEMPLATE.split_once("Sid: RulesOfThisStack\n").unwrap().1;
    let after = statement.split_once("aws:SourceArn:\n").unwrap().1.lines();
    let mut allowed: Vec<&str> = after.map(str::trim).take(rules.len() + 1).collect();
    assert_eq!(allowed.pop(), Some(""), "more rules than have the queue");
    rules.sort();
    allowed.sort_unstable();
    assert_eq!(allowed, rules);
}

#[test]
fn parameters_are_checked_by_their_own_rules() {
    for (name, value, message) in [
        ("NotificationEmail", "ops", "AllowedPattern"),
        ("LogLevel", "LOUD", "AllowedValues are INFO, WARN"),
        ("LogRetentionDays", "2", "AllowedValues are 1, 3"),
        ("AdvanceSchedule", "rate(1 minutes)", "the unit is `minute`"),
        ("SourceBuckets", "disks", "ARNs of buckets"),
        (
            "StoreBuckets",
            "arn:aws:s3:::disks,archive",
            "ARNs of buckets",
        ),
        ("StoreBuckets", "arn:aws:s3:::*", "ARNs of buckets"),
        ("ShareWith", "12345", "Account ids of 12 digits"),
        ("ShareWith", "123456789012,all", "Account ids of 12 digits"),
        ("AllowPublic", "yes", "AllowedValues are true, false"),
        ("CopyRegions", "us-east-1a", "Regions such as us-west-2"),
        ("ParameterPrefix", "/images/", "none behind"),
        ("ParameterPrefix", "/images/..", "none behind"),
        ("ParameterPrefix", "/aws/images", "not start with aws, ssm"),
        ("ParameterPrefix", "/AWSimages", "not start with aws, ssm"),
        ("ParameterPrefix", "/ssm", "not start with aws, ssm"),
        ("AllowRetire", "1", "AllowedValues are true, false"),
        ("SourceOwners", "*", "self, account ids"),
        (
            "KmsKeys",
            "arn:aws:kms:us-east-1:111122223333:alias/images",
            "not of aliases",
        ),
        ("BundleKeyParameter", "bundle-key", "with a slash in front"),
        ("VmImportRole", "arn:aws:iam::1:role/x", "not its ARN"),
        ("RegisterImageConcurrency", "0", "A whole number from 1"),
        ("NotifyStarted", "yes", "AllowedValues are true, false"),
        ("Unheard", "x", "Known: NotificationEmail, BucketName"),
    ] {
        let error = read(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
    for path in ["/a", "/aw", "/award", "/s/ssm", "/sst/aws.x", "/images/a.b"] {
        deployed(&[("ParameterPrefix", path)]);
    }
}

/// Two functions that send may have clocks that are two minutes off, each in its direction.
#[test]
fn a_notice_belongs_to_its_sender_for_longer_than_that_can_run() {
    let apart = 2 * Duration::from_secs(120);
    let stack = deployed(&[]);
    for sender in ["AdvanceTasks", "Notify"] {
        let longest = function(&stack, sender).timeout;
        assert!(SEND_LEASE >= longest + apart, "{sender}");
    }
}
