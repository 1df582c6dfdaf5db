//! What is not acted on is not answered: an action refuses each parameter that it does not read, and does nothing.

use std::collections::BTreeSet;

use super::*;
use crate::dispatched::actions;

const ACTIONS: &str = include_str!("../actions/mod.rs");

/// What each action is asked of a parameter that has a tag, so that it is done.
fn requests() -> Vec<(&'static str, Value)> {
    let name = json!({"Name": "/web"});
    let names = json!({"Names": ["/web"]});
    let tagged = |members: Value| {
        let mut all = json!({"ResourceType": "Parameter", "ResourceId": "/web"});
        let members = members.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        all
    };
    vec![
        (
            "AddTagsToResource",
            tagged(json!({"Tags": [{"Key": "stage", "Value": "test"}]})),
        ),
        ("DeleteParameter", name.clone()),
        ("DeleteParameters", names.clone()),
        ("DescribeParameters", json!({})),
        ("GetParameter", name.clone()),
        ("GetParameterHistory", name),
        ("GetParameters", names),
        ("GetParametersByPath", json!({"Path": "/"})),
        (
            "LabelParameterVersion",
            json!({"Name": "/web", "Labels": ["stable"]}),
        ),
        ("ListTagsForResource", tagged(json!({}))),
        (
            "PutParameter",
            json!({"Name": "/new", "Value": "x", "Type": "String", "Tags": [{"Key": "team", "Value": "web"}]}),
        ),
        (
            "RemoveTagsFromResource",
            tagged(json!({"TagKeys": ["team"]})),
        ),
    ]
}

/// The requests with one parameter more: of its own, and within each structure of a list.
fn with_one_more(request: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut top = request.clone();
    top["Nonsense"] = json!("x");
    all.push(top);
    for (name, value) in request.as_object().unwrap() {
        if value.as_array().is_some_and(|list| list[0].is_object()) {
            let mut within = request.clone();
            within[name][0]["Nonsense"] = json!("x");
            all.push(within);
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn no_action_takes_an_option_that_it_does_not_act_on() {
    let requests = requests();
    let asked: BTreeSet<&str> = requests.iter().map(|(action, _)| *action).collect();
    assert_eq!(asked, actions(ACTIONS));
    for (action, request) in requests {
        let world = World::new();
        let tags = json!([{"Key": "team", "Value": "web"}]);
        let put = json!({"Name": "/web", "Value": "1", "Type": "String", "Tags": tags});
        world.ok("PutParameter", put).await;
        let before = world.ssm.save();
        for more in with_one_more(&request) {
            let (status, answer) = world.ask(action, more).await;
            assert_eq!(status, 501, "{action}: {answer}");
            assert!(
                answer.to_string().contains("Nonsense"),
                "{action}: {answer}"
            );
            assert_eq!(world.ssm.save(), before, "{action}");
        }
        // It was for the option alone.
        world.ok(action, request).await;
    }
}
