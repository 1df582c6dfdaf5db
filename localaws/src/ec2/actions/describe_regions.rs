//! DescribeRegions.

use std::collections::BTreeSet;

use crate::ec2::model::opt_in::{ALWAYS_ENABLED, OPT_IN};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, invalid_value};
use crate::ec2::wire::filter;
use crate::ec2::wire::tags::Tags;
use crate::ec2::wire::xml::Xml;

const FILTERS: [&str; 3] = ["endpoint", "opt-in-status", "region-name"];

struct Row {
    name: String,
    status: &'static str,
}

/// The Regions that the account has enabled, or with `AllRegions` those that it could enable, too. "You can specify any
/// Regions, whether they are enabled and disabled for your account", by name. Of Regions of other
/// partitions only those are known that a request has named.
pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let names = call.fields.texts("RegionName")?;
    let all = call.fields.flag("AllRegions")?.unwrap_or(false);
    let filters = filter::read(&mut call.fields, &FILTERS)?;
    service.permit(&call.action, call.fields)?;
    let mut store = service.store();
    store.region(&call.region);
    let named = store.regions.keys().map(String::as_str);
    let known = ALWAYS_ENABLED.into_iter().chain(OPT_IN).chain(named);
    let known: BTreeSet<&str> = known
        .filter(|name| all || !names.is_empty() || store.is_enabled(name))
        .collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
        return Err(invalid_value(format!("Invalid region: [{unknown}]")));
    }
    let rows = known
        .into_iter()
        .filter(|name| names.is_empty() || names.iter().any(|wanted| wanted == name))
        .map(|name| Row {
            name: name.to_owned(),
            status: store.opt_in_status(name),
        })
        .filter(|row| filter::pass(&filters, &Tags::new(), |name| vec![row.value_of(name)]));
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("regionInfo", rows, |xml, row| {
            xml.text("regionName", &row.name);
            xml.text("regionEndpoint", row.endpoint());
            xml.text("optInStatus", row.status);
        });
    }))
}

impl Row {
    fn endpoint(&self) -> String {
        format!("ec2.{}.amazonaws.com", self.name)
    }

    fn value_of(&self, name: &str) -> String {
        match name {
            "endpoint" => self.endpoint(),
            "opt-in-status" => self.status.to_owned(),
            _region_name => self.name.clone(),
        }
    }
}
