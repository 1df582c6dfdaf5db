//! A template after its parameters, conditions and functions are worked out: what is to be run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// The stack that a template describes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stack {
    /// `AWS::S3::Bucket`.
    pub buckets: Vec<Bucket>,
    /// `AWS::SNS::Topic`, with the `AWS::SNS::Subscription`s to it.
    pub topics: Vec<Topic>,
    /// `AWS::SQS::Queue`.
    pub queues: Vec<Queue>,
    /// `AWS::Serverless::Function`.
    pub functions: Vec<Function>,
    /// `AWS::IAM::ManagedPolicy`.
    pub managed_policies: Vec<ManagedPolicy>,
    /// Policies of buckets, topics and queues.
    pub resource_policies: Vec<ResourcePolicy>,
    /// Names of the buckets that refuse public ACLs (`BlockPublicAcls`).
    pub block_public_acls: Vec<String>,
    /// The stack's outputs.
    pub outputs: BTreeMap<String, String>,
    /// The stack's parameters; items of a list are separated by commas, and what may not be shown is `****`.
    pub parameters: BTreeMap<String, String>,
    /// All that is created, and the roles and rules that SAM makes of functions.
    pub resources: Vec<StackResource>,
    /// What is for people to look at: alarms, dashboards and saved queries. Nothing here acts on them, but everything in
    /// them had to resolve.
    pub displays: Vec<Display>,
}

/// Something for people to look at, as it would be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Display {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: &'static str,
    /// Its properties, with everything resolved.
    pub properties: Value,
}

/// A resource of the stack, as CloudFormation lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct StackResource {
    /// Its name in the template that SAM makes.
    pub logical_id: String,
    /// Its type there: a function of SAM's is Lambda's.
    pub kind: &'static str,
    /// Its name, ARN or URL in its service.
    pub physical_id: String,
    /// Logical id of the function that SAM made it for.
    pub of_function: Option<String>,
}

/// A bucket of the stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in S3.
    pub name: String,
    /// Whether its events go to EventBridge.
    pub event_bridge: bool,
    /// `VersioningConfiguration.Status`, if the template says.
    pub versioning: Option<String>,
    /// `ObjectOwnership`, if the template says.
    pub object_ownership: Option<String>,
}

/// A managed policy of the stack.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedPolicy {
    /// Its name in the template.
    pub logical_id: String,
    /// Its ARN.
    pub arn: String,
    /// Its statements, with everything resolved.
    pub statements: Vec<Value>,
}

/// A policy of a bucket, of topics or of queues.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePolicy {
    /// Its name in the template.
    pub logical_id: String,
    /// ARNs of buckets and topics, URLs of queues.
    pub resources: Vec<String>,
    /// Its statements, with everything resolved.
    pub statements: Vec<Value>,
}

/// A topic of the stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in SNS.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its `DisplayName`.
    pub display_name: Option<String>,
    /// (protocol, endpoint), for example `("email", "ops@example.com")`.
    pub subscriptions: Vec<(String, String)>,
}

/// A queue of the stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in SQS.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A function of the stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in Lambda.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The cargo binary it is built from: `Metadata.BuildProperties.Binary`.
    pub binary: String,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Longest run of one invocation.
    pub timeout: Duration,
    /// Name of the log group that its log goes to.
    pub log_group: String,
    /// Memory, in MiB.
    pub memory: u32,
    /// At most this many at once, if reserved.
    pub reserved_concurrency: Option<u32>,
    /// Retries of a failed asynchronous invocation (Lambda: 0 to 2, 2 unless set).
    pub maximum_retries: u32,
    /// An asynchronous event older than this is dropped (Lambda: 6 h unless set).
    pub maximum_event_age: Duration,
    /// ARN of the queue or topic that gets the invocations that failed for good.
    pub on_failure: Option<String>,
    /// Event rules that invoke it.
    pub rules: Vec<Rule>,
    /// Schedules that invoke it.
    pub schedules: Vec<Schedule>,
    /// IAM policy statements, as in the template with everything resolved.
    pub policies: Vec<Value>,
}

/// An EventBridge rule of a function (`Type: EventBridgeRule`).
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name in the template.
    pub logical_id: String,
    /// The event pattern.
    pub pattern: Value,
    /// Constant input in place of the event.
    pub input: Option<Value>,
    /// How often and how long a delivery is tried again.
    pub retry: Retry,
    /// ARN of the queue that gets the events that are not delivered.
    pub dead_letters: Option<String>,
}

/// An EventBridge rule of a function that runs on a schedule (`Type: Schedule`).
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name in the template.
    pub logical_id: String,
    /// The rule's ARN.
    pub arn: String,
    /// `rate(…)` or `cron(…)`, in UTC.
    pub expression: String,
    /// Whether it runs.
    pub enabled: bool,
    /// Constant input in place of the rule's `Scheduled Event`.
    pub input: Option<Value>,
    /// How often and how long a delivery is tried again.
    pub retry: Retry,
    /// ARN of the queue that gets the events that are not delivered.
    pub dead_letters: Option<String>,
}

/// `RetryPolicy` of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Further tries after the first.
    pub attempts: u32,
    /// Drop the event when it is older.
    pub maximum_event_age: Duration,
}

impl Default for Retry {
    /// 185 tries in 24 hours (`RetryPolicy`, EventBridge API Reference).
    fn default() -> Self {
        Self {
            attempts: 185,
            maximum_event_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}
