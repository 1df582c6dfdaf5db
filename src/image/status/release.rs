//! What a status knows of its release: the SSM parameters that point to its AMI.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::image::words::is_zero;

/// Parameters that a status remembers after the manifest stopped naming them; the first to have been left go first.
/// They are kept because a parameter that is named again is still ours.
const LEFT_KEPT: usize = 20;

/// Values of a parameter that may still show; the first to have been asked for go first.
const POSSIBLE_KEPT: usize = 5;

/// The release of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Release {
    /// The parameters, by Region and name. They outlive the version that set them: that is how the next one knows that
    /// they are amiwright's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<ParameterId, ParameterStatus>,
    /// When all parameters of the manifest were seen to hold the AMI of this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
}

impl Release {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The parameters that the manifest named when they were last looked at.
    pub fn named(&self) -> impl Iterator<Item = (&ParameterId, &ParameterStatus)> {
        self.parameters
            .iter()
            .filter(|(_, known)| known.left_at.is_none())
    }

    /// Whether a parameter was last seen to hold this AMI, and was not asked to hold another since. It may still hold that of an
    /// earlier version, which this one has not taken the place of.
    #[must_use]
    pub fn has_shown(&self, id: &ParameterId, image: &str) -> bool {
        self.parameters.get(id).is_some_and(|known| {
            let is_of_other = known.put.as_ref().is_some_and(|put| put.value != image);
            known.value.as_deref() == Some(image) && !is_of_other
        })
    }

    /// What failed about parameters that the manifest names.
    pub fn failures(&self) -> impl Iterator<Item = (&ParameterId, &Failure)> {
        self.named()
            .filter_map(|(id, known)| Some((id, known.failure.as_ref()?)))
    }

    /// What the next version, or the next attempt, has to know of it.
    #[must_use]
    pub fn for_next(mut self) -> Self {
        self.released_at = None;
        for known in self.parameters.values_mut() {
            known.failure = None;
            if let Some(put) = &mut known.put {
                (put.attempts, put.since) = (0, None);
            }
        }
        self
    }

    /// Forgets what was left longest ago, beyond what is kept.
    pub(crate) fn forget_left(&mut self) {
        let mut left: Vec<(Timestamp, ParameterId)> = self
            .parameters
            .iter()
            .filter_map(|(id, known)| Some((known.left_at?, id.clone())))
            .collect();
        left.sort_unstable();
        let surplus = left.len().saturating_sub(LEFT_KEPT);
        for (_, id) in left.drain(..surplus) {
            self.parameters.remove(&id);
        }
    }
}

/// A parameter, as `REGION:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ParameterId {
    /// The Region. Parameters of one name in two Regions are two parameters.
    pub region: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for ParameterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.region, self.name)
    }
}

impl From<ParameterId> for String {
    fn from(id: ParameterId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ParameterId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (region, name) = text
            .split_once(':')
            .ok_or("a parameter is written as REGION:NAME")?;
        Ok(Self {
            region: region.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// What is known of a parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ParameterStatus {
    /// The value that it was last seen to have while that was what the manifest asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The parameter's version that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// When that was seen first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// The value that is being written, from before SSM is asked until it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put: Option<ParameterPut>,
    /// What SSM was asked to write before that: it may show, or take the place of what shows, once it is validated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible: Vec<PossibleValue>,
    /// The version that somebody else wrote between our last read and our last write, which is what it replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwritten: Option<u64>,
    /// Whether its data type is `text`: it was before, and SSM does not change the data type of a parameter.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_text: bool,
    /// When the manifest was found not to name it any more. It is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
    /// Why it will not be set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl ParameterStatus {
    /// Remembers what this request may come to, if SSM may have taken it; until now the parameter has come to a version that was
    /// `seen`. Without an answer it comes after all that may have been written before. The same value is counted once, however
    /// often it was asked for in vain: SSM takes no other request until it has validated one.
    pub(in crate::image) fn may_come_of(&mut self, put: &ParameterPut, seen: u64) {
        let Some(asked_at) = put.asked_at else {
            return;
        };
        let written = self.possible.iter().map(|it| it.last).max();
        let written = written.unwrap_or_default().max(put.after);
        let before = self.possible.iter().position(|it| it.value == put.value);
        let before = before.map(|at| self.possible.remove(at));
        let (after, earlier) = before
            .as_ref()
            .map_or((put.after, 0), |it| (it.after, it.last));
        let last = match put.version {
            Some(version) => version,
            None if earlier > put.after => earlier,
            None => written.saturating_add(1),
        };
        self.possible.push(PossibleValue {
            value: put.value.clone(),
            after: after.min(put.after),
            last: last.max(earlier).max(seen),
            asked_at: before.map_or(asked_at, |it| it.asked_at.max(asked_at)),
        });
        let surplus = self.possible.len().saturating_sub(POSSIBLE_KEPT);
        self.possible.drain(..surplus);
    }

    /// Forgets what cannot show any more: the parameter has this version. Is there none, its versions begin anew.
    pub(in crate::image) fn has_reached(&mut self, version: u64) {
        self.possible
            .retain(|it| it.last >= version && (version > 0 || it.after == 0));
    }

    /// SSM gave this version to the last request: all before that have earlier ones.
    pub(in crate::image) fn was_answered(&mut self, version: u64) {
        for it in &mut self.possible {
            it.last = it.last.min(version.saturating_sub(1));
        }
    }

    /// All that may show, what is being written among it.
    #[must_use]
    pub fn all_possible(&self) -> Vec<PossibleValue> {
        let mut all = self.clone();
        if let Some(put) = &self.put {
            all.may_come_of(put, 0);
        }
        all.possible
    }

    /// Whether a version after this one may have come of what SSM was asked for before.
    #[must_use]
    pub fn may_pass(&self, version: u64) -> bool {
        self.possible.iter().any(|it| it.last > version)
    }

    /// Whether this version of the parameter may have come of what SSM was asked for before.
    #[must_use]
    pub fn is_possible(&self, value: &str, version: u64) -> bool {
        let mut possible = self.possible.iter();
        possible.any(|it| it.value == value && it.after < version && version <= it.last)
    }
}

/// A value that a parameter may have come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PossibleValue {
    /// The value.
    pub value: String,
    /// The version that was read before SSM was asked for it: it comes after that one.
    pub after: u64,
    /// The last version that may have it.
    pub last: u64,
    /// When SSM was last asked for it.
    pub asked_at: Timestamp,
}

/// A value that is being written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParameterPut {
    /// The value.
    pub value: String,
    /// The version that was read before; 0 if there was no such parameter.
    pub after: u64,
    /// When SSM was last asked; none if it is certain that it did not take the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// When SSM was first asked for this value, for this version or attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How often SSM was asked for this value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// The version that SSM answered with. It proves nothing yet: the value is validated later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// The data type of a parameter that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ParameterType {
    /// What EC2 and Auto Scaling take for an AMI. SSM validates the value some time after it was written.
    #[default]
    #[serde(rename = "aws:ec2:image")]
    Image,
    /// What a parameter that was `text` before stays.
    #[serde(rename = "text")]
    Text,
}

impl ParameterType {
    /// SSM's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "aws:ec2:image",
            Self::Text => "text",
        }
    }
}
