//! Who may launch the AMI.

use super::forms;
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
        ("organizations", &access.organizations, "organization"),
        ("organizationalUnits", &access.organizational_units, "ou"),
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

/// `arn:aws:organizations::ACCOUNT:organization/o-…` or `arn:aws:organizations::ACCOUNT:ou/o-…/ou-…-…`
/// (Organizations API Reference, Organization and OrganizationalUnit, Arn).
fn organization(arn: &str, kind: &str, path: Path, findings: &mut Findings) {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let resource = match parts.as_slice() {
        ["arn", partition, "organizations", "", account, resource]
            if forms::is_partition(partition) && forms::is_account(account) =>
        {
            *resource
        }
        _ => "",
    };
    let steps: Vec<&str> = resource.split('/').collect();
    let good = match steps.as_slice() {
        ["organization", id] => kind == "organization" && is_organization(id),
        ["ou", id, unit] => kind == "ou" && is_organization(id) && is_unit(unit),
        _ => false,
    };
    if good {
        return;
    }
    let (what, hint) = if kind == "ou" {
        (
            "an organizational unit",
            "as `arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111`",
        )
    } else {
        (
            "an organization",
            "as `arn:aws:organizations::111122223333:organization/o-exampleorgid`",
        )
    };
    let finding = Finding::new(path, format!("{} is not the ARN of {what}", quoted(arn)));
    findings.add(
        finding
            .hint(hint)
            .rule("EC2 User Guide, Share an AMI with organizations or OUs"),
    );
}

fn is_organization(id: &str) -> bool {
    id.strip_prefix("o-").is_some_and(|id| is_word(id, 10))
}

fn is_unit(id: &str) -> bool {
    let parts = id.strip_prefix("ou-").and_then(|id| id.split_once('-'));
    parts.is_some_and(|(root, unit)| is_word(root, 4) && is_word(unit, 8))
}

/// Lower-case letters and digits, `least` to 32.
fn is_word(word: &str, least: usize) -> bool {
    (least..=32).contains(&word.len())
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
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
