//! CloudWatch Logs: what functions wrote.

use jiff::Timestamp;

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// Something that was written to a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// CloudWatch's id of it, which stays the same.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What was written.
    pub text: String,
}

/// A page of a log: it may be empty and not be the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// What was found, by time.
    pub events: Vec<LogEvent>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// What to look for in a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFilter<'a> {
    /// Name of the log group.
    pub group: &'a str,
    /// From when on.
    pub from: Timestamp,
    /// A filter pattern of CloudWatch; none for everything.
    pub pattern: Option<&'a str>,
}

impl Aws {
    /// A page of a log group; `next` is where the page before ended.
    ///
    /// # Errors
    /// If CloudWatch does not answer, or refuses: also if there is no such log group.
    pub async fn log_page(
        &self,
        filter: LogFilter<'_>,
        next: Option<String>,
    ) -> Result<LogPage, AwsError> {
        let logs = aws_sdk_cloudwatchlogs::Client::new(self.sdk_config());
        let mut request = logs
            .filter_log_events()
            .log_group_name(filter.group)
            .start_time(filter.from.as_millisecond());
        if let Some(pattern) = filter.pattern {
            request = request.filter_pattern(pattern);
        }
        if let Some(next) = next {
            request = request.next_token(next);
        }
        let doing = format!("reading the log group {}", filter.group);
        let answer = classify("FilterLogEvents", doing, Box::pin(request.send()).await)?;
        let events = answer.events.unwrap_or_default().into_iter();
        let events = events.map(|event| {
            let at = event.timestamp.map(Timestamp::from_millisecond);
            LogEvent {
                id: event.event_id.unwrap_or_default(),
                at: at.and_then(Result::ok).unwrap_or(filter.from),
                text: event.message.unwrap_or_default(),
            }
        });
        Ok(LogPage {
            events: events.collect(),
            next: answer.next_token,
        })
    }
}
