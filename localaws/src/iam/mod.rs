//! IAM: who calls, what their policies and those of buckets and topics say, and what of it was used.
//!
//! The calls of a function are made with the policies that the template gives it, those of a user of this world with
//! the one policy that the user has, all others as the administrator of the account. [`document`] reads statements,
//! [`operator`] and [`pattern`] compare, [`evaluate`] decides, and [`authorize`] says what a call needs.
//! What functions log on AWS (`AWSLambdaBasicExecutionRole`, which SAM adds) needs no permission here.

mod authorize;
mod context;
mod deletions;
mod document;
mod evaluate;
mod grants;
mod keys;
mod operator;
mod pattern;
mod principal;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use self::authorize::{Check, Scene};
use self::document::{Effect, Kind, Statement};
use self::evaluate::{Decision, Question};
pub use self::grants::{Denial, Grant, Part};
pub use self::principal::Credentials;
use self::principal::Identity;
pub(crate) use self::refusal::Refused;
use crate::ec2::Ec2;
use crate::lock::lock;
use crate::route::{Action, Target};
use crate::s3::S3;
use crate::ssm::Ssm;
use crate::template::stack::Stack;
use crate::wire::Request;

/// Denials that are remembered: more than any test makes.
const KEPT: usize = 10_000;

/// A policy that cannot be enforced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy of {of}: {problem}")]
pub struct PolicyError {
    /// Logical id of the function or of the policy.
    pub of: String,
    /// What is wrong or not built, with the statement.
    pub problem: String,
}

/// IAM of one world. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct Iam {
    inner: Arc<Inner>,
}

struct Inner {
    partition: &'static str,
    /// Functions by logical id, users by name.
    identities: Mutex<BTreeMap<String, Identity>>,
    /// Users' names and keys.
    users: Vec<(String, Credentials)>,
    /// Users' names and the logical ids of their policies.
    policies_of_users: Vec<(String, String)>,
    /// How often the stack was updated.
    revision: AtomicU64,
    /// Policies of buckets and topics, by the resource's ARN.
    attached: BTreeMap<String, Vec<Statement>>,
    denials: Mutex<Vec<Denial>>,
    anybody: Identity,
}

impl fmt::Debug for Iam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iam").finish_non_exhaustive()
    }
}

/// Who makes a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Name of the identity; none for the administrator.
    name: Option<String>,
    /// Whether it began before the stack was updated: its policies are not those that it was to have.
    is_outdated: bool,
    /// The ARN and the user id that GetCallerIdentity answers.
    pub(crate) arn: String,
    pub(crate) user_id: String,
}

impl Iam {
    /// IAM with the functions of a stack, and with users that have one managed policy of the stack each, as
    /// `(name, logical id of the policy)`. A user whose policy is not in the stack is not made.
    ///
    /// # Errors
    /// What a policy says that is wrong or not built here.
    pub(crate) fn new(
        stack: &Stack,
        stack_name: &str,
        partition: &'static str,
        users: &[(String, String)],
    ) -> Result<Self, PolicyError> {
        let identities = identities(stack, stack_name, partition, users)?;
        let of_users = users
            .iter()
            .filter(|(name, _)| identities.contains_key(name));
        let keys = of_users.map(|(name, _)| {
            let key = Credentials::of(&format!("LOCALUSER{}", name.to_uppercase()));
            (name.clone(), key)
        });
        let keys = keys.collect();
        let mut attached: BTreeMap<String, Vec<Statement>> = BTreeMap::new();
        for policy in &stack.resource_policies {
            let statements = read(&policy.logical_id, &policy.statements, Kind::Resource)?;
            for arn in &policy.resources {
                let of_resource = attached.entry(arn.clone()).or_default();
                of_resource.extend(statements.clone());
            }
        }
        let inner = Inner {
            partition,
            identities: Mutex::new(identities),
            users: keys,
            policies_of_users: users.to_vec(),
            revision: AtomicU64::new(0),
            attached,
            denials: Mutex::default(),
            anybody: Identity::anybody(partition),
        };
        let inner = Arc::new(inner);
        Ok(Self { inner })
    }

