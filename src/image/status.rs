//! The status: all that is known about one image, kept as JSON in the state bucket.

mod bounded;
mod build;
mod checks;
mod copying;
mod document;
mod drift;
mod failure;
mod forgotten;
mod migrate;
mod next;
mod places;
mod previous;
mod protection;
mod publishing;
mod queries;
mod records;
mod release;
mod retiring;

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::limits::USUAL_STATUS_BYTES;

pub use bounded::PROBLEMS_KEPT;
pub use build::{Build, Owners};
pub use copying::CopyRequest;
pub use document::{Facts, Notice, SCHEMA, Status};
pub use drift::{Deviation, Difference, Drift};
pub use failure::Failure;
pub use forgotten::Forgotten;
pub use previous::PreviousVersion;
pub use protection::Protection;
pub use publishing::*;
pub use records::*;
pub use release::*;
pub use retiring::*;

/// Why bytes are not a status that can be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// A newer amiwright wrote it.
    Newer(u64),
    /// It is not a status.
    Invalid(String),
}

/// Reads a status. One of an older schema comes out as if this version had written it.
///
/// # Errors
/// If it is not a status, or of a newer schema.
pub fn parse(content: &[u8]) -> Result<Status, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: u64,
    }
    let invalid = |error: serde_json::Error| Unreadable::Invalid(error.to_string());
    let Versioned { schema } = serde_json::from_slice(content).map_err(invalid)?;
    if schema > u64::from(SCHEMA) {
        return Err(Unreadable::Newer(schema));
    }
    // A smaller one cannot hold as much.
    if content.len() > USUAL_STATUS_BYTES {
        places::check(content).map_err(Unreadable::Invalid)?;
    }
    let mut status: Status = if schema >= 2 {
        serde_json::from_slice(content).map_err(invalid)?
    } else {
        let first: Map<String, Value> = serde_json::from_slice(content).map_err(invalid)?;
        serde_json::from_value(migrate::first(first)).map_err(invalid)?
    };
    status.raise_schema();
    check(&status).map_err(Unreadable::Invalid)?;
    for facts in status.notices.iter().filter_map(|it| it.facts.as_ref()) {
        let (about, manifest) = (&facts.status().manifest, &status.manifest);
        if (&about.bucket, &about.key) != (&manifest.bucket, &manifest.key) {
            let problem = "a notice is about another manifest".to_owned();
            return Err(Unreadable::Invalid(problem));
        }
        check(facts.status()).map_err(Unreadable::Invalid)?;
    }
    Ok(status)
}

/// The JSON Schema of statuses, as they are written.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Status>()
        .to_value()
}

/// What is wrong with a status beyond its shape: with that it could not be read.
pub(super) fn check(status: &Status) -> Result<(), String> {
    let build = &status.build;
    checks::manifest(&status.manifest)?;
    build
        .digest
        .as_deref()
        .map_or(Ok(()), |digest| checks::word("build.digest", digest))?;
    build.name.as_deref().map_or(Ok(()), checks::name)?;
    checks::source_owners(&build.source_owners)?;
    build.tasks.iter().try_for_each(checks::task)?;
    if let Some(failure) = &build.failure {
        checks::failure(&failure.kind)?;
    }
    if let Some(waiting) = &build.waiting {
        checks::waiting(&waiting.reason)?;
    }
    build.orphans.iter().try_for_each(checks::orphan)?;
    let mut retired = status.retired.iter().chain(&status.forgotten.images);
    retired.try_for_each(checks::retirement)?;
    status.replaced.iter().try_for_each(checks::replaced)?;
    let mut deleted = build.deleted.iter();
    deleted.try_for_each(|it| checks::made("build.deleted[]", it))?;
    let mut deleting = build.deleting.iter();
    deleting.try_for_each(|it| checks::made("build.deleting[]", it))?;
    checks::images(&status.regions)?;
    checks::copies(&status.copies)?;
    status.drift.as_ref().map_or(Ok(()), checks::drift)?;
    checks::release(&status.release)?;
    let mut previous = status.previous.iter();
    previous.try_for_each(|version| {
        checks::images(&version.regions)?;
        checks::copies(&version.copies)
    })
}
