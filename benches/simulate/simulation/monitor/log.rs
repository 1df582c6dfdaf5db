//! What happened, line by line: calls, and what the script did.

use std::fmt;

use jiff::Timestamp;
use localaws::faults::Exchange;
use sha2::{Digest, Sha256};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    /// Who did it: a function, `-` for a person, `*` for the script.
    pub(crate) who: String,
    pub(crate) what: String,
    /// All that was sent and answered.
    whole: String,
}

impl Line {
    pub(super) fn said(at: Timestamp, text: String) -> Self {
        Self {
            at,
            who: "*".to_owned(),
            what: text,
            whole: String::new(),
        }
    }

    pub(super) fn called(exchange: &Exchange, is_thorough: bool) -> Self {
        let call = &exchange.call;
        let answered = match &exchange.answer {
            None => "the caller died".to_owned(),
            Some(answer) if answer.status().is_success() => String::new(),
            Some(answer) => format!("{} {}", answer.status().as_u16(), code(answer.body())),
        };
        let about = match (&call.bucket, &call.key) {
            (_, Some(key)) => key.clone(),
            (Some(bucket), None) => bucket.clone(),
            (None, None) => call.region.clone() + &named(exchange),
        };
        Self {
            at: call.at,
            who: call.function.clone().unwrap_or_else(|| "-".to_owned()),
            what: format!("{} {} {about} {answered}", call.number, call.action),
            whole: match is_thorough {
                true => whole(exchange),
                false => String::new(),
            },
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, who) = (self.at.strftime("%d %H:%M:%S%.3f"), &self.who);
        write!(f, "{at}  {who:<14} {}", self.what.trim_end())?;
        if !self.whole.is_empty() {
            write!(f, "\n{}", self.whole)?;
        }
        Ok(())
    }
}

/// What a call of EC2 is about, in the words of the request.
fn named(exchange: &Exchange) -> String {
    let shown = ["Id", "Add.", "Remove.", "ResourceId", "Name", "Value"];
    let fields = super::fields(exchange);
    let of_filter = |name: &str| name.starts_with("Filter") || name.starts_with("Tag");
    let fields = fields.iter().filter(|(name, _)| {
        shown.iter().any(|word| name.contains(word))
            && (exchange.call.is_read() || !of_filter(name))
    });
    let words: Vec<String> = fields
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut words = words.join(" ");
    if exchange.call.service == "ssm" {
        words = String::from_utf8_lossy(exchange.request.body()).into_owned();
    }
    let end = words
        .char_indices()
        .nth(160)
        .map_or(words.len(), |(at, _)| at);
    format!(" {}", &words[..end])
}

/// The code of an error, as any service writes it.
pub(super) fn code(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    for (start, end) in [("<Code>", '<'), ("\"__type\":\"", '"')] {
        if let Some((_, rest)) = body.split_once(start) {
            return rest.split(end).next().unwrap_or_default().to_owned();
        }
    }
    String::new()
}

/// What went over the wire. The SDK sends maps in no order, so fields are sorted.
fn whole(exchange: &Exchange) -> String {
    let (request, call) = (&exchange.request, &exchange.call);
    let sent = match call.service.as_str() {
        "ec2" | "sns" => format!("{:?}", super::fields(exchange)),
        _ => body(request.body()),
    };
    let mut headers: Vec<String> = request
        .headers()
        .iter()
        // A signature is over the body, of which the order is no matter.
        .filter(|(name, _)| !["authorization", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    let answer = exchange.answer.as_ref();
    let answered = answer.map_or_else(String::new, |answer| {
        format!("{} {}", answer.status(), body(answer.body()))
    });
    let (method, uri) = (request.method(), request.uri());
    format!("{method} {uri}\n{}\n{sent}\n{answered}", headers.join("\n"))
}

/// A body as text; a large one by its digest.
fn body(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() < 100_000 => text.to_owned(),
        _ => format!("{:?}", Sha256::digest(bytes)),
    }
}
