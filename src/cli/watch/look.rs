//! What one look at the buckets finds of an image.

use std::collections::BTreeMap;

use crate::aws::AwsError;
use crate::cli::hints::cannot_load;
use crate::image::Status;
use crate::image::words::State;
use crate::manifest::key::{self, Kind};
use crate::reconcile::{self, Context};
use crate::status_store::{self, StoreError};

/// What is known of one image.
#[derive(Debug)]
pub(super) enum Watched {
    /// No status yet.
    NoStatus,
    /// Its status. `is_finished` says that nothing more will happen to this version.
    Status {
        status: Box<Status>,
        is_finished: bool,
    },
    /// A status that this program cannot read.
    Unreadable(String),
}

/// What one look found of one image.
#[derive(Debug)]
pub(super) struct Read {
    /// The key that was looked for.
    pub(super) asked: String,
    /// That of the manifest that describes the image: for a bundle the one beside it.
    pub(super) key: String,
    pub(super) row: Watched,
}

impl Read {
    /// Reads what is known of an image. An image manifest beside a bundle describes its image: then the bundle's own key
    /// gets no status any more, and, if it was asked for by this key, that of the image manifest takes its place.
    pub(super) async fn of(
        context: Context<'_>,
        asked: String,
        uploads: &BTreeMap<String, String>,
        is_named: bool,
    ) -> Result<Self, AwsError> {
        let row = watched(context, &asked, uploads).await?;
        let beside = match is_named && row.may_be_described_elsewhere(&asked) {
            true => image_manifest_beside(context, &asked).await?,
            false => None,
        };
        Ok(match beside {
            None => Self {
                key: asked.clone(),
                asked,
                row,
            },
            Some(key) => Self {
                row: watched(context, &key, uploads).await?,
                asked,
                key,
            },
        })
    }
}

impl Watched {
    /// Whether it may be the image of a bundle that an image manifest describes in place of the bundle's own.
    fn may_be_described_elsewhere(&self, key: &str) -> bool {
        key::kind(key) == Some(Kind::Bundle)
            && match self {
                Self::NoStatus => true,
                Self::Status {
                    status,
                    is_finished,
                } => status.state == State::Superseded || (status.state.is_final() && !is_finished),
                Self::Unreadable(_) => false,
            }
    }
}

async fn watched(
    context: Context<'_>,
    key: &str,
    uploads: &BTreeMap<String, String>,
) -> Result<Watched, AwsError> {
    let status = match status_store::load(context.aws, context.config, key).await {
        Ok(Some(loaded)) => Box::new(loaded.status),
        Ok(None) => return Ok(Watched::NoStatus),
        Err(StoreError::Aws(error)) => return Err(error),
        Err(error) => {
            let reason = cannot_load(context.config, &error).to_string();
            return Ok(Watched::Unreadable(reason));
        }
    };
    let is_notified = status.state.is_final() && status.unsent().next().is_none();
    let is_finished = is_notified && !is_outdated(context, &status, uploads).await?;
    Ok(Watched::Status {
        status,
        is_finished,
    })
}

/// Whether a status tells how another version ended than the one that is to be watched: the last one that was uploaded.
/// To whom may neither read nor list manifests, only what this program uploaded is known.
async fn is_outdated(
    context: Context<'_>,
    status: &Status,
    uploads: &BTreeMap<String, String>,
) -> Result<bool, AwsError> {
    match reconcile::is_outdated(context, status).await {
        Err(error) if error.is_denied() => {
            let bucket = &context.config.bucket;
            let bundle = status.build.bundle.as_ref();
            let bundle = bundle.filter(|bundle| bundle.bucket == *bucket);
            let known = bundle.map(|bundle| (&bundle.key, &bundle.etag));
            let known = known.into_iter();
            let mut known = known.chain([(&status.manifest.key, &status.manifest.etag)]);
            Ok(known.any(|(key, etag)| uploads.get(key).is_some_and(|uploaded| uploaded != etag)))
        }
        answer => answer,
    }
}

/// The image manifest beside a bundle; none also if that must not be known.
async fn image_manifest_beside(
    context: Context<'_>,
    bundle_key: &str,
) -> Result<Option<String>, AwsError> {
    match reconcile::build::image_manifest_beside(context, bundle_key).await {
        Err(error) if error.is_denied() => Ok(None),
        answer => answer,
    }
}
