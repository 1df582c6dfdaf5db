//! What happens in the stack, one line each: what arrives, which function ran, and what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use localaws::bus::Event;
use localaws::lambda::InvocationRecord;
use localaws::watcher::Watcher;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use crate::cli::local_stack::{LocalStack, Watchers};
use crate::cli::progress_text::stage;
use crate::cli::text::{plain, size};
use crate::image::Status;
use crate::keys;

/// Something that happened in the world.
#[derive(Debug)]
pub(super) enum Seen {
    Event(Event),
    Ran(InvocationRecord),
}

/// What the world is to call, and where that is received.
pub(super) fn watchers() -> (Watchers, UnboundedReceiver<Seen>) {
    let (sender, receiver) = unbounded_channel();
    let of_events = sender.clone();
    // Once nobody receives, nothing needs to be told.
    let watchers = Watchers {
        events: Watcher::new(move |event: &Event| drop(of_events.send(Seen::Event(event.clone())))),
        invocations: Watcher::new(move |record: &InvocationRecord| {
            drop(sender.send(Seen::Ran(record.clone())));
        }),
    };
    (watchers, receiver)
}

/// A line of the activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Of what kind it is, in a word.
    what: &'static str,
    /// The manifest's key, the object's, or the name of a function.
    about: String,
    text: String,
    /// What programs get besides.
    facts: Value,
}

impl Line {
    fn new(what: &'static str, about: &str, text: String, facts: Value) -> Self {
        let about = about.to_owned();
        Self {
            what,
            about,
            text,
            facts,
        }
    }

    /// For people.
    pub(super) fn text(&self, at: Timestamp) -> String {
        let time = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S");
        let Self {
            what, about, text, ..
        } = self;
        let line = match (about.is_empty(), text.is_empty()) {
            (true, _) => text.clone(),
            (false, true) => about.clone(),
            (false, false) => format!("{about}: {text}"),
        };
        format!("  {time}  {what:<9} {}", plain(&line))
    }

    /// For programs.
    pub(super) fn json(&self, at: Timestamp) -> Value {
        let at = at.round(Unit::Millisecond).unwrap_or(at);
        let mut line =
            json!({"at": at, "event": self.what, "about": self.about, "text": self.text});
        for (name, value) in self.facts.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        line
    }
}

/// Turns what is seen into lines.
pub(super) struct Activity<'a> {
    stack: &'a LocalStack,
    began: (Timestamp, Instant),
    /// How fast time passes in the world; that of people does not.
    speed: f64,
    /// What was said last of each image.
    stages: BTreeMap<String, String>,
    /// How many emails were told.
    emails: usize,
}

impl<'a> Activity<'a> {
    pub(super) fn new(stack: &'a LocalStack, speed: f64, now: Timestamp) -> Self {
        Self {
            stack,
            began: (now, Instant::now()),
            speed,
            stages: BTreeMap::new(),
            // A stack that is continued has sent some before.
            emails: stack.world.sns().published().len(),
        }
    }

    /// The time that people see, whatever the speed of the world.
    pub(super) fn now(&self) -> Timestamp {
        let (now, began) = self.began;
        now.saturating_add(began.elapsed()).unwrap_or(now)
    }

    /// The lines about what was seen; none about what only amiwright itself needs.
    pub(super) async fn lines(&mut self, seen: &Seen) -> Vec<Line> {
        match seen {
            Seen::Event(event) if event.source == "aws.s3" => {
                self.of_object(event).await.into_iter().collect()
            }
            Seen::Event(event) => of_image(event).into_iter().collect(),
            Seen::Ran(record) => {
                let mut lines: Vec<Line> = self.of_function(record).into_iter().collect();
                lines.extend(self.new_emails());
                lines
            }
        }
    }

    async fn of_object(&mut self, event: &Event) -> Option<Line> {
        let bucket = event.detail["bucket"]["name"].as_str()?;
        let key = event.detail["object"]["key"].as_str()?;
        let is_made = event.detail_type == "Object Created";
        if bucket == self.stack.state_bucket {
            return match (is_made, keys::manifest_of_request(key)) {
                (true, Some(manifest)) => {
                    let text = "an operator's request".to_owned();
                    Some(Line::new("requested", manifest, text, json!({})))
                }
                (true, None) => self.of_status(keys::manifest_of_status(key)?).await,
                (false, _) => None,
            };
        }
        if bucket != self.stack.bucket {
            return None;
        }
        match event.detail_type.as_str() {
            "Object Created" => {
                let bytes = event.detail["object"]["size"].as_u64().unwrap_or_default();
                let facts = json!({"bytes": bytes});
                Some(Line::new("arrived", key, size(bytes), facts))
            }
            "Object Deleted" => Some(Line::new("removed", key, String::new(), json!({}))),
            _ => None,
        }
    }

