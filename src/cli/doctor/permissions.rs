//! Whether the caller may make the calls to EC2 that the manifest needs, by DryRun.
//!
//! What other checks read anyway is not asked about here: DescribeImages and DescribeRegions, block public access, and the
//! default encryption say themselves which permission is missing. Systems Manager and S3 have no DryRun.
//!
//! DryRun tells what IAM says of whoever asks, and no more. The functions make these calls with roles of their own, so a
//! refusal here proves nothing about them: it is no finding, and neither is it "ok".

use std::collections::BTreeSet;

use super::finding::Check;
use super::in_order::in_order;
use super::scene::Scene;
use crate::aws::{DryRun, Verdict};
use crate::image::words::SourceKind;
use crate::manifest::image::{ImageManifest, OnDelete, Previous, PublishSpec, Snapshots};

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let Some(spec) = &scene.spec else {
        return Vec::new();
    };
    let needed = needed(spec, scene.home()).into_iter();
    let usable = needed.filter(|(region, _)| scene.regions.contains(region));
    in_order(usable.map(async |(region, call)| one(scene, &region, call).await)).await
}

async fn one(scene: &Scene<'_>, region: &str, call: DryRun) -> Check {
    let action = call.action();
    let subject = format!("ec2:{action} in {region}");
    match scene
        .aws
        .in_region(region)
        .dry_run(call, scene.home())
        .await
    {
        Ok(Verdict::Allowed) => Check::ok(
            subject,
            "you may (DryRun: what IAM says, and of you, not of the functions)",
        ),
        Ok(Verdict::Denied) => Check::unknown(
            subject,
            format!(
                "you may not, and DryRun tells about you only: the functions, whose roles are their own, may still be allowed ec2:{action}"
            ),
        ),
        Err(error) => Check::unknown(
            subject,
            format!("{error}: that is no answer to a DryRun, so what IAM says is not known"),
        ),
    }
}

/// The calls that change something, or see what may be changed, each with its Region: the stack's first.
fn needed(spec: &ImageManifest, home: &str) -> Vec<(String, DryRun)> {
    let mut of_all = BTreeSet::from([DryRun::CreateTags]);
    of_all.extend(settings(&spec.publish));
    of_all.extend(retirement(&spec.publish));
    let making = SourceKind::from(&spec.build.source).making_calls().iter();
    let mut of_first: BTreeSet<_> = making.filter_map(|name| DryRun::named(name)).collect();
    of_first.extend(&of_all);
    of_first.extend(cancel(SourceKind::from(&spec.build.source)));
    of_first.extend(clean_up(SourceKind::from(&spec.build.source)));
    let stores = spec.publish.store.is_some();
    of_first.extend(stores.then_some(DryRun::CreateStoreImageTask));
    // A copy that has failed is removed before it is made again.
    of_all.extend([
        DryRun::CopyImage,
        DryRun::DeregisterImage,
        DryRun::DeleteSnapshot,
    ]);
    let in_region = |region: &str, calls: &BTreeSet<DryRun>| {
        let calls = calls.iter().map(|call| (region.to_owned(), *call));
        calls.collect::<Vec<_>>()
    };
    let mut needed = in_region(home, &of_first);
    let copies = spec.publish.regions.keys();
    for region in copies.filter(|region| *region != home) {
        needed.extend(in_region(region, &of_all));
    }
    needed
}

/// What sets these on an AMI, and what a later version of the manifest takes them back with.
fn settings(publish: &PublishSpec) -> BTreeSet<DryRun> {
    let mut calls = BTreeSet::new();
    let access = publish.access.as_ref();
    if access.is_some() || publish.description.is_some() || !publish.product_codes.is_empty() {
        calls.insert(DryRun::ModifyImageAttribute);
    }
    if access.is_some() || !publish.product_codes.is_empty() {
        calls.insert(DryRun::DescribeImageAttribute);
    }
    if access.is_some_and(|access| access.copy) {
        calls.extend([
            DryRun::ModifySnapshotAttribute,
            DryRun::DescribeSnapshotAttribute,
        ]);
    }
    if !publish.tags.is_empty() {
        calls.insert(DryRun::DeleteTags);
    }
    if publish.deprecate.is_some() {
        calls.extend([
            DryRun::EnableImageDeprecation,
            DryRun::DisableImageDeprecation,
        ]);
    }
    if publish.protect.is_some() {
        calls.extend([
            DryRun::EnableImageDeregistrationProtection,
            DryRun::DisableImageDeregistrationProtection,
        ]);
    }
    calls
}

/// What ends the task of a source, once its manifest is removed or somebody cancels it.
fn cancel(source: SourceKind) -> Option<DryRun> {
    match source {
        SourceKind::Disk | SourceKind::Vm => Some(DryRun::CancelImportTask),
        SourceKind::Instance => Some(DryRun::CancelBundleTask),
        SourceKind::Snapshot | SourceKind::Bundle | SourceKind::Stored | SourceKind::Image => None,
    }
}

/// What removes an AMI that EC2 has failed, and what its task has made for it.
fn clean_up(source: SourceKind) -> Vec<DryRun> {
    match source {
        // The snapshot is somebody's, or there is none.
        SourceKind::Snapshot | SourceKind::Bundle | SourceKind::Instance => {
            vec![DryRun::DeregisterImage]
        }
        SourceKind::Disk | SourceKind::Vm | SourceKind::Stored | SourceKind::Image => {
            vec![DryRun::DeregisterImage, DryRun::DeleteSnapshot]
        }
    }
}

