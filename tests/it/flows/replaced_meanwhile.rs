//! A disk or a machine is replaced while EC2 imports it. EC2 is told a key, no version: what it has made may be of either.

use localaws::ec2::TaskKind;
use localaws::faults::Call;

use crate::support::{TestStack, minutes, refused};

const KEY: &str = "golden/web.image.yaml";

/// What is imported, by its manifest, its object and its content.
const SOURCES: [Source; 2] = [
    (
        "{disk: {object: web.vmdk, format: vmdk}}",
        "golden/web.vmdk",
        (0, b"KDMV"),
    ),
    (
        "{vm: {object: web.ova, format: ova}}",
        "golden/web.ova",
        (257, b"ustar"),
    ),
];

type Source = (&'static str, &'static str, (usize, &'static [u8]));

/// The content of an object, which differs in its last byte.
fn content((_, _, (at, magic)): Source, last: u8) -> Vec<u8> {
    let mut content = vec![0; 4096];
    content[at..at + magic.len()].copy_from_slice(magic);
    content[4095] = last;
    content
}

fn manifest((source, _, _): Source) -> String {
    format!("name: web-{{digest}}\nsource: {source}\n")
}

/// An import that is under way.
async fn importing(source: Source) -> TestStack {
    let stack = TestStack::new().await;
    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        stack.world.ec2().set_task_time(kind, minutes(60));
    }
    stack.drop_file(source.1, content(source, 1)).await;
    stack.drop_file(KEY, manifest(source)).await;
    stack.world.run_for(minutes(20)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "await-task");
    stack
}

async fn is_at_rest(stack: &TestStack) {
    let (images, told) = (stack.images(), stack.emails().len());
    stack.world.run_for(minutes(120)).await;
    assert_eq!(stack.images(), images);
    assert_eq!(stack.emails().len(), told);
}

const TOLD: &str = "Replaced since its import began, and EC2 may have read either: s3://";

#[tokio::test(start_paused = true)]
async fn every_email_of_its_ami_says_so_until_it_is_imported_anew() {
    for source in SOURCES {
        let stack = importing(source).await;
        stack.drop_file(source.1, content(source, 2)).await;
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["build"]["object"]["isReplaced"], true);
        let email = stack.only_email().text;
        assert!(email.contains(TOLD) && email.contains(source.1), "{email}");
        assert!(
            email.contains("; replaced since its import began)"),
            "{email}"
        );
        is_at_rest(&stack).await;

        let described = manifest(source) + "description: Web\n";
        stack.drop_and_rest(KEY, described.clone()).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(stack.images().len(), 2);
        let email = stack.emails().pop().unwrap();
        assert!(!email.text.contains(TOLD), "{}", email.text);
        is_at_rest(&stack).await;
    }
}

/// The new disk comes with its manifest: its AMI is made after the first one.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_comes_with_the_new_one_is_made() {
    for source in SOURCES {
        let stack = importing(source).await;
        stack.drop_file(source.1, content(source, 2)).await;
        stack.drop_and_rest(KEY, manifest(source)).await;
        assert_eq!(stack.images().len(), 2);
        let emails = stack.emails();
        let told: Vec<bool> = emails.iter().map(|it| it.text.contains(TOLD)).collect();
        assert_eq!(told, [true, false], "{emails:#?}");
        is_at_rest(&stack).await;
    }
}

/// Whether an object may be looked at is no reason to wait for what was imported.
#[tokio::test(start_paused = true)]
async fn one_that_may_not_be_looked_at_any_more_is_finished() {
    for source in SOURCES {
        let stack = importing(source).await;
        let is_meant =
            |call: &Call| call.action == "HeadObject" && call.key.as_deref() == Some(source.1);
        let faults = stack.world.faults();
        faults.each(is_meant, refused("AccessDenied"));
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "available");
        is_at_rest(&stack).await;
    }
}

/// What EC2 could not do without is there, or was read.
#[tokio::test(start_paused = true)]
async fn one_that_is_removed_or_uploaded_again_is_made() {
    for source in SOURCES {
        for is_removed in [true, false] {
            let stack = importing(source).await;
            match is_removed {
                true => stack.remove(source.1).await,
                false => stack.drop_file(source.1, content(source, 1)).await,
            }
            stack.rest().await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{status:#}");
            assert_eq!(stack.images().len(), 1);
            let email = stack.only_email().text;
            assert!(!email.contains(TOLD), "{email}");
            is_at_rest(&stack).await;
        }
    }
}
