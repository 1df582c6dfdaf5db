//! Forms of ids, keys and names that several rules need.

use crate::{
    document::Path,
    findings::{Finding, Findings},
    hint::Hint,
    ids::is_resource_id,
    text::quoted,
};

/// Ids that are given in place of others, and what has them.
const IDS: [(&str, &str); 4] = [
    ("ami", "an AMI"),
    ("snap", "a snapshot"),
    ("i", "an instance"),
    ("vol", "a volume"),
];

/// Checks an id: `prefix`, a hyphen, and 8 or 17 hexadecimal digits (EC2 User Guide, "Resource IDs").
pub(super) fn id(given: &str, prefix: &str, path: Path, findings: &mut Findings) {
    if !is_resource_id(given, prefix) {
        findings.add(not_an_id(given, prefix, "hexadecimal digits", path));
    }
}

/// Checks an id that clouds compatible with EC2 make of any letters and digits.
pub(super) fn loose_id(given: &str, prefix: &str, path: Path, findings: &mut Findings) {
    let rest = given
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    let good = rest.is_some_and(|rest| {
        matches!(rest.len(), 8 | 17) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    if !good {
        findings.add(not_an_id(given, prefix, "letters or digits", path));
    }
}

fn not_an_id(given: &str, prefix: &str, of: &str, path: Path) -> Finding {
    let example = format!("{prefix}-0123456789abcdef0");
    // In capitals, or the end of an ARN.
    let meant = given.rsplit(['/', ':']).next().unwrap_or(given);
    let meant = meant.trim().to_ascii_lowercase();
    let hint = if is_resource_id(&meant, prefix) {
        Hint::meant(&path, &meant)
    } else if let Some((_, what)) = IDS.iter().find(|(other, _)| is_resource_id(&meant, other)) {
        Hint::new(format!(
            "it is the id of {what}; here stands one as `{example}`"
        ))
    } else {
        let form = format!("`{prefix}-` and 8 or 17 {of}, as `{example}`");
        Hint::new(form).example(&path, example)
    };
    Finding::new(path, format!("{} is not an id of this kind", quoted(given)))
        .hint(hint)
        .rule("EC2 User Guide, Resource IDs")
}

/// The Region that was probably meant: by one of its Availability Zones, in capitals, or without a hyphen.
pub(super) fn probable_region(given: &str) -> Option<String> {
    let region = given.trim().to_ascii_lowercase().replace('_', "-");
    let zone = region.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let digits = zone.trim_end_matches(|c: char| c.is_ascii_digit());
    let hyphened = format!("{digits}-{}", &zone[digits.len()..]);
    [region.as_str(), zone, hyphened.as_str()]
        .into_iter()
        .find(|meant| is_region(meant) && partition(meant).is_some())
        .map(str::to_owned)
}

/// Checks a KMS key: its id, its ARN, `alias/NAME` or the alias' ARN. `region`: where the key must be.
pub(super) fn kms_key(given: &str, region: Option<&str>, path: Path, findings: &mut Findings) {
    const RULE: &str = "EC2 API Reference, CopyImage and ImportSnapshot (KmsKeyId)";
    let Some(arn) = given.strip_prefix("arn:") else {
        if !is_key_id(given) && !is_alias(given) {
            let hint = match given.strip_prefix("key/").filter(|id| is_key_id(id)) {
                Some(id) => Hint::new(format!("write `{id}`")).replacing(&path, id),
                None => Hint::new("a key's id, its ARN, `alias/NAME` or the alias' ARN"),
            };
            findings.add(
                Finding::new(path, format!("{} is not a KMS key", quoted(given)))
                    .hint(hint)
                    .rule(RULE),
            );
        }
        return;
    };
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let [partition, "kms", key_region, account, resource] = parts.as_slice() else {
        findings.add(
            Finding::new(
                path,
                format!("{} is not the ARN of a KMS key", quoted(given)),
            )
            .rule(RULE),
        );
        return;
    };
    let good = is_partition(partition) && is_region(key_region) && is_account(account);
    if !good || !(is_key(resource) || is_alias(resource)) {
        let region = region.unwrap_or("us-east-1");
        let partition = self::partition(region).unwrap_or("aws");
        let example = format!(
            "arn:{partition}:kms:{region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        );
        let hint = Hint::new(format!("as `{example}`")).example(&path, example);
        findings.add(
            Finding::new(
                path,
                format!("{} is not the ARN of a KMS key", quoted(given)),
            )
            .hint(hint)
            .rule(RULE),
        );
    } else if let Some(region) = region
        && region != *key_region
    {
        let message = format!("the key is in {key_region}, but it is needed in {region}");
        findings.add(
            Finding::new(path, message)
                .hint("KMS keys belong to one Region: use one of that Region")
                .rule(RULE),
        );
    }
}

/// Whether this is the ARN of a KMS key, and not of an alias.
pub(crate) fn is_key_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "kms", region, account, resource]
        if is_partition(partition) && is_region(region) && is_account(account) && is_key(resource))
}

