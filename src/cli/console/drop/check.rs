//! Whether a manifest that is to be uploaded is one, and whether what it names is there.

use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::{Stream, StreamExt as _};

use super::super::app::App;
use super::super::failed::Failed;
use crate::cli::check::parse;
use crate::cli::error::Error;
use crate::cli::hints::cannot_send;
use crate::limits;
use crate::manifest::key::{self, Kind};
use crate::manifest::location::{Location, beside};
use crate::manifest::{Problem, bundle, image};

/// Most objects that are looked for: a bundle may have a thousand parts.
const LOOKED_FOR: usize = 20;

/// A manifest that was checked.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) content: Vec<u8>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Keys of what it names in the bucket and is not there yet.
    pub(super) missing: Vec<String>,
}

impl Upload {
    /// Whether it may be uploaded.
    pub(super) fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }

    /// How its check is answered.
    pub(super) fn status(&self) -> StatusCode {
        match self.is_fine() {
            true => StatusCode::OK,
            false => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

/// Reads a manifest, and one byte more than the largest has, so that it is seen to be too large.
///
/// # Errors
/// If it does not arrive.
pub(super) async fn read<E>(
    mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Vec<u8>, Failed>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let most = usize::try_from(limits::MANIFEST_BYTES + 1).unwrap_or(usize::MAX);
    let mut content = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            let error = Error::from_source("the manifest did not arrive", error);
            Failed::from(error).with_status(StatusCode::BAD_REQUEST)
        })?;
        let room = most.saturating_sub(content.len());
        content.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(content)
}

/// Checks a manifest as `amiwright check` does, and looks for what it names.
///
/// # Errors
/// If the bucket cannot be listed.
pub(super) async fn check(app: &App, key: String, content: Vec<u8>) -> Result<Upload, Failed> {
    let checked = parse(&key, &content, app.now(), &app.config.guardrails);
    let (problems, warnings) = match checked {
        Ok(warnings) => (Vec::new(), warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let mut missing = Vec::new();
    if problems.is_empty() {
        for named in named(app, &key, &content) {
            let found = app.aws.listed_object(&app.config.bucket, &named).await;
            if found
                .map_err(|error| cannot_send(&app.config, &error))?
                .is_none()
            {
                missing.push(named);
            }
        }
    }
    Ok(Upload {
        key,
        content,
        problems,
        warnings,
        missing,
    })
}

/// The keys of what a manifest names beside it.
fn named(app: &App, key: &str, content: &[u8]) -> Vec<String> {
    match key::kind(key) {
        Some(Kind::Image) => {
            let parsed = image::parse_within(key, content, app.now(), &app.config.guardrails);
            let objects = parsed.map(|parsed| {
                let objects = parsed.build.source.objects().into_iter();
                let objects = objects.filter_map(|location| match location {
                    Location::Relative(relative) => Some(beside(key, relative)),
                    _ => None,
                });
                objects.take(LOOKED_FOR).collect()
            });
            objects.unwrap_or_default()
        }
        Some(Kind::Bundle) => {
            let parts = bundle::parse(content)
                .map(|bundle| bundle.parts)
                .unwrap_or_default();
            let parts = parts.iter().take(LOOKED_FOR);
            parts.map(|part| beside(key, &part.file_name)).collect()
        }
        None => Vec::new(),
    }
}
