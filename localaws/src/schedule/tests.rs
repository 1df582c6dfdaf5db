use jiff::Timestamp;

use super::Expression;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next times of an expression after a time, as the world asks for them.
fn times(expression: &str, after: &str, count: usize) -> Vec<String> {
    let expression = Expression::parse(expression).unwrap();
    let start = time(after);
    let next = |last: &Timestamp| expression.next_after(*last, start);
    std::iter::successors(next(&start), next)
        .take(count)
        .map(|time| time.to_string())
        .collect()
}

#[test]
fn a_rate_counts_from_the_start() {
    let rate = Expression::parse("rate(15 minutes)").unwrap();
    let start = time("2026-11-21T10:00:30Z");
    for (after, next) in [
        ("2026-11-21T09:00:00Z", "2026-11-21T10:00:30Z"),
        ("2026-11-21T10:00:30Z", "2026-11-21T10:15:30Z"),
        ("2026-11-21T10:15:29Z", "2026-11-21T10:15:30Z"),
        ("2026-11-21T10:15:30Z", "2026-11-21T10:30:30Z"),
        ("2026-11-22T00:00:00Z", "2026-11-22T00:00:30Z"),
    ] {
        assert_eq!(
            rate.next_after(time(after), start),
            Some(time(next)),
            "after {after}"
        );
    }
    assert_eq!(
        times("rate(1 minute)", "2026-11-21T10:00:00Z", 2),
        ["2026-11-21T10:01:00Z", "2026-11-21T10:02:00Z"]
    );
    assert_eq!(
        times("rate(1 day)", "2026-10-24T10:00:00Z", 2),
        ["2026-10-25T10:00:00Z", "2026-10-26T10:00:00Z"]
    );
}

/// Fields, then the first three times (fewer: it does not run again) after 2026-11-21T00:00:00Z, a Saturday.
const CRONS: &str = "
0 10 * * ? *            | 2026-11-21T10:00 2026-11-22T10:00 2026-11-23T10:00
15 12 * * ? *           | 2026-11-21T12:15 2026-11-22T12:15 2026-11-23T12:15
0 18 ? * MON-FRI *      | 2026-11-23T18:00 2026-11-24T18:00 2026-11-25T18:00
0 8 1 * ? *             | 2026-12-01T08:00 2027-01-01T08:00 2027-02-01T08:00
0/10 * ? * MON-FRI *    | 2026-11-23T00:00 2026-11-23T00:10 2026-11-23T00:20
0/5 8-17 ? * MON-FRI *  | 2026-11-23T08:00 2026-11-23T08:05 2026-11-23T08:10
0 9 ? * 2#1 *           | 2026-12-07T09:00 2027-01-04T09:00 2027-02-01T09:00
0 9 ? * 6L *            | 2026-11-27T09:00 2026-12-25T09:00 2027-01-29T09:00
0 9 ? * L *             | 2026-11-21T09:00 2026-11-28T09:00 2026-12-05T09:00
0 9 L * ? *             | 2026-11-30T09:00 2026-12-31T09:00 2027-01-31T09:00
0 9 LW * ? *            | 2026-11-30T09:00 2026-12-31T09:00 2027-01-29T09:00
0 9 1W MAY,AUG ? 2027   | 2027-05-03T09:00 2027-08-02T09:00
0 9 1,15W * ? *         | 2026-12-01T09:00 2026-12-15T09:00 2027-01-01T09:00
0 0 29 2 ? *            | 2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00
30 1-5/2 * * ? 2026     | 2026-11-21T01:30 2026-11-21T03:30 2026-11-21T05:30
0 0 30 2 ? *            |
0 0 1 1 ? 2020          |
";

#[test]
fn a_cron_runs_when_the_guide_says() {
    for line in CRONS.trim().lines() {
        let (fields, expected) = line.split_once('|').unwrap();
        let expected: Vec<_> = expected
            .split_whitespace()
            .map(|time| format!("{time}:00Z"))
            .collect();
        let expression = format!("cron({})", fields.trim());
        assert_eq!(
            times(&expression, "2026-11-21T00:00:00Z", 3),
            expected,
            "{fields}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (expression, message) in [
        (
            "1 minute",
            "a rule runs at rate(value unit) or cron(fields)",
        ),
        ("rate(1 minute", "rate(value unit)"),
        ("rate(minute)", "a value and a unit"),
        ("rate(0 minutes)", "from 1, not `0`"),
        ("rate(1.5 hours)", "from 1, not `1.5`"),
        ("rate(1 minutes)", "the unit is `minute`"),
        ("rate(5 minute)", "the unit is `minutes`"),
        ("rate(5 weeks)", "not `weeks`"),
        ("rate(99999999999999999 days)", "too long"),
        (
            "at(2026-11-21T10:00:00)",
            "a rule runs at rate(value unit) or cron(fields)",
        ),
        ("cron(0 10 * * ?)", "six fields"),
        ("cron(0 10 * * * *)", "must be `?`"),
        ("cron(0 10 ? * ? *)", "only one"),
        ("cron(60 10 * * ? *)", "minutes: `60` is not from 0 to 59"),
        (
            "cron(0 10 * 0 ? *)",
            "month: `0` is not from 1 to 12 or JAN,",
        ),
        ("cron(0 10 ? * 8 *)", "day-of-week: `8`"),
        ("cron(0 10 ? * FRI-MON *)", "must go upwards"),
        ("cron(0 10 ? * 3#1,6#3 *)", "one expression only"),
        ("cron(0 10 ? * 3#6 *)", "`6` is not from 1 to 5"),
        ("cron(*/0 10 * * ? *)", "the step in `*/0`"),
        ("cron(+5 10 * * ? *)", "`+5` is not"),
        ("cron(0 10 * * ? 2200)", "year: `2200`"),
    ] {
        let error = Expression::parse(expression).unwrap_err().to_string();
        assert!(error.contains(message), "{expression}: {error}");
    }
}
