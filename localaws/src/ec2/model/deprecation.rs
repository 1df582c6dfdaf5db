//! When images are deprecated ("Deprecate an Amazon EC2 AMI", EC2 User Guide; EnableImageDeprecation, EC2 API Reference).

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, TimestampRound, Unit};

use crate::ec2::model::image::Image;
use crate::ec2::wire::error::{Failure, invalid_value};

/// Years from now for an image that is not public.
const LONGEST: i64 = 10;
/// Years from its creation for one that is.
const LONGEST_PUBLIC: i64 = 2;

impl Image {
    /// Sets the date that a request asks for, rounded to the minute.
    ///
    /// The codes and words of the refusals are not documented. "Later only after making the AMI private" (EC2 User
    /// Guide) is taken at its word: a public image's date can only be moved forward in time, towards now.
    pub(crate) fn deprecate(&mut self, at: Timestamp, now: Timestamp) -> Result<(), Failure> {
        let at = to_minute(at);
        if at < now {
            return Err(invalid_value(format!(
                "The deprecation time {at} is in the past"
            )));
        }
        if at > in_years(now, LONGEST) {
            return Err(invalid_value(format!(
                "The deprecation time {at} is more than {LONGEST} years from now"
            )));
        }
        let latest = self.latest_public();
        if self.is_public() && at > latest {
            return Err(invalid_value(format!(
                "The deprecation time {at} of a public image must not be later than {latest}"
            )));
        }
        self.deprecation_time = Some(at);
        Ok(())
    }

    /// Takes the date away; a public image keeps it (seen by coreos-assembler).
    pub(crate) fn undeprecate(&mut self) {
        if !self.is_public() {
            self.deprecation_time = None;
        }
    }

    /// What becoming public does: EC2 sets a date itself. Whether it leaves an earlier one alone is not documented; here
    /// it does, and a later one goes.
    pub(crate) fn limit_deprecation(&mut self) {
        let latest = to_minute(in_years(self.created_at, LONGEST_PUBLIC));
        let own = self.deprecation_time;
        self.deprecation_time = Some(own.map_or(latest, |own| own.min(latest)));
    }

    /// Whether it is deprecated by now.
    pub(crate) fn is_deprecated(&self, now: Timestamp) -> bool {
        self.deprecation_time.is_some_and(|at| at <= now)
    }

    /// The last date that a public image can be given.
    fn latest_public(&self) -> Timestamp {
        let latest = to_minute(in_years(self.created_at, LONGEST_PUBLIC));
        self.deprecation_time.map_or(latest, |own| own.min(latest))
    }
}

/// "If you specify a value for seconds, Amazon EC2 rounds the seconds to the nearest minute."
fn to_minute(at: Timestamp) -> Timestamp {
    let round = TimestampRound::new().smallest(Unit::Minute);
    at.round(round).unwrap_or(at)
}

fn in_years(from: Timestamp, years: i64) -> Timestamp {
    let from = from.to_zoned(TimeZone::UTC);
    let then = from.checked_add(Span::new().years(years));
    then.map_or(Timestamp::MAX, |then| then.timestamp())
}
