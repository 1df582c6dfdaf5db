//! One entry of a function's log, as it is shown.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::aws::LogEvent;
use crate::cli::terminal::{Color, Terminal};
use crate::cli::text::plain;
use crate::keys;

/// Lambda's own words before and after an invocation in the text format, and at the start of a process.
const ROUTINE: [&str; 4] = [
    "START RequestId:",
    "END RequestId:",
    "REPORT RequestId:",
    "INIT_START ",
];

/// What says of an entry that it goes well: statuses of `platform.report` and others ("Lambda Telemetry API Event schema
/// reference").
const SUCCESS: &str = "success";

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it was written.
    pub at: Timestamp,
    /// The function: `register-image`.
    pub function: String,
    /// `INFO`, `WARN`, `ERROR`; empty where nothing says.
    pub level: String,
    /// What happened.
    pub message: String,
    /// What more it says.
    pub fields: Map<String, Value>,
    /// Whether it is one of Lambda's own that says only that all is well.
    pub is_routine: bool,
}

impl Entry {
    /// Reads what a function, or Lambda for it, wrote.
    pub(super) fn read(function: &str, event: &LogEvent) -> Self {
        let entry = Self {
            at: event.at,
            function: function.to_owned(),
            level: String::new(),
            message: event.text.trim_end().to_owned(),
            fields: Map::new(),
            is_routine: false,
        };
        match serde_json::from_str(&event.text) {
            Ok(Value::Object(line)) if line.contains_key("fields") => entry.of_function(line),
            Ok(Value::Object(line)) if line.contains_key("record") => entry.of_lambda(line),
            // What was measured: CloudWatch makes metrics of it.
            Ok(Value::Object(mut line)) if line.contains_key("_aws") => {
                line.shift_remove("_aws");
                Self {
                    message: "metrics".to_owned(),
                    fields: line,
                    is_routine: true,
                    ..entry
                }
            }
            _ => Self {
                is_routine: ROUTINE.iter().any(|start| event.text.starts_with(start)),
                ..entry
            },
        }
    }

    /// A line of tracing's JSON: `timestamp`, `level`, `fields` with the message, `target`.
    fn of_function(mut self, mut line: Map<String, Value>) -> Self {
        let Some(Value::Object(mut fields)) = line.remove("fields") else {
            return self;
        };
        if let Some(Value::String(message)) = fields.shift_remove("message") {
            self.message = message;
        }
        if let Some(Value::String(level)) = line.remove("level") {
            self.level = level;
        }
        self.fields = fields;
        self
    }

    /// A line of Lambda's own in JSON: `time`, `type`, `record`.
    fn of_lambda(mut self, mut line: Map<String, Value>) -> Self {
        let Some(Value::Object(record)) = line.remove("record") else {
            return self;
        };
        let status = record.get("status").and_then(Value::as_str);
        self.is_routine = status.is_none_or(|status| status == SUCCESS);
        self.level = if self.is_routine { "INFO" } else { "ERROR" }.to_owned();
        self.message = match line.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => self.message,
        };
        self.fields = record;
        self
    }

    /// Whether it is about this manifest.
    pub(super) fn is_about(&self, key: &str) -> bool {
        let is = |(field, value): &(&str, String)| {
            self.fields.get(*field).and_then(Value::as_str) == Some(value)
        };
        terms(key).iter().any(is)
    }

    /// As one line for a person.
    pub(super) fn line(&self, terminal: Terminal) -> String {
        let level = match self.level.as_str() {
            "" => "-",
            level => level,
        };
        let color = match level {
            "ERROR" => Some(Color::Red),
            "WARN" => Some(Color::Bold),
            _ => None,
        };
        let level = format!("{:5}", plain(level));
        let level = color.map_or(level.clone(), |color| terminal.paint(color, &level));
        let at = self.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let mut line = format!(
            "{}  {:14}  {level}  {}",
            terminal.paint(Color::Dim, &at),
            plain(&self.function),
            plain(&self.message)
        );
        for (name, value) in &self.fields {
            let value = match value {
                Value::String(text) => plain(text),
                value => plain(&value.to_string()),
            };
            line += &format!("  {}={value}", terminal.paint(Color::Dim, &plain(name)));
        }
        line
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "at": self.at,
            "function": self.function,
            "level": self.level,
            "message": self.message,
            "fields": self.fields,
        })
    }
}

