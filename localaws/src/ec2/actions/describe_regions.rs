//! DescribeRegions.

use std::collections::BTreeSet;

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, invalid_value};
use crate::ec2::wire::filter;
use crate::ec2::wire::tags::Tags;
use crate::ec2::wire::xml::Xml;

/// The Regions of the partition `aws` that every account has ("Amazon EC2 service endpoints").
const ALWAYS_ENABLED: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

const FILTERS: [&str; 3] = ["endpoint", "opt-in-status", "region-name"];

struct Row {
    name: String,
    status: &'static str,
}

/// The Regions that the account has enabled: those that every account has, and those that a request has named. Which
/// others there are, this service does not know.
pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let names = call.fields.texts("RegionName")?;
    let all = call.fields.flag("AllRegions")?.unwrap_or(false);
    let filters = filter::read(&mut call.fields, &FILTERS)?;
    service.permit(&call.action, call.fields)?;
    if all {
        return Err(Failure::NotBuilt(
            "DescribeRegions with AllRegions".to_owned(),
        ));
    }
    let mut store = service.store();
    store.region(&call.region);
    let named = store.regions.keys().map(String::as_str);
    let enabled: BTreeSet<&str> = ALWAYS_ENABLED.into_iter().chain(named).collect();
    if let Some(unknown) = names.iter().find(|name| !enabled.contains(name.as_str())) {
        return Err(invalid_value(format!("Invalid region: [{unknown}]")));
    }
    let rows = enabled
        .into_iter()
        .filter(|name| names.is_empty() || names.iter().any(|wanted| wanted == name))
        .map(Row::of)
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
    fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            status: if ALWAYS_ENABLED.contains(&name) {
                "opt-in-not-required"
            } else {
                "opted-in"
            },
        }
    }

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
