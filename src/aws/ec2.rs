//! EC2: what all its calls share. Every call goes through [`Aws::send_ec2`], which stays within the account's request
//! limits.
//!
//! The SDK's futures have tens of kilobytes each. All calls of `src/aws` box them where they are made: a tick that reaches
//! them through many functions would overflow a thread's stack otherwise.

use std::collections::BTreeMap;
use std::error::Error;

use aws_sdk_ec2::config::Builder;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use super::connect::Aws;
use super::error::{Answer, classify};
use super::error::{AwsError, Remedy};
use super::rate_limiter::Reservation;
use crate::limits;

impl Aws {
    /// Whether a call of this action would be sent at once. If not, the reads that precede it are not worth making.
    #[must_use]
    pub fn has_capacity(&self, action: &'static str) -> bool {
        self.rate_limiter().has_capacity(self.region(), action)
    }

    /// Takes a token for a call of this action that is to come, waiting up to two seconds for it.
    ///
    /// # Errors
    /// If it would take longer: [`AwsError::is_rate_limited_locally`].
    pub async fn reserve(&self, action: &'static str) -> Result<Reservation, AwsError> {
        let region = self.region();
        self.rate_limiter().reserve(region, action).await
    }

    /// Sends one request within the rate limit of its action, and drains the action's bucket if EC2 throttles it.
    pub(super) async fn send_ec2<O, E>(
        &self,
        action: &'static str,
        doing: impl Into<String>,
        request: impl Future<Output = Answer<O, E>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        self.send_ec2_reserved(action, doing, None, request).await
    }

    /// [`Self::send_ec2`] with the token that was reserved for it, if one was.
    pub(super) async fn send_ec2_reserved<O, E>(
        &self,
        action: &'static str,
        doing: impl Into<String>,
        reserved: Option<&Reservation>,
        request: impl Future<Output = Answer<O, E>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let doing = doing.into();
        let region = self.region();
        if !reserved.is_some_and(|token| token.is_for(region, action))
            && let Err(refused) = self
                .rate_limiter()
                .acquire_within(region, action, self.token_wait)
                .await
        {
            return Err(AwsError { doing, ..refused });
        }
        let answer = classify(action, doing, request.await);
        if answer.as_ref().is_err_and(AwsError::is_throttled) {
            self.rate_limiter().drain(region, action);
        }
        answer
    }

    /// Requests every page, of at most [`limits::DESCRIBED`] items together: `ask` takes a page's token, `read` returns an answer's items and the next page's token.
    pub(super) async fn send_ec2_for_all_pages<O, E, T, R>(
        &self,
        action: &'static str,
        doing: &str,
        ask: impl Fn(Option<String>) -> R,
        read: impl Fn(O) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: Future<Output = Answer<O, E>>,
    {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let answer = self.send_ec2(action, doing, ask(token.clone())).await?;
            let (page, next) = read(answer);
            all.extend(page);
            if all.len() > limits::DESCRIBED {
                let message = format!("EC2 describes more than {}", limits::DESCRIBED);
                let later = Remedy::Later;
                return Err(AwsError::unexplained(action, doing, later, message));
            }
            let next = next.filter(|next| !next.is_empty());
            // As the SDK's own paginators do: a page that leads to itself is the last.
            if next.is_none() || next == token {
                return Ok(all);
            }
            token = next;
        }
    }
}

/// The answer to a request to remove something: what is gone already is as it should be.
pub(super) fn unless_gone<O>(answer: Result<O, AwsError>) -> Result<(), AwsError> {
    let gone = [
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Unavailable",
        "InvalidSnapshot.NotFound",
    ];
    match answer {
        Err(error) if !gone.iter().any(|code| error.has_code(code)) => Err(error),
        _ => Ok(()),
    }
}

/// For a call that creates something and has no client token: the SDK must not retry it.
pub(super) fn without_retries() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// A filter that matches exactly these values.
pub(super) fn filter(name: &str, values: &[String]) -> Filter {
    let values = values.iter().map(|value| escaped(value)).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// A filter's value with its wildcards escaped ("Filtering resources", EC2 User Guide: `*` and `?`, by a backslash).
fn escaped(value: &str) -> String {
    value.chars().fold(String::new(), |mut text, c| {
        if matches!(c, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

/// The tags that a creating call sets on these types of resources; none without tags, because EC2 refuses an empty
/// specification.
pub(super) fn tag_specifications(
    tags: &BTreeMap<String, String>,
    resources: &[ResourceType],
) -> Option<Vec<TagSpecification>> {
    let specification = |resource: &ResourceType| {
        TagSpecification::builder()
            .resource_type(resource.clone())
            .set_tags(Some(sdk_tags(tags)))
            .build()
    };
    (!tags.is_empty()).then(|| resources.iter().map(specification).collect())
}

/// Tags as the SDK's type.
pub(super) fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Tags as our own type.
pub(super) fn our_tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

/// A task's progress, `42` or `42%`, in percent; none if it is neither.
pub(super) fn percent(text: Option<&str>) -> Option<u8> {
    let text = text?.trim();
    let number = text.strip_suffix('%').unwrap_or(text);
    number.parse().ok().filter(|percent| *percent <= 100)
}

/// A text of EC2's answer; none if it is empty.
pub(super) fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The error for an answer without what the caller needs: `the AMI`. The call may have taken effect.
pub(super) fn incomplete(action: &'static str, doing: String, what: &str) -> AwsError {
    let message = format!("EC2's answer does not name {what}");
    AwsError::unexplained(action, doing, Remedy::Ambiguous, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_number_with_or_without_a_percent_sign() {
        assert_eq!(percent(Some("42")), Some(42));
        assert_eq!(percent(Some("3%")), Some(3));
        assert_eq!(percent(Some(" 100% ")), Some(100));
        for text in ["", "%", "101", "-1", "4.2", "soon"] {
            assert_eq!(percent(Some(text)), None, "{text}");
        }
        assert_eq!(percent(None), None);
    }

    #[test]
    fn a_filter_escapes_wildcards() {
        let filter = filter("name", &["web-*?\\".to_owned()]);
        assert_eq!(filter.values(), [r"web-\*\?\\"]);
    }

    #[test]
    fn without_tags_there_is_no_specification() {
        let resources = [ResourceType::Image, ResourceType::Snapshot];
        assert_eq!(tag_specifications(&BTreeMap::new(), &resources), None);
        let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let specifications = tag_specifications(&tags, &resources).unwrap();
        assert_eq!(specifications.len(), 2);
        assert_eq!(our_tags(specifications[1].tags.clone()), tags);
    }
}