/// The fields that name a manifest, or the request to cancel or to retry its image, each with what it says then.
fn terms(key: &str) -> [(&'static str, String); 5] {
    let request = keys::request_key(key);
    [
        ("manifest", key.to_owned()),
        ("about", key.to_owned()),
        ("key", key.to_owned()),
        ("about", request.clone()),
        ("request", request),
    ]
}

/// The filter pattern of CloudWatch for what is about a manifest ("Filter pattern syntax", CloudWatch Logs User Guide);
/// none where it could be misread: how a quotation mark is written in it is not documented, `*` stands for any text, and a
/// pattern has at most 1,024 characters. Entries are compared once more here.
pub(super) fn pattern(key: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./+=@:,".contains(c);
    if !key.chars().all(is_plain) {
        return None;
    }
    let terms = terms(key).map(|(field, value)| format!("($.fields.{field} = \"{value}\")"));
    let pattern = format!("{{ {} }}", terms.join(" || "));
    (pattern.len() <= 1024).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        let at = "2026-11-21T10:00:00.250Z".parse().unwrap();
        let id = "1".to_owned();
        let text = text.to_owned();
        Entry::read("register-image", &LogEvent { id, at, text })
    }

    #[test]
    fn lines_of_functions_and_of_lambda_are_shown_each_on_one_line() {
        let lines = [
            r#"{"timestamp":"2026-11-21T10:00:00Z","level":"INFO","fields":{"message":"reconciled a manifest","manifest":"web.image.yaml","advanced":true},"target":"amiwright"}"#,
            r#"{"timestamp":"2026-11-21T10:00:00Z","level":"ERROR","fields":{"message":"failed","about":"a\u001b[31m","error":"first\nsecond"}}"#,
            r#"{"time":"2026-11-21T10:00:00Z","type":"platform.report","record":{"requestId":"1","status":"timeout"}}"#,
            "thread 'main' panicked\n",
            r#"{"_aws":{"CloudWatchMetrics":[]},"Stack":"amiwright","ImagesOpen":1}"#,
            r#"{"fields":1,"level":"INFO"}"#,
        ];
        let shown = lines.map(|line| entry(line).line(Terminal::PLAIN) + "\n");
        insta::assert_snapshot!(shown.concat(), @r#"
        2026-11-21T10:00:00.250Z  register-image  INFO   reconciled a manifest  manifest=web.image.yaml  advanced=true
        2026-11-21T10:00:00.250Z  register-image  ERROR  failed  about=a�[31m  error=first second
        2026-11-21T10:00:00.250Z  register-image  ERROR  platform.report  requestId=1  status=timeout
        2026-11-21T10:00:00.250Z  register-image  -      thread 'main' panicked
        2026-11-21T10:00:00.250Z  register-image  -      metrics  Stack=amiwright  ImagesOpen=1
        2026-11-21T10:00:00.250Z  register-image  -      {"fields":1,"level":"INFO"}
        "#);
    }

    #[test]
    fn only_what_says_that_all_is_well_is_routine() {
        for (line, routine) in [
            ("START RequestId: 1 Version: $LATEST", true),
            (
                r#"{"type":"platform.start","record":{"requestId":"1"}}"#,
                true,
            ),
            (
                r#"{"type":"platform.report","record":{"status":"success"}}"#,
                true,
            ),
            (
                r#"{"type":"platform.report","record":{"status":"error"}}"#,
                false,
            ),
            ("RequestId: 1 Error: Runtime exited", false),
            (r#"{"level":"INFO","fields":{"message":"tick"}}"#, false),
            (r#"{"_aws":{"CloudWatchMetrics":[]},"ImagesOpen":1}"#, true),
        ] {
            assert_eq!(entry(line).is_routine, routine, "{line}");
        }
    }

    #[test]
    fn an_entry_is_about_a_manifest_by_its_key_or_its_request() {
        let with = |field: &str, value: &str| {
            let fields = json!({"message": "m", field: value});
            entry(&json!({"level": "INFO", "fields": fields}).to_string())
        };
        for (field, value, is_about) in [
            ("manifest", "web.image.yaml", true),
            ("about", "web.image.yaml", true),
            ("request", "open-requests/web.image.yaml.json", true),
            ("about", "open-requests/web.image.yaml.json", true),
            ("manifest", "old-web.image.yaml", false),
            ("error", "web.image.yaml", false),
        ] {
            let found = with(field, value).is_about("web.image.yaml");
            assert_eq!(found, is_about, "{field} {value}");
        }
    }

    #[test]
    fn a_key_that_a_pattern_could_misread_has_none() {
        insta::assert_snapshot!(pattern("a/web.image.yaml").unwrap(), @r#"{ ($.fields.manifest = "a/web.image.yaml") || ($.fields.about = "a/web.image.yaml") || ($.fields.key = "a/web.image.yaml") || ($.fields.about = "open-requests/a/web.image.yaml.json") || ($.fields.request = "open-requests/a/web.image.yaml.json") }"#);
        for key in ["we\"b.image.yaml", "w*b.image.yaml", "wéb.image.yaml"] {
            assert_eq!(pattern(key), None, "{key}");
        }
        assert_eq!(pattern(&"x".repeat(200)), None);
    }
}
