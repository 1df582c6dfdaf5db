//! Copies in other Regions.

use super::forms;
use crate::{
    document::at,
    findings::{Finding, Findings},
    spec::ImageManifest,
    text::quoted,
};

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    for (region, copy) in &manifest.publish.regions {
        let path = at!["regions", region];
        if !forms::is_region(region) {
            let zone = region
                .strip_suffix(|c: char| c.is_ascii_lowercase())
                .filter(|region| forms::is_region(region));
            let hint = match zone {
                Some(region) => {
                    format!("an Availability Zone is not a Region; did you mean `{region}`?")
                }
                None => "as `us-west-2`".to_owned(),
            };
            let finding = Finding::new(path.clone(), format!("{} is not a Region", quoted(region)));
            findings.add(
                finding
                    .hint(hint)
                    .rule("EC2 API Reference, CopyImage")
                    .at_key(),
            );
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
        if manifest.build.source.is_instance_store() {
            findings.add(
                Finding::new(
                    path.join("kmsKeyId"),
                    "an instance-store image has no snapshots that could be encrypted",
                )
                .hint("leave it out")
                .rule("EC2 User Guide, Copy an Amazon EC2 AMI")
                .because_of(at!["source"]),
            );
        }
    }
}
