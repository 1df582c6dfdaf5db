//! The product code of a paid AMI, as a setting of its manifest.

use http::StatusCode;
use localaws::ec2::{ImageBlock, Permission, ProductCode};
use localaws::faults::Fault;
use localaws::world::Builder;
use serde_json::Value;

use super::bundles::{MANIFEST, PART};
use crate::support::{REGION, TestStack, faults, minutes};

const KEY: &str = "bundles/image.image.yaml";
const CODE: &str = "774F4FF8";

fn manifest(settings: &str) -> String {
    format!(
        "name: paid-{{digest}}\nsource: {{bundle: {{manifest: image.manifest.xml}}}}\n{settings}"
    )
}

fn coded(settings: &str) -> String {
    manifest(&format!("productCodes: [{CODE}]\n{settings}"))
}

fn open(builder: Builder) -> Builder {
    builder
        .parameter("AllowPublic", "true")
        .parameter("ShareWith", "*")
}

/// AWS as it was, in which a code is set on request.
async fn classic() -> TestStack {
    let (stack, _) = TestStack::classic_built(open).await;
    drop_bundle(&stack);
    stack
}

async fn today() -> TestStack {
    let stack = TestStack::built(open).await;
    drop_bundle(&stack);
    stack
}

/// The bundle beside the manifest that is dropped after it.
fn drop_bundle(stack: &TestStack) {
    stack
        .world
        .ec2()
        .set_image_block(REGION, ImageBlock::Unblocked);
    stack.drop_silently("bundles/image.part.0", PART);
    stack.drop_silently("bundles/image.manifest.xml", MANIFEST);
}

/// Drops the manifest twice: the second time nothing is done.
async fn drop_twice(stack: &TestStack, manifest: &str) -> Value {
    stack.drop_and_rest(KEY, manifest).await;
    let (calls, emails) = (stack.count("ModifyImageAttribute"), stack.emails().len());
    stack.minute().await;
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.count("ModifyImageAttribute"), calls);
    assert_eq!(stack.emails().len(), emails);
    stack.status(KEY).await
}

