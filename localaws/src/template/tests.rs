use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::stack::{Bucket, Function, Retry, Stack};
use super::{TemplateError, read};

/// The project's own template: what is deployed is what runs here.
const OWN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"));

fn read_with(yaml: &str, parameters: &[(&str, &str)]) -> Result<Stack, TemplateError> {
    let parameters: BTreeMap<_, _> = parameters
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    read(yaml, &parameters, "us-east-1", "amiwright")
}

fn own(parameters: &[(&str, &str)]) -> Stack {
    read_with(OWN, parameters).unwrap()
}

fn function<'a>(stack: &'a Stack, id: &str) -> &'a Function {
    stack
        .functions
        .iter()
        .find(|function| function.logical_id == id)
        .unwrap()
}

fn environment(function: &Function) -> Vec<(&str, &str)> {
    function
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// A template with these resources, indented as YAML under `Resources`.
fn resources(resources: &str) -> Result<Stack, TemplateError> {
    read_with(
        &format!("Transform: AWS::Serverless-2016-10-31\nResources:\n{resources}"),
        &[],
    )
}

/// One output with this value, in a template with a bit of everything to refer to.
fn output(value: &str) -> Result<String, TemplateError> {
    let yaml = format!(
        "Parameters:\n  Name: {{Type: String, Default: world}}\n  Many: {{Type: CommaDelimitedList, Default: 'a, b,c'}}\n\
         Mappings:\n  Sizes: {{small: {{memory: 128}}}}\n\
         Conditions:\n  Here: !Equals [!Ref Name, world]\n  Away: !Not [!Condition Here]\n  \
         Both: !And [{{Condition: Here}}, !Or [!Condition Away, !Condition Here]]\n\
         Resources:\n  Bucket: {{Type: AWS::S3::Bucket}}\n  Topic: {{Type: AWS::SNS::Topic}}\n  \
         Queue: {{Type: AWS::SQS::Queue}}\n  Gone: {{Type: AWS::SQS::Queue, Condition: Away}}\n\
         Outputs:\n  Out:\n    Value: {value}\n"
    );
    read_with(&yaml, &[]).map(|stack| stack.outputs["Out"].clone())
}

#[test]
fn the_own_template_has_its_bucket_topic_and_queue() {
    let stack = own(&[]);
    let bucket = Bucket {
        logical_id: "Bucket".to_owned(),
        name: "amiwright-bucket".to_owned(),
        event_bridge: true,
    };
    assert_eq!(stack.buckets, [bucket]);
    assert_eq!(stack.topics.len(), 1);
    assert_eq!(
        stack.topics[0].arn,
        "arn:aws:sns:us-east-1:000000000000:amiwright-Topic"
    );
    assert!(
        stack.topics[0].subscriptions.is_empty(),
        "no mail without an address"
    );
    assert_eq!(stack.queues.len(), 1);
    assert_eq!(
        stack.queues[0].arn,
        "arn:aws:sqs:us-east-1:000000000000:amiwright-FailedEvents"
    );
    assert_eq!(stack.outputs["BucketName"], "amiwright-bucket");
    assert_eq!(
        stack.outputs["DropAManifest"],
        "aws s3 cp web.image.yaml s3://amiwright-bucket/"
    );
    assert_eq!(stack.outputs["NotifyFunction"], "amiwright-Notify");

    let stack = own(&[
        ("NotificationEmail", "ops@example.com"),
        ("BucketName", "images"),
    ]);
    assert_eq!(
        stack.topics[0].subscriptions,
        [("email".to_owned(), "ops@example.com".to_owned())]
    );
    assert_eq!(stack.buckets[0].name, "images");
}

#[test]
fn the_own_template_has_three_functions() {
    let stack = own(&[]);
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
    let (prefix, topic) = (
        ("AMIWRIGHT_STATE_PREFIX", "amiwright/"),
        ("AMIWRIGHT_TOPIC_ARN", topic),
    );
    let (format, level) = (
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    );
    assert_eq!(
        environment(function(&stack, "RegisterImage")),
        [account, bucket, prefix, format, level]
    );
    assert_eq!(
        environment(function(&stack, "AdvanceTasks")),
        [account, bucket, prefix, topic, format, level]
    );
    assert_eq!(
        environment(function(&stack, "Notify")),
        [bucket, prefix, topic, format, level]
    );
}

#[test]
fn the_own_template_wakes_its_functions() {
    let stack = own(&[("StatePrefix", "state/")]);
    let created = |name: &str, key: &Value| {
        json!({"source": "aws.s3", "detail-type": "Object Created",
               "detail": {"bucket": {"name": name}, "object": {"key": key}}})
    };
    let takes = |id: &str, event: &Value| {
        function(&stack, id)
            .rules
            .iter()
            .any(|rule| crate::events::matches(&rule.pattern, event).unwrap())
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
        assert!(
            !takes("Notify", &created("amiwright-bucket", &json!(key))),
            "{key}"
        );
    }
    let status = created("amiwright-bucket", &json!("state/status/a.image.yaml.json"));
    assert!(takes("Notify", &status));
    assert!(!takes("RegisterImage", &status));
    assert!(!takes(
        "RegisterImage",
        &created("amiwright-bucket", &json!("web.part.0"))
    ));
    let available = json!({"source": "aws.ec2", "detail-type": "EC2 AMI State Change", "detail": {"State": "available"}});
    assert!(takes("AdvanceTasks", &available));
}

#[test]
fn the_own_template_tries_again_only_what_is_no_tick() {
    let stack = own(&[]);
    let once = Retry {
        attempts: 0,
        maximum_event_age: Duration::from_secs(60),
    };
    assert_eq!(
        function(&stack, "RegisterImage").rules[0].retry,
        Retry::default()
    );
    assert_eq!(function(&stack, "AdvanceTasks").rules[0].retry, once);
    let schedules: Vec<_> = function(&stack, "AdvanceTasks")
        .schedules
        .iter()
        .map(|s| {
            (
                s.expression.as_str(),
                s.time_zone.as_str(),
                s.enabled,
                s.input.clone().unwrap(),
                s.retry,
            )
        })
        .collect();
    assert_eq!(
        schedules,
        [
            (
                "rate(1 minute)",
                "UTC",
                true,
                json!({"task": "advance"}),
                once
            ),
            (
                "rate(15 minutes)",
                "UTC",
                true,
                json!({"task": "sweep"}),
                once
            ),
        ]
    );
}

#[test]
fn the_own_template_grants_no_more_than_is_needed() {
    let stack = own(&[("ExistingBucketName", "mine")]);
    assert!(stack.buckets.is_empty());
    let statement = |function: &Function, sid: &str| {
        function
            .policies
            .iter()
            .find(|statement| statement["Sid"] == sid)
            .cloned()
            .unwrap()
    };
    for function in &stack.functions {
        for statement in &function.policies {
            let text = statement.to_string();
            assert!(!statement["Action"].to_string().contains('*'), "{text}");
            // Only what takes no resource may have all of them, and then its Region is pinned.
            if statement["Resource"] == "*" {
                assert_eq!(statement["Action"], "ec2:DescribeImages");
                assert_eq!(
                    statement["Condition"],
                    json!({"StringEquals": {"ec2:Region": "us-east-1"}})
                );
            }
        }
    }
    let register = function(&stack, "RegisterImage");
    let owned = json!({"StringLike": {"aws:RequestTag/amiwright:manifest": "s3://mine/*"},
                       "Null": {"aws:RequestTag/amiwright:sha256": "false"}});
    assert_eq!(
        statement(register, "RegisterOwnedImages")["Condition"],
        owned
    );
    assert_eq!(
        statement(register, "RegisterOwnedImages")["Resource"],
        "arn:aws:ec2:us-east-1::image/*"
    );
    assert_eq!(
        statement(register, "SettleImages")["Resource"],
        "arn:aws:s3:::mine/amiwright/open/*"
    );
    let publishers: Vec<_> = stack
        .functions
        .iter()
        .filter(|function| {
            function
                .policies
                .iter()
                .any(|statement| statement["Action"] == "sns:Publish")
        })
        .map(|function| function.binary.as_str())
        .collect();
    assert_eq!(publishers, ["advance-tasks", "notify"]);
    let notify = function(&stack, "Notify")
        .policies
        .iter()
        .map(|statement| statement["Action"].to_string());
    assert!(
        notify
            .into_iter()
            .all(|actions| !actions.contains("ec2:") && !actions.contains("Delete"))
    );
}

#[test]
fn parameters_are_checked_by_their_own_rules() {
    for (name, value, message) in [
        ("NotificationEmail", "ops", "AllowedPattern"),
        ("StatePrefix", "amiwright", "ends with a slash"),
        ("LogLevel", "LOUD", "AllowedValues are TRACE, DEBUG"),
        ("LogRetentionDays", "2", "AllowedValues are 1, 3"),
        ("AdvanceSchedule", "rate(1 minutes)", "the unit is `minute`"),
        ("Unheard", "x", "Known: NotificationEmail, BucketName"),
    ] {
        let error = read_with(OWN, &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
    let rules = "Parameters:\n  P: {Type: Number, MinValue: 3, MaxValue: 5}\nResources: {}\nOutputs: {O: {Value: !Ref P}}";
    assert_eq!(read_with(rules, &[("P", "4")]).unwrap().outputs["O"], "4");
    for (value, message) in [
        ("2", "MinValue is 3"),
        ("6", "MaxValue is 5"),
        ("x", "not a number"),
    ] {
        assert!(
            read_with(rules, &[("P", value)])
                .unwrap_err()
                .problem
                .contains(message),
            "{value}"
        );
    }
    assert!(
        read_with(rules, &[])
            .unwrap_err()
            .problem
            .contains("no default")
    );
}

#[test]
fn functions_give_their_values() {
    for (value, expected) in [
        ("!Ref Name", "world"),
        ("{Ref: Name}", "world"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref Bucket", "amiwright-bucket"),
        (
            "!Ref Topic",
            "arn:aws:sns:us-east-1:000000000000:amiwright-Topic",
        ),
        (
            "!Ref Queue",
            "https://sqs.us-east-1.amazonaws.com/000000000000/amiwright-Queue",
        ),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::amiwright-bucket"),
        ("!GetAtt [Topic, TopicName]", "amiwright-Topic"),
        (
            "{'Fn::GetAtt': [Queue, Arn]}",
            "arn:aws:sqs:us-east-1:000000000000:amiwright-Queue",
        ),
        (
            "!Sub 'hello ${Name} of ${AWS::StackName}, ${Queue.QueueName}, ${!Name}'",
            "hello world of amiwright, amiwright-Queue, ${Name}",
        ),
        (
            "!Sub ['${A}${Name}', {A: !Select [1, !Ref Many]}]",
            "bworld",
        ),
        (
            "!Join ['-', [a, !Ref Name, !Ref AWS::NoValue, 1]]",
            "a-world-1",
        ),
        ("!Join ['/', !Ref Many]", "a/b/c"),
        ("!Select [2, !Split ['/', a/b/c]]", "c"),
        ("!FindInMap [Sizes, small, memory]", "128"),
        ("!If [Here, 1, 2]", "1"),
        ("!If [Away, !Ref Nothing, 2]", "2"),
        ("!If [Both, !Base64 hi, 2]", "aGk="),
        ("2012-10-17", "2012-10-17"),
    ] {
        assert_eq!(output(value).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn what_does_not_resolve_is_named_with_its_line() {
    for (value, message) in [
        (
            "!Ref Nothing",
            "line 17 of the template, Outputs.Out: there is no parameter or resource `Nothing`. Known: ",
        ),
        ("!Ref AWS::Moon", "no pseudo parameter `AWS::Moon`"),
        (
            "!Ref Gone",
            "`Gone` is not created, as its condition does not hold",
        ),
        (
            "!GetAtt Bucket.Colour",
            "no attribute `Colour` that is known here. Known: Arn, DomainName",
        ),
        ("!GetAtt Bucket", "takes `Resource.Attribute`"),
        ("!Sub 'x ${Name'", "without `}`"),
        ("!Sub 'x ${Nothing}'", "`Nothing`"),
        (
            "!ImportValue x",
            "the function Fn::ImportValue is not built here. Known: Ref,",
        ),
        ("!Equals [1, 1]", "belongs in Conditions"),
        (
            "!If [Perhaps, 1, 2]",
            "there is no condition `Perhaps`. Known: Here, Away, Both",
        ),
        ("!If [Here, 1]", "takes a list of 3"),
        ("!Select [3, !Ref Many]", "the list has 3"),
        (
            "!FindInMap [Sizes, large, memory]",
            "Mappings has no Sizes.large.memory",
        ),
        ("!!binary aGk=", "not one of CloudFormation's"),
        ("*anchor", "not YAML"),
        ("[a]", "a plain value is needed here, not a list"),
        ("{a: 1, a: 2}", "the key `a` is there twice"),
    ] {
        let error = output(value).unwrap_err().to_string();
        assert!(error.contains(message), "{value}: {error}");
    }
    let circle = "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources: {}\nOutputs: {O: {Value: !If [A, 1, 2]}}";
    assert!(
        read_with(circle, &[])
            .unwrap_err()
            .problem
            .contains("in a circle")
    );
}

#[test]
fn what_is_not_built_is_named() {
    let function = |properties: &str| {
        format!(
            "  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: f}}}}\n    Properties: {properties}\n"
        )
    };
    let event = |event: &str| function(&format!("{{Events: {{E: {event}}}}}"));
    for (yaml, message) in [
        ("  T: {Type: AWS::DynamoDB::Table}\n".to_owned(), "line 3 of the template, Resources.T: the resource type `AWS::DynamoDB::Table` is not built here. Known: AWS::CloudWatch::Alarm"),
        ("  T: {Properties: {}}\n".to_owned(), "no Type"),
        ("  T: {Type: AWS::SNS::Topic, Colour: red}\n".to_owned(), "Resources.T.Colour: not built here"),
        ("  B: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {QueueConfigurations: []}}}\n".to_owned(), "QueueConfigurations: not built here"),
        ("  F: {Type: AWS::Serverless::Function, Properties: {}}\n".to_owned(), "BuildMethod: rust-cargolambda"),
        (function("{VpcConfig: {}}"), "Resources.F.Properties.VpcConfig: not built here. Known: Architectures"),
        (function("{Timeout: 901}"), "a whole number from 1 to 900"),
        (function("{MemorySize: small}"), "not `small`"),
        (function("{EventInvokeConfig: {MaximumRetryAttempts: 3}}"), "from 0 to 2"),
        (function("{Policies: [AdministratorAccess]}"), "a managed policy of this stack is needed"),
        (function("{Environment: {Variables: {A: [1]}}}"), "Variables.A: a text is needed"),
        (event("{Type: Api, Properties: {}}"), "the event type `Api` is not built here. Known: EventBridgeRule, ScheduleV2"),
        (event("{Type: EventBridgeRule, Properties: {Pattern: {source: a}}}"), "source: it must be an object or an array"),
        (event("{Type: EventBridgeRule, Properties: {Pattern: {source: [a]}, InputPath: $.detail}}"), "InputPath: not built here"),
        (event("{Type: ScheduleV2, Properties: {ScheduleExpression: rate(0 minutes)}}"), "schedule expression `rate(0 minutes)`"),
        (event("{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), Input: '{'}}"), "not JSON"),
        (event("{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), RetryPolicy: {MaximumEventAgeInSeconds: 59}}}"), "from 60 to 86400"),
    ] {
        let error = resources(&yaml).unwrap_err().to_string();
        assert!(error.contains(message), "{yaml}: {error}");
    }
    for (yaml, message) in [
        ("", "the template is empty"),
        ("[]", "a map of sections"),
        ("Resources: {}\n---\nResources: {}", "one YAML document"),
        (
            "Resources: {}\nRules: {}",
            "Rules: this section is not built here",
        ),
        (
            "Transform: AWS::Include\nResources: {}",
            "the only transform",
        ),
        ("Description: x", "a map of resources"),
        ("Resources: {\n", "not YAML"),
    ] {
        let error = read_with(yaml, &[]).unwrap_err().to_string();
        assert!(error.contains(message), "{yaml}: {error}");
    }
}

#[test]
fn globals_are_merged_as_sam_does() {
    let yaml = "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    Timeout: 9\n    MemorySize: 256\n    \
                Environment: {Variables: {A: global, B: global}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    \
                Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: f}}\n    \
                Properties: {FunctionName: named, MemorySize: 512, Environment: {Variables: {B: own, C: 3}}}\n";
    let stack = read_with(yaml, &[]).unwrap();
    let function = &stack.functions[0];
    assert_eq!((function.timeout.as_secs(), function.memory), (9, 512));
    assert_eq!(
        environment(function),
        [("A", "global"), ("B", "own"), ("C", "3")]
    );
    assert_eq!(
        function.arn,
        "arn:aws:lambda:us-east-1:000000000000:function:named"
    );
    assert_eq!(
        (
            function.maximum_retries,
            function.maximum_event_age.as_secs()
        ),
        (2, 21600)
    );
}
