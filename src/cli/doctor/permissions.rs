//! Whether the caller may make the calls to EC2 that the manifest needs, by DryRun.
//!
//! DryRun tells what IAM says of whoever asks, and no more. The functions make these calls with roles of their own, so a
//! refusal here proves nothing about them: it is no finding, and neither is it "ok".

use super::finding::Check;
use super::scene::Scene;
use crate::aws::{DryRun, Verdict};
use crate::image::words::SourceKind;
use crate::manifest::image::{ImageManifest, Previous, Snapshots};

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let Some(spec) = &scene.spec else {
        return Vec::new();
    };
    let mut checks = Vec::new();
    for (region, call) in needed(spec, scene.home()) {
        if scene.regions.contains(&region) {
            checks.push(one(scene, &region, call).await);
        }
    }
    checks
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

/// The calls that change something, each with its Region.
fn needed(spec: &ImageManifest, home: &str) -> Vec<(String, DryRun)> {
    let mut calls = built(spec);
    let publish = &spec.publish;
    if let Some(access) = &publish.access {
        calls.push(DryRun::ModifyImageAttribute);
        calls.extend(access.copy.then_some(DryRun::ModifySnapshotAttribute));
    } else if publish.description.is_some() {
        calls.push(DryRun::ModifyImageAttribute);
    }
    let deprecates = publish.deprecate.is_some();
    calls.extend(deprecates.then_some(DryRun::EnableImageDeprecation));
    let protects = publish.protect.is_some();
    calls.extend(protects.then_some(DryRun::EnableImageDeregistrationProtection));
    let settings = calls.clone();
    let stores = publish.store.is_some();
    calls.extend(stores.then_some(DryRun::CreateStoreImageTask));
    if let Some(replaces) = &publish.replaces {
        match replaces.previous {
            Some(Previous::Deregister) => calls.push(DryRun::DeregisterImage),
            Some(Previous::Deprecate) => calls.push(DryRun::EnableImageDeprecation),
            _ => {}
        }
        let deletes = replaces.snapshots == Some(Snapshots::Delete);
        calls.extend(deletes.then_some(DryRun::DeleteSnapshot));
    }
    calls.sort_unstable();
    calls.dedup();
    let mut all: Vec<_> = calls.into_iter().map(|it| (home.to_owned(), it)).collect();
    for region in publish.regions.keys().filter(|region| *region != home) {
        all.push((region.clone(), DryRun::CopyImage));
        let of_copies = settings.iter().filter(|call| is_setting(**call));
        all.extend(of_copies.map(|call| (region.clone(), *call)));
    }
    all
}

/// What makes the AMI. All that is made is tagged.
fn built(spec: &ImageManifest) -> Vec<DryRun> {
    let names = SourceKind::from(&spec.build.source).making_calls();
    let mut calls: Vec<DryRun> = names
        .iter()
        .filter_map(|name| DryRun::named(name))
        .collect();
    calls.push(DryRun::CreateTags);
    calls
}

/// What is set on every copy, too.
fn is_setting(call: DryRun) -> bool {
    matches!(
        call,
        DryRun::ModifyImageAttribute
            | DryRun::ModifySnapshotAttribute
            | DryRun::EnableImageDeprecation
            | DryRun::EnableImageDeregistrationProtection
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_makes_an_ami_can_be_asked_about() {
        for source in SourceKind::ALL {
            for name in source.making_calls() {
                assert_eq!(DryRun::named(name).map(DryRun::action), Some(*name));
            }
        }
    }
}
