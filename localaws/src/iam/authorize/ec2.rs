//! EC2 ("Actions, resources, and condition keys for Amazon EC2", Service Authorization Reference).

mod encrypted;

use std::collections::BTreeMap;

use super::check::{Check, Needs, Scene};
use crate::ec2::Facts;
use crate::iam::context::Context;
use crate::wire::{Request, query_fields};

type Tags = BTreeMap<String, String>;

/// Actions that take no resource.
const WITHOUT_RESOURCE: [&str; 15] = [
    "BundleInstance",
    "CancelBundleTask",
    "DescribeBundleTasks",
    "DescribeImages",
    "DescribeImportImageTasks",
    "DescribeImportSnapshotTasks",
    "DescribeInstances",
    "DescribeRegions",
    "DescribeSnapshots",
    "DescribeStoreImageTasks",
    "DescribeTags",
    "GetEbsDefaultKmsKeyId",
    "GetEbsEncryptionByDefault",
    "GetImageBlockPublicAccessState",
    "GetSnapshotBlockPublicAccessState",
];

/// One request.
struct Asked<'a> {
    scene: &'a Scene<'a>,
    region: &'a str,
    action: &'a str,
    fields: Vec<(String, String)>,
}

pub(super) fn needs(scene: &Scene<'_>, region: &str, action: &str, request: &Request) -> Needs {
    let asked = Asked {
        scene,
        region,
        action,
        fields: query_fields(request),
    };
    let checks = match action {
        "RegisterImage" => asked.register_image(),
        "ImportSnapshot" => asked.import_snapshot(),
        "ImportImage" => asked.import_image(),
        "CopyImage" => asked.copy_image()?,
        "CopySnapshot" => asked.copy_snapshot()?,
        "CreateTags" => asked.create_tags(),
        "CreateStoreImageTask" => asked.store()?,
        "CreateRestoreImageTask" => asked.restore()?,
        "CancelImportTask" => vec![asked.on("CancelImportTask", asked.get("ImportTaskId"))],
        "DeleteSnapshot" => vec![asked.on(action, asked.get("SnapshotId"))],
        "DeregisterImage" => asked.deregister_image(),
        "DeleteTags" => asked.create_tags(),
        "DescribeImageAttribute"
        | "DisableImage"
        | "DisableImageDeprecation"
        | "DisableImageDeregistrationProtection"
        | "EnableImage"
        | "EnableImageDeprecation"
        | "EnableImageDeregistrationProtection"
        | "ModifyImageAttribute" => {
            vec![asked.on(action, asked.get("ImageId"))]
        }
        "DescribeImageReferences" => asked.references(),
        "DescribeSnapshotAttribute" => vec![asked.on(action, asked.get("SnapshotId"))],
        "ModifySnapshotAttribute" => vec![asked.modify_snapshot_attribute()],
        action if WITHOUT_RESOURCE.contains(&action) => vec![asked.everywhere(action)],
        _ => return None,
    };
    Some(checks)
}