    /// How far an image is, if that is new.
    async fn of_status(&mut self, manifest: &str) -> Option<Line> {
        let (bucket, key) = (&self.stack.state_bucket, keys::status_key(manifest));
        let content = self.stack.world.s3().get(bucket, &key).await;
        let status: Status = serde_json::from_slice(&content.ok()??).ok()?;
        let text = stage(Some(&status), None);
        let known = self.stages.insert(manifest.to_owned(), text.clone());
        let facts = json!({"state": status.state});
        (known.as_ref() != Some(&text)).then(|| Line::new("status", manifest, text, facts))
    }

    /// A function that ran for something, or failed. Of a tick of the schedule there is nothing to say otherwise.
    fn of_function(&self, record: &InvocationRecord) -> Option<Line> {
        let mut functions = self.stack.world.stack().functions.iter();
        let function = functions.find(|it| it.logical_id == record.function)?;
        let name = function.binary.as_str();
        let took = record.ended.duration_since(record.at);
        let took = Duration::try_from(took).unwrap_or_default();
        let took = took.div_f64(self.speed);
        let reason = reason(&record.payload);
        let mut facts = json!({"milliseconds": took.as_millis(), "reason": reason});
        match &record.outcome {
            Ok(_) => {
                let text = format!("{:.1} s, for {}", took.as_secs_f64(), reason?);
                Some(Line::new("ran", name, text, facts))
            }
            Err(error) => {
                facts["error"] = json!(error.message);
                let log = self.stack.world.directory().join("logs");
                let log = log.join(format!("{}.log", function.name));
                let text = format!("{}; its log is {}", error.message, log.display());
                Some(Line::new("failed", name, text, facts))
            }
        }
    }

    fn new_emails(&mut self) -> Vec<Line> {
        let published = self.stack.world.sns().published();
        let known = std::mem::replace(&mut self.emails, published.len());
        let new = published.into_iter().skip(known);
        new.map(|email| {
            let subject = email.subject.unwrap_or_default();
            Line::new("email", "", subject, json!({}))
        })
        .collect()
    }
}

/// What a function was invoked for: the manifest or the object of an event, or an AMI.
fn reason(payload: &Value) -> Option<String> {
    let key = payload["detail"]["object"]["key"].as_str();
    let manifest = |key| keys::manifest_of_due(key).or_else(|| keys::manifest_of_request(key));
    let key = key.map(|key| manifest(key).unwrap_or(key));
    key.or_else(|| payload["detail"]["ImageId"].as_str())
        .map(str::to_owned)
}

/// An AMI whose state has changed.
fn of_image(event: &Event) -> Option<Line> {
    let image = event.detail["ImageId"].as_str()?;
    let state = event.detail["State"].as_str()?;
    let text = format!("{state}, in {}", event.region);
    let facts = json!({"state": state, "region": event.region});
    Some(Line::new("ami", image, text, facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_plain_text_or_an_object() {
        let at = "2026-11-26T16:20:01.25Z".parse().unwrap();
        let line = Line::new(
            "arrived",
            "wéb\x1b[31m.image.yaml",
            "245 bytes".to_owned(),
            json!({"bytes": 245}),
        );
        let text = line.text(at);
        assert_eq!(
            text,
            "  16:20:01  arrived   wéb\u{fffd}[31m.image.yaml: 245 bytes"
        );
        let json = line.json(at);
        assert_eq!(json["at"], "2026-11-26T16:20:01.25Z");
        assert_eq!(
            (&json["event"], &json["bytes"]),
            (&json!("arrived"), &json!(245))
        );
    }

    #[test]
    fn a_function_runs_for_an_object_an_image_or_the_schedule() {
        let of = |key: &str| reason(&json!({"detail": {"object": {"key": key}}}));
        assert_eq!(
            of("golden/web.image.yaml").as_deref(),
            Some("golden/web.image.yaml")
        );
        assert_eq!(
            of("due/web.image.yaml.due").as_deref(),
            Some("web.image.yaml")
        );
        assert_eq!(
            of("open-requests/web.image.yaml.json").as_deref(),
            Some("web.image.yaml")
        );
        let of_image = json!({"detail": {"ImageId": "ami-1"}});
        assert_eq!(reason(&of_image).as_deref(), Some("ami-1"));
        assert_eq!(reason(&json!({"task": "advance"})), None);
    }
}
