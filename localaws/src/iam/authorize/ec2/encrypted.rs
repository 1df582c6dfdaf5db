//! Copies, stored and restored AMIs: what they are made of, and the KMS keys that it is encrypted with.

use std::collections::BTreeSet;

use super::super::check::{Check, Needs};
use super::super::kms;
use super::Asked;
use crate::ec2::{Encrypted, Facts};
use crate::iam::context::Context;

impl Asked<'_> {
    /// The KMS keys that a copy is made with: its own, or the one by default, and those of all that is copied.
    pub(super) fn keys(&self, source: Option<&Facts>, source_region: &str) -> Needs {
        let asked = Some(self.get("KmsKeyId")).filter(|key| !key.is_empty());
        let encrypted = self.get("Encrypted");
        let default = self.scene.ec2.default_encryption(self.region);
        // Within its Region a snapshot keeps its key, unless the call says how it is to be encrypted.
        let keeps = source_region == self.region && encrypted.is_empty();
        let is_on = encrypted.eq_ignore_ascii_case("true") || default.is_on;
        let snapshots = source.map_or(&[][..], |facts| &facts.encryption);
        let takes_default = |it: &Encrypted| match it.is_on {
            true => !keeps,
            false => is_on,
        };
        let by_default = asked.is_none() && snapshots.iter().any(takes_default);
        let default = default.key.filter(|_| by_default);
        let of_source = snapshots.iter().filter_map(|it| it.key.as_deref());
        self.through_ec2(of_source.chain(asked).chain(default.as_deref()))
    }

    fn through_ec2<'k>(&self, keys: impl Iterator<Item = &'k str>) -> Needs {
        let mut checks = Vec::new();
        for key in keys.collect::<BTreeSet<_>>() {
            checks.extend(kms::through_ec2(self.scene, self.region, key)?);
        }
        Some(checks)
    }

    /// EC2 stores an AMI with its caller's permissions. The guide lists those for storing and restoring together
    /// ("Store and restore an AMI using S3"); which of both needs which is inferred from what the actions do. The EBS direct
    /// APIs read what is encrypted with their caller's permission to use its key ("Control access to EBS direct APIs using
    /// IAM", EBS User Guide, which lists actions of KMS for all of them together: those of a copy are checked).
    pub(super) fn store(&self) -> Needs {
        let (id, bucket) = (self.get("ImageId"), self.get("Bucket"));
        let mut checks = vec![self.on(self.action, id), self.everywhere("DescribeTags")];
        let facts = self.scene.ec2.facts(self.region, id).unwrap_or_default();
        let keys = facts.encryption.iter().filter_map(|it| it.key.as_deref());
        checks.extend(self.through_ec2(keys)?);
        for snapshot in facts.snapshots {
            let arn = self.arn(self.region, "snapshot", &snapshot);
            let read = [
                "GetSnapshotBlock",
                "ListChangedBlocks",
                "ListSnapshotBlocks",
            ];
            let tags = self.scene.ec2.facts(self.region, &snapshot);
            let tags = tags.map(|facts| facts.tags).unwrap_or_default();
            let context = Context::default().with_resource_tags("aws", &tags);
            checks.extend(
                read.map(|action| Check::new(format!("ebs:{action}"), &arn).with(context.clone())),
            );
        }
        let bucket = format!("arn:{}:s3:::{bucket}", self.scene.partition);
        checks.push(Check::new("s3:ListBucket", &bucket));
        let write = [
            "AbortMultipartUpload",
            "DeleteObject",
            "PutObject",
            "PutObjectTagging",
        ];
        let object = format!("{bucket}/{id}.bin");
        checks.extend(write.map(|action| Check::new(format!("s3:{action}"), &object)));
        Some(checks)
    }

    /// The same for restoring. Snapshots are tagged by the call that makes them, StartSnapshot of the EBS direct APIs; they
    /// are encrypted if the account says so of all, and under its key for EBS.
    pub(super) fn restore(&self) -> Needs {
        let mut checks = vec![
            self.on_new(self.action, "image"),
            self.everywhere("GetEbsEncryptionByDefault"),
        ];
        checks.extend(self.tagging("image", self.action));
        checks.extend(self.tagging("snapshot", "StartSnapshot"));
        let snapshot = self.arn(self.region, "snapshot", "*");
        let tags = self.tags_for("snapshot");
        let started = Context::default().with_request_tags(&tags);
        checks.push(Check::new("ebs:StartSnapshot", &snapshot).with(started));
        let tagged = Context::default().with_resource_tags("aws", &tags);
        for action in ["ebs:PutSnapshotBlock", "ebs:CompleteSnapshot"] {
            checks.push(Check::new(action, &snapshot).with(tagged.clone()));
        }
        let (bucket, key) = (self.get("Bucket"), self.get("ObjectKey"));
        let bucket = format!("arn:{}:s3:::{bucket}", self.scene.partition);
        checks.push(Check::new("s3:ListBucket", &bucket));
        checks.push(Check::new("s3:GetObject", format!("{bucket}/{key}")));
        let default = self.scene.ec2.default_encryption(self.region);
        let key = default.key.filter(|_| default.is_on);
        checks.extend(self.through_ec2(key.as_deref().into_iter())?);
        Some(checks)
    }
}
