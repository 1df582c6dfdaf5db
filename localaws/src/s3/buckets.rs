//! Operations on buckets.

use std::fs;
use std::path::PathBuf;

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::acl;
use super::failure::failed;
use super::record::Stamp;
use super::store::{DEFAULT_OWNERSHIP, Inner, Store};
use super::versioning::{Settings, Versioning};

/// The Region whose buckets have no location constraint.
const UNNAMED_REGION: &str = "us-east-1";
/// Buckets in a page, at most.
const MOST_BUCKETS: usize = 10_000;

pub(super) fn create(
    store: &Store,
    input: &CreateBucketInput,
    sent_to: Option<&str>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let region = store.events.region.as_str();
    let sent_to = sent_to.unwrap_or(region);
    let place = region_of_new(sent_to, input.create_bucket_configuration.as_ref())?;
    if place != region {
        return Err(s3_error!(
            NotImplemented,
            "localaws has buckets in {region} only, not in {place}"
        ));
    }
    if input
        .acl
        .as_ref()
        .is_some_and(|acl| acl.as_str() != "private")
    {
        // New buckets have no ACLs, and their ownership cannot be given here.
        return Err(s3_error!(
            InvalidBucketAclWithObjectOwnership,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        ));
    }
    let new = store.create_bucket(&input.bucket, None)?;
    if !new && region != UNNAMED_REGION {
        return Err(s3_error!(
            BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it."
        ));
    }
    let location = Some(format!("/{}", input.bucket));
    Ok(S3Response::new(CreateBucketOutput { location }))
}

/// The Region that a bucket is made in, by the rules of `LocationConstraint` ("CreateBucket", Amazon S3 API Reference): the
/// endpoint of us-east-1 makes buckets everywhere, but does not take its own name; the others make them in their own
/// Region, which must be named.
fn region_of_new<'a>(
    sent_to: &'a str,
    configuration: Option<&'a CreateBucketConfiguration>,
) -> S3Result<&'a str> {
    let asked = configuration.and_then(|it| it.location_constraint.as_ref());
    if configuration.is_some_and(|it| it.bucket.is_some() || it.location.is_some()) {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built CreateBucket with Bucket or Location"
        ));
    }
    let constraint = asked.map(BucketLocationConstraint::as_str);
    match constraint.filter(|constraint| !constraint.is_empty()) {
        None if sent_to == UNNAMED_REGION => Ok(sent_to),
        Some(UNNAMED_REGION) if sent_to == UNNAMED_REGION => Err(s3_error!(
            InvalidLocationConstraint,
            "The specified location-constraint is not valid"
        )),
        Some("EU") if ["eu-west-1", UNNAMED_REGION].contains(&sent_to) => Ok("eu-west-1"),
        Some(constraint) if [constraint, UNNAMED_REGION].contains(&sent_to) => Ok(constraint),
        constraint => Err(s3_error!(
            IllegalLocationConstraintException,
            "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
            constraint.unwrap_or("unspecified")
        )),
    }
}

pub(super) fn delete(store: &Store, bucket: &str) -> S3Result<S3Response<DeleteBucketOutput>> {
    let folder = store.bucket(bucket)?;
    let mut inner = store.lock();
    let keys = super::list::keys(&folder, "").map_err(failed("list", &folder))?;
    if !keys.is_empty() {
        return Err(s3_error!(
            BucketNotEmpty,
            "The bucket you tried to delete is not empty"
        ));
    }
    let versions = store.versions_folder(bucket);
    let has_versions = fs::read_dir(&versions).is_ok_and(|mut entries| entries.next().is_some());
    if has_versions {
        return Err(s3_error!(
            BucketNotEmpty,
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        ));
    }
    fs::remove_dir_all(&folder).map_err(failed("remove", &folder))?;
    // A bucket that is made again under this name has none of its settings.
    store.forget_versioning(&mut inner, bucket);
    inner.event_bridge.remove(bucket);
    inner.private.remove(bucket);
    inner.ownership.remove(bucket);
    Ok(S3Response::with_status(
        DeleteBucketOutput::default(),
        http::StatusCode::NO_CONTENT,
    ))
}

pub(super) fn head(store: &Store, bucket: &str) -> S3Result<S3Response<HeadBucketOutput>> {
    store.bucket(bucket)?;
    let bucket_region = Some(store.events.region.clone());
    Ok(S3Response::new(HeadBucketOutput {
        bucket_region,
        ..Default::default()
    }))
}

pub(super) fn location(
    store: &Store,
    bucket: &str,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    store.bucket(bucket)?;
    let region = &store.events.region;
    let named = (region != UNNAMED_REGION).then(|| BucketLocationConstraint::from(region.clone()));
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint: named,
    }))
}

/// Where the bucket's events go.
pub(super) fn notification(
    store: &Store,
    bucket: &str,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    store.bucket(bucket)?;
    let is_on = Store::publishes(&store.lock(), bucket);
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: is_on.then(EventBridgeConfiguration::default),
        ..Default::default()
    }))
}

