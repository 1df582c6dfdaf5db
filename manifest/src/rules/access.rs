//! Who may launch the AMI.

use super::forms::{self, Organization};
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    spec::{Access, ImageManifest, Source},
    text::quoted,
};

const RULE: &str = "EC2 User Guide, Share an AMI";

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let Some(access) = &manifest.publish.access else {
        return;
    };
    accounts(access, findings);
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
            organization(arn, kind, path.join(index), findings);
        }
        forms::no_repeats(arns, &path, findings);
    }
    if access.public == Some(true) {
        public(manifest, findings);
    }
}

fn accounts(access: &Access, findings: &mut Findings) {
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
        }
    }
    forms::no_repeats(&access.accounts, &path, findings);
}

fn organization(arn: &str, kind: Organization, path: Path, findings: &mut Findings) {
    if forms::organization(arn) == Some(kind) {
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
    findings.add(
        finding
            .hint(hint)
            .rule("EC2 User Guide, Share an AMI with organizations or OUs"),
    );
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