fn codes(stack: &TestStack) -> Vec<String> {
    let codes = stack.only_image().product_codes;
    codes.into_iter().map(|code| code.id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_code_is_set_before_the_ami_is_shared_and_read_back() {
    let stack = classic().await;
    let shared = coded("access: {accounts: ['111122223333']}\n");
    let status = drop_twice(&stack, &shared).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(codes(&stack), [CODE]);
    assert_eq!(
        status["regions"][REGION]["applied"]["productCode"], CODE,
        "{status:#}"
    );
    let changes: Vec<&str> = status["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["action"].as_str())
        .collect();
    assert_eq!(changes, ["set-product-code", "change-grants"]);
    let email = stack.last_email();
    assert!(email.contains(&format!("Sold as    {CODE}")), "{email}");
}

#[tokio::test(start_paused = true)]
async fn a_code_is_added_to_an_ami_that_exists_and_the_paid_ami_is_made_public() {
    let stack = classic().await;
    drop_twice(&stack, &manifest("")).await;
    let image = stack.only_image().id;
    drop_twice(&stack, &coded("")).await;
    assert_eq!(codes(&stack), [CODE]);
    let email = stack.last_email();
    assert!(
        email.contains(&format!("product code set: {CODE}")),
        "{email}"
    );
    // As the guide for sellers has it: a code first, then the public.
    let status = drop_twice(&stack, &coded("access: {public: true}\n")).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let permissions = stack.only_image().launch_permissions;
    assert!(permissions.contains(&Permission::Everyone));
    assert_eq!(stack.only_image().id, image);
}

/// It cannot be changed or removed: the image is incomplete, and the text says that only a new AMI can have another one.
#[tokio::test(start_paused = true)]
async fn another_code_is_another_ami() {
    let stack = classic().await;
    drop_twice(&stack, &coded("")).await;
    let before = stack.count("ModifyImageAttribute");
    for changed in [manifest("productCodes: [OTHER]\n"), manifest("")] {
        let status = drop_twice(&stack, &changed).await;
        assert_eq!(status["state"], "incomplete", "{status:#}");
        assert_eq!(codes(&stack), [CODE]);
        let email = stack.last_email();
        for words in ["neither changes nor removes", "change `name`"] {
            assert!(email.contains(words), "{words}: {email}");
        }
    }
    assert_eq!(stack.count("ModifyImageAttribute"), before);

    // The next step that it names.
    let renamed = manifest("productCodes: [OTHER]\n").replace("paid-", "paid-other-");
    stack.drop_and_rest(KEY, renamed).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.images().len(), 2);

    // And the code set back.
    drop_twice(&stack, &coded("")).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// AWS sets none any more: its answer is given, with the ways that there are, and the AMI is not shared without its code.
#[tokio::test(start_paused = true)]
async fn today_aws_refuses_and_the_email_names_the_ways_that_there_are() {
    let stack = today().await;
    let shared = coded("access: {accounts: ['111122223333']}\n");
    let status = drop_twice(&stack, &shared).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert!(codes(&stack).is_empty());
    assert!(stack.only_image().launch_permissions.is_empty());
    let email = stack.last_email();
    for words in ["Not supported.", "AWS Marketplace", "product_codes"] {
        assert!(email.contains(words), "{words}: {email}");
    }
    // Without it, the AMI is as its manifest says.
    let without = manifest("access: {accounts: ['111122223333']}\n");
    let status = drop_twice(&stack, &without).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.only_image().launch_permissions.len(), 1);
}

/// A code that the bundle brought along is there already, in any era; the public is EC2's to refuse.
#[tokio::test(start_paused = true)]
async fn the_code_that_the_bundle_has_is_not_set_again() {
    let stack = today().await;
    drop_twice(&stack, &manifest("")).await;
    let id = stack.only_image().id;
    stack.world.ec2().edit_image(REGION, &id, |image| {
        image.product_codes = vec![ProductCode {
            id: CODE.to_owned(),
            kind: "marketplace".to_owned(),
        }];
    });
    let before = stack.count("ModifyImageAttribute");
    let status = drop_twice(&stack, &coded("")).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("ModifyImageAttribute"), before);
    // It was never amiwright's to remove.
    let status = drop_twice(&stack, &manifest("")).await;
    assert_eq!(status["state"], "available", "{status:#}");

    let status = drop_twice(&stack, &coded("access: {public: true}\n")).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let email = stack.last_email();
    assert!(email.contains("leave `access.public` out"), "{email}");
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_the_code_is_set_once() {
    for fault in faults() {
        for action in ["DescribeImageAttribute", "ModifyImageAttribute"] {
            for nth in 1..=2 {
                set_in_spite_of(action, nth, fault.clone()).await;
            }
        }
    }
}

async fn set_in_spite_of(action: &str, nth: u64, fault: Fault) {
    let about = format!("{action} {nth} {fault:?}");
    let stack = classic().await;
    stack.world.faults().on("ec2", action, nth, fault);
    let shared = coded("access: {accounts: ['111122223333']}\n");
    stack.drop_file(KEY, shared).await;
    stack.world.run_for(minutes(16)).await;
    assert_eq!(stack.world.faults().pending(), 0, "{about} did not come");
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{about} {status:#}");
    assert_eq!(codes(&stack), [CODE], "{about}");
    let granted = stack.only_image().launch_permissions;
    assert_eq!(granted.len(), 1, "{about}");
    assert_eq!(stack.emails().len(), 1, "{about}");
}

/// EC2 answers that it is done and does not do it: only what is read back is believed.
#[tokio::test(start_paused = true)]
async fn an_answer_alone_is_not_believed() {
    let stack = classic().await;
    let said_done = Fault::Refuse {
        status: StatusCode::OK,
        code: "None".to_owned(),
        message: "None".to_owned(),
    };
    let faults = stack.world.faults();
    faults.always("ec2", "ModifyImageAttribute", said_done);
    let shared = "access: {accounts: ['111122223333']}\n";
    stack.drop_file(KEY, coded(shared)).await;
    stack.world.run_for(minutes(30)).await;
    let status = stack.status(KEY).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "settings-not-visible", "{status:#}");
    assert!(codes(&stack).is_empty());
    let image = stack.only_image().id;
    let grants = stack.aws().launch_permissions(&image).await.unwrap();
    assert!(grants.is_empty(), "shared without its code: {grants:?}");
    let asked = stack.world.calls().into_iter().filter(|call| {
        call.fields
            .iter()
            .any(|(name, _)| name.starts_with("LaunchPermission."))
    });
    assert_eq!(asked.count(), 0);
    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(codes(&stack), [CODE]);
}
