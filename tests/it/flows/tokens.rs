//! EC2 has had a client token with other parameters, and shows nothing that was begun with it: another token is used.

use std::sync::OnceLock;
use std::time::Duration;

use localaws::ec2::TaskKind;
use localaws::faults::{Call, Fault};

use super::status_lost::{IMPORTS, imports};
use crate::support::{Before, TestStack, making, minutes, refused, starting_call};

const KEY: &str = "golden/web.image.yaml";
const KNOWN: &str = "IdempotentParameterMismatch";

/// EC2 refuses the first token that comes with this action, whenever it comes.
fn refuse_first_token(stack: &TestStack, action: &'static str) {
    let first = OnceLock::<Option<String>>::new();
    let is_meant = move |call: &Call| {
        let token = || call.field("ClientToken").map(str::to_owned);
        call.action == action && *first.get_or_init(token) == token()
    };
    stack.world.faults().each(is_meant, refused(KNOWN));
}

#[tokio::test(start_paused = true)]
async fn what_a_token_began_is_waited_for_as_long_as_it_may_not_show() {
    let kinds = [
        TaskKind::ImportSnapshot,
        TaskKind::ImportImage,
        TaskKind::CopyImage,
    ];
    for kind in kinds {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        refuse_first_token(&stack, starting_call(kind));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(12)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["build"]["step"], "start-task", "{status:#}");
        assert!(status["build"].get("attempt").is_none(), "{status:#}");

        stack.world.run_for(minutes(8)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["build"]["attempt"], 1, "{status:#}");
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(before.now(&stack).await, (1, Vec::new()), "{status:#}");
        let email = stack.only_email();
        assert!(email.subject.starts_with("Available"), "{}", email.subject);
    }
}

/// Not for ever: each token is known.
#[tokio::test(start_paused = true)]
async fn an_image_fails_whose_every_token_is_known() {
    let (stack, manifest) = making(TaskKind::ImportSnapshot).await;
    let faults = stack.world.faults();
    faults.always("ec2", "ImportSnapshot", refused(KNOWN));
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(status["build"]["failure"]["code"], KNOWN, "{status:#}");
    let attempts = status["build"]["attempt"].as_u64().unwrap();
    assert!((2..=4).contains(&attempts), "{status:#}");
}

/// It comes into sight while the next token cannot be used, of a version before which another has looked for imports.
#[tokio::test(start_paused = true)]
async fn an_import_that_was_begun_with_an_earlier_token_is_taken_up() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        stack.drop_and_rest(KEY, &manifest).await;
        let (ec2, faults, call) = (stack.world.ec2(), stack.world.faults(), starting_call(kind));
        faults.on("ec2", call, 1, Fault::Crash);
        ec2.set_visibility_delay(minutes(25));
        let next = manifest.replacen("name: web", "name: next", 1);
        stack.drop_file(KEY, next).await;
        stack.world.run_for(Duration::from_secs(10)).await;
        ec2.set_visibility_delay(Duration::ZERO);
        let calls = stack.world.calls().into_iter();
        let asked: Vec<Call> = calls.filter(|it| it.action == call).collect();
        assert_eq!(asked.len(), 2);
        let token = asked[1].field("ClientToken").map(str::to_owned);
        for (is_first, answer) in [(true, refused(KNOWN)), (false, Fault::Throttle)] {
            let first = token.clone();
            let is_meant = move |it: &Call| {
                let is_same = it.field("ClientToken") == first.as_deref();
                it.action == call && is_same == is_first
            };
            faults.each(is_meant, answer);
        }
        stack.world.run_for(minutes(20)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["build"]["step"], "start-task", "{status:#}");
        assert_eq!(status["build"]["attempt"], 2, "{status:#}");

        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["build"]["attempt"], 1, "{status:#}");
        assert_eq!(imports(&stack).await, 2, "{status:#}");
    }
}
