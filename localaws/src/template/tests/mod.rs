mod buckets;
mod functions;
mod parameters;

use std::collections::BTreeMap;

use super::stack::{Function, Stack};
use super::{TemplateError, read};

fn read_with(yaml: &str, parameters: &[(&str, &str)]) -> Result<Stack, TemplateError> {
    let parameters: BTreeMap<_, _> = parameters
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    read(yaml, &parameters, "us-east-1", "amiwright")
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
        ("  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}\n".to_owned(), "Resources.Q.Properties.VisibilityTimeout: not built here. Known: QueueName"),
        ("  F: {Type: AWS::Serverless::Function, Properties: {}}\n".to_owned(), "BuildMethod: rust-cargolambda"),
        (function("{VpcConfig: {}}"), "Resources.F.Properties.VpcConfig: not built here. Known: Architectures"),
        (function("{Timeout: 901}"), "a whole number from 1 to 900"),
        (function("{MemorySize: small}"), "not `small`"),
        (function("{EventInvokeConfig: {MaximumRetryAttempts: 3}}"), "from 0 to 2"),
        (function("{Policies: [AdministratorAccess]}"), "a managed policy of this stack is needed"),
        (function("{Environment: {Variables: {A: [1]}}}"), "Variables.A: a text is needed"),
        (event("{Type: Api, Properties: {}}"), "the event type `Api` is not built here. Known: EventBridgeRule, Schedule"),
        (event("{Type: EventBridgeRule, Properties: {Pattern: {source: a}}}"), "source: it must be an object or an array"),
        (event("{Type: EventBridgeRule, Properties: {Pattern: {source: [a]}, InputPath: $.detail}}"), "InputPath: not built here"),
        (event("{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day)}}"), "the event type `ScheduleV2` is not built here. Known: EventBridgeRule, Schedule"),
        (event("{Type: Schedule, Properties: {Schedule: rate(0 minutes)}}"), "schedule expression `rate(0 minutes)`"),
        (event("{Type: Schedule, Properties: {ScheduleExpression: rate(1 day)}}"), "ScheduleExpression: not built here. Known: DeadLetterConfig"),
        (event("{Type: Schedule, Properties: {Schedule: rate(1 day), Enabled: true, State: ENABLED}}"), "State or Enabled, not both"),
        (event("{Type: Schedule, Properties: {Schedule: rate(1 day), Input: '{'}}"), "not JSON"),
        (event("{Type: Schedule, Properties: {Schedule: rate(1 day), RetryPolicy: {MaximumEventAgeInSeconds: 59}}}"), "from 60 to 86400"),
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

#[test]
fn alarms_dashboards_and_queries_are_read_and_not_acted_on() {
    let display = |body: &str| {
        resources(&format!(
            "  Q: {{Type: AWS::SQS::Queue}}
  A: {{Type: AWS::CloudWatch::Alarm, Properties: {{MetricName: Sent, Threshold: 1, AlarmDescription: !Sub 'of ${{Q.QueueName}}'}}}}
  D: {{Type: AWS::CloudWatch::Dashboard, Properties: {{DashboardBody: !Sub '{body}'}}}}
  L: {{Type: AWS::Logs::QueryDefinition, Properties: {{Name: errors, QueryString: fields level}}}}\n"
        ))
    };
    let stack = display("{\"of\": \"${A.Arn}\"}").unwrap();
    let shown = stack.displays.iter();
    let shown: Vec<String> = shown
        .map(|it| format!("{} {} {}", it.logical_id, it.kind, it.properties))
        .collect();
    assert_eq!(
        shown,
        [
            r#"A AWS::CloudWatch::Alarm {"MetricName":"Sent","Threshold":1,"AlarmDescription":"of amiwright-Q"}"#,
            r#"D AWS::CloudWatch::Dashboard {"DashboardBody":"{\"of\": \"arn:aws:cloudwatch:us-east-1:000000000000:alarm:amiwright-A\"}"}"#,
            r#"L AWS::Logs::QueryDefinition {"Name":"errors","QueryString":"fields level"}"#,
        ]
    );
    let error = display("{\"of\": ").unwrap_err().to_string();
    assert!(
        error.contains("Resources.D.Properties.DashboardBody: the text is not JSON"),
        "{error}"
    );
    let error = display("{\"of\": \"${B.Arn}\"}").unwrap_err().to_string();
    assert!(
        error.contains("there is no parameter or resource `B`"),
        "{error}"
    );
}
