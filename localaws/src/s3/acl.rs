//! Canned ACLs ("Canned ACL", Amazon S3 User Guide).

use s3s::dto::{Grant, Grantee, ObjectCannedACL, Owner, Permission, Type};
use s3s::{S3Error, S3Result, s3_error};

use super::record::DEFAULT_ACL;

/// The canonical user id of this world's account, which is not a real one.
const OWNER: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The canonical user that `aws-exec-read` lets read: EC2, as it fetches bundles.
const EC2: &str = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c";
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// The name of the canned ACL that was asked for, or of the default.
///
/// # Errors
/// 400 `InvalidArgument` for a name that S3 does not know.
pub(super) fn canned(acl: Option<&ObjectCannedACL>) -> S3Result<String> {
    let name = acl.map_or(DEFAULT_ACL, ObjectCannedACL::as_str);
    match name {
        ObjectCannedACL::PRIVATE
        | ObjectCannedACL::PUBLIC_READ
        | ObjectCannedACL::PUBLIC_READ_WRITE
        | ObjectCannedACL::AWS_EXEC_READ
        | ObjectCannedACL::AUTHENTICATED_READ
        | ObjectCannedACL::BUCKET_OWNER_READ
        | ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL => Ok(name.to_owned()),
        _ => Err(s3_error!(
            InvalidArgument,
            "x-amz-acl: '{name}' is not a canned ACL of an object"
        )),
    }
}

/// What S3 says of any ACL where ACLs are disabled, but of that of the bucket's owner.
pub(super) fn disabled() -> S3Error {
    s3_error!(
        AccessControlListNotSupported,
        "The bucket does not allow ACLs"
    )
}

/// Whether a canned ACL grants anything to everybody or to all who have an account ("The meaning of public", S3 User
/// Guide). `aws-exec-read` is for EC2 alone.
pub(super) fn is_public(canned: &str) -> bool {
    [
        ObjectCannedACL::PUBLIC_READ,
        ObjectCannedACL::PUBLIC_READ_WRITE,
        ObjectCannedACL::AUTHENTICATED_READ,
    ]
    .contains(&canned)
}

/// The owner of every bucket and object here.
pub(super) fn owner() -> Owner {
    Owner {
        display_name: None,
        id: Some(OWNER.to_owned()),
    }
}

/// The grants that a canned ACL stands for. The owner of bucket and object is one here,
/// so `bucket-owner-…` adds nothing to the owner's full control.
pub(super) fn grants(canned: &str) -> Vec<Grant> {
    let mut grants = vec![grant(user(OWNER), Permission::FULL_CONTROL)];
    match canned {
        ObjectCannedACL::AWS_EXEC_READ => grants.push(grant(user(EC2), Permission::READ)),
        ObjectCannedACL::PUBLIC_READ => grants.push(grant(group(ALL_USERS), Permission::READ)),
        ObjectCannedACL::PUBLIC_READ_WRITE => {
            grants.push(grant(group(ALL_USERS), Permission::READ));
            grants.push(grant(group(ALL_USERS), Permission::WRITE));
        }
        ObjectCannedACL::AUTHENTICATED_READ => {
            grants.push(grant(group(AUTHENTICATED_USERS), Permission::READ));
        }
        _ => {}
    }
    grants
}

fn grant(grantee: Grantee, permission: &'static str) -> Grant {
    Grant {
        grantee: Some(grantee),
        permission: Some(Permission::from_static(permission)),
    }
}

fn user(id: &str) -> Grantee {
    let type_ = Type::from_static(Type::CANONICAL_USER);
    Grantee {
        display_name: None,
        email_address: None,
        id: Some(id.to_owned()),
        type_,
        uri: None,
    }
}

fn group(uri: &str) -> Grantee {
    let type_ = Type::from_static(Type::GROUP);
    Grantee {
        display_name: None,
        email_address: None,
        id: None,
        type_,
        uri: Some(uri.to_owned()),
    }
}
