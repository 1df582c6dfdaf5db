//! The SSM parameters that point to the AMI of their Region.
//!
//! They are written last, once every Region that is required is verified, because whoever launches from a parameter
//! launches at once. SSM has no conditional write. So each write is made of what was read: the value and the version that
//! the parameter has now are compared with those that were written last, and what somebody else wrote is a conflict until
//! the manifest says `takeOver`. An answer with a version proves nothing ("Native parameter support for Amazon Machine
//! Image IDs", Systems Manager User Guide): the value is validated later, and if that fails nothing is changed, in
//! silence. A parameter is set once it is seen to be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::observation::Observation;
use crate::image::observed::ObservedParameter;
use crate::image::status::{
    Action, ParameterId, ParameterPut, ParameterStatus, ParameterType, RegionAction, Status,
};

/// After how long a value that does not show is written again: "try again after 5 minutes" (Systems Manager User Guide,
/// see above). Another write before that may be refused, because the first is still being validated.
pub const VALIDATION: SignedDuration = SignedDuration::from_mins(5);

/// How often one value is written before its validation counts as failed: for a quarter of an hour, as long as anything
/// that AWS has taken may stay invisible here.
pub const PUTS_MAX: u32 = 3;

/// For how long a value that SSM may have taken may still show: as long as one that is written [`PUTS_MAX`] times is waited
/// for, and once more. No time is documented after which it cannot.
const LATE: SignedDuration = SignedDuration::from_mins(20);

/// The only type that an AMI's parameter can have.
const STRING: &str = "String";

/// What is to be done about the parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleasePlan {
    /// All that the manifest names, in every Region.
    pub named: BTreeSet<ParameterId>,
    /// Those that the manifest stopped naming, with the value that they were last seen to have.
    pub left: BTreeMap<ParameterId, Option<String>>,
    /// To be written now.
    pub(super) ready: Vec<RegionAction>,
    /// Those that are as they should be.
    pub set: BTreeMap<ParameterId, ObservedParameter>,
    /// Those that are not, and have nothing that could be done now.
    pub pending: BTreeMap<ParameterId, PendingParameter>,
    /// Those that somebody else has written. They are not overwritten.
    pub conflicts: Vec<Conflict>,
    /// Those that were written several times and never showed the value.
    pub not_validated: BTreeSet<ParameterId>,
    /// Whether a Region that is required keeps the image from being released.
    pub is_held: bool,
}

/// Why a parameter is not set yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingParameter {
    /// It was written and does not show the value yet, or may still come to show an earlier one.
    NotConfirmed,
    /// It could not be seen.
    Unknown,
    /// The AMI is not seen to be available and ours.
    NoImage,
}

/// A parameter that somebody else has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Which.
    pub parameter: ParameterId,
    /// What it holds.
    pub shown: ObservedParameter,
    /// What we know of it.
    pub why: ConflictReason,
}

/// Why a parameter is not overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictReason {
    /// It was never written by amiwright, as far as the status knows.
    NotOurs,
    /// It was, with this value and version, and somebody else has written it since.
    Changed {
        /// Our value.
        value: String,
        /// The version that had it.
        version: u64,
    },
    /// It was taken over, and another manifest has taken it over since. To take it over once more could go on for good.
    OtherManifest {
        /// The other one, as its description names it.
        manifest: String,
    },
    /// It is not a `String`. The type cannot become one that an AMI can be read from.
    OtherType,
}

/// What a parameter comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Set,
    Put {
        after: u64,
        data_type: ParameterType,
    },
    Pending(PendingParameter),
    Conflict(ConflictReason),
    NotValidated,
}

