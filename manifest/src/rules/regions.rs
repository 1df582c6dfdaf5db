//! Copies in other Regions.

use super::{Stack, forms};
use crate::{
    document::at,
    findings::{Finding, Findings},
    hint::Hint,
    spec::ImageManifest,
    text::quoted,
};

/// Why no instance-store AMI is copied ("Grant permissions to copy Amazon EC2 AMIs", EC2 User Guide).
pub const INSTANCE_STORE_COPY: &str = "EC2 would copy its bundle into buckets that it creates in the account, with permissions \
                                       on S3 that amiwright does not have";

pub(super) fn check(manifest: &ImageManifest, stack: Stack<'_>, findings: &mut Findings) {
    for (region, copy) in &manifest.publish.regions {
        let path = at!["regions", region];
        if !forms::is_region(region) {
            let meant = forms::probable_region(region);
            let is_taken = |region: &str| {
                stack.region == Some(region) || manifest.publish.regions.contains_key(region)
            };
            let hint = match &meant {
                Some(meant) if is_taken(meant) => {
                    Hint::new(format!("remove it: `{meant}` has the AMI anyway")).removing(&path)
                }
                Some(meant) => Hint::new(format!("did you mean `{meant}`?"))
                    .moving(&path, &at!["regions", meant]),
                None => Hint::new("as `us-west-2`"),
            };
            let finding = Finding::new(path.clone(), format!("{} is not a Region", quoted(region)));
            findings.add(
                finding
                    .hint(hint)
                    .rule("EC2 API Reference, CopyImage")
                    .at_key(),
            );
        }
        if let Some((message, hint)) = stack.region.and_then(|home| misplaced(region, home)) {
            let hint = Hint::new(hint).removing(&path);
            let finding = Finding::new(path.clone(), message).hint(hint);
            findings.add(finding.rule("EC2 API Reference, CopyImage").at_key());
        }
        let Some(key) = copy.as_ref().and_then(|copy| copy.kms_key_id.as_ref()) else {
            continue;
        };
        forms::kms_key(
            key,
            forms::is_region(region).then_some(region),
            path.join("kmsKeyId"),
            findings,
        );
    }
    if manifest.build.source.is_instance_store() && !manifest.publish.regions.is_empty() {
        findings.add(
            Finding::new(
                at!["regions"],
                format!("an instance-store image is not copied: {INSTANCE_STORE_COPY}"),
            )
            .hint(
                Hint::new("leave it out, and register the bundle in each Region by a stack there")
                    .removing(&at!["regions"]),
            )
            .rule("EC2 User Guide, Copy an Amazon EC2 AMI")
            .at_key()
            .because_of(at!["source"]),
        );
    }
}

/// What keeps an AMI of the Region `home` from being copied to this one, and what to do.
fn misplaced(region: &str, home: &str) -> Option<(String, &'static str)> {
    if region == home {
        return Some((
            format!("the AMI itself is made in {}", quoted(region)),
            "remove it: `regions` are those that get a copy",
        ));
    }
    let (theirs, ours) = (forms::partition(region)?, forms::partition(home)?);
    (theirs != ours).then(|| {
        (
            format!(
                "{} is in the partition `{theirs}`, but the AMI is in `{ours}`",
                quoted(region)
            ),
            "AMIs are copied within a partition only: deploy another stack there",
        )
    })
}
