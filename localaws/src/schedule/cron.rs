//! `cron(minutes hours day-of-month month day-of-week year)`.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The year field's values.
const YEARS: RangeInclusive<i16> = 1970..=2199;

/// The six fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    months: Vec<i8>,
    years: Vec<i16>,
    days: Vec<Day>,
}

/// A day as one of the two day fields gives it.
#[derive(Debug, Clone, PartialEq)]
enum Day {
    OfMonth(Vec<i8>),
    LastOfMonth,
    /// `15W`: the weekday nearest to that day, in the same month.
    WeekdayNear(i8),
    /// `LW`: the last weekday of the month.
    LastWeekday,
    OfWeek(Vec<i8>),
    /// `6L`: the last Friday.
    LastOfWeek(i8),
    /// `3#2`: the second Tuesday.
    Nth(i8, i8),
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields.as_slice() else {
            let found = fields.len();
            return Err(format!(
                "cron takes six fields (minutes hours day-of-month month day-of-week year), not {found}"
            ));
        };
        let days = match (*of_month, *of_week) {
            ("?", "?") => {
                return Err("only one of day-of-month and day-of-week may be `?`".to_owned());
            }
            ("?", of_week) => days_of_week(of_week)?,
            (of_month, "?") => days_of_month(of_month)?,
            _ => return Err("one of day-of-month and day-of-week must be `?`".to_owned()),
        };
        Ok(Self {
            minutes: narrow(values("minutes", minutes, 0..=59, &[])?),
            hours: narrow(values("hours", hours, 0..=23, &[])?),
            months: narrow(values("month", months, 1..=12, &MONTHS)?),
            years: values("year", years, YEARS, &[])?,
            days,
        })
    }

    /// The first time after `after`.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let first = TimeZone::UTC.to_datetime(after).date();
        let mut date = first;
        loop {
            if date.year() > *YEARS.end() {
                return None;
            }
            if self.years.contains(&date.year()) && self.months.contains(&date.month()) {
                if self.days.iter().any(|day| day.is(date))
                    && let Some(time) = self.times(date).find(|time| *time > after)
                {
                    return Some(time);
                }
                date = date.tomorrow().ok()?;
            } else {
                date = date.last_of_month().tomorrow().ok()?;
            }
        }
    }

    fn times(&self, date: Date) -> impl Iterator<Item = Timestamp> {
        let moments = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        moments.filter_map(move |(hour, minute)| {
            TimeZone::UTC.to_timestamp(date.at(hour, minute, 0, 0)).ok()
        })
    }
}

impl Day {
    fn is(&self, date: Date) -> bool {
        let last = date.days_in_month();
        match self {
            Self::OfMonth(days) => days.contains(&date.day()),
            Self::LastOfMonth => date.day() == last,
            Self::WeekdayNear(day) => near(date, *day) == Some(date),
            Self::LastWeekday => near(date, last) == Some(date),
            Self::OfWeek(days) => days.contains(&number(date)),
            Self::LastOfWeek(day) => number(date) == *day && date.day() > last - 7,
            Self::Nth(day, nth) => number(date) == *day && (date.day() - 1) / 7 + 1 == *nth,
        }
    }
}

/// Sunday is 1.
fn number(date: Date) -> i8 {
    date.weekday().to_sunday_one_offset()
}

/// The weekday nearest to a day of the date's month, without leaving the month.
fn near(date: Date, day: i8) -> Option<Date> {
    let last = date.days_in_month();
    let wanted = Date::new(date.year(), date.month(), day).ok()?;
    let day = match wanted.weekday() {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == last => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    };
    Date::new(date.year(), date.month(), day).ok()
}

fn days_of_month(field: &str) -> Result<Vec<Day>, String> {
    if !field.contains(['L', 'W']) {
        return Ok(vec![Day::OfMonth(narrow(values(
            "day-of-month",
            field,
            1..=31,
            &[],
        )?))]);
    }
    let part = |part: &str| match part {
        "L" => Ok(Day::LastOfMonth),
        "LW" => Ok(Day::LastWeekday),
        part => match part.strip_suffix('W') {
            Some(day) => Ok(Day::WeekdayNear(narrow_one(value(
                "day-of-month",
                day,
                &(1..=31),
                &[],
            )?))),
            None => Ok(Day::OfMonth(narrow(values(
                "day-of-month",
                part,
                1..=31,
                &[],
            )?))),
        },
    };
    field.split(',').map(part).collect()
}

fn days_of_week(field: &str) -> Result<Vec<Day>, String> {
    const NAME: &str = "day-of-week";
    if let Some((day, nth)) = field.split_once('#') {
        if field.contains(',') {
            return Err("day-of-week with `#` takes one expression only".to_owned());
        }
        let day = narrow_one(value(NAME, day, &(1..=7), &WEEKDAYS)?);
        return Ok(vec![Day::Nth(
            day,
            narrow_one(value("the week after #", nth, &(1..=5), &[])?),
        )]);
    }
    let part = |part: &str| match part.strip_suffix('L') {
        // The last day of the week.
        Some("") => Ok(Day::OfWeek(vec![7])),
        Some(day) => Ok(Day::LastOfWeek(narrow_one(value(
            NAME,
            day,
            &(1..=7),
            &WEEKDAYS,
        )?))),
        None => Ok(Day::OfWeek(narrow(values(NAME, part, 1..=7, &WEEKDAYS)?))),
    };
    field.split(',').map(part).collect()
}

/// A field of values, ranges (`-`), steps (`/`) and lists of them (`,`).
fn values(
    name: &str,
    field: &str,
    range: RangeInclusive<i16>,
    names: &[&str],
) -> Result<Vec<i16>, String> {
    let mut all = Vec::new();
    for part in field.split(',') {
        let (base, step) = match part.split_once('/') {
            Some((base, step)) => {
                let step = step.parse().ok().filter(|step| *step > 0_usize);
                (
                    base,
                    Some(step.ok_or_else(|| {
                        format!("{name}: the step in `{part}` must be a number from 1")
                    })?),
                )
            }
            None => (part, None),
        };
        let (first, last) = match base.split_once('-') {
            _ if base == "*" => (*range.start(), *range.end()),
            Some((first, last)) => (
                value(name, first, &range, names)?,
                value(name, last, &range, names)?,
            ),
            None => {
                let first = value(name, base, &range, names)?;
                (first, if step.is_some() { *range.end() } else { first })
            }
        };
        if first > last {
            return Err(format!("{name}: the range `{base}` must go upwards"));
        }
        all.extend((first..=last).step_by(step.unwrap_or(1)));
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn value(
    name: &str,
    text: &str,
    range: &RangeInclusive<i16>,
    names: &[&str],
) -> Result<i16, String> {
    let by_name = names
        .iter()
        .position(|known| known.eq_ignore_ascii_case(text));
    let number = match by_name {
        // The names' first has the range's first number.
        Some(index) => i16::try_from(index).ok().map(|index| index + range.start()),
        None => text
            .parse()
            .ok()
            .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())),
    };
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let names = if names.is_empty() {
                String::new()
            } else {
                format!(" or {}", names.join(", "))
            };
            format!(
                "{name}: `{text}` is not from {} to {}{names}",
                range.start(),
                range.end()
            )
        })
}

/// Values of the fields other than the year are far below 127.
fn narrow(values: Vec<i16>) -> Vec<i8> {
    values.into_iter().map(narrow_one).collect()
}

fn narrow_one(value: i16) -> i8 {
    i8::try_from(value).unwrap_or(i8::MAX)
}