    /// Gives functions and users the policies that the stack has now, also those that run. What was counted, and what was taken
    /// away, begins anew.
    ///
    /// # Errors
    /// As [`Iam::new`].
    pub(crate) fn update(&self, stack: &Stack, stack_name: &str) -> Result<(), PolicyError> {
        let (partition, users) = (self.inner.partition, &self.inner.policies_of_users);
        let updated = identities(stack, stack_name, partition, users)?;
        *self.identities() = updated;
        self.inner.revision.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The keys of a user of this world.
    #[must_use]
    pub fn credentials(&self, user: &str) -> Option<Credentials> {
        let mut users = self.inner.users.iter();
        let found = users.find(|(name, _)| name == user);
        found.map(|(_, credentials)| credentials.clone())
    }

    /// The users of this world and their keys.
    #[must_use]
    pub fn users(&self) -> BTreeMap<String, Credentials> {
        self.inner.users.iter().cloned().collect()
    }

    /// All that is granted to functions and users, and how often it was of use.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let identities = self.identities();
        let identities = identities.values();
        identities
            .flat_map(|identity| grants::of(identity, authorize::takes))
            .collect()
    }

    /// The permissions that were missing so far; of very many the first 10,000.
    #[must_use]
    pub fn denials(&self) -> Vec<Denial> {
        lock(&self.inner.denials).clone()
    }

    /// Takes a statement away from a function or user: whether it had it.
    pub fn withdraw(&self, principal: &str, sid: &str) -> bool {
        let mut identities = self.identities();
        let held = identities
            .get_mut(principal)
            .into_iter()
            .flat_map(|identity| &mut identity.statements)
            .filter(|held| held.statement.sid == sid);
        let mut any = false;
        for held in held {
            held.withdrawn = true;
            any = true;
        }
        any
    }

    /// Who calls with this access key; `function` is the logical id of the function whose key it is, if any, and `revision` how
    /// often the stack had been updated when its invocation began.
    pub(crate) fn caller(
        &self,
        access_key: Option<&str>,
        function: Option<String>,
        revision: u64,
    ) -> Caller {
        let is_function = function.is_some();
        let mut users = self.inner.users.iter();
        let user = users.find(|(_, key)| Some(key.access_key_id.as_str()) == access_key);
        let name = function.or_else(|| user.map(|(name, _)| name.clone()));
        let identities = self.identities();
        let identity = name.as_ref().and_then(|name| identities.get(name));
        let identity = identity.unwrap_or(&self.inner.anybody);
        Caller {
            arn: identity.arn.clone(),
            user_id: identity.user_id.clone(),
            is_outdated: is_function && revision < self.inner.revision.load(Ordering::Relaxed),
            name,
        }
    }

