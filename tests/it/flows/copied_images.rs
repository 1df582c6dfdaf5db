//! Copies of AMIs (`source.image`): what they take over, and which AMIs are not copied.

use std::collections::BTreeMap;

use super::bundles::{self, MANIFEST, PART};
use crate::support::{REGION, TestStack};

const KEY: &str = "golden/web.image.yaml";

fn tags<const N: usize>(tags: [(&str, &str); N]) -> BTreeMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn copy_of(id: &str, region: &str, more: &str) -> String {
    format!("name: copy\nsource:\n  image: {{id: {id}, region: {region}, copyTags: true}}\n{more}")
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_ami_of_amiwright_has_its_tags_and_its_own_ownership() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web") + "tags: {team: web, stage: test}\n";
    stack.drop_and_rest("web.image.yaml", manifest).await;
    let source = stack.only_image();
    let manifest = copy_of(&source.id, REGION, "tags: {stage: prod}\n");
    stack.drop_and_rest(KEY, &manifest).await;

    let images = stack.images();
    assert!(images.contains(&source), "{images:#?}");
    let copy = images.iter().find(|it| it.name == "copy").unwrap();
    assert_eq!(copy.state.to_string(), "available");
    let own = format!("s3://{}/{KEY}", stack.bucket);
    assert_eq!(copy.tags["amiwright:manifest"], own);
    assert_ne!(
        copy.tags["amiwright:digest"],
        source.tags["amiwright:digest"]
    );
    assert_eq!(copy.tags["team"], "web", "the AMI's");
    assert_eq!(copy.tags["stage"], "prod", "the manifest's go before");
    let snapshots = stack.world.ec2().snapshots(REGION);
    let copied = snapshots
        .iter()
        .find(|it| it.tags.get("amiwright:manifest") == Some(&own));
    assert!(
        !copied.unwrap().tags.contains_key("team"),
        "the AMI's tags are the AMI's"
    );
    assert_eq!(stack.status(KEY).await["state"], "available");

    // Again: nothing new happens, to neither of them.
    stack.drop_and_rest(KEY, &manifest).await;
    stack
        .drop_and_rest(
            "web.image.yaml",
            stack.manifest("web") + "tags: {team: web, stage: test}\n",
        )
        .await;
    assert_eq!(stack.count("CopyImage"), 1);
    assert_eq!(stack.images(), images);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_would_have_too_many_tags_is_refused_before_it_is_made() {
    let stack = TestStack::new().await;
    let source = stack.image_elsewhere("us-west-2").await;
    let many: BTreeMap<String, String> =
        (0..48).map(|n| (format!("t{n}"), "x".to_owned())).collect();
    let aws = stack.aws().in_region("us-west-2");
    let tagged = aws.create_tags(std::slice::from_ref(&source), &many);
    tagged.await.unwrap();
    let manifest = copy_of(&source, "us-west-2", "");
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{status:#}");
    let problem = &status["problems"][0];
    assert_eq!(problem["path"], "source.image.copyTags");
    assert_eq!(
        problem["message"],
        "the AMI has 48 tags; with the manifest's and amiwright's own, its copy would have 51"
    );
    assert_eq!(stack.count("CopyImage"), 0);

    // As the hint says.
    let manifest = manifest.replace(", copyTags: true", "");
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.only_image().tags.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn tags_of_aws_are_not_copied() {
    let stack = TestStack::new().await;
    let source = stack.image_elsewhere("us-west-2").await;
    assert!(stack.world.ec2().edit_image("us-west-2", &source, |image| {
        image.tags = tags([
            ("team", "web"),
            ("aws:cloudformation:stack-name", "theirs"),
            ("amiwright:manifest", "s3://other/a.image.yaml"),
        ]);
    }));
    stack
        .drop_and_rest(KEY, copy_of(&source, "us-west-2", ""))
        .await;
    let copy = stack.only_image();
    assert_eq!(copy.tags["team"], "web");
    assert_eq!(
        copy.tags["amiwright:manifest"],
        format!("s3://{}/{KEY}", stack.bucket)
    );
    assert!(!copy.tags.contains_key("aws:cloudformation:stack-name"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_store_ami_is_not_copied() {
    let stack = TestStack::new().await;
    stack.drop_file("bundles/image.part.0", PART).await;
    stack.drop_file(bundles::KEY, MANIFEST).await;
    stack.rest().await;
    let source = stack.only_image();
    let manifest = format!(
        "name: copy\nsource:\n  image: {{id: {}, region: {REGION}}}\n",
        source.id
    );
    for _ in 0..2 {
        stack.drop_and_rest(KEY, &manifest).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "rejected", "{status:#}");
        let problem = &status["problems"][0];
        assert_eq!(problem["path"], "source.image.id");
        assert_eq!(
            (&problem["line"], &problem["column"]),
            (&3.into(), &15.into())
        );
        let message = problem["message"].as_str().unwrap();
        let expected = format!(
            "`{}` is an instance-store AMI: EC2 would copy its bundle",
            source.id
        );
        assert!(message.starts_with(&expected), "{message}");
    }
    assert_eq!(stack.count("CopyImage"), 0);
    assert_eq!(stack.images(), [source]);
}
