//! EC2: settings of an AMI that exists. One attribute of one AMI per call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{
    AttributeValue, CreateVolumePermission, CreateVolumePermissionModifications,
    ImageAttributeName, LaunchPermission, LaunchPermissionModifications, OperationType,
    PermissionGroup, SnapshotAttributeName, Tag,
};
use jiff::Timestamp;

use super::connect::Aws;
use super::error::AwsError;
use crate::image::status::{Grantee, Protection};

impl Aws {
    /// Who may launch an AMI, besides its owner.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn launch_permissions(&self, image: &str) -> Result<BTreeSet<Grantee>, AwsError> {
        let request = self
            .ec2()
            .describe_image_attribute()
            .image_id(image)
            .attribute(ImageAttributeName::LaunchPermission);
        let doing = format!("reading the launch permissions of {image}");
        let answer = self.send_ec2("DescribeImageAttribute", doing, Box::pin(request.send()));
        let permissions = answer.await?.launch_permissions.unwrap_or_default();
        Ok(permissions.into_iter().filter_map(grantee).collect())
    }

    /// Adds and removes launch permissions in one request, which fails as a whole or not at all.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn change_launch_permissions(
        &self,
        image: &str,
        add: &BTreeSet<Grantee>,
        remove: &BTreeSet<Grantee>,
    ) -> Result<(), AwsError> {
        let permissions = |grantees: &BTreeSet<Grantee>| {
            let permissions: Vec<_> = grantees.iter().map(permission).collect();
            (!permissions.is_empty()).then_some(permissions)
        };
        let changes = LaunchPermissionModifications::builder()
            .set_add(permissions(add))
            .set_remove(permissions(remove));
        let request = self
            .ec2()
            .modify_image_attribute()
            .image_id(image)
            .launch_permission(changes.build());
        let doing = format!("changing the launch permissions of {image}");
        self.send_ec2("ModifyImageAttribute", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }

    /// Sets the description of an AMI.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn set_image_description(&self, image: &str, text: &str) -> Result<(), AwsError> {
        let request = self
            .ec2()
            .modify_image_attribute()
            .image_id(image)
            .description(AttributeValue::builder().value(text).build());
        let doing = format!("setting the description of {image}");
        self.send_ec2("ModifyImageAttribute", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }

    /// The product codes of an AMI, as its own attribute: what DescribeImages lists may be older.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn product_codes(&self, image: &str) -> Result<BTreeSet<String>, AwsError> {
        let request = self
            .ec2()
            .describe_image_attribute()
            .image_id(image)
            .attribute(ImageAttributeName::ProductCodes);
        let doing = format!("reading the product codes of {image}");
        let answer = self.send_ec2("DescribeImageAttribute", doing, Box::pin(request.send()));
        let codes = answer.await?.product_codes.unwrap_or_default();
        Ok(codes
            .into_iter()
            .filter_map(|code| code.product_code_id)
            .collect())
    }

    /// Sets the product code of an AMI. AWS itself no longer does ("Not supported.", ModifyImageAttribute).
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn set_product_code(&self, image: &str, code: &str) -> Result<(), AwsError> {
        let request = self
            .ec2()
            .modify_image_attribute()
            .image_id(image)
            .attribute("productCodes")
            .operation_type(OperationType::Add)
            .product_codes(code);
        let doing = format!("setting the product code of {image} to {code}");
        self.send_ec2("ModifyImageAttribute", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }

    /// The accounts that a snapshot is shared with.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn snapshot_accounts(&self, snapshot: &str) -> Result<BTreeSet<String>, AwsError> {
        let request = self
            .ec2()
            .describe_snapshot_attribute()
            .snapshot_id(snapshot)
            .attribute(SnapshotAttributeName::CreateVolumePermission);
        let doing = format!("reading who {snapshot} is shared with");
        let answer = self.send_ec2("DescribeSnapshotAttribute", doing, Box::pin(request.send()));
        let permissions = answer.await?.create_volume_permissions.unwrap_or_default();
        Ok(permissions
            .into_iter()
            .filter_map(|permission| permission.user_id)
            .collect())
    }

    /// Shares a snapshot with accounts.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn share_snapshot(
        &self,
        snapshot: &str,
        accounts: &BTreeSet<String>,
    ) -> Result<(), AwsError> {
        let changes = CreateVolumePermissionModifications::builder()
            .set_add(Some(volume_permissions(accounts)))
            .build();
        self.change_snapshot_accounts(snapshot, changes).await
    }

    /// Revokes that accounts may use a snapshot.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn revoke_snapshot(
        &self,
        snapshot: &str,
        accounts: &BTreeSet<String>,
    ) -> Result<(), AwsError> {
        let changes = CreateVolumePermissionModifications::builder()
            .set_remove(Some(volume_permissions(accounts)))
            .build();
        self.change_snapshot_accounts(snapshot, changes).await
    }

    /// One request adds or removes, never both (ModifySnapshotAttribute).
    async fn change_snapshot_accounts(
        &self,
        snapshot: &str,
        changes: CreateVolumePermissionModifications,
    ) -> Result<(), AwsError> {
        let request = self
            .ec2()
            .modify_snapshot_attribute()
            .snapshot_id(snapshot)
            .attribute(SnapshotAttributeName::CreateVolumePermission)
            .create_volume_permission(changes);
        let doing = format!("changing who {snapshot} is shared with");
        self.send_ec2("ModifySnapshotAttribute", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }

    /// Deletes tags, each only if it still has this value.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn delete_tags(
        &self,
        ids: &[String],
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let request = self
            .ec2()
            .delete_tags()
            .set_resources(Some(ids.to_vec()))
            .set_tags(Some(tags.iter().map(tag).collect()));
        let doing = format!("removing tags from {}", ids.join(", "));
        self.send_ec2("DeleteTags", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }

    /// Sets when an AMI is deprecated, rounded to a minute by EC2; none for never.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn set_deprecation(
        &self,
        image: &str,
        at: Option<Timestamp>,
    ) -> Result<(), AwsError> {
        let doing = format!("setting when {image} is deprecated");
        match at {
            Some(at) => {
                let request = self
                    .ec2()
                    .enable_image_deprecation()
                    .image_id(image)
                    .deprecate_at(DateTime::from_secs(at.as_second()));
                self.send_ec2("EnableImageDeprecation", doing, Box::pin(request.send()))
                    .await?;
            }
            None => {
                let request = self.ec2().disable_image_deprecation().image_id(image);
                self.send_ec2("DisableImageDeprecation", doing, Box::pin(request.send()))
                    .await?;
            }
        }
        Ok(())
    }

    /// Sets the deregistration protection of an AMI; none to switch it off.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn set_protection(
        &self,
        image: &str,
        protection: Option<Protection>,
    ) -> Result<(), AwsError> {
        let doing = format!("setting the deregistration protection of {image}");
        match protection {
            Some(protection) => {
                let request = self
                    .ec2()
                    .enable_image_deregistration_protection()
                    .image_id(image)
                    .with_cooldown(protection == Protection::WithCooldown);
                let action = "EnableImageDeregistrationProtection";
                self.send_ec2(action, doing, Box::pin(request.send()))
                    .await?;
            }
            None => {
                let request = self.ec2().disable_image_deregistration_protection();
                let request = request.image_id(image);
                let action = "DisableImageDeregistrationProtection";
                self.send_ec2(action, doing, Box::pin(request.send()))
                    .await?;
            }
        }
        Ok(())
    }
}

fn volume_permissions(accounts: &BTreeSet<String>) -> Vec<CreateVolumePermission> {
    let permission = |account: &String| CreateVolumePermission::builder().user_id(account).build();
    accounts.iter().map(permission).collect()
}

fn permission(grantee: &Grantee) -> LaunchPermission {
    let permission = LaunchPermission::builder();
    match grantee {
        Grantee::Account(id) => permission.user_id(id),
        Grantee::Organization(arn) => permission.organization_arn(arn),
        Grantee::OrganizationalUnit(arn) => permission.organizational_unit_arn(arn),
        Grantee::Public => permission.group(PermissionGroup::All),
    }
    .build()
}

/// None for a kind of grantee that is not known: it was not applied by amiwright, and stays.
fn grantee(permission: LaunchPermission) -> Option<Grantee> {
    let account = permission.user_id.map(Grantee::Account);
    let organization = permission.organization_arn.map(Grantee::Organization);
    let unit = permission
        .organizational_unit_arn
        .map(Grantee::OrganizationalUnit);
    let public = permission
        .group
        .filter(|group| *group == PermissionGroup::All)
        .map(|_| Grantee::Public);
    account.or(organization).or(unit).or(public)
}
