//! What the tables answer with, and where they look up what a call is about.

use crate::ACCOUNT;
use crate::ec2::Ec2;
use crate::iam::context::Context;
use crate::s3::S3;
use crate::ssm::Ssm;

/// One thing that a call needs a permission for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// For example `ec2:RegisterImage`.
    pub(crate) action: String,
    /// ARN, or `*`.
    pub(crate) resource: String,
    pub(crate) context: Context,
    /// Whether what the call names is there. If not, its tags are not known, and the service will say that it is not
    /// there: what AWS answers to a principal that is only allowed the action on tagged things is not documented.
    pub(crate) exists: bool,
}

impl Check {
    /// Of an action on something that is there, or will be.
    pub(super) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            context: Context::default(),
            exists: true,
        }
    }

    /// With this context.
    pub(super) fn with(mut self, context: Context) -> Self {
        self.context.extend(context);
        self
    }
}

/// What a call needs, or that this is not known.
pub(crate) type Needs = Option<Vec<Check>>;

/// Where the tables look up what a call is about.
pub(crate) struct Scene<'a> {
    pub(crate) ec2: &'a Ec2,
    pub(crate) ssm: &'a Ssm,
    pub(crate) s3: &'a S3,
    pub(crate) partition: &'a str,
}

impl Scene<'_> {
    /// An ARN of this account.
    pub(super) fn arn(&self, service: &str, region: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{region}:{ACCOUNT}:{rest}", self.partition)
    }
}
