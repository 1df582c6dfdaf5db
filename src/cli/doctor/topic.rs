//! The topic, and whether those who are subscribed to it have confirmed that.

use super::finding::Check;
use super::scene::Scene;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    match scene.output("TopicArn") {
        Some(arn) => subscriptions(scene, arn).await,
        None => Vec::new(),
    }
}

async fn subscriptions(scene: &Scene<'_>, arn: &str) -> Vec<Check> {
    let found = match scene.aws.subscriptions(arn).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let what = format!("{arn} does not exist");
            return vec![Check::todo("topic", what, "deploy the stack again")];
        }
        Err(error) => {
            let permission = format!("sns:ListSubscriptionsByTopic on {arn}");
            return vec![Check::not_seen("topic", &permission, &error)];
        }
    };
    let confirmed = found.first.iter().filter(|it| it.is_confirmed).count();
    let wanted = scene.parameter("NotificationEmail");
    let mut checks = vec![Check::ok("topic", arn)];
    for it in found.first.iter().filter(|it| !it.is_confirmed) {
        let subject = format!("subscription of {}", it.endpoint);
        let what = "not confirmed: SNS sends nothing to it";
        let next = "open the link in the email \"AWS Notification - Subscription Confirmation\"";
        checks.push(Check::todo(subject, what, next));
    }
    let is_there = |address: &str| found.first.iter().any(|it| it.endpoint == address);
    match wanted {
        Some(address) if !is_there(address) && !found.is_complete => checks.push(Check::unknown(
            format!("subscription of {address}"),
            "the topic has more than 100 subscriptions, and it is not among the first",
        )),
        Some(address) if !is_there(address) => {
            // SNS deletes a subscription that is not confirmed in time.
            let next = format!(
                "subscribe it again: aws sns subscribe --topic-arn {arn} --protocol email --notification-endpoint {address}"
            );
            let what = "the address of NotificationEmail is not subscribed";
            checks.push(Check::todo(
                format!("subscription of {address}"),
                what,
                next,
            ));
        }
        None if found.first.is_empty() => checks.push(Check::ok(
            "subscriptions",
            "none, as NotificationEmail is empty: nobody is notified",
        )),
        _ if confirmed > 0 => {
            checks.push(Check::ok("subscriptions", format!("{confirmed} confirmed")));
        }
        _ => {}
    }
    checks
}
