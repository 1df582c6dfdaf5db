//! SSM parameters, read ten of a Region at a time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::context::REGIONS_AT_ONCE;
use crate::aws::{Aws, AwsError, PARAMETERS_MAX};
use crate::image::observed::ObservedParameter;
use crate::image::publish::Observation;
use crate::image::status::ParameterId;

/// What was seen of parameters.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// The parameters that were asked for.
    pub(super) seen: BTreeMap<ParameterId, Observation<ObservedParameter>>,
    /// Why some could not be seen.
    pub(super) errors: BTreeMap<ParameterId, AwsError>,
}

impl Parameters {
    /// Reads these parameters. Of those for which the request rate is used up nothing is known.
    pub(super) async fn read<'a>(aws: &Aws, ids: impl Iterator<Item = &'a ParameterId>) -> Self {
        let mut by_region: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for id in ids {
            by_region.entry(&id.region).or_default().insert(&id.name);
        }
        let mut calls = Vec::new();
        for (region, names) in by_region {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            for names in names.chunks(PARAMETERS_MAX) {
                calls.push(Box::pin(some(aws.in_region(region), names.to_vec())));
            }
        }
        let mut answers = stream::iter(calls).buffer_unordered(REGIONS_AT_ONCE);
        let mut all = Self::default();
        while let Some(some) = answers.next().await {
            all.seen.extend(some.seen);
            all.errors.extend(some.errors);
        }
        all
    }

    /// The error of a call that was not sent, because that many would be too many.
    pub(super) fn rate_limited(&self) -> Option<&AwsError> {
        let mut errors = self.errors.values();
        errors.find(|error| error.is_rate_limited_locally())
    }

    /// Whether SSM has answered for this parameter.
    pub(super) fn is_seen(&self, id: &ParameterId) -> bool {
        let seen = self.seen.get(id);
        seen.is_some_and(|seen| !matches!(seen, Observation::Unknown))
    }
}

/// At most as many of a Region as one call can read.
async fn some(aws: Aws, names: Vec<String>) -> Parameters {
    let mut some = Parameters::default();
    let answer = Box::pin(aws.parameters(&names)).await;
    for name in names {
        let observation = match &answer {
            Ok(answer) => match answer.get(&name) {
                Some(Some(shown)) => Observation::Seen(shown.clone()),
                Some(None) => Observation::Absent,
                None => Observation::Unknown,
            },
            Err(_) => Observation::Unknown,
        };
        let region = aws.region().to_owned();
        let id = ParameterId { region, name };
        if let Err(error) = &answer {
            some.errors.insert(id.clone(), error.clone());
        }
        some.seen.insert(id, observation);
    }
    some
}
