//! `amiwright plan` of product codes: an AMI has one, which can neither be changed nor removed.

use super::plan::{KEY, changes, plan_and_drop, screen};
use crate::support::{BUNDLE_MANIFEST, BUNDLE_PART, TestStack};

const CODE: &str = "774F4FF8";

fn manifest(settings: &str) -> String {
    format!(
        "name: paid-{{digest}}\nsource: {{bundle: {{manifest: image.manifest.xml}}}}\n{settings}"
    )
}

fn coded(code: &str) -> String {
    manifest(&format!("productCodes: [{code}]\n"))
}

#[tokio::test(start_paused = true)]
async fn another_code_and_a_removed_one_are_blocked_and_another_ami_is_named() {
    for changed in [coded("OTHER"), manifest("")] {
        let (stack, _) = TestStack::classic().await;
        stack.drop_silently("golden/image.part.0", BUNDLE_PART);
        stack.drop_silently("golden/image.manifest.xml", BUNDLE_MANIFEST);
        stack.drop_and_rest(KEY, coded(CODE)).await;
        assert_eq!(stack.status(KEY).await["state"], "available");
        let before = (stack.only_image(), changes(&stack));

        let (_, text) = screen(&stack, &changed).await;
        let blocked = text.lines().filter(|line| line.starts_with("  ! "));
        let blocked: Vec<&str> = blocked.collect();
        assert_eq!(blocked.len(), 1, "{text}");
        assert!(blocked[0].starts_with("  ! product code"), "{text}");
        for words in [
            "the AMI has a product code already, which EC2 neither changes nor removes",
            "Only a new AMI can have another one",
            "change `name` in the manifest, or upload another bundle",
        ] {
            assert!(blocked[0].contains(words), "{text}");
        }
        assert!(text.contains("1 blocked. 0 changing AWS calls."), "{text}");

        // As it is planned, so it comes.
        plan_and_drop(&stack, &changed).await;
        assert_eq!(stack.status(KEY).await["state"], "incomplete");
        assert_eq!((stack.only_image(), changes(&stack)), before);
        // The way that it names.
        let renamed = changed.replace("paid-", "other-");
        let plan = plan_and_drop(&stack, &renamed).await;
        assert_eq!(plan["calls"]["byName"]["RegisterImage"], 1, "{plan:#}");
        assert_eq!(stack.status(KEY).await["state"], "available");
    }
}
