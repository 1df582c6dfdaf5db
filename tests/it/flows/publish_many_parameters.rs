//! A manifest that names many parameters: SSM takes few requests a second, and a function has a minute.

use std::fmt::Write as _;

use crate::support::TestStack;

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn many_parameters_are_written_by_several_visits_that_end_in_time() {
    let stack = TestStack::built(|it| it.parameter("ParameterPrefix", "/images")).await;
    let mut manifest = stack.manifest("web") + "parameters:\n";
    for number in 0..100 {
        let _ = writeln!(manifest, "  - /images/web-{number:03}");
    }
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let parameters = status["release"]["parameters"].as_object().unwrap();
    assert_eq!(parameters.len(), 100);
    // Each once: what an invocation had written that then ran out of time would be written again.
    assert_eq!(stack.count("PutParameter"), 100);
    assert_eq!(stack.failed_events(), "");
    let invocations = stack.world.invocations();
    let failed: Vec<_> = invocations
        .iter()
        .filter(|it| it.outcome.is_err())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
