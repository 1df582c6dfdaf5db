//! Objects that come and go, in a whole world.

use http::StatusCode;

use super::tests::{TEMPLATE, handler, put, signed, start};

#[tokio::test(start_paused = true)]
async fn a_deleted_object_invokes_the_function_whose_rule_it_matches() {
    let template = TEMPLATE.replace("[Object Created]", "[Object Deleted]");
    let runner = handler(|invocation| async move { Ok(invocation.payload) });
    let world = start(&template, runner).await;
    world.dispatch(put("a.txt")).await.unwrap();
    let object = |condition: &str| {
        let uri = "https://s3.us-east-1.amazonaws.com/images/a.txt";
        let mut request = signed("s3", "DELETE", uri, "");
        let condition = condition.parse().unwrap();
        request.headers_mut().insert("if-match", condition);
        request
    };
    let kept = world.dispatch(object("\"00\"")).await.unwrap();
    assert_eq!(kept.status(), StatusCode::PRECONDITION_FAILED);
    let gone = world.dispatch(object("*")).await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let lost = world.dispatch(object("*")).await.unwrap();
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    world.settle().await;
    let invocations = world.invocations();
    assert_eq!(invocations.len(), 1);
    let event = &invocations[0].payload;
    assert_eq!(event["detail-type"], "Object Deleted");
    let detail = &event["detail"];
    assert_eq!(detail["reason"], "DeleteObject");
    assert_eq!(detail["deletion-type"], "Permanently Deleted");
    assert_eq!(detail["object"]["key"], "a.txt");
    assert!(detail["object"].get("size").is_none(), "{detail}");
}
