//! Who calls: a function's role, a user of this world, or the administrator, who may do all.

use super::context::Context;
use super::document::Statement;
use super::evaluate::Match;
use crate::ACCOUNT;
use crate::template::role_name;

use std::collections::BTreeMap;

/// A pair of keys for an AWS client.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// What a signature names; it decides who calls.
    pub access_key_id: String,
    /// Signatures are not verified here, so it is the same for all.
    pub secret_access_key: String,
}

impl Credentials {
    /// The pair with this access key id.
    pub(crate) fn of(access_key_id: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: "local".to_owned(),
        }
    }
}

/// A statement that a principal has, and how it was used.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) statement: Statement,
    /// Taken away, as a test does.
    pub(crate) withdrawn: bool,
    /// Calls that a pair of an action's and a resource's pattern allowed.
    pub(crate) access: BTreeMap<(usize, usize), u64>,
    /// Calls that a condition's value allowed.
    pub(crate) values: BTreeMap<(usize, usize), u64>,
}

impl Held {
    pub(crate) fn new(statement: Statement) -> Self {
        Self {
            statement,
            withdrawn: false,
            access: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, met: &Match) {
        for pair in &met.access {
            *self.access.entry(*pair).or_default() += 1;
        }
        for pair in &met.values {
            *self.values.entry(*pair).or_default() += 1;
        }
    }
}

/// A principal with policies.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Logical id of the function, or the user's name.
    pub(crate) name: String,
    /// The ARN that calls come from: a session's or a user's.
    pub(crate) arn: String,
    /// The ARN that policies know: a role's, or the user's again.
    pub(crate) policy_arn: String,
    pub(crate) user_id: String,
    is_user: bool,
    pub(crate) statements: Vec<Held>,
}

impl Identity {
    /// A function's role, as SAM makes it, and the session that Lambda gives the function.
    pub(crate) fn function(
        partition: &str,
        stack_name: &str,
        logical_id: &str,
        name: &str,
        statements: Vec<Statement>,
    ) -> Self {
        let role = role_name(stack_name, logical_id);
        Self {
            name: logical_id.to_owned(),
            arn: format!("arn:{partition}:sts::{ACCOUNT}:assumed-role/{role}/{name}"),
            policy_arn: format!("arn:{partition}:iam::{ACCOUNT}:role/{role}"),
            user_id: format!("AROALOCAL{}:{name}", logical_id.to_uppercase()),
            is_user: false,
            statements: statements.into_iter().map(Held::new).collect(),
        }
    }

    /// A user with one policy.
    pub(crate) fn user(partition: &str, name: &str, statements: Vec<Statement>) -> Self {
        let arn = format!("arn:{partition}:iam::{ACCOUNT}:user/{name}");
        Self {
            name: name.to_owned(),
            policy_arn: arn.clone(),
            arn,
            user_id: format!("AIDALOCAL{}", name.to_uppercase()),
            is_user: true,
            statements: statements.into_iter().map(Held::new).collect(),
        }
    }

    /// The administrator of the account: every caller that is no one else.
    pub(crate) fn anybody(partition: &str) -> Self {
        Self {
            name: "anybody".to_owned(),
            arn: format!("arn:{partition}:sts::{ACCOUNT}:assumed-role/localaws/local"),
            policy_arn: format!("arn:{partition}:iam::{ACCOUNT}:role/localaws"),
            user_id: "AROALOCALAWS00000000:local".to_owned(),
            is_user: false,
            statements: Vec::new(),
        }
    }

    /// What every request of this caller says of it.
    pub(crate) fn context(&self) -> Context {
        let kind = if self.is_user { "User" } else { "AssumedRole" };
        Context::default()
            .with("aws:PrincipalArn", self.policy_arn.as_str())
            .with("aws:PrincipalAccount", ACCOUNT)
            .with("aws:PrincipalType", kind)
            .with("aws:userid", self.user_id.as_str())
            .with_some("aws:username", self.is_user.then_some(self.name.as_str()))
            .with("aws:ResourceAccount", ACCOUNT)
            // This world speaks HTTP over the loopback interface, where no other machine listens; a policy that asks
            // for TLS asks for what its clients do on AWS, so it is answered as if they did so here.
            .with("aws:SecureTransport", "true")
            .with("s3:TlsVersion", "1.3")
    }
}
