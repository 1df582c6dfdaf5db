//! The condition keys that this world gives values to.
//!
//! From "AWS global condition context keys" (IAM User Guide) and the Service Authorization Reference, as far as the
//! actions that are built here have them. A policy with another key is refused when the stack starts: without a value
//! a condition would hold or fail for a reason that AWS does not have.

/// A condition key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Key {
    /// In lower case; one that ends with `/` or `:` goes on with a tag's or an entry's key.
    name: &'static str,
    /// Whether it may have several values: such a key needs `ForAllValues:` or `ForAnyValue:`.
    pub(crate) many: bool,
}

const fn one(name: &'static str) -> Key {
    Key { name, many: false }
}

const fn many(name: &'static str) -> Key {
    Key { name, many: true }
}

const KEYS: [Key; 51] = [
    one("aws:principalaccount"),
    one("aws:principalarn"),
    one("aws:principaltype"),
    one("aws:requestedregion"),
    one("aws:requesttag/"),
    one("aws:resourceaccount"),
    one("aws:resourcetag/"),
    one("aws:securetransport"),
    // What services say that act for a resource; calls by a principal of the stack do not have these two.
    one("aws:sourceaccount"),
    one("aws:sourcearn"),
    many("aws:tagkeys"),
    one("aws:userid"),
    one("aws:username"),
    many("ec2:add/group"),
    many("ec2:add/userid"),
    one("ec2:createaction"),
    one("ec2:encrypted"),
    one("ec2:imageid"),
    one("ec2:imagetype"),
    one("ec2:owner"),
    one("ec2:parentvolume"),
    one("ec2:public"),
    one("ec2:region"),
    many("ec2:remove/group"),
    many("ec2:remove/userid"),
    one("ec2:resourcetag/"),
    one("ec2:rootdevicetype"),
    one("ec2:snapshotid"),
    one("ec2:volumesize"),
    one("kms:calleraccount"),
    one("kms:encryptioncontext:"),
    many("kms:encryptioncontextkeys"),
    one("kms:grantisforawsresource"),
    one("kms:viaservice"),
    one("s3:authtype"),
    one("s3:delimiter"),
    one("s3:if-match"),
    one("s3:if-none-match"),
    one("s3:max-keys"),
    one("s3:objectcreationoperation"),
    one("s3:prefix"),
    one("s3:resourceaccount"),
    one("s3:signatureversion"),
    one("s3:tlsversion"),
    one("s3:versionid"),
    one("s3:x-amz-acl"),
    one("s3:x-amz-content-sha256"),
    one("s3:x-amz-copy-source"),
    one("s3:x-amz-server-side-encryption"),
    one("s3:x-amz-storage-class"),
    one("ssm:overwrite"),
];

/// The key of this name, whatever its case.
pub(crate) fn find(name: &str) -> Option<Key> {
    let name = name.to_ascii_lowercase();
    KEYS.into_iter().find(|key| {
        if key.name.ends_with(['/', ':']) {
            name.strip_prefix(key.name)
                .is_some_and(|rest| !rest.is_empty())
        } else {
            name == key.name
        }
    })
}
