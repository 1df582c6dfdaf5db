//! Statuses whose earlier versions have no digest, as an older amiwright wrote them: the tags have to show that an AMI is of
//! an earlier version.

use std::collections::BTreeMap;

use localaws::ec2::Image;
use serde_json::{Value, json};

use super::forge;
use crate::support::{REGION, TestStack};

const KEY: &str = "golden/web.image.yaml";

fn manifest(stack: &TestStack, imds: bool, settings: &str) -> String {
    let register = if imds {
        "register: {imdsSupport: v2.0}\n"
    } else {
        ""
    };
    format!("{}{register}{settings}", stack.manifest("web-{digest}"))
}

/// Two versions, of which the status lists the first without its digest, and `change` is made to its tags. What becomes of the
/// first when AMIs of earlier versions are deregistered.
async fn becomes(change: impl FnOnce(&mut BTreeMap<String, String>, &Image)) -> (bool, Value) {
    let stack = TestStack::built(|builder| builder.parameter("AllowRetire", "true")).await;
    stack.drop_and_rest(KEY, manifest(&stack, false, "")).await;
    let first = stack.only_image();
    stack.drop_and_rest(KEY, manifest(&stack, true, "")).await;
    let images = stack.images();
    let second = images.iter().find(|it| it.id != first.id).unwrap();
    stack.world.ec2().edit_image(REGION, &first.id, |image| {
        change(&mut image.tags, second);
    });
    let mut status = stack.status(KEY).await;
    let previous = status["previous"][0].as_object_mut().unwrap();
    previous.remove("digest").unwrap();
    forge(&stack, KEY, &status).await;
    stack.rest().await;
    let asked = manifest(&stack, true, "replaces: {previous: deregister}\n");
    stack.drop_and_rest(KEY, asked).await;
    let is_there = stack.images().iter().any(|it| it.id == first.id);
    (is_there, stack.status(KEY).await)
}

#[tokio::test(start_paused = true)]
async fn an_earlier_version_without_digest_is_retired_if_its_tags_show_that_it_is_one() {
    let (is_there, status) = becomes(|_, _| {}).await;
    assert!(!is_there, "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn what_the_tags_do_not_show_to_be_an_earlier_version_stays() {
    type Change = fn(&mut BTreeMap<String, String>, &Image);
    let of_current: Change = |tags, current| {
        let digest = current.tags["amiwright:digest"].clone();
        tags.insert("amiwright:digest".to_owned(), digest);
    };
    let of_none: Change = |tags, _| drop(tags.remove("amiwright:digest"));
    let of_later: Change = |tags, _| {
        let attempt = "2027-01-01T00:00:00Z 7".to_owned();
        drop(tags.insert("amiwright:attempt".to_owned(), attempt));
    };
    for change in [of_current, of_none, of_later] {
        let (is_there, status) = becomes(change).await;
        assert!(is_there, "{status:#}");
        assert_eq!(status["retired"][0]["why"], json!({"reason": "unproven"}));
    }
}
