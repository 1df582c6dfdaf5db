//! Text for a terminal.

use jiff::{SignedDuration, Timestamp};

pub(super) use crate::manifest::text::{cut, on_one_line as plain, size};

/// How long ago something was, as `18 min ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(now.duration_since(at)))
}

/// A duration in one unit, as `18 min`. Clocks differ: a negative one is zero.
pub(super) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let cases = [
            ("2026-11-21T09:59:30Z", "30 s ago"),
            ("2026-11-21T09:42:00Z", "18 min ago"),
            ("2026-11-20T09:00:00Z", "25 h ago"),
            ("2026-11-11T10:00:00Z", "10 d ago"),
            ("2026-11-21T10:00:05Z", "0 s ago"),
        ];
        for (at, expected) in cases {
            assert_eq!(ago(at.parse().unwrap(), now), expected);
        }
    }
}
