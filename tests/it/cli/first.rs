//! The first manifest, as `amiwright init` writes it: it works as soon as what is needed is beside it.

use amiwright::cli::push::{Bars, Push, send_all};

use super::programs::{amiwright, example, text};
use crate::support::TestStack;

/// A bundle makes an image by itself, with defaults, unless a manifest of its name is beside it.
#[tokio::test(start_paused = true)]
async fn the_first_manifest_of_a_bundle_is_about_the_bundle_that_is_pushed_with_it() {
    let stack = TestStack::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("golden.image.yaml");
    let init = amiwright().args(["init", "bundle"]).arg(&file).output();
    let init = init.unwrap();
    assert!(init.status.success(), "{}", text(&init.stderr));
    let bundle = example("bundle/image.manifest.xml");
    std::fs::write(folder.path().join("golden.manifest.xml"), bundle).unwrap();
    let part = example("bundle/image.part.0");
    std::fs::write(folder.path().join("image.part.0"), part).unwrap();

    let push = Push {
        files: vec![file],
        prefix: String::new(),
        dry_run: false,
        bars: Bars::default(),
    };
    let (aws, config) = (stack.aws(), stack.config());
    let now = stack.world.clock().now();
    let pushed = send_all(&aws, &config, &push, now, &mut Vec::new()).await;
    assert_eq!(pushed.unwrap().unwrap().keys, ["golden.image.yaml"]);
    stack.rest().await;
    let image = stack.only_image();
    assert!(image.name.starts_with("app-"), "{}", image.name);
    assert_eq!(stack.emails().len(), 1);
}

#[test]
fn what_has_no_json_refuses_to_print_it() {
    for command in [&["init"][..], &["demo"], &["completions", "bash"], &["man"]] {
        let output = amiwright().args(command).args(["-o", "json"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(64), "{command:?}");
        let said = text(&output.stderr);
        let name = command[0];
        assert!(
            said.contains(&format!("amiwright {name} has nothing to print as JSON")),
            "{said}"
        );
        assert_eq!(text(&output.stdout), "");
    }
}
