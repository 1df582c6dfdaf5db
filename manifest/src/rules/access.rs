//! Who may launch the AMI.

use super::{
    Stack,
    forms::{self, Organization},
};
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    hint::{Hint, add, remove},
    spec::{Access, ImageManifest},
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
            let place = path.join(index);
            let hint = match account.as_str() {
                "all" | "*" if !access.copy => {
                    Hint::new("for everyone, set `public: true` in its place")
                        .changing(vec![remove(&place), add(&at!["access", "public"], true)])
                }
                "all" | "*" => {
                    Hint::new("name the accounts: a public AMI cannot be given to them to copy")
                }
                given => match probable_account(given) {
                    Some(meant) => Hint::meant(&place, &meant),
                    None => Hint::new("12 digits, without hyphens, in quotes"),
                },
            };
            let finding = Finding::new(place, format!("{} is not an account id", quoted(account)));
            findings.add(finding.hint(hint).rule(RULE));
        } else if stack.account == Some(account) {
            let message = format!("{} is the account that owns the AMI", quoted(account));
            let finding = Finding::new(path.join(index), message);
            let hint = Hint::new("leave it out: the owner may always launch it");
            findings.add(finding.hint(hint.removing(&path.join(index))).rule(RULE));
        }
    }
    forms::no_repeats(&access.accounts, &path, findings);
}

/// The account that was probably meant: written with hyphens, or as an ARN of it.
fn probable_account(given: &str) -> Option<String> {
    let id = match given.strip_prefix("arn:") {
        Some(arn) => arn.split(':').nth(3)?.to_owned(),
        None => given.replace(['-', ' '], ""),
    };
    forms::is_account(&id).then_some(id)
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
    let (what, resource) = match kind {
        Organization::Unit => (
            "an organizational unit",
            "ou/o-exampleorgid/ou-abcd-11111111",
        ),
        Organization::Whole => ("an organization", "organization/o-exampleorgid"),
    };
    let partition = stack.region.and_then(forms::partition).unwrap_or("aws");
    let example = format!("arn:{partition}:organizations::111122223333:{resource}");
    let hint = Hint::new(format!("as `{example}`")).example(&path, example);
    let finding = Finding::new(path, format!("{} is not the ARN of {what}", quoted(arn)));
    findings.add(finding.hint(hint).rule(RULE));
}

/// What `copy` shares with accounts are the AMI's snapshots.
fn copy(manifest: &ImageManifest, access: &Access, findings: &mut Findings) {
    let path = at!["access", "copy"];
    let refuse = |message: &str, hint: &str| {
        Finding::new(path.clone(), message)
            .hint(Hint::new(hint).removing(&path))
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
    let source = &manifest.build.source;
    if source.encryption().0 {
        refuse(at!["source", source.kind(), "encrypted"], findings);
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
