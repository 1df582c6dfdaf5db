//! Two stacks in one account and Region: neither can touch what is the other's.

use localaws::events;
use localaws::template::stack::{Function, Stack};
use serde_json::{Value, json};

use super::TEMPLATE;
use super::grants::{actions, resources};

/// What makes, tags, stores, cancels or deletes: only ever with the stack's own tag, on the request or on the thing.
const BOUND: [&str; 10] = [
    "ec2:CancelImportTask",
    "ec2:CopyImage",
    "ec2:CreateRestoreImageTask",
    "ec2:CreateStoreImageTask",
    "ec2:CreateTags",
    "ec2:DeleteSnapshot",
    "ec2:DeregisterImage",
    "ec2:ImportImage",
    "ec2:ImportSnapshot",
    "ec2:RegisterImage",
];

/// The same checks without tags, against what a call is made from or what it will make; in these no tag is set.
const UNBOUND: [&str; 3] = [
    "MakeImportedImages",
    "MakeImportedSnapshots",
    "RegisterFromSnapshots",
];

/// A stack of this name with a manifest bucket of this name.
fn stack(name: &str, bucket: &str) -> Stack {
    let parameters = [
        ("BucketName".to_owned(), bucket.to_owned()),
        ("StoreBuckets".to_owned(), format!("arn:aws:s3:::{bucket}")),
        (
            "BundleKeyParameter".to_owned(),
            format!("/{name}/bundle-key"),
        ),
    ];
    localaws::template::read(TEMPLATE, &parameters.into(), "us-east-1", name).unwrap()
}

/// Whether `*` in IAM's patterns, which is that of EventBridge's wildcards, covers this value.
fn covers(pattern: &str, value: &str) -> bool {
    let pattern = json!({"value": [{"wildcard": pattern}]});
    events::matches(&pattern, &json!({"value": value})).unwrap()
}

/// The values that tags may have by these statements: on the request, or on the thing.
fn tags<'a>(function: &'a Function, action: &'a str) -> impl Iterator<Item = &'a str> {
    let of_action = function.policies.iter().filter(move |statement| {
        let is_unbound = UNBOUND.iter().any(|sid| statement["Sid"] == *sid);
        actions(statement).any(|it| it == action) && !is_unbound
    });
    of_action.map(move |statement| {
        let tag = ["StringLike", "StringLikeIfExists"]
            .iter()
            .find_map(|operator| {
                let condition = &statement["Condition"][operator];
                ["aws:RequestTag/", "aws:ResourceTag/"]
                    .iter()
                    .find_map(|key| condition[format!("{key}amiwright:manifest")].as_str())
            });
        tag.unwrap_or_else(|| panic!("{action} without a tag: {statement}"))
    })
}

/// What a stack has of its own in S3, SNS and SSM.
fn own_things(name: &str, bucket: &str) -> Vec<String> {
    let state = format!("{name}-statebucket");
    let keys = [
        "status/web.image.yaml.json",
        "open/x.open",
        "due/x.due",
        "open-requests/x.json",
        "resume",
        "bundles/x",
    ];
    let mut things: Vec<String> = keys
        .iter()
        .map(|key| format!("arn:aws:s3:::{state}/{key}"))
        .collect();
    things.extend([
        format!("arn:aws:s3:::{state}"),
        format!("arn:aws:s3:::{bucket}"),
        format!("arn:aws:s3:::{bucket}/web.image.yaml"),
        format!("arn:aws:s3:::{bucket}/ami-1.bin"),
        format!("arn:aws:sns:us-east-1:000000000000:{name}-Topic"),
        format!("arn:aws:ssm:us-east-1:000000000000:parameter/{name}/bundle-key"),
    ]);
    things
}

/// All statements that this stack grants, with their principals.
fn statements(stack: &Stack) -> impl Iterator<Item = (&str, &Value)> {
    let functions = stack.functions.iter().flat_map(|function| {
        let policies = function.policies.iter();
        policies.map(|statement| (function.logical_id.as_str(), statement))
    });
    let people = stack.managed_policies.iter().flat_map(|policy| {
        let statements = policy.statements.iter();
        statements.map(|statement| (policy.logical_id.as_str(), statement))
    });
    functions.chain(people)
}

/// Names of which one begins with the other are the ones that a pattern may confuse.
const STACKS: [(&str, &str); 2] = [("images", "images"), ("images-evil", "images-evil")];

#[test]
fn ownership_tags_of_another_stack_are_worth_nothing() {
    for ((name, bucket), (_, other)) in [(STACKS[0], STACKS[1]), (STACKS[1], STACKS[0])] {
        let stack = stack(name, bucket);
        for id in ["RegisterImage", "AdvanceTasks"] {
            let function = super::function(&stack, id);
            for action in BOUND {
                let mut any = false;
                for tag in tags(function, action) {
                    any = true;
                    assert!(
                        covers(tag, &format!("s3://{bucket}/web.image.yaml")),
                        "{action}"
                    );
                    assert!(
                        !covers(tag, &format!("s3://{other}/web.image.yaml")),
                        "{action}"
                    );
                }
                assert!(any, "{action}");
            }
        }
    }
}

#[test]
fn buckets_topics_and_parameters_of_another_stack_are_out_of_reach() {
    for (own, other) in [(STACKS[0], STACKS[1]), (STACKS[1], STACKS[0])] {
        let stack = stack(own.0, own.1);
        let (own, others) = (own_things(own.0, own.1), own_things(other.0, other.1));
        let mut reached = vec![false; own.len()];
        for (whose, statement) in statements(&stack) {
            for place in resources(statement).filter(|place| *place != "*") {
                for thing in &others {
                    assert!(
                        !covers(place, thing),
                        "{whose} {}: {thing}",
                        statement["Sid"]
                    );
                }
                for (thing, is_reached) in own.iter().zip(&mut reached) {
                    *is_reached |= covers(place, thing);
                }
            }
        }
        assert_eq!(reached, vec![true; own.len()], "{own:?}");
    }
}

#[test]
fn the_queue_and_the_topic_take_messages_of_their_own_stack() {
    let stack = stack("images", "images");
    let allowed = |id: &str| {
        let mut all = stack.resource_policies.iter();
        let policy = all.find(|policy| policy.logical_id == id).unwrap();
        let mut statements = policy.statements.iter();
        let statement = statements.find(|it| it["Effect"] == "Allow").unwrap();
        statement["Condition"]["ArnEquals"]["aws:SourceArn"].clone()
    };
    let rules = [
        "RegisterImageManifest",
        "RegisterImageBundle",
        "RegisterImageRequest",
        "AdvanceTasksAdvance",
        "AdvanceTasksSweep",
        "AdvanceTasksAudit",
        "NotifyDue",
    ];
    let rule = |id| format!("arn:aws:events:us-east-1:000000000000:rule/images-{id}");
    assert_eq!(allowed("FailedEventsPolicy"), json!(rules.map(rule)));
    let alarms = stack.displays.iter();
    let alarms = alarms.filter(|it| it.kind == "AWS::CloudWatch::Alarm");
    let alarm = |id: &str| format!("arn:aws:cloudwatch:us-east-1:000000000000:alarm:images-{id}");
    let alarms: Vec<String> = alarms.map(|it| alarm(&it.logical_id)).collect();
    assert_eq!(alarms.len(), 7);
    assert_eq!(allowed("TopicPolicy"), json!(alarms));
}
