//! `amiwright confirm-product` and `product-codes`: what the seller of a paid AMI asks about its buyers' instances, and
//! what its program asks about the instance that it runs on.

use crate::support::{REGION, TestStack};
use amiwright::cli::Error;
use amiwright::cli::confirm_product::confirm;
use amiwright::cli::product_codes;
use localaws::ec2::SeedInstance;

const CODE: &str = "774F4FF8";
const BUYER: &str = "111122223333";

async fn asked(stack: &TestStack, code: &str, instance: &str) -> Result<(bool, String), Error> {
    let mut out = Vec::new();
    let confirmed = confirm(&stack.aws(), code, instance, false, &mut out).await?;
    Ok((confirmed, String::from_utf8(out).unwrap()))
}

/// An instance of a buyer's with these product codes.
fn sold(stack: &TestStack, codes: &[&str]) -> String {
    let instance = SeedInstance {
        product_codes: codes.iter().map(|&code| code.to_owned()).collect(),
        owner_id: Some(BUYER.to_owned()),
        ..SeedInstance::default()
    };
    stack.world.ec2().seed_instance(REGION, instance)
}

#[tokio::test(start_paused = true)]
async fn a_seller_learns_who_runs_an_instance_with_its_code() {
    let stack = TestStack::new().await;
    let instance = sold(&stack, &[CODE]);
    let (confirmed, line) = asked(&stack, CODE, &instance).await.unwrap();
    assert!(confirmed);
    assert_eq!(line, format!("{CODE} {instance} true {BUYER}\n"));
    let (confirmed, line) = asked(&stack, "8ED157F9", &instance).await.unwrap();
    assert!(!confirmed);
    assert_eq!(line, format!("8ED157F9 {instance} false\n"));

    let mut out = Vec::new();
    confirm(&stack.aws(), CODE, &instance, true, &mut out)
        .await
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let expected = serde_json::json!({
        "productCode": CODE, "instance": instance, "confirmed": true, "ownerId": BUYER,
    });
    assert_eq!(json["items"][0], expected);
    assert_eq!(stack.count("ConfirmProductInstance"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refused_question_says_what_to_do() {
    let stack = TestStack::new().await;
    let instance = sold(&stack, &[CODE]);
    stack.world.ec2().set_foreign_product_codes(&[CODE]);
    let report = asked(&stack, CODE, &instance).await.unwrap_err().report();
    assert!(report.contains("AuthFailure"), "{report}");
    let hint = format!("credentials of the account that owns {CODE}");
    assert!(report.contains(&hint), "{report}");

    let unknown = asked(&stack, "8ED157F9", "i-0123456789abcdef0").await;
    let report = unknown.unwrap_err().report();
    assert!(report.contains(&format!("asking in {REGION}")), "{report}");
    assert!(report.contains("use --region"), "{report}");

    stack
        .world
        .ec2()
        .set_denied_actions(&["ConfirmProductInstance"]);
    let denied = asked(&stack, "8ED157F9", &instance).await;
    let report = denied.unwrap_err().report();
    assert!(
        report.contains("allow ec2:ConfirmProductInstance"),
        "{report}"
    );
}

/// What `amiwright product-codes` prints on this instance, or elsewhere.
async fn listed(stack: &TestStack, instance: Option<&str>, json: bool) -> Result<String, Error> {
    let mut out = Vec::new();
    product_codes::list(&stack.metadata(instance), json, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_program_learns_the_product_codes_of_its_instance() {
    let stack = TestStack::new().await;
    let instance = sold(&stack, &[CODE, "8ED157F9"]);
    let text = listed(&stack, Some(&instance), false).await.unwrap();
    assert_eq!(text, "774F4FF8\n8ED157F9\n");
    let json = listed(&stack, Some(&instance), true).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "schema": 1,
            "command": "product-codes",
            "items": [{"productCode": CODE}, {"productCode": "8ED157F9"}],
        })
    );

    let free = sold(&stack, &[]);
    assert_eq!(listed(&stack, Some(&free), false).await.unwrap(), "");
    // The metadata service is not AWS's API: it is free and needs no permission.
    assert_eq!(stack.world.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn elsewhere_and_where_it_is_switched_off_the_service_tells_nothing() {
    let stack = TestStack::new().await;
    let report = listed(&stack, None, false).await.unwrap_err().report();
    assert!(
        report.contains("no instance metadata service answers"),
        "{report}"
    );
    assert!(report.contains("run it on the EC2 instance"), "{report}");

    let silent = SeedInstance {
        metadata_disabled: true,
        ..SeedInstance::default()
    };
    let silent = stack.world.ec2().seed_instance(REGION, silent);
    let refused = listed(&stack, Some(&silent), false).await;
    let report = refused.unwrap_err().report();
    assert!(report.contains("--http-endpoint enabled"), "{report}");
}