/// Who owns the bucket's objects.
pub(super) fn ownership(
    store: &Store,
    bucket: &str,
) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
    store.bucket(bucket)?;
    let given = store.lock().ownership.get(bucket).cloned();
    let object_ownership = given.map_or(
        ObjectOwnership::from_static(DEFAULT_OWNERSHIP),
        ObjectOwnership::from,
    );
    let rules = vec![OwnershipControlsRule { object_ownership }];
    Ok(S3Response::new(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(OwnershipControls { rules }),
    }))
}

pub(super) fn list(
    store: &Store,
    input: &ListBucketsInput,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let region = input.bucket_region.as_deref();
    let is_here = region.is_none_or(|region| region == store.events.region);
    let max = match input.max_buckets {
        None => usize::MAX,
        Some(max) => usize::try_from(max)
            .ok()
            .filter(|max| (1..=MOST_BUCKETS).contains(max))
            .ok_or_else(|| {
                s3_error!(
                    InvalidArgument,
                    "Argument max-buckets must be an integer between 1 and {MOST_BUCKETS}"
                )
            })?,
    };
    // "If the request contains at least one valid parameter, it is included in the response" (Bucket, BucketRegion).
    let is_narrowed = region.is_some()
        || input.max_buckets.is_some()
        || input.prefix.is_some()
        || input.continuation_token.is_some();
    let bucket_region = is_narrowed.then(|| store.events.region.clone());
    // A token is the name that the last page ended with.
    let after = input.continuation_token.as_deref().unwrap_or_default();
    let mut buckets = Vec::new();
    for entry in fs::read_dir(&store.root).map_err(failed("list", &store.root))? {
        let entry = entry.map_err(failed("list", &store.root))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_asked_for = is_here
            && name.as_str() > after
            && name.starts_with(input.prefix.as_deref().unwrap_or_default());
        if is_asked_for && store.bucket(&name).is_ok() {
            let metadata = entry.metadata().map_err(failed("read", &entry.path()))?;
            let creation_date = Some(Stamp::of(&metadata).last_modified());
            buckets.push(Bucket {
                creation_date,
                name: Some(name),
                bucket_region: bucket_region.clone(),
            });
        }
    }
    buckets.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let truncated = buckets.len() > max;
    buckets.truncate(max);
    let last = buckets.last().filter(|_| truncated);
    let continuation_token = last.and_then(|last| last.name.clone());
    let (owner, prefix) = (Some(acl::owner()), input.prefix.clone());
    Ok(S3Response::new(ListBucketsOutput {
        continuation_token,
        buckets: Some(buckets),
        owner,
        prefix,
    }))
}

impl Store {
    /// What was said of the bucket's versions; none if nothing ever was.
    pub(super) fn versioning(&self, bucket: &str) -> Option<Versioning> {
        self.lock().versioning.get(bucket).copied()
    }

    fn settings_path(&self, bucket: &str) -> PathBuf {
        self.state.join("buckets").join(format!("{bucket}.json"))
    }

    /// The bucket is gone, and no version of anything in it is left.
    pub(super) fn forget_versioning(&self, inner: &mut Inner, bucket: &str) {
        inner.versioning.remove(bucket);
        let _ = fs::remove_file(self.settings_path(bucket));
        let _ = fs::remove_dir(self.versions_folder(bucket));
    }

    /// Says whether the bucket keeps versions from now on.
    pub(super) fn set_versioning(&self, bucket: &str, versioning: Versioning) -> S3Result<()> {
        self.bucket(bucket)?;
        let mut inner = self.lock();
        let path = self.settings_path(bucket);
        let json = serde_json::to_vec(&Settings { versioning });
        let json = json.map_err(|error| s3_error!(error, InternalError))?;
        fs::write(&path, json).map_err(failed("write", &path))?;
        inner.versioning.insert(bucket.to_owned(), versioning);
        Ok(())
    }
}

pub(super) fn versioning(
    store: &Store,
    bucket: &str,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    store.bucket(bucket)?;
    let status = store.versioning(bucket).map(Versioning::name);
    Ok(S3Response::new(GetBucketVersioningOutput {
        mfa_delete: None,
        status: status.map(BucketVersioningStatus::from_static),
    }))
}

pub(super) fn set_versioning(
    store: &Store,
    input: &PutBucketVersioningInput,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let VersioningConfiguration { mfa_delete, status } = &input.versioning_configuration;
    let mfa = mfa_delete.as_ref().map(MFADelete::as_str);
    if mfa.is_some_and(|mfa| mfa != "Disabled") {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built PutBucketVersioning with MfaDelete"
        ));
    }
    let status = status.as_ref().map(BucketVersioningStatus::as_str);
    let versioning = status.and_then(Versioning::named).ok_or_else(|| {
        s3_error!(
            IllegalVersioningConfigurationException,
            "The Versioning element must be specified: Status is Enabled or Suspended"
        )
    })?;
    store.set_versioning(&input.bucket, versioning)?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}