impl Asked<'_> {
    fn get(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        let found = fields.find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// The values of fields whose names begin and end so: members of a list.
    fn all(&self, start: &str, end: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        fields
            .filter(|(field, _)| field.starts_with(start) && field.ends_with(end))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// `NAME.N.Key` and `NAME.N.Value`.
    fn tags(&self, name: &str) -> Tags {
        let start = format!("{name}.");
        let keys = self.fields.iter().filter_map(|(field, key)| {
            let number = field.strip_prefix(&start)?.strip_suffix(".Key")?;
            let value = self.get(&format!("{start}{number}.Value"));
            Some((key.clone(), value.to_owned()))
        });
        keys.collect()
    }

    /// The tags of the `TagSpecification` for this resource type.
    fn tags_for(&self, kind: &str) -> Tags {
        let mut tags = Tags::new();
        for (field, value) in &self.fields {
            let specification = field.strip_suffix(".ResourceType");
            if let Some(name) = specification.filter(|_| value == kind) {
                tags.extend(self.tags(&format!("{name}.Tag")));
            }
        }
        tags
    }

    fn check(&self, action: &str, resource: String) -> Check {
        let action = format!("ec2:{action}");
        Check::new(action, resource).with(Context::default().with("ec2:Region", self.region))
    }

    fn everywhere(&self, action: &str) -> Check {
        self.check(action, "*".to_owned())
    }

    /// The ARN of an id, or of `KIND/*` for what is still to be made. Those of images and snapshots have no account.
    fn arn(&self, region: &str, kind: &str, id: &str) -> String {
        if kind.starts_with("import-") {
            return self.scene.arn("ec2", region, &format!("{kind}/{id}"));
        }
        format!("arn:{}:ec2:{region}::{kind}/{id}", self.scene.partition)
    }

    fn context_of(&self, facts: &Facts) -> Context {
        let volume = facts.volume.map(|id| {
            let (partition, owner) = (self.scene.partition, &facts.owner);
            format!("arn:{partition}:ec2:{}:{owner}:volume/{id}", self.region)
        });
        let context = Context::default()
            .with("ec2:Owner", facts.owner.as_str())
            .with_some("ec2:ParentVolume", volume)
            .with_resource_tags("ec2", &facts.tags);
        let keys = facts.keys.iter();
        keys.fold(context, |context, (key, value)| context.with(key, value))
    }

    /// An action on what a call makes, with the tags that it gets.
    fn on_new(&self, action: &str, kind: &str) -> Check {
        self.check(action, self.arn(self.region, kind, "*"))
            .with(Context::default().with_request_tags(&self.tags_for(kind)))
    }

    /// An action on something that is there.
    fn on(&self, action: &str, id: &str) -> Check {
        let facts = self.scene.ec2.facts(self.region, id);
        let check = self.check(action, self.arn(self.region, kind_of(id), id));
        let context = facts
            .as_ref()
            .map_or_else(Context::default, |facts| self.context_of(facts));
        Check {
            exists: facts.is_some(),
            ..check.with(context)
        }
    }

    /// CreateTags, which a call needs that tags what it makes ("Grant permission to tag Amazon EC2 resources during
    /// creation", EC2 User Guide).
    fn tagging(&self, kind: &str, create_action: &str) -> Option<Check> {
        let tags = self.tags_for(kind);
        let check = self.on_new("CreateTags", kind);
        let context = Context::default().with("ec2:CreateAction", create_action);
        (!tags.is_empty()).then(|| check.with(context))
    }

    fn register_image(&self) -> Vec<Check> {
        let mut checks = vec![self.on_new(self.action, "image")];
        let snapshots = self.all("BlockDeviceMapping.", ".Ebs.SnapshotId");
        checks.extend(snapshots.into_iter().map(|id| self.on(self.action, id)));
        checks.extend(self.tagging("image", self.action));
        checks.extend(self.tagging("snapshot", self.action));
        checks
    }

    fn import_snapshot(&self) -> Vec<Check> {
        let mut checks = vec![
            self.on_new(self.action, "import-snapshot-task"),
            self.on_new(self.action, "snapshot"),
        ];
        for kind in ["import-snapshot-task", "snapshot"] {
            checks.extend(self.tagging(kind, self.action));
        }
        checks
    }

    /// Snapshots are checked if they are what is imported.
    fn import_image(&self) -> Vec<Check> {
        let mut checks = vec![
            self.on_new(self.action, "import-image-task"),
            self.on_new(self.action, "image"),
        ];
        let snapshots = self.all("DiskContainer.", ".SnapshotId");
        checks.extend(snapshots.into_iter().map(|id| self.on(self.action, id)));
        for kind in ["import-image-task", "image", "snapshot"] {
            checks.extend(self.tagging(kind, self.action));
        }
        checks
    }

    /// Checked against the AMI that is copied ("Starting October 28, 2024", EC2 User Guide), the copy and its
    /// snapshots.
    fn copy_image(&self) -> Needs {
        let (id, region) = (self.get("SourceImageId"), self.get("SourceRegion"));
        let facts = self.scene.ec2.facts(region, id);
        let source = self.check(self.action, self.arn(region, "image", id));
        let owner = facts.as_ref().map(|facts| facts.owner.as_str());
        let context = Context::default()
            .with("ec2:ImageID", id)
            .with_some("ec2:Owner", owner);
        let source = Check {
            exists: facts.is_some(),
            ..source.with(context)
        };
        let mut checks = vec![
            source,
            self.on_new(self.action, "image"),
            self.on_new(self.action, "snapshot"),
        ];
        for kind in ["image", "snapshot"] {
            checks.extend(self.tagging(kind, self.action));
        }
        checks.extend(self.keys(facts.as_ref(), region)?);
        Some(checks)
    }

    /// EC2 looks at what uses AMIs with its caller's permissions ("Required permissions to use AMI reference checks", EC2
    /// User Guide).
    fn references(&self) -> Vec<Check> {
        let called = Context::default().with_many("aws:CalledVia", ["ec2-images.amazonaws.com"]);
        let kinds = self.all("ResourceType.", ".ResourceType");
        let needed = kinds.into_iter().flat_map(|kind| match kind {
            "ec2:Instance" => &["ec2:DescribeInstances"][..],
            "ec2:LaunchTemplate" => &[
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeLaunchTemplateVersions",
            ],
            "ssm:Parameter" => &["ssm:DescribeParameters", "ssm:GetParameters"],
            _ => &[],
        });
        let mut checks = vec![self.everywhere(self.action)];
        for action in needed {
            let resource = match *action {
                "ssm:DescribeParameters" => self.scene.arn("ssm", self.region, "*"),
                // Any parameter may name the image.
                "ssm:GetParameters" => self.scene.arn("ssm", self.region, "parameter/*"),
                _ => "*".to_owned(),
            };
            let region = Context::default().with("ec2:Region", self.region);
            let check = Check::new(*action, resource).with(called.clone());
            checks.push(check.with(region));
        }
        checks
    }

    fn copy_snapshot(&self) -> Needs {
        let region = self.get("SourceRegion");
        let facts = self.scene.ec2.facts(region, self.get("SourceSnapshotId"));
        let mut checks = vec![self.on_new(self.action, "snapshot")];
        checks.extend(self.tagging("snapshot", self.action));
        checks.extend(self.keys(facts.as_ref(), region)?);
        Some(checks)
    }

    fn create_tags(&self) -> Vec<Check> {
        let tags = Context::default().with_request_tags(&self.tags("Tag"));
        let ids = self.all("ResourceId.", "");
        ids.into_iter()
            .map(|id| self.on(self.action, id).with(tags.clone()))
            .collect()
    }

    /// Who it is shared with, and no longer, in either form of the request.
    fn modify_snapshot_attribute(&self) -> Check {
        let mut context = Context::default();
        for (change, operation) in [("Add", "add"), ("Remove", "remove")] {
            let structured = format!("CreateVolumePermission.{change}.");
            let mut groups = self.all(&structured, ".Group");
            let mut accounts = self.all(&structured, ".UserId");
            if self.get("OperationType") == operation {
                groups.extend(self.all("UserGroup.", ""));
                accounts.extend(self.all("UserId.", ""));
            }
            if !groups.is_empty() {
                context = context.with_many(&format!("ec2:{change}/group"), groups);
            }
            if !accounts.is_empty() {
                context = context.with_many(&format!("ec2:{change}/userId"), accounts);
            }
        }
        self.on(self.action, self.get("SnapshotId")).with(context)
    }

    /// "You also need ec2:DeleteSnapshot" for snapshots that go with the image.
    fn deregister_image(&self) -> Vec<Check> {
        let id = self.get("ImageId");
        let mut checks = vec![self.on(self.action, id)];
        let with_snapshots = self.get("DeleteAssociatedSnapshots");
        if with_snapshots.eq_ignore_ascii_case("true") {
            let facts = self.scene.ec2.facts(self.region, id);
            let snapshots = facts.map(|facts| facts.snapshots).unwrap_or_default();
            checks.extend(snapshots.iter().map(|id| self.on("DeleteSnapshot", id)));
        }
        checks
    }
}

/// The resource type that an id is of.
fn kind_of(id: &str) -> &'static str {
    let kinds = [
        ("ami-", "image"),
        ("snap-", "snapshot"),
        ("import-ami-", "import-image-task"),
        ("import-snap-", "import-snapshot-task"),
    ];
    let kind = kinds.iter().find(|(prefix, _)| id.starts_with(prefix));
    // What has no type here is not there either, and EC2 says so.
    kind.map_or("unknown", |(_, kind)| kind)
}