    /// Whether a call may be made.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn authorize(
        &self,
        caller: &Caller,
        (ec2, ssm, s3): (&Ec2, &Ssm, &S3),
        (target, action, request): (&Target, &Action, &Request),
    ) -> Result<(), Refused> {
        let partition = self.inner.partition;
        let scene = Scene {
            ec2,
            ssm,
            s3,
            partition,
        };
        match (scene.needs(target, action, request), &caller.name) {
            (Some(checks), _) => checks
                .iter()
                .try_for_each(|check| self.check(caller, check)),
            // The administrator needs no permission, and the service knows what is not built.
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Refused::not_known(&target.service, &action.name)),
        }
    }

    /// What S3 says of an object that is not there: to a principal that may not list the bucket, that it must not be
    /// seen.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn may_know_absence(&self, caller: &Caller, bucket: &str) -> Result<(), Refused> {
        self.check(caller, &authorize::listing(self.inner.partition, bucket))
    }

    fn check(&self, caller: &Caller, check: &Check) -> Result<(), Refused> {
        let mut identities = self.identities();
        let identity = caller.name.as_ref();
        let mut identity = identity.and_then(|name| identities.get_mut(name));
        let who = identity.as_deref().unwrap_or(&self.inner.anybody);
        let mut context = check.context.clone();
        context.extend(who.context());
        let question = Question {
            action: &check.action,
            resource: &check.resource,
            context: &context,
        };
        let held = who.statements.iter().enumerate();
        let own = held.filter(|(_, held)| !held.withdrawn);
        let own = own.map(|(number, held)| (number, &held.statement));
        let arns = [who.arn.as_str(), who.policy_arn.as_str()];
        let attached = self.attached(&check.resource);
        if !check.exists && identity.is_some() {
            let mut allows = own.clone().filter(|(_, it)| it.effect == Effect::Allow);
            let may_be = allows.any(|(_, it)| evaluate::access(it, &question).is_some());
            return match evaluate::decide(own, attached, &arns, &question) {
                Decision::Denied(sid) => Err(self.refuse(caller, check, Some(sid))),
                _ if may_be => Ok(()),
                _ => Err(self.refuse(caller, check, None)),
            };
        }
        match evaluate::decide(own, attached, &arns, &question) {
            Decision::Allowed(by) => {
                if let Some(identity) = &mut identity {
                    for (number, met) in &by {
                        identity.statements[*number].count(met);
                    }
                }
                Ok(())
            }
            // The administrator's own policies allow everything.
            Decision::NotAllowed if identity.is_none() => Ok(()),
            Decision::NotAllowed => Err(self.refuse(caller, check, None)),
            Decision::Denied(sid) => Err(self.refuse(caller, check, Some(sid))),
        }
    }

    fn refuse(&self, caller: &Caller, check: &Check, denied_by: Option<String>) -> Refused {
        let denial = Denial {
            principal: caller.name.clone().unwrap_or_else(|| "anybody".to_owned()),
            action: check.action.clone(),
            resource: check.resource.clone(),
            denied_by,
        };
        let refused = Refused::denied(&caller.arn, &denial);
        tracing::debug!(?denial, "a call was refused");
        let mut denials = lock(&self.inner.denials);
        // What runs while its policies are changed is no sign of what they lack.
        if denials.len() < KEPT && !caller.is_outdated {
            denials.push(denial);
        }
        refused
    }

    /// The statements of the policy of the bucket or topic that an ARN is of.
    fn attached(&self, resource: &str) -> &[Statement] {
        let bucket = resource.split('/').next().unwrap_or(resource);
        self.inner.attached.get(bucket).map_or(&[], Vec::as_slice)
    }

    fn identities(&self) -> MutexGuard<'_, BTreeMap<String, Identity>> {
        lock(&self.inner.identities)
    }
}

/// The statements of a policy; `of` is the logical id of the function or of the policy.
fn read(of: &str, policy: &[serde_json::Value], kind: Kind) -> Result<Vec<Statement>, PolicyError> {
    document::statements(policy, kind).map_err(|problem| PolicyError {
        of: of.to_owned(),
        problem,
    })
}

/// The functions of a stack by logical id, and the users by name that have a managed policy of it.
fn identities(
    stack: &Stack,
    stack_name: &str,
    partition: &'static str,
    users: &[(String, String)],
) -> Result<BTreeMap<String, Identity>, PolicyError> {
    let mut identities = BTreeMap::new();
    for function in &stack.functions {
        let (id, name) = (&function.logical_id, &function.name);
        let statements = read(id, &function.policies, Kind::Identity)?;
        let identity = Identity::function(partition, stack_name, id, name, statements);
        identities.insert(id.clone(), identity);
    }
    for policy in &stack.managed_policies {
        let statements = read(&policy.logical_id, &policy.statements, Kind::Identity)?;
        let of_policy = users.iter().filter(|(_, id)| *id == policy.logical_id);
        for (name, _) in of_policy {
            let user = Identity::user(partition, name, statements.clone());
            identities.insert(name.clone(), user);
        }
    }
    Ok(identities)
}
