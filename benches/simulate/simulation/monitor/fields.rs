//! The fields of requests.

use std::collections::BTreeMap;

use localaws::faults::Exchange;
use percent_encoding::percent_decode_str;

/// The fields of a request of the Query protocol.
pub(super) fn fields(exchange: &Exchange) -> Vec<(String, String)> {
    if !["ec2", "sns"].contains(&exchange.call.service.as_str()) {
        return Vec::new();
    }
    let body = String::from_utf8_lossy(exchange.request.body());
    let plain = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    ordered(pairs.map(|(name, value)| (plain(name), plain(value))))
}

/// Sorted, and the entries of a map numbered anew: the SDK sends maps in no order.
fn ordered(fields: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    const ENTRY: &str = ".entry.";
    let mut entries: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    let mut ordered = Vec::new();
    for (name, value) in fields {
        let in_map = name.split_once(ENTRY);
        match in_map.and_then(|(map, rest)| Some((map, rest.split_once('.')?))) {
            Some((map, (number, part))) => {
                let entry = entries.entry((map.to_owned(), number.to_owned()));
                entry.or_default().push((part.to_owned(), value));
            }
            None => ordered.push((name, value)),
        }
    }
    let mut entries: Vec<_> = entries
        .into_iter()
        .map(|((map, _), it)| (map, it))
        .collect();
    entries.iter_mut().for_each(|(_, entry)| entry.sort());
    entries.sort();
    for (at, (map, entry)) in entries.into_iter().enumerate() {
        let parts = entry.into_iter();
        ordered.extend(parts.map(|(part, value)| (format!("{map}{ENTRY}{at}.{part}"), value)));
    }
    ordered.sort();
    ordered
}

pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut fields = fields.iter();
    let found = fields.find(|(field, _)| field == name);
    found.map(|(_, value)| value.as_str())
}

/// The values of the fields whose names begin and end so.
pub(super) fn values<'a>(
    fields: &'a [(String, String)],
    start: &'a str,
    end: &'a str,
) -> impl Iterator<Item = &'a str> {
    let is_meant = move |name: &str| name.starts_with(start) && name.ends_with(end);
    fields
        .iter()
        .filter(move |(name, _)| is_meant(name))
        .map(|(_, value)| value.as_str())
}
