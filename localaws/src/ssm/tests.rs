//! Usage of Parameter Store through the wire: JSON in, JSON out.

mod describe;
mod images;
mod options;
mod tags;

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::bus::Event;

const REGION: &str = "us-east-1";
const IMAGE: &str = "ami-0123456789abcdef0";

struct World {
    ssm: Ssm,
    clock: Clock,
    events: UnboundedReceiver<Event>,
}

impl World {
    /// A world in which one image is available.
    fn new() -> Self {
        let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
        let (bus, events) = Bus::new();
        let ssm = Ssm::new(clock, Ids::new(1), bus);
        ssm.set_image_check(|region, id| region == REGION && id == IMAGE);
        Self { ssm, clock, events }
    }

    async fn ask(&self, action: &str, body: Value) -> (u16, Value) {
        let request = http::Request::post("/")
            .header("x-amz-target", format!("AmazonSSM.{action}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.ssm.handle(REGION, request).await;
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), body)
    }

    async fn ok(&self, action: &str, body: Value) -> Value {
        let (status, answer) = self.ask(action, body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// `Code: Message` of an action that must be refused.
    async fn refused(&self, action: &str, body: Value) -> String {
        let (status, answer) = self.ask(action, body).await;
        assert_eq!(status, 400, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        format!("{}: {}", text("__type"), text("message"))
    }

    async fn put(&self, name: &str, value: &str) -> Value {
        let body = json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
        self.ok("PutParameter", body).await
    }

    async fn not_put(&self, name: &str) -> String {
        let body = json!({"Name": name, "Value": "x", "Type": "String"});
        self.refused("PutParameter", body).await
    }

    async fn put_image(&self, name: &str, value: &str) -> Value {
        let body = json!({
            "Name": name, "Value": value, "Type": "String", "Overwrite": true, "DataType": "aws:ec2:image",
        });
        self.ok("PutParameter", body).await
    }

    fn event(&mut self) -> Event {
        self.events.try_recv().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_only_with_decryption() {
    let world = World::new();
    world
        .ssm
        .seed_parameter(REGION, "/bundle/key", "SecureString", "hush");
    let get = json!({"Name": "/bundle/key", "WithDecryption": true});
    let answer = world.ok("GetParameter", get).await;
    assert_eq!(answer["Parameter"]["Value"], "hush");
    assert_eq!(
        answer["Parameter"]["ARN"],
        "arn:aws:ssm:us-east-1:000000000000:parameter/bundle/key"
    );
    let by_arn = json!({"Name": answer["Parameter"]["ARN"]});
    let sealed = world.ok("GetParameter", by_arn).await;
    assert_eq!(sealed["Parameter"]["Name"], "/bundle/key");
    assert!(!sealed.to_string().contains("hush"));
    let lost = world
        .refused("GetParameter", json!({"Name": "/lost"}))
        .await;
    assert_eq!(lost, "ParameterNotFound: Parameter /lost not found.");
}

#[tokio::test(start_paused = true)]
async fn an_arn_names_a_parameter_with_and_without_a_slash() {
    let world = World::new();
    for name in ["/one", "two", "/a/three"] {
        world.put(name, "x").await;
        let arn = world.ok("GetParameter", json!({"Name": name})).await["Parameter"]["ARN"].clone();
        let found = world.ok("GetParameter", json!({"Name": arn})).await;
        assert_eq!(found["Parameter"]["Name"], name);
        let listed = world.ok("GetParameters", json!({"Names": [arn]})).await;
        assert_eq!(listed["Parameters"][0]["Name"], name);
        let history = world.ok("GetParameterHistory", json!({"Name": arn})).await;
        assert_eq!(history["Parameters"][0]["Name"], name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_with_a_slash_is_the_name_without() {
    let world = World::new();
    for (name, other) in [("/one", "one"), ("two", "/two")] {
        world.put(name, "x").await;
        let found = world.ok("GetParameter", json!({"Name": other})).await;
        assert_eq!(found["Parameter"]["Name"], name);
        let found = world
            .ok("GetParameters", json!({"Names": [other, other]}))
            .await;
        assert_eq!(found["Parameters"].as_array().unwrap().len(), 1);
        let tagged = json!({"ResourceType": "Parameter", "ResourceId": other,
                            "Tags": [{"Key": "team", "Value": "web"}]});
        world.ok("AddTagsToResource", tagged).await;
        let again = world.not_put(other).await;
        assert!(again.starts_with("ParameterAlreadyExists"), "{again}");
        world.ok("DeleteParameter", json!({"Name": other})).await;
        let lost = json!({"Name": name});
        let lost = world.refused("GetParameter", lost).await;
        assert!(lost.starts_with("ParameterNotFound"), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_names_no_other_parameter() {
    let world = World::new();
    let nested = json!({"Name": "a", "Value": "{{ssm:b}}", "Type": "String"});
    let refused = world.refused("PutParameter", nested).await;
    assert!(refused.starts_with("ValidationException: Parameter value can't nest"));
}

#[tokio::test(start_paused = true)]
async fn a_parameter_moves_by_versions_and_labels() {
    let mut world = World::new();
    let new = json!({"Name": "latest", "Value": "ami-1", "Type": "String", "Description": "kept"});
    assert_eq!(world.ok("PutParameter", new.clone()).await["Version"], 1);
    assert_eq!(
        world.refused("PutParameter", new).await,
        "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the \
         request to true."
    );
    let label = json!({"Name": "latest", "Labels": ["stable", "1st"]});
    let labelled = world.ok("LabelParameterVersion", label).await;
    assert_eq!(
        (&labelled["ParameterVersion"], &labelled["InvalidLabels"]),
        (&json!(1), &json!(["1st"]))
    );
    let long = json!({"Name": "latest", "Labels": ["a".repeat(101)]});
    let refused = world.refused("LabelParameterVersion", long).await;
    assert!(
        refused.starts_with("ValidationException: 1 validation error"),
        "{refused}"
    );
    let odd = json!({"Name": "odd", "Value": "x", "Type": "str"});
    assert_eq!(
        world.refused("PutParameter", odd).await,
        "ValidationException: 1 validation error detected: Value 'str' at 'type' failed to satisfy constraint: Member must \
         satisfy enum value set: [SecureString, StringList, String]"
    );
    let put = json!({"Name": "latest", "Value": "ami-2", "Overwrite": true});
    assert_eq!(world.ok("PutParameter", put).await["Version"], 2);
    for selector in [":1", ":stable"] {
        let name = format!("latest{selector}");
        let old = world.ok("GetParameter", json!({"Name": name})).await;
        let old = &old["Parameter"];
        assert_eq!(
            (&old["Value"], &old["Selector"]),
            (&json!("ami-1"), &json!(selector))
        );
    }
    let lost = world
        .refused("GetParameter", json!({"Name": "latest:3"}))
        .await;
    assert!(lost.starts_with("ParameterVersionNotFound"), "{lost}");
    let history = json!({"Name": "latest", "MaxResults": 1});
    let first = world.ok("GetParameterHistory", history).await;
    assert_eq!(first["Parameters"][0]["Labels"], json!(["stable"]));
    let history = json!({"Name": "latest", "NextToken": first["NextToken"]});
    let second = world.ok("GetParameterHistory", history).await;
    let second = second["Parameters"].as_array().unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(
        (&second[0]["Value"], &second[0]["Description"]),
        (&json!("ami-2"), &json!("kept"))
    );
    let operations = [world.event(), world.event()].map(|event| event.detail["operation"].clone());
    assert_eq!(operations, ["Create", "Update"]);
    let reborn = World::new();
    reborn.ssm.load(world.ssm.save()).unwrap();
    let value = |region| reborn.ssm.parameter(region, "latest");
    assert_eq!(
        (value(REGION).as_deref(), value("eu-west-1")),
        (Some("ami-2"), None)
    );
}

#[tokio::test(start_paused = true)]
async fn names_have_rules() {
    let world = World::new();
    let words = "(case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each \
                 sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_";
    assert_eq!(
        world.not_put("/SSM/web").await,
        format!("ValidationException: Parameter name: can't be prefixed with \"ssm\" {words}")
    );
    assert_eq!(
        world.not_put("/aws/service/web").await,
        "AccessDeniedException: No access to reserved parameter name: /aws/service/web."
    );
    for name in ["aws-web", "a b", "a/b", "/a//b", "/a/", "käse"] {
        let refused = world.not_put(name).await;
        assert!(
            refused.starts_with("ValidationException"),
            "{name}: {refused}"
        );
    }
    let deep = "/a".repeat(16);
    let refused = world.not_put(&deep).await;
    assert!(
        refused.starts_with("HierarchyLevelLimitExceeded"),
        "{refused}"
    );
    world.put(&"/a".repeat(15), "x").await;
    let longest = "n".repeat(1011 - "arn:aws:ssm:us-east-1:000000000000:parameter/".len());
    world.put(&longest, "x").await;
    let refused = world.not_put(&format!("{longest}n")).await;
    assert!(refused.starts_with("ValidationException"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn up_to_ten_are_read_and_deleted_at_once() {
    let mut world = World::new();
    for name in ["/a/one", "/a/two", "/a/b/three"] {
        world.put(name, name).await;
        world.event();
    }
    let names = json!({"Names": ["/a/one", "/a/lost", "/a/two:1"]});
    let answer = world.ok("GetParameters", names).await;
    assert_eq!(answer["Parameters"].as_array().unwrap().len(), 2);
    assert_eq!(answer["InvalidParameters"], json!(["/a/lost"]));
    let many: Vec<String> = (0..11).map(|n| format!("/a/{n}")).collect();
    for action in ["GetParameters", "DeleteParameters"] {
        let refused = world.refused(action, json!({"Names": many})).await;
        assert!(refused.starts_with("ValidationException"), "{refused}");
    }
    let path = json!({"Path": "/a", "MaxResults": 1});
    let page = world.ok("GetParametersByPath", path).await;
    assert_eq!(page["Parameters"][0]["Name"], "/a/one");
    let path = json!({"Path": "/a", "NextToken": page["NextToken"]});
    let page = world.ok("GetParametersByPath", path).await;
    assert_eq!(page["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(page["NextToken"], Value::Null);
    let all = json!({"Path": "/a/", "Recursive": true});
    let all = world.ok("GetParametersByPath", all).await;
    assert_eq!(all["Parameters"].as_array().unwrap().len(), 3);
    let names = json!({"Names": ["/a/one", "/a/lost"]});
    let answer = world.ok("DeleteParameters", names).await;
    assert_eq!(
        (&answer["DeletedParameters"], &answer["InvalidParameters"]),
        (&json!(["/a/one"]), &json!(["/a/lost"]))
    );
    assert_eq!(world.event().detail["operation"], "Delete");
    world.ok("DeleteParameter", json!({"Name": "/a/two"})).await;
    let gone = world
        .refused("DeleteParameter", json!({"Name": "/a/two"}))
        .await;
    assert!(gone.starts_with("ParameterNotFound"), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_of_a_hundred_versions_goes_unless_it_has_a_label() {
    let world = World::new();
    for n in 0..101 {
        world.put("a", &n.to_string()).await;
    }
    let gone = world.refused("GetParameter", json!({"Name": "a:1"})).await;
    assert!(gone.starts_with("ParameterVersionNotFound"), "{gone}");
    let label = json!({"Name": "a", "ParameterVersion": 2, "Labels": ["old"]});
    world.ok("LabelParameterVersion", label).await;
    let put = json!({"Name": "a", "Value": "x", "Overwrite": true});
    let full = world.refused("PutParameter", put).await;
    assert!(full.contains("Version 2, the oldest version"), "{full}");
    assert!(
        full.starts_with("ParameterMaxVersionLimitExceeded"),
        "{full}"
    );
}

#[tokio::test(start_paused = true)]
async fn puts_and_gets_are_throttled_when_asked_to() {
    let world = World::new();
    world.ssm.set_request_limits(true);
    for n in 0..3 {
        world.put(&format!("p{n}"), "x").await;
    }
    let put = json!({"Name": "p3", "Value": "x", "Type": "String"});
    let refused = world.refused("PutParameter", put).await;
    assert_eq!(refused, "ThrottlingException: Rate exceeded");
    world.clock.sleep(Duration::from_secs(1)).await;
    world.put("p3", "x").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_or_not_built_is_said_so() {
    let world = World::new();
    let new = json!({"Name": "a", "Value": "b"});
    assert_eq!(
        world.refused("PutParameter", new.clone()).await,
        "ValidationException: A parameter type is required when you create a parameter."
    );
    let refused = world.refused("GetParameter", json!([])).await;
    assert!(refused.starts_with("SerializationException"), "{refused}");
    let pattern = json!({"Name": "a", "Value": "b", "Type": "String", "AllowedPattern": "[0-9]+"});
    let refused = world.refused("PutParameter", pattern).await;
    assert!(
        refused.starts_with("ParameterPatternMismatchException"),
        "{refused}"
    );
    assert_eq!(world.ask("ListDocuments", json!({})).await.0, 501);
    for (option, value) in [
        ("KeyId", json!("k")),
        ("Policies", json!("[]")),
        ("Tier", json!("Advanced")),
        ("DataType", json!("aws:ssm:integration")),
    ] {
        let mut put = json!({"Name": "a", "Value": "b", "Type": "String"});
        put[option] = value;
        assert_eq!(world.ask("PutParameter", put).await.0, 501, "{option}");
    }
    let filtered = json!({"Path": "/", "ParameterFilters": [{"Key": "Label", "Values": ["x"]}]});
    assert_eq!(world.ask("GetParametersByPath", filtered).await.0, 501);
}

/// Not EC2's `AuthFailure`: SSM has another code for credentials that are not known in a Region.
#[tokio::test(start_paused = true)]
async fn every_action_is_refused_in_a_region_that_is_off() {
    let world = World::new();
    world.ok("GetParameters", json!({"Names": ["/web"]})).await;
    world.ssm.set_region_check(|region| region != REGION);
    for (action, body) in [
        ("GetParameters", json!({"Names": ["/web"]})),
        (
            "PutParameter",
            json!({"Name": "/web", "Value": "1", "Type": "String"}),
        ),
        ("DescribeParameters", json!({})),
    ] {
        let refused = world.refused(action, body).await;
        let expected =
            "UnrecognizedClientException: The security token included in the request is invalid.";
        assert_eq!(refused, expected, "{action}");
    }
    assert_eq!(world.ssm.parameter(REGION, "/web"), None);
}