fn is_key(resource: &str) -> bool {
    resource.strip_prefix("key/").is_some_and(is_key_id)
}

/// A UUID, or `mrk-` and 32 hexadecimal digits.
fn is_key_id(id: &str) -> bool {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if let Some(rest) = id.strip_prefix("mrk-") {
        return hex(rest, 32);
    }
    let groups: Vec<&str> = id.split('-').collect();
    groups.len() == 5
        && groups
            .iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(group, length)| hex(group, length))
}

/// KMS API Reference, CreateAlias (AliasName).
fn is_alias(alias: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
    alias
        .strip_prefix("alias/")
        .is_some_and(|name| !name.is_empty() && alias.len() <= 256 && name.bytes().all(good))
}

/// `aws`, `aws-cn`, `aws-us-gov`, `aws-iso`, …
pub(crate) fn is_partition(partition: &str) -> bool {
    partition == "aws"
        || (partition.starts_with("aws-")
            && partition
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-'))
}

/// The partition of a Region ("Amazon Resource Names", AWS General Reference); none if this version does not know it.
pub(crate) fn partition(region: &str) -> Option<&'static str> {
    /// How names of Regions of the partition `aws` begin; those of other partitions that begin so have more words.
    const COMMERCIAL: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];
    let words: Vec<&str> = region.split('-').collect();
    match words.as_slice() {
        ["cn", _, _] => Some("aws-cn"),
        ["us", "gov", _, _] => Some("aws-us-gov"),
        [area, _, _] if COMMERCIAL.contains(area) => Some("aws"),
        _ => None,
    }
}

/// The partition that an ARN names; none if it is not an ARN.
pub(super) fn partition_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    parts.next().filter(|first| *first == "arn")?;
    parts.next().filter(|partition| is_partition(partition))
}

/// Whether this has the form of an account's id: 12 digits (Account Management User Guide, "View AWS account identifiers").
#[must_use]
pub fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this has the form of a Region's name: words of letters with hyphens between them and a number at the end, as
/// `us-east-1` and `us-gov-west-1`. Which Regions there are is not known here.
#[must_use]
pub fn is_region(region: &str) -> bool {
    let Some((words, number)) = region.rsplit_once('-') else {
        return false;
    };
    let number_good = matches!(number.len(), 1 | 2) && number.bytes().all(|b| b.is_ascii_digit());
    let word_good = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    number_good && region.len() <= 32 && words.contains('-') && words.split('-').all(word_good)
}

/// What an ARN of AWS Organizations names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Organization {
    /// `arn:aws:organizations::ACCOUNT:organization/o-…`.
    Whole,
    /// An organizational unit: `arn:aws:organizations::ACCOUNT:ou/o-…/ou-…-…`.
    Unit,
}

/// Reads an ARN of AWS Organizations (Organizations API Reference, Organization and OrganizationalUnit, Arn).
pub(crate) fn organization(arn: &str) -> Option<Organization> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "organizations", "", account, resource] = parts.as_slice() else {
        return None;
    };
    if !is_partition(partition) || !is_account(account) {
        return None;
    }
    let steps: Vec<&str> = resource.split('/').collect();
    match steps.as_slice() {
        ["organization", id] if is_organization(id) => Some(Organization::Whole),
        ["ou", id, unit] if is_organization(id) && is_unit(unit) => Some(Organization::Unit),
        _ => None,
    }
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

/// Reports every value that is given twice.
pub(super) fn no_repeats(values: &[String], path: &Path, findings: &mut Findings) {
    let mut seen = std::collections::HashSet::new();
    for (index, value) in values.iter().enumerate() {
        if !seen.insert(value) {
            let path = path.join(index);
            let hint = Hint::new("keep one of the two").removing(&path);
            let finding = Finding::new(path, format!("{} is given twice", quoted(value)));
            findings.add(finding.hint(hint));
        }
    }
}
