//! AWS's evaluation logic within one account ("Policy evaluation logic", IAM User Guide): an explicit Deny wins; else
//! an Allow of the caller's own policies or of the resource's policy is needed; else the call is denied.
//! Boundaries, session policies and organizations are not built here: a template with them does not start.

use super::context::Context;
use super::document::{Effect, Patterns, Principal, Statement};

/// One question: may a principal do this to that?
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question<'a> {
    /// For example `s3:GetObject`.
    pub(crate) action: &'a str,
    /// ARN, or `*` for actions that take no resource.
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
}

/// Which parts of a statement met a question, by their numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Match {
    /// Pairs of an action's and a resource's pattern.
    pub(crate) access: Vec<(usize, usize)>,
    /// Pairs of a condition and one of its values.
    pub(crate) values: Vec<(usize, usize)>,
}

/// Which patterns meet the text; an empty list is "none of them", for a negated list as for others.
fn meets(patterns: &Patterns, fits: impl Fn(&super::pattern::Pattern) -> bool) -> Vec<usize> {
    let fitting: Vec<usize> = (0..patterns.patterns.len())
        .filter(|at| fits(&patterns.patterns[*at]))
        .collect();
    match (patterns.negated, fitting.is_empty()) {
        (false, _) => fitting,
        (true, true) => (0..patterns.patterns.len()).collect(),
        (true, false) => Vec::new(),
    }
}

/// How the statement matches the question, if it does; the caller is not checked.
pub(crate) fn meet(statement: &Statement, question: &Question<'_>) -> Option<Match> {
    let access = access(statement, question)?;
    let mut values = Vec::new();
    for (number, condition) in statement.conditions.iter().enumerate() {
        let (holds, fitting) = condition.holds(question.context);
        if !holds {
            return None;
        }
        values.extend(fitting.into_iter().map(|value| (number, value)));
    }
    Some(Match { access, values })
}

/// The same, whatever the conditions say.
pub(crate) fn access(
    statement: &Statement,
    question: &Question<'_>,
) -> Option<Vec<(usize, usize)>> {
    let context = question.context;
    let action = question.action.to_ascii_lowercase();
    let actions = meets(&statement.actions, |it| it.matches(&action, context));
    if actions.is_empty() {
        return None;
    }
    let resources = meets(&statement.resources, |it| {
        it.matches_arn(question.resource, context)
    });
    let pairs = actions
        .iter()
        .flat_map(|action| resources.iter().map(|resource| (*action, *resource)));
    let pairs: Vec<_> = pairs.collect();
    (!pairs.is_empty()).then_some(pairs)
}

/// How a statement of a resource's policy applies to a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    /// Not at all.
    No,
    /// Only by way of the account: a Deny holds, an Allow leaves it to the account's own policies.
    Account,
    /// Itself, or every principal.
    Directly,
}

/// Whether a statement of a resource's policy is for the caller with one of these ARNs (a session's and its role's).
pub(crate) fn concern(statement: &Statement, arns: &[&str]) -> Concern {
    let account = |id: &str| arns.iter().any(|arn| arn.split(':').nth(4) == Some(id));
    let each = statement
        .principals
        .iter()
        .map(|principal| match principal {
            Principal::Everybody => Concern::Directly,
            Principal::Arn(arn) if arns.contains(&arn.as_str()) => Concern::Directly,
            Principal::Account(id) if account(id) => Concern::Account,
            Principal::Arn(_) | Principal::Account(_) | Principal::Service => Concern::No,
        });
    each.fold(Concern::No, |most, one| match (most, one) {
        (Concern::Directly, _) | (_, Concern::Directly) => Concern::Directly,
        (Concern::Account, _) | (_, Concern::Account) => Concern::Account,
        _ => Concern::No,
    })
}

/// What is decided of a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// Allowed: by these of the caller's statements, or by the resource's policy if there are none.
    Allowed(Vec<(usize, Match)>),
    /// A statement with this Sid denies it.
    Denied(String),
    /// No statement allows it.
    NotAllowed,
}

/// Decides for a caller with these statements and ARNs; `attached` are the statements of the resource's policy.
pub(crate) fn decide<'a>(
    own: impl Iterator<Item = (usize, &'a Statement)>,
    attached: &[Statement],
    arns: &[&str],
    question: &Question<'_>,
) -> Decision {
    let mut allowed = Vec::new();
    let mut attached_allows = false;
    for (number, statement) in own {
        let Some(met) = meet(statement, question) else {
            continue;
        };
        match statement.effect {
            Effect::Deny => return Decision::Denied(statement.sid.clone()),
            Effect::Allow => allowed.push((number, met)),
        }
    }
    for statement in attached {
        let concern = concern(statement, arns);
        if concern == Concern::No || meet(statement, question).is_none() {
            continue;
        }
        match statement.effect {
            Effect::Deny => return Decision::Denied(statement.sid.clone()),
            Effect::Allow => attached_allows |= concern == Concern::Directly,
        }
    }
    if allowed.is_empty() && !attached_allows {
        return Decision::NotAllowed;
    }
    Decision::Allowed(allowed)
}
