//! The topic, and whether those who are subscribed to it have confirmed that.

use super::finding::Check;
use super::scene::Scene;
use crate::aws::Subscription;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    match scene.output("TopicArn") {
        Some(arn) => subscriptions(scene, arn).await,
        None => Vec::new(),
    }
}

fn is_email(subscription: &Subscription) -> bool {
    matches!(subscription.protocol.as_str(), "email" | "email-json")
}

/// Whom a subscription is of. A URL may have a secret in its path, and often has: of one, scheme and host are enough.
fn shown(subscription: &Subscription) -> String {
    let Subscription {
        protocol, endpoint, ..
    } = subscription;
    if is_email(subscription) || endpoint.starts_with("arn:") {
        return endpoint.clone();
    }
    let uri = endpoint.parse::<http::Uri>().ok();
    let uri = uri.filter(|_| protocol.starts_with("http"));
    let host = uri.as_ref().and_then(http::Uri::host);
    host.map_or_else(
        || format!("an endpoint of the protocol {protocol}"),
        |host| format!("{protocol}://{host}"),
    )
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
        let subject = format!("subscription of {}", shown(it));
        let what = "not confirmed: SNS sends nothing to it";
        let next = match is_email(it) {
            true => "open the link in the email \"AWS Notification - Subscription Confirmation\"",
            false => {
                "let it visit the SubscribeURL that SNS has sent to it, or delete the subscription"
            }
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_the_host_alone_is_shown() {
        let shown = |protocol: &str, endpoint: &str| {
            shown(&Subscription {
                protocol: protocol.to_owned(),
                endpoint: endpoint.to_owned(),
                is_confirmed: false,
            })
        };
        let url = "https://token@hooks.example.com:8443/services/T0/B0/secret?key=secret";
        assert_eq!(shown("https", url), "https://hooks.example.com");
        assert_eq!(shown("http", "http://10.0.0.1/secret"), "http://10.0.0.1");
        assert_eq!(shown("email", "ops@example.com"), "ops@example.com");
        let queue = "arn:aws:sqs:us-east-1:111122223333:q";
        assert_eq!(shown("sqs", queue), queue);
        for (protocol, endpoint) in [("sms", "+15550100"), ("https", "https://")] {
            let expected = format!("an endpoint of the protocol {protocol}");
            assert_eq!(shown(protocol, endpoint), expected);
        }
    }
}
