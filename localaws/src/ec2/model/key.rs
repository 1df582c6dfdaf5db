//! KMS keys, as far as EC2 has to distinguish them. There is no KMS here: every well-formed key of the Region exists.

use sha1::{Digest as _, Sha1};

use crate::ACCOUNT;

/// The alias of the key that AWS manages for EBS in each Region.
pub(crate) const MANAGED_ALIAS: &str = "alias/aws/ebs";

/// What is known of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) arn: String,
    /// Whether AWS manages it, for EBS.
    pub(crate) is_managed: bool,
    /// Whether it can be used: it is enabled.
    pub(crate) is_usable: bool,
}

/// The ARN of the key that this names in a Region: a key id, an alias, or the ARN of either. None if it names none
/// there: EC2 finds that out only after it has answered.
pub(crate) fn arn(region: &str, key: &str) -> Option<String> {
    let prefix = format!("arn:aws:kms:{region}:{ACCOUNT}:");
    let local = match key.strip_prefix(&prefix) {
        Some(local) => local,
        None if key.starts_with("arn:") => return None,
        None if key.starts_with("alias/") => key,
        None => return is_key_id(key).then(|| format!("{prefix}key/{key}")),
    };
    match local.split_once('/')? {
        ("key", id) if is_key_id(id) => Some(format!("{prefix}key/{id}")),
        ("alias", name) if !name.is_empty() => {
            Some(format!("{prefix}key/{}", id_behind(region, name)))
        }
        _ => None,
    }
}

/// Whether the ARN is that of the key that AWS manages for EBS in the Region.
pub(crate) fn is_managed(region: &str, key_arn: &str) -> bool {
    arn(region, MANAGED_ALIAS).as_deref() == Some(key_arn)
}

fn is_key_id(id: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    match id.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && hex(digits),
        None => {
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            parts == [8, 4, 4, 4, 12] && hex(&id.replace('-', ""))
        }
    }
}

/// The id of the key behind an alias: the same one each time.
fn id_behind(region: &str, alias: &str) -> String {
    let digest = Sha1::digest(format!("{region} {alias}"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_keys_of_the_region_from_others() {
        let id = "0a1b2c3d-0000-1111-2222-0123456789ab";
        let of_id = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/{id}");
        assert_eq!(arn("eu-west-1", id).as_ref(), Some(&of_id));
        assert_eq!(arn("eu-west-1", &of_id), Some(of_id.clone()));
        assert_eq!(arn("us-east-1", &of_id), None);
        assert_eq!(arn("us-east-1", "web"), None, "an alias says so");
        let by_alias = arn("eu-west-1", "alias/web").unwrap();
        let of_alias = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:alias/web");
        assert_eq!(arn("eu-west-1", &of_alias), Some(by_alias.clone()));
        assert!(!is_managed("eu-west-1", &by_alias));
        let managed = arn("eu-west-1", MANAGED_ALIAS).unwrap();
        assert!(is_managed("eu-west-1", &managed) && !is_managed("us-east-1", &managed));
    }
}
