//! Updates of a stack that runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::tests::{Door, TEMPLATE, handler, put, start};
use super::{World, WorldError};
use crate::lambda::FunctionRunner;
use crate::wire::Request;

/// The same with parameters: below what the function may write, and how often it runs.
fn template() -> String {
    let parameters = "Parameters:\n  Prefix: {Type: String, Default: a}\n  Every: {Type: String, Default: rate(1 minute)}\n";
    let template = TEMPLATE.replace(
        "Resources:\n  Bucket",
        &format!("{parameters}Resources:\n  Bucket"),
    );
    let template = template.replace(
        "{BUCKET: !Ref Bucket}",
        "{BUCKET: !Ref Bucket, PREFIX: !Ref Prefix}",
    );
    let template = template.replace("${Bucket.Arn}/*", "${Bucket.Arn}/${Prefix}/*");
    template.replace("Schedule: rate(1 minute)", "Schedule: !Ref Every")
}

fn update(world: &World, name: &str, value: &str) -> Result<(), WorldError> {
    world.update(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
}

/// A PutObject that a function makes.
fn put_by(access_key_id: &str, key: &str) -> Request {
    let mut request = put(key);
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let authorization = authorization.replace("AKID/", &format!("{access_key_id}/"));
    request
        .headers_mut()
        .insert("authorization", authorization.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn what_runs_keeps_its_variables_and_has_other_policies() {
    let door = Door::default();
    let inside = door.clone();
    let runner = handler(move |invocation| {
        let door = inside.clone();
        async move {
            let prefix = invocation.function.environment["PREFIX"].clone();
            tokio::time::sleep(Duration::from_secs(5)).await;
            let request = put_by(&invocation.access_key_id, &format!("{prefix}/x"));
            let status = door.call(request).await.unwrap().status();
            Ok(json!([prefix, status.as_u16()]))
        }
    });
    let world = start(&template(), runner).await;
    let _open = door.open(&world);
    world.invoke_later("Work", json!({}));
    world.run_for(Duration::from_secs(1)).await;
    update(&world, "Prefix", "b").unwrap();
    assert_eq!(world.environment("Work").unwrap()["PREFIX"], "b");
    world.settle().await;
    world.invoke_later("Work", json!({}));
    world.settle().await;
    let outcomes: Vec<_> = world
        .invocations()
        .into_iter()
        .map(|it| it.outcome)
        .collect();
    assert_eq!(outcomes, [Ok(json!(["a", 403])), Ok(json!(["b", 200]))]);
    let revisions: Vec<_> = world.calls().iter().map(|call| call.revision).collect();
    assert_eq!(revisions, [0, 1]);
    // It was refused because it is out of date.
    assert_eq!(world.iam().denials(), []);
}

#[tokio::test(start_paused = true)]
async fn what_an_update_cannot_change_here_is_refused() {
    let world = start(&template(), FunctionRunner::Nothing).await;
    let refused = update(&world, "Every", "rate(2 minutes)").unwrap_err();
    assert!(
        matches!(refused, WorldError::Resource { .. }),
        "{refused:?}"
    );
    let unknown = update(&world, "Nothing", "x").unwrap_err();
    assert!(matches!(unknown, WorldError::Template(_)), "{unknown:?}");
    assert_eq!(world.environment("Work").unwrap()["PREFIX"], "a");
}
