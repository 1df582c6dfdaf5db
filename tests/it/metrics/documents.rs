//! The operating guide names each metric and each alarm as they are.

use std::collections::BTreeSet;

use amiwright::metrics::Metric;

use super::template::alarms;
use crate::support::TestStack;

/// The rows of the table of a section, cell by cell.
fn rows(section: &str) -> Vec<Vec<&'static str>> {
    let guide = include_str!("../../../docs/operating.md");
    let (_, text) = guide.split_once(&format!("# {section}\n")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What is in backquotes.
fn words(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_guide_has_each_metric_with_its_unit_and_dimensions() {
    let mut named = BTreeSet::new();
    for row in rows("Metrics") {
        let [names, unit, _, dimensions] = row[..] else {
            panic!("{row:?}");
        };
        for name in words(names) {
            let mut all = Metric::ALL.into_iter();
            let metric = all.find(|it| it.to_string() == name);
            let metric = metric.unwrap_or_else(|| panic!("there is no {name}"));
            assert_eq!(unit, metric.unit().to_string(), "{name}");
            assert_eq!(words(dimensions), metric.dimensions().names(), "{name}");
            named.insert(metric);
        }
    }
    assert_eq!(named, BTreeSet::from(Metric::ALL));
}

#[tokio::test]
async fn the_guide_has_each_alarm_with_what_to_do() {
    let stack = TestStack::new().await;
    let alarms = alarms(stack.world.stack()).into_iter();
    let alarms: BTreeSet<&str> = alarms.map(|it| &*it.logical_id).collect();
    let rows = rows("Alarms");
    let named = rows.iter().flat_map(|row| words(row[0]));
    assert_eq!(named.collect::<BTreeSet<_>>(), alarms);
    assert!(rows.iter().all(|row| row.len() == 3), "{rows:?}");
}
