//! Who may launch the AMI.

use super::{
    Stack,
    forms::{self, Organization},
};
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    spec::{Access, ImageManifest, Source},
    text::quoted,
};

const RULE: &str = "EC2 User Guide, Share an AMI";

pub(super) fn check(manifest: &ImageManifest, stack: Stack<'_>, findings: &mut Findings) {
    let Some(access) = &manifest.publish.access else {
        return;
    };
    accounts(access, stack, findings);
    let lists = [
        ("organizations", &access.organizations, Organization::Whole),
        (
            "organizationalUnits",
            &access.organizational_units,
            Organization::Unit,
        ),
    ];
    for (field, arns, kind) in lists {
        let path = at!["access", field];
        for (index, arn) in arns.iter().enumerate() {
            organization(arn, kind, stack, path.join(index), findings);
        }
        forms::no_repeats(arns, &path, findings);
    }
    if access.public == Some(true) {
        public(manifest, findings);
    }
    if access.copy {
        copy(manifest, access, findings);
    }
}

fn accounts(access: &Access, stack: Stack<'_>, findings: &mut Findings) {
    let path = at!["access", "accounts"];
    for (index, account) in access.accounts.iter().enumerate() {
        if !forms::is_account(account) {
            let hint = match account.as_str() {
                "all" => "for everyone, set `public: true`",
                _ => "12 digits, without hyphens, in quotes",
            };
            let finding = Finding::new(
                path.join(index),
                format!("{} is not an account id", quoted(account)),
            );
            findings.add(finding.hint(hint).rule(RULE));
        } else if stack.account == Some(account) {
            let message = format!("{} is the account that owns the AMI", quoted(account));
            let finding = Finding::new(path.join(index), message);
            findings.add(
                finding
                    .hint("leave it out: the owner may always launch it")
                    .rule(RULE),
            );
        }
    }
    forms::no_repeats(&access.accounts, &path, findings);
}

fn organization(
    arn: &str,
    kind: Organization,
    stack: Stack<'_>,
    path: Path,
    findings: &mut Findings,
) {
    const RULE: &str = "EC2 User Guide, Share an AMI with organizations or OUs";
    if forms::organization(arn) == Some(kind) {
        let (theirs, ours) = (
            forms::partition_of_arn(arn),
            stack.region.and_then(forms::partition),
        );
        if let (Some(theirs), Some(ours)) = (theirs, ours)
            && theirs != ours
        {
            let message = format!(
                "{} is in the partition `{theirs}`, but the AMI is in `{ours}`",
                quoted(arn)
            );
            let hint = format!("its ARN begins with `arn:{ours}:` if it is in that partition");
            findings.add(Finding::new(path, message).hint(hint).rule(RULE));
        }
        return;
    }
    let (what, hint) = match kind {
        Organization::Unit => (
            "an organizational unit",
            "as `arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111`",
        ),
        Organization::Whole => (
            "an organization",
            "as `arn:aws:organizations::111122223333:organization/o-exampleorgid`",
        ),
    };
    let finding = Finding::new(path, format!("{} is not the ARN of {what}", quoted(arn)));
    findings.add(finding.hint(hint).rule(RULE));
}

/// What `copy` shares with accounts are the AMI's snapshots.
fn copy(manifest: &ImageManifest, access: &Access, findings: &mut Findings) {
    let refuse = |message: &str, hint: &str| {
        Finding::new(at!["access", "copy"], message)
            .hint(hint)
            .rule("EC2 API Reference, ModifySnapshotAttribute (CreateVolumePermission)")
    };
    if manifest.build.source.is_instance_store() {
        findings.add(
            refuse(
                "an instance-store image has no snapshots that could be shared",
                "leave it out",
            )
            .because_of(at!["source"]),
        );
    } else if access.public == Some(true) {
        let finding = refuse(
            "a public AMI cannot be given to accounts to copy: `copy` never makes its snapshots public",
            "remove `copy` or `public`",
        );
        findings.add(finding.because_of(at!["access", "public"]));
    } else if access.accounts.is_empty() {
        let finding = refuse(
            "nobody could copy the AMI: copying needs its snapshots, and EC2 shares snapshots with accounts only",
            "add `accounts`, or leave `copy` out",
        );
        findings.add(finding.because_of(at!["access", "accounts"]));
    }
}

fn public(manifest: &ImageManifest, findings: &mut Findings) {
    let refuse = |because: Path, findings: &mut Findings| {
        findings.add(
            Finding::new(
                at!["access", "public"],
                format!("an AMI with an encrypted volume cannot be public (`{because}`)"),
            )
            .hint("share it with accounts, organizations or units, or leave encryption out")
            .rule("EC2 User Guide, Make your AMI publicly available")
            .because_of(because),
        );
    };
    if let Source::Disk(disk) = &manifest.build.source
        && disk.encrypted == Some(true)
    {
        refuse(at!["source", "disk", "encrypted"], findings);
    }
    let mappings = manifest
        .build
        .register
        .iter()
        .flat_map(|register| register.block_device_mappings.iter().enumerate());
    for (index, mapping) in mappings {
        if mapping
            .ebs
            .as_ref()
            .is_some_and(|ebs| ebs.encrypted == Some(true))
        {
            refuse(
                at!["register", "blockDeviceMappings", index, "ebs", "encrypted"],
                findings,
            );
        }
    }
    for (region, copy) in &manifest.publish.regions {
        if copy.as_ref().is_some_and(|copy| copy.kms_key_id.is_some()) {
            refuse(at!["regions", region, "kmsKeyId"], findings);
        }
    }
}
