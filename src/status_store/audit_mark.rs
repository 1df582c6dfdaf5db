//! Where an audit that is not finished goes on. Losing it costs time only: the next audit begins with the first image.

use crate::aws::{Aws, AwsError, Saved, Which};
use crate::config::Config;
use crate::keys;
use crate::limits;

/// Where an audit that is not finished goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditMark {
    /// The key of the manifest whose image is next.
    pub next: String,
    /// The mark's `ETag`; none if there is no mark.
    pub etag: Option<String>,
}

/// Where the last audit stopped; the beginning, if it was finished.
///
/// # Errors
/// If S3 fails.
pub async fn load_audit_mark(aws: &Aws, config: &Config) -> Result<AuditMark, AwsError> {
    let object = aws.get_object(
        &config.state_bucket,
        keys::AUDIT_MARK,
        Which::Current,
        limits::RESUME_POINT_BYTES,
    );
    let Some(object) = object.await? else {
        return Ok(AuditMark::default());
    };
    let content = object.content.unwrap_or_default();
    Ok(AuditMark {
        next: String::from_utf8_lossy(&content)
            .trim_end_matches('\n')
            .to_owned(),
        etag: Some(object.info.etag),
    })
}

/// Remembers where an audit stopped, in place of the mark that it began with. If another audit was faster, its mark stays.
///
/// # Errors
/// If S3 fails.
pub async fn save_audit_mark(
    aws: &Aws,
    config: &Config,
    before: &AuditMark,
    next: &str,
) -> Result<(), AwsError> {
    let content = format!("{next}\n").into_bytes();
    let etag = before.etag.as_deref();
    let saved = aws.put_if(&config.state_bucket, keys::AUDIT_MARK, content, etag);
    match saved.await? {
        Saved::Yes(_) | Saved::Conflict => Ok(()),
    }
}

/// The audit is finished: the mark that it began with goes.
///
/// # Errors
/// If S3 fails.
pub async fn delete_audit_mark(
    aws: &Aws,
    config: &Config,
    before: &AuditMark,
) -> Result<(), AwsError> {
    if let Some(etag) = &before.etag {
        aws.delete_if(&config.state_bucket, keys::AUDIT_MARK, etag)
            .await?;
    }
    Ok(())
}
