//! What 0.1 left in the buckets is read by what comes after it.

use amiwright::cli::status::{View, show};
use amiwright::reconcile::Context;

use crate::support::TestStack;

#[tokio::test(start_paused = true)]
async fn statuses_of_the_first_version_are_listed_and_shown() {
    let stack = TestStack::new().await;
    for (name, key, words) in [
        ("available", "golden/web.image.yaml", "State      available"),
        ("failed", "golden/app.image.yaml", "amiwright retry"),
        ("importing", "golden/db.image.yaml", "import-snap-1  42 %"),
    ] {
        let path = format!(
            "{}/tests/fixtures/status-1/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let status = std::fs::read_to_string(path).unwrap();
        // That of this stack.
        let bucket = format!("\"bucket\": \"{}\"", stack.bucket);
        let status = status.replace("\"bucket\": \"images\"", &bucket);
        assert!(status.contains("\"schema\": 1"), "{name}");
        stack.write_state(&format!("status/{key}.json"), &status);
        let (aws, config) = (stack.aws(), stack.config());
        let context = Context::new(&aws, &config, stack.world.clock().now());
        let mut shown = Vec::new();
        show(context, &View::of(&[key]), &mut shown).await.unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains(words), "{name}: {shown}");
    }
}
