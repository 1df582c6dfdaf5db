//! What functions write into SSM.

use localaws::faults::{Call, Exchange};
use serde_json::Value;

use super::images::made_for;
use super::{State, text};
use crate::simulation::script::Manifest;
use crate::support::REGION;

impl State {
    /// Remembers what a function reads.
    pub(super) fn note_read(&mut self, exchange: &Exchange) {
        let region = &exchange.call.region;
        let body = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let asked = body(exchange.request.body());
        let names = asked["Names"].as_array().into_iter().flatten();
        for name in names.filter_map(Value::as_str) {
            self.read.remove(&(region.clone(), name.to_owned()));
        }
        let answer = exchange.answer.as_ref().map(|it| body(it.body()));
        let answer = answer.unwrap_or_default();
        let found = answer["Parameters"].as_array().into_iter().flatten();
        let found = found.map(|it| {
            let place = (region.clone(), text(it, "/Name").to_owned());
            (place, text(it, "/Value").to_owned())
        });
        self.read.extend(found);
    }

    pub(super) fn judge_parameter(&mut self, call: &Call, body: &Value) {
        let (name, value) = (text(body, "/Name"), text(body, "/Value"));
        if call.action != "PutParameter" {
            return self.wrong(call, &format!("of {name}: functions only put parameters"));
        }
        self.coverage.action(&call.action);
        self.judge_writing(call, name, value);
        if !self.given(call).parameters || !self.is_open_region(call) {
            self.wrong(call, &format!("{name} is set, and nobody opened that"));
        }
        let images = self.living(&call.region);
        let image = images.iter().find(|image| image.id == value);
        let Some((manifest, digest)) = image.and_then(made_for) else {
            let place = (call.region.clone(), value.to_owned());
            let mut gone = self
                .eyes()
                .ec2
                .deregistered_images(&call.region)
                .into_iter();
            let is_gone = gone.any(|it| it.id == value && made_for(&it).is_some());
            if self.is_just_disowned(call, value)
                || (is_gone && self.is_edited_lately(call, &place))
            {
                return;
            }
            return self.wrong(
                call,
                &format!("{name} is set to {value}, which is not ours"),
            );
        };
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let key = manifest.strip_prefix(&prefix).unwrap_or_default();
        let wanted = self.versions_now(call, manifest);
        let naming = wanted.iter().filter(|version| {
            let mut names = version.parameters(key).into_iter();
            names.any(|it| it == name)
        });
        let naming: Vec<&Manifest> = naming.collect();
        if naming.is_empty() {
            return self.wrong(call, &format!("no version of {manifest} sets {name}"));
        }
        let place = (call.region.clone(), name.to_owned());
        let held = self.read.get(&place);
        if held.is_none() && body["Overwrite"] == true {
            return self.wrong(
                call,
                &format!("{name} is overwritten, and nobody has read it"),
            );
        }
        let held = held.filter(|held| **held != value);
        let is_of_others =
            held.is_some_and(|held| self.manifest_of(&call.region, held) != Some(manifest));
        if is_of_others && !naming.iter().any(|version| version.take_over) {
            let what = format!("{name} held {held:?}, and {manifest} does not take it over");
            return self.wrong(call, &what);
        }
        let reasons: Vec<String> = naming
            .iter()
            .filter_map(|version| self.not_ready(version, (manifest, digest)))
            .collect();
        if reasons.len() == naming.len() {
            let why = reasons.last().cloned().unwrap_or_default();
            self.wrong(call, &format!("{name} is set before {why}"));
        }
    }

    /// Why the AMIs of this version may not be released yet, nor replace others; none if they may.
    pub(super) fn not_ready(&self, version: &Manifest, made: (&str, &str)) -> Option<String> {
        let required = version.copies().filter(|(_, is_required)| *is_required);
        let required = required.map(|(region, _)| region);
        for region in std::iter::once(REGION).chain(required) {
            let images = self.living(region);
            let Some(image) = images.iter().find(|it| made_for(it) == Some(made)) else {
                if self.is_taken_by_hand(region, made) || self.is_version_disowned(region, made) {
                    continue;
                }
                return Some(format!("there is an AMI in {region}"));
            };
            let place = (region.to_owned(), image.id.clone());
            let differs = self.difference((region, image), version);
            if let Some(what) = differs.filter(|_| !self.touched.contains(&place)) {
                return Some(format!("{} in {region} is as it says ({what})", image.id));
            }
        }
        None
    }

    /// Whether somebody has changed an AMI of this version by hand, and it is not there any more.
    fn is_taken_by_hand(&self, region: &str, made: (&str, &str)) -> bool {
        let mut seen = self.images.iter();
        seen.any(|(place, image)| {
            place.0 == region && made_for(image) == Some(made) && self.touched.contains(place)
        })
    }
}
