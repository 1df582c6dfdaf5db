//! The schedule expressions of EventBridge's rules: `rate(…)` and `cron(…)`, in UTC ("Setting a schedule pattern for
//! scheduled rules", EventBridge User Guide).
//!
//! Own code and not a cron crate: this dialect counts weekdays from Sunday = 1 and wants `?` in one of the two day
//! fields.

mod cron;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

/// Why EventBridge would not take an expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("schedule expression `{expression}`: {problem}")]
pub struct ExpressionError {
    /// The expression as it was given.
    pub expression: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// When a schedule runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// Every so often.
    Rate(SignedDuration),
    Cron(Box<cron::Cron>),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let fail = |problem: String| ExpressionError {
            expression: text.to_owned(),
            problem,
        };
        let inner = |name: &str| {
            text.strip_prefix(name)?
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        let kind = if let Some(rate) = inner("rate") {
            Kind::Rate(self::rate(rate).map_err(fail)?)
        } else if let Some(fields) = inner("cron") {
            Kind::Cron(Box::new(cron::Cron::parse(fields).map_err(fail)?))
        } else {
            return Err(fail(
                "a rule runs at rate(value unit) or cron(fields)".to_owned(),
            ));
        };
        Ok(Self(kind))
    }

    /// The first time after `after` that the schedule runs; `start` is when it was created, and for `rate(…)` its
    /// first time. None if it does not run any more.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, start: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Rate(period) => {
                if after < start {
                    return Some(start);
                }
                let period = period.as_nanos();
                let periods = after
                    .duration_since(start)
                    .as_nanos()
                    .checked_div(period)?
                    .checked_add(1)?;
                let nanoseconds = start
                    .as_nanosecond()
                    .checked_add(periods.checked_mul(period)?)?;
                Timestamp::from_nanosecond(nanoseconds).ok()
            }
            Kind::Cron(cron) => cron.next_after(after.max(start)),
        }
    }
}

/// `value unit`: the unit is singular for 1 and plural for more.
fn rate(text: &str) -> Result<SignedDuration, String> {
    let wrong = || {
        format!(
            "rate takes a value and a unit, such as rate(1 minute) or rate(15 minutes), not `{text}`"
        )
    };
    let (value, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let value: i64 = value
        .parse()
        .ok()
        .filter(|value| *value > 0)
        .ok_or_else(|| format!("the value of a rate is a whole number from 1, not `{value}`"))?;
    let (singular, seconds) = match unit {
        "minute" | "minutes" => ("minute", 60),
        "hour" | "hours" => ("hour", 60 * 60),
        "day" | "days" => ("day", 24 * 60 * 60),
        _ => {
            return Err(format!(
                "the unit of a rate is minute(s), hour(s) or day(s), not `{unit}`"
            ));
        }
    };
    if (value == 1) != (unit == singular) {
        let right = if value == 1 {
            singular.to_owned()
        } else {
            format!("{singular}s")
        };
        return Err(format!("for {value} the unit is `{right}`, not `{unit}`"));
    }
    value
        .checked_mul(seconds)
        .map(SignedDuration::from_secs)
        .ok_or_else(|| format!("{value} {unit} is too long"))
}
