//! STS: who is asking. Here it is always the same one.

use crate::ACCOUNT;
use crate::ids::Ids;
use crate::query::{Dialect, Fields, Refusal, element};
use crate::wire::{Request, Response};

const STS: Dialect = Dialect("https://sts.amazonaws.com/doc/2011-06-15/");

/// STS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sts {
    ids: Ids,
}

impl Sts {
    /// STS whose request ids come from `ids`.
    #[must_use]
    pub fn new(ids: Ids) -> Self {
        Self { ids }
    }

    /// Answers a request of the caller with this ARN and user id. Only GetCallerIdentity is built.
    #[expect(
        clippy::unused_async,
        reason = "all services are asked in the same way"
    )]
    pub async fn handle(&self, request: Request, (arn, user_id): (&str, &str)) -> Response {
        let fields = Fields::of(&request);
        let action = fields.get("Action").unwrap_or_default();
        if let Some(version) = STS.other_version(&fields) {
            let what = format!("{action} of the API version {version}");
            return STS.refuse(&Refusal::not_built("STS", &what), &self.ids.uuid());
        }
        if action != "GetCallerIdentity" {
            return STS.refuse(&Refusal::not_built("STS", action), &self.ids.uuid());
        }
        if let Some(unused) = fields.unused() {
            let what = format!("GetCallerIdentity with {unused}");
            return STS.refuse(&Refusal::not_built("STS", &what), &self.ids.uuid());
        }
        let result =
            element("Arn", arn) + &element("UserId", user_id) + &element("Account", ACCOUNT);
        STS.answer(action, &result, &self.ids.uuid())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;

    use super::*;

    async fn ask(action: &str) -> Response {
        let body = Bytes::from(format!("Action={action}&Version=2011-06-15"));
        Sts::new(Ids::new(1))
            .handle(
                http::Request::post("/").body(body).unwrap(),
                ("arn:aws:iam::000000000000:user/ann", "AIDAANN"),
            )
            .await
    }

    #[tokio::test]
    async fn says_who_is_asking() {
        let answer = ask("GetCallerIdentity").await;
        let text = std::str::from_utf8(answer.body()).unwrap();
        assert!(text.contains("<Account>000000000000</Account>"), "{text}");
        assert!(text.contains("<Arn>arn:aws:iam::000000000000:user/ann</Arn>"));
        let more = ask("GetCallerIdentity&Nonsense=1").await;
        assert_eq!(more.status(), StatusCode::NOT_IMPLEMENTED);
        let unknown = ask("AssumeRole").await;
        assert_eq!(unknown.status(), StatusCode::NOT_IMPLEMENTED);
        let text = std::str::from_utf8(unknown.body()).unwrap();
        assert!(text.contains("<Code>NotImplemented</Code>"), "{text}");
        assert!(text.contains("has not built STS AssumeRole"), "{text}");
    }
}
