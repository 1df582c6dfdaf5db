//! The test that docs/development.md shows.

use crate::support::TestStack;

#[tokio::test(start_paused = true)]
async fn a_manifest_becomes_an_ami_and_an_email() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web-1");
    stack.drop_and_rest("web.image.yaml", manifest).await;
    let image = stack.only_image();
    assert_eq!(image.state.to_string(), "available");
    let email = stack.only_email();
    assert!(email.subject.starts_with("Available: "));
}
