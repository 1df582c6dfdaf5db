//! SAM templates: a stack with everything worked out, or what is wrong and in which line; and a world of each stack.

use std::collections::BTreeMap;

use localaws::template::{self, Stack, TemplateError};
use localaws::world::World;

/// Most that a template may become when it is worked out: it has no loops, but may repeat what it refers to.
const LARGEST: usize = 64 << 20;

/// Checks this text as a template.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let names = template::parameter_names(text);
    let _ = template::section(text, "Outputs");
    let given = BTreeMap::from([("Email".to_owned(), "ops@example.com".to_owned())]);
    for parameters in [BTreeMap::new(), given] {
        let read = || template::read(text, &parameters, "us-east-1", "local");
        let stack = read();
        assert_eq!(stack, read(), "the same template is another stack");
        match stack {
            Ok(stack) => {
                assert!(names.is_ok());
                whole(&stack);
                start(text, &parameters);
            }
            Err(error) => points_into(text, &error),
        }
    }
}

fn points_into(text: &str, error: &TemplateError) {
    let one = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = one.split('\n').count();
    assert!((1..=lines).contains(&error.line), "{error} of {lines}");
    assert!(
        !error.place.is_empty() && !error.problem.is_empty(),
        "{error:?}"
    );
}

fn whole(stack: &Stack) {
    let shown = format!("{stack:?}");
    assert!(shown.len() < LARGEST, "{} bytes", shown.len());
    let mut ids: Vec<_> = stack.resources.iter().map(|it| &it.logical_id).collect();
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!(all, ids.len(), "two resources of one name");
}

/// A world of it starts, or says what is in the way.
fn start(text: &str, parameters: &BTreeMap<String, String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let builder = World::builder().template(text);
        let builder = parameters
            .iter()
            .fold(builder, |it, (name, value)| it.parameter(name, value));
        match builder.start().await {
            Ok(world) => drop(world.close().await),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
