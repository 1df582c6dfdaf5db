//! Text for a terminal.

use jiff::{SignedDuration, Timestamp};

pub(super) use crate::manifest::text::{cut, on_one_line as plain};

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

/// A number of bytes as `512 bytes`, `10 KiB` or `1.5 GiB`.
#[cfg(feature = "local")]
pub(super) fn size(bytes: usize) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = None;
    let (mut whole, mut rest) = (bytes, 0);
    for larger in UNITS {
        if whole < 1024 {
            break;
        }
        (whole, rest) = (whole / 1024, whole % 1024);
        unit = Some(larger);
    }
    match (unit, rest * 10 / 1024) {
        (None, _) => format!("{bytes} bytes"),
        (Some(unit), 0) => format!("{whole} {unit}"),
        (Some(unit), tenths) => format!("{whole}.{tenths} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "local")]
    fn sizes_are_for_people() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (10_240, "10 KiB"),
            (1_048_576, "1 MiB"),
            (1_600_000_000, "1.4 GiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }

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