impl ReleasePlan {
    /// Leaves only what is to be done about these, or is said of them.
    pub(super) fn retain(&mut self, is_meant: impl Fn(&ParameterId) -> bool) {
        let of_parameter = |what: &RegionAction| what.parameter().is_some_and(|id| is_meant(&id));
        self.ready.retain(of_parameter);
        self.named.retain(|id| is_meant(id));
        self.left.retain(|id, _| is_meant(id));
        self.set.retain(|id, _| is_meant(id));
        self.pending.retain(|id, _| is_meant(id));
        self.conflicts.retain(|it| is_meant(&it.parameter));
        self.not_validated.retain(|id| is_meant(id));
    }
}

/// What is to be written down before a parameter is written.
#[must_use]
pub fn intend_put(
    ours: Option<&ParameterStatus>,
    value: &str,
    after: u64,
    now: Timestamp,
) -> ParameterPut {
    let before = ours.and_then(|known| known.put.as_ref());
    let same = before.filter(|put| put.value == value);
    ParameterPut {
        value: value.to_owned(),
        after,
        asked_at: Some(now),
        since: same.and_then(|put| put.since).or(Some(now)),
        attempts: same.map_or(0, |put| put.attempts).saturating_add(1),
        version: None,
    }
}

/// What is to be done about the parameters, once the AMIs of these Regions are as they should be.
pub(super) fn difference(
    asked: &Asked,
    status: &Status,
    verified: &BTreeSet<String>,
    observed: &BTreeMap<ParameterId, Observation<ObservedParameter>>,
    now: Timestamp,
) -> ReleasePlan {
    let named = named(asked);
    let mut regions = asked.regions.iter();
    let mut plan = ReleasePlan {
        left: left(&named, status),
        named: named.clone(),
        is_held: regions.any(|(region, it)| it.required && !verified.contains(region)),
        ..ReleasePlan::default()
    };
    for id in named {
        let known = status.release.parameters.get(&id);
        let put = known.and_then(|known| known.put.as_ref());
        let is_asked = put.is_some_and(|put| put.asked_at.is_some());
        if !verified.contains(&id.region)
            || known.is_some_and(|it| it.failure.is_some())
            // What SSM may have taken before is still to be seen.
            || (plan.is_held && !is_asked)
        {
            continue;
        }
        let Some(image) = status.image_in(&id.region) else {
            continue;
        };
        let wanted = Wanted {
            value: &image.image,
            take_over: asked.parameters.get(&id.name) == Some(&true),
        };
        let ours = known.cloned().unwrap_or_default();
        let seen = observed.get(&id).unwrap_or(&Observation::Unknown);
        let next = next(&wanted, &ours, seen, now);
        let is_told = matches!(next, Next::Set | Next::Pending(_));
        if is_told || !plan.is_held {
            add(&mut plan, id, wanted.value, next, seen);
        }
    }
    plan
}

fn add(
    plan: &mut ReleasePlan,
    id: ParameterId,
    value: &str,
    next: Next,
    seen: &Observation<ObservedParameter>,
) {
    let shown = match seen {
        Observation::Seen(shown) => shown.clone(),
        Observation::Absent | Observation::Unknown => ObservedParameter::default(),
    };
    match next {
        Next::Set => drop(plan.set.insert(id, shown)),
        Next::Put { after, data_type } => plan.ready.push(RegionAction {
            region: id.region,
            action: Action::PutParameter {
                name: id.name,
                value: value.to_owned(),
                after,
                data_type,
            },
        }),
        Next::Pending(why) => drop(plan.pending.insert(id, why)),
        Next::Conflict(why) => plan.conflicts.push(Conflict {
            parameter: id,
            shown,
            why,
        }),
        Next::NotValidated => drop(plan.not_validated.insert(id)),
    }
}

fn named(asked: &Asked) -> BTreeSet<ParameterId> {
    let ids = |region: &String| {
        let region = region.clone();
        asked.parameters.keys().map(move |name| ParameterId {
            region: region.clone(),
            name: name.clone(),
        })
    };
    asked.regions.keys().flat_map(ids).collect()
}