/// What ends the AMIs of earlier versions, and this one once its manifest is removed.
fn retirement(publish: &PublishSpec) -> BTreeSet<DryRun> {
    let replaces = publish.replaces.as_ref();
    let previous = replaces.and_then(|replaces| replaces.previous);
    let is_deregistered =
        previous == Some(Previous::Deregister) || publish.on_delete == Some(OnDelete::Deregister);
    let is_deprecated =
        previous == Some(Previous::Deprecate) || publish.on_delete == Some(OnDelete::Deprecate);
    let mut calls = BTreeSet::new();
    if is_deregistered || is_deprecated {
        // One that is in use is deprecated, whatever the manifest says.
        calls.insert(DryRun::EnableImageDeprecation);
    }
    if is_deregistered {
        calls.extend([
            DryRun::DisableImageDeregistrationProtection,
            DryRun::DeregisterImage,
            DryRun::DescribeImageReferences,
        ]);
        let snapshots = replaces.and_then(|replaces| replaces.snapshots);
        calls.extend((snapshots == Some(Snapshots::Delete)).then_some(DryRun::DeleteSnapshot));
    }
    calls
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::manifest::image;

    fn needed_by(settings: &str) -> String {
        let manifest =
            format!("name: web\nsource:\n  snapshot: {{id: snap-00000000000000001}}\n{settings}\n");
        let spec = image::parse("web.image.yaml", manifest.as_bytes(), Timestamp::UNIX_EPOCH);
        let mut lines = String::new();
        let mut last = String::new();
        for (region, call) in needed(&spec.unwrap(), "us-east-1") {
            if region != last {
                lines += &format!("\n{region}:");
                last = region;
            }
            lines += &format!(" {}", call.action());
        }
        lines
    }

    #[test]
    fn what_a_manifest_sets_can_be_taken_back_in_every_region() {
        let needed = needed_by(
            "tags: {team: web}\ndeprecate: {after: 90d}\nprotect: true\nregions: {eu-west-1: }",
        );
        insta::assert_snapshot!(needed, @r"
        us-east-1: RegisterImage CreateTags DeleteTags EnableImageDeprecation DisableImageDeprecation EnableImageDeregistrationProtection DisableImageDeregistrationProtection DeregisterImage
        eu-west-1: CopyImage CreateTags DeleteTags EnableImageDeprecation DisableImageDeprecation EnableImageDeregistrationProtection DisableImageDeregistrationProtection DeregisterImage DeleteSnapshot
        ");
    }

    #[test]
    fn what_is_shared_is_read_and_what_is_imported_can_be_cancelled() {
        let needed = needed_by("access: {accounts: ['111122223333'], copy: true}");
        insta::assert_snapshot!(needed, @"us-east-1: RegisterImage CreateTags ModifyImageAttribute ModifySnapshotAttribute DeregisterImage DescribeImageAttribute DescribeSnapshotAttribute");
        let of_sources = SourceKind::ALL.map(|source| cancel(source).map(DryRun::action));
        let of_sources: Vec<_> = of_sources.into_iter().flatten().collect();
        let cancels = ["CancelImportTask", "CancelImportTask", "CancelBundleTask"];
        assert_eq!(of_sources, cancels);
    }

    #[test]
    fn what_ends_an_ami_is_needed_where_its_copies_are() {
        let needed = needed_by(
            "replaces: {previous: deregister, snapshots: delete}\nregions: {eu-west-1: }",
        );
        insta::assert_snapshot!(needed, @r"
        us-east-1: RegisterImage CreateTags EnableImageDeprecation DisableImageDeregistrationProtection DeregisterImage DeleteSnapshot DescribeImageReferences
        eu-west-1: CopyImage CreateTags EnableImageDeprecation DisableImageDeregistrationProtection DeregisterImage DeleteSnapshot DescribeImageReferences
        ");
        let of_manifest_removed = needed_by("onDelete: deregister");
        insta::assert_snapshot!(of_manifest_removed, @"us-east-1: RegisterImage CreateTags EnableImageDeprecation DisableImageDeregistrationProtection DeregisterImage DescribeImageReferences");
        assert!(needed_by("onDelete: deprecate").contains("EnableImageDeprecation"));
        assert!(!needed_by("onDelete: keep").contains("Deprecation"));
    }

    /// As the template's CleanUpOwnImages and CleanUpCopies grant it.
    #[test]
    fn what_a_failed_ami_leaves_can_be_removed() {
        let of = |source| {
            let calls = clean_up(source).into_iter().map(DryRun::action);
            calls.collect::<Vec<_>>().join(" ")
        };
        for source in SourceKind::ALL {
            let makes_snapshots = match source {
                SourceKind::Snapshot | SourceKind::Bundle | SourceKind::Instance => false,
                SourceKind::Disk | SourceKind::Vm | SourceKind::Stored | SourceKind::Image => true,
            };
            let expected = match makes_snapshots {
                true => "DeregisterImage DeleteSnapshot",
                false => "DeregisterImage",
            };
            assert_eq!(of(source), expected, "{source:?}");
        }
        let copied = needed_by("regions: {eu-west-1: }");
        insta::assert_snapshot!(copied, @r"
        us-east-1: RegisterImage CreateTags DeregisterImage
        eu-west-1: CopyImage CreateTags DeregisterImage DeleteSnapshot
        ");
    }

    #[test]
    fn every_call_that_makes_an_ami_can_be_asked_about() {
        for source in SourceKind::ALL {
            for name in source.making_calls() {
                assert_eq!(DryRun::named(name).map(DryRun::action), Some(*name));
            }
        }
    }
}
