//! Forms of EC2's ids, of product codes and of KMS keys' aliases.

/// The longest product code that is taken: they are 8 characters from DevPay, 25 from AWS Marketplace.
pub const PRODUCT_CODE_MAX: usize = 64;

/// Whether a text has the form of a product code: letters and digits, such as `774F4FF8`.
#[must_use]
pub fn is_product_code(text: &str) -> bool {
    (1..=PRODUCT_CODE_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a text is the id of a resource of this kind: `prefix`, a hyphen, and 8 or 17 hexadecimal digits in lower case
/// (EC2 User Guide, "Resource IDs").
#[must_use]
pub fn is_resource_id(text: &str, prefix: &str) -> bool {
    let rest = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| {
        matches!(rest.len(), 8 | 17)
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Whether this is an alias, or the ARN of one, of a key that AWS manages, such as EBS's default key `alias/aws/ebs`.
/// Nobody else's alias begins so (KMS API Reference, CreateAlias, AliasName).
#[must_use]
pub fn is_managed_key(key: &str) -> bool {
    const PREFIX: &str = "alias/aws/";
    let alias = match key.strip_prefix("arn:") {
        Some(arn) => arn.splitn(5, ':').nth(4).unwrap_or_default(),
        None => key,
    };
    alias.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aliases_of_aws_are_of_managed_keys() {
        for managed in [
            "alias/aws/ebs",
            "arn:aws:kms:eu-west-1:111122223333:alias/aws/ebs",
        ] {
            assert!(is_managed_key(managed), "{managed}");
        }
        for own in [
            "alias/images",
            "alias/images/alias/aws/ebs",
            "arn:aws:kms:eu-west-1:111122223333:alias/images",
            "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-1111-2222-0123456789ab",
            "",
        ] {
            assert!(!is_managed_key(own), "{own}");
        }
    }

    #[test]
    fn product_codes_are_letters_and_digits() {
        let longest = "a".repeat(PRODUCT_CODE_MAX);
        for good in [
            "774F4FF8",
            "8ed157f9",
            "abc123def456ghi789jkl012m",
            &longest,
        ] {
            assert!(is_product_code(good), "{good}");
        }
        let too_long = format!("{longest}a");
        for bad in ["", "774F-4FF8", "774F4FF8 ", "é", &too_long] {
            assert!(!is_product_code(bad), "{bad}");
        }
    }

    #[test]
    fn ids_have_8_or_17_hexadecimal_digits() {
        for good in ["i-10a64379", "i-0123456789abcdef0"] {
            assert!(is_resource_id(good, "i"), "{good}");
        }
        for bad in [
            "i-",
            "i-10a6437",
            "i-10A64379",
            "ami-10a64379",
            "10a64379",
            "i-0123456789abcdefg",
        ] {
            assert!(!is_resource_id(bad, "i"), "{bad}");
        }
    }
}