/// What was named and is not any more. It stays as it is: without it, launches that refer to it would fail.
fn left(named: &BTreeSet<ParameterId>, status: &Status) -> BTreeMap<ParameterId, Option<String>> {
    let known = status.release.named();
    let left = known.filter(|(id, _)| !named.contains(id));
    left.map(|(id, known)| (id.clone(), known.value.clone()))
        .collect()
}

/// What one parameter should be.
struct Wanted<'a> {
    value: &'a str,
    take_over: bool,
}

/// The three-way difference of one parameter.
fn next(
    wanted: &Wanted<'_>,
    ours: &ParameterStatus,
    seen: &Observation<ObservedParameter>,
    now: Timestamp,
) -> Next {
    let shown = match seen {
        Observation::Seen(shown) => Some(shown),
        Observation::Absent => None,
        Observation::Unknown => return Next::Pending(PendingParameter::Unknown),
    };
    if let Some(shown) = shown.filter(|it| it.kind != STRING || it.value == wanted.value) {
        return match shown.kind.as_str() {
            STRING if may_change(ours, Some(shown), now) => {
                Next::Pending(PendingParameter::NotConfirmed)
            }
            STRING => Next::Set,
            _ => Next::Conflict(ConflictReason::OtherType),
        };
    }
    let after = shown.map_or(0, |it| it.version);
    if let Some(put) = &ours.put {
        let is_as_before = put.after == after;
        let is_recent = put
            .asked_at
            .is_some_and(|asked_at| now.duration_since(asked_at) < VALIDATION);
        if is_as_before && is_recent {
            return Next::Pending(PendingParameter::NotConfirmed);
        }
    }
    // A read from before our own write is no difference.
    let was_newer = ours.version.is_some_and(|known| after < known);
    let was_set = ours
        .confirmed_at
        .is_some_and(|at| now.duration_since(at) < VALIDATION);
    if shown.is_some() && was_newer && was_set {
        return Next::Pending(PendingParameter::NotConfirmed);
    }
    if let Some(shown) = shown
        && !wanted.take_over
        && let Some(why) = conflict(ours, shown)
    {
        return Next::Conflict(why);
    }
    let mut puts = ours.put.iter();
    if puts.any(|put| put.value == wanted.value && put.attempts >= PUTS_MAX) {
        return Next::NotValidated;
    }
    let data_type = match shown {
        Some(shown) if shown.data_type == ParameterType::Text.as_str() => ParameterType::Text,
        _ => ParameterType::Image,
    };
    Next::Put { after, data_type }
}

/// Whether another value that SSM was asked for may still be validated, and then take the place of what a parameter shows, or
/// does not show.
#[must_use]
pub fn may_change(
    ours: &ParameterStatus,
    shown: Option<&ObservedParameter>,
    now: Timestamp,
) -> bool {
    let (value, version) = shown.map_or((None, 0), |it| (Some(&it.value), it.version));
    ours.all_possible().iter().any(|it| {
        Some(&it.value) != value
            && it.last > version
            && now.duration_since(it.asked_at).abs() < LATE
    })
}

/// Why what a parameter shows is not what we wrote last; none if it is.
fn conflict(ours: &ParameterStatus, shown: &ObservedParameter) -> Option<ConflictReason> {
    // Written by us, although we have not seen that before: SSM's answer was lost, or nobody looked until now.
    let put = ours.put.as_ref();
    let is_put = |put: &ParameterPut| put.value == shown.value && put.after < shown.version;
    let is_last =
        |(value, version): &(&String, u64)| **value == shown.value && *version == shown.version;
    let known = ours.value.as_ref().zip(ours.version);
    let is_late = ours.is_possible(&shown.value, shown.version);
    if put.is_some_and(is_put) || known.as_ref().is_some_and(is_last) || is_late {
        return None;
    }
    let taken =
        put.and_then(|put| Some((&put.value, put.version.filter(|it| *it < shown.version)?)));
    Some(match taken.or(known) {
        Some((value, version)) => ConflictReason::Changed {
            value: value.clone(),
            version,
        },
        None => ConflictReason::NotOurs,
    })
}
