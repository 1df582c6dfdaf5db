//! Manifests as texts, and the names of what belongs to them.

use jiff::{SignedDuration, Timestamp};

use super::script::{
    ARCHIVE, COPY_REGIONS, KEYS, Manifest, ORGANIZATION, OTHER_BUCKET, PARTNERS, Protect, Retire,
    STORE_TAG, Source, Stack, UNIT,
};
use crate::support::REGION;

/// What is there to make images from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) snapshots: Vec<String>,
    /// An AMI elsewhere.
    pub(crate) image: String,
    /// The object of a stored AMI.
    pub(crate) stored: String,
    pub(crate) instance: String,
    /// A snapshot of another account.
    pub(crate) theirs: String,
    /// The manifest bucket.
    pub(crate) bucket: String,
}

/// The KMS key that manifests may name in a Region.
pub(crate) fn kms_key(region: &str) -> String {
    format!("arn:aws:kms:{region}:000000000000:key/1234abcd-12ab-34cd-56ef-123456789001")
}

/// The day on which histories begin; EC2 rounds to minutes.
const BEGINNING: &str = "2026-11-21T00:00:20Z";

/// The parameter that two manifests may set.
const SHARED_PARAMETER: &str = "/images/all";

/// Mistakes of people.
const MISTAKES: [&str; 4] = [
    "acess: {}\n",
    "tags: {aws:team: web}\n",
    "deprecate: {after: soon}\n",
    "regions: {us-east-1: {}}\n",
];

/// The manifest's key.
pub(crate) fn key(number: usize) -> &'static str {
    KEYS[number % KEYS.len()]
}

/// What a manifest is about, for names.
pub(crate) fn short(key: &str) -> &str {
    let file = key.rsplit('/').next().unwrap_or_default();
    file.split('.').next().unwrap_or_default()
}

/// The key of an object beside a manifest.
pub(crate) fn beside(key: &str, name: &str) -> String {
    match key.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

impl Manifest {
    /// The Regions besides the stack's that it wants copies in.
    pub(crate) fn copies(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let regions = self.regions.iter();
        regions.map(|(at, required)| (COPY_REGIONS[at % COPY_REGIONS.len()], *required))
    }

    /// The KMS key that the AMI in a Region is to be encrypted with, if it says so.
    pub(crate) fn kms_key(&self, region: &str) -> Option<String> {
        let is_named = match region {
            REGION => self.encrypted,
            region => self
                .keys
                .iter()
                .any(|at| COPY_REGIONS[at % COPY_REGIONS.len()] == region),
        };
        is_named.then(|| kms_key(region))
    }

    /// The accounts that may launch its AMI.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &'static str> {
        let accounts = self.accounts.iter();
        accounts.map(|at| PARTNERS[at % PARTNERS.len()])
    }

    /// The parameters that point to its AMI.
    pub(crate) fn parameters(&self, key: &str) -> Vec<String> {
        let own = self.parameter.then(|| format!("/images/{}", short(key)));
        let shared = self.shared_parameter.then(|| SHARED_PARAMETER.to_owned());
        own.into_iter().chain(shared).collect()
    }

    /// The bucket that its AMI is stored in, if it is, of a stack with this bucket for manifests.
    pub(crate) fn store_bucket<'a>(&self, manifests: &'a str) -> &'a str {
        if self.archived { ARCHIVE } else { manifests }
    }

    /// Whether the checks refuse it in such a stack.
    pub(crate) fn is_refused(&self, stack: &Stack) -> bool {
        let retires = self.replaces == Retire::Deregister || self.on_delete == Retire::Deregister;
        self.mistake.is_some()
            || self.accounts().any(|account| !stack.shares_with(account))
            || (self.organization && !stack.shares_with(ORGANIZATION))
            || (self.unit && !stack.shares_with(UNIT))
            || (self.public && !stack.public)
            || (self.team.is_some() && !stack.allows_tag("team"))
            || (self.copy_tags && !stack.tag_keys.is_empty())
            || (self.elsewhere && !stack.source_buckets)
            || (self.source == Source::Theirs && !stack.source_owners)
            // Only its owner may share it.
            || (self.source == Source::Theirs && self.copy)
            || self
                .copies()
                .any(|(region, _)| !stack.copy_regions().any(|it| it == region))
            || (self.store && !stack.stores)
            || ((self.encrypted || !self.keys.is_empty()) && !stack.keys)
            || (!self.parameters("x").is_empty() && !stack.parameters)
            || (retires && !stack.retire)
    }

    /// When its AMI is deprecated, if it says a time.
    pub(crate) fn deprecate_at(&self) -> Option<Timestamp> {
        let days = i64::from(self.deprecate_at?);
        let beginning: Timestamp = BEGINNING.parse().unwrap();
        Some(beginning + SignedDuration::from_hours(days * 24))
    }

    /// Its text, in the way of `key`: each has names of its own.
    pub(crate) fn text(&self, key: &str, sources: &Sources) -> String {
        let mut text = self.head(key, sources);
        if let Some(mistake) = self.mistake {
            text += MISTAKES[mistake % MISTAKES.len()];
        }
        if self.large {
            text += &format!("# {}\n", "a long comment ".repeat(400));
        }
        text += &self.access();
        let listed = |items: Vec<String>| items.join(", ");
        if !self.regions.is_empty() {
            let region = |(region, required): (&str, bool)| {
                let key = self.kms_key(region);
                let key = key.map(|key| format!("kmsKeyId: '{key}'"));
                let required = (!required).then(|| "required: false".to_owned());
                let said: Vec<_> = key.into_iter().chain(required).collect();
                format!("{region}: {{{}}}", said.join(", "))
            };
            text += &format!(
                "regions: {{{}}}\n",
                listed(self.copies().map(region).collect())
            );
        }
        if let Some(team) = &self.team {
            text += &format!("tags: {{team: {team}}}\n");
        }
        if let Some(description) = &self.description {
            text += &format!("description: {description}\n");
        }
        text += match self.protect {
            None => "",
            Some(Protect::On) => "protect: true\n",
            Some(Protect::WithCooldown) => "protect: {cooldown: true}\n",
        };
        if let Some(days) = self.deprecate {
            text += &format!("deprecate: {{after: {days}d}}\n");
        }
        if let Some(at) = self.deprecate_at() {
            text += &format!("deprecate: {{at: {at}}}\n");
        }
        text += &self.retires();
        let parameter = |name: String| format!("{{name: {name}, takeOver: {}}}", self.take_over);
        let parameters = self.parameters(key);
        if !parameters.is_empty() {
            let parameters = parameters.into_iter().map(parameter);
            text += &format!("parameters: [{}]\n", listed(parameters.collect()));
        }
        if self.repair {
            text += "repair: true\n";
        }
        if self.store {
            let tags = match self.store_tag {
                true => format!(", tags: {{{}: {}}}", STORE_TAG.0, STORE_TAG.1),
                false => String::new(),
            };
            let bucket = self.store_bucket(&sources.bucket);
            text += &format!("store: {{bucket: {bucket}{tags}}}\n");
        }
        if self.product_code {
            text += "productCodes: [774F4FF8]\n";
        }
        text
    }

    /// What makes a version.
    fn head(&self, key: &str, sources: &Sources) -> String {
        let short = short(key);
        let name = match (self.shared_name, self.fixed_name) {
            (true, _) => "shared".to_owned(),
            (false, true) => short.to_owned(),
            (false, false) => format!("{short}-{{digest}}"),
        };
        let key = match self.kms_key(REGION) {
            Some(key) => format!(", encrypted: true, kmsKeyId: '{key}'"),
            None => String::new(),
        };
        let (bucket, end) = match self.elsewhere {
            true => (format!("'s3://{OTHER_BUCKET}/"), "'"),
            false => (String::new(), ""),
        };
        let source = match self.source {
            Source::Snapshot(at) => {
                let id = &sources.snapshots[at % sources.snapshots.len()];
                format!("snapshot: {{id: {id}}}")
            }
            Source::Theirs => format!("snapshot: {{id: {}}}", sources.theirs),
            Source::Disk => {
                format!("disk: {{object: {bucket}{short}.vmdk{end}, format: vmdk{key}}}")
            }
            Source::Vm => format!("vm: {{object: {bucket}{short}.ova{end}, format: ova{key}}}"),
            Source::Image => {
                let tags = self.copy_tags.then(|| ", copyTags: true".to_owned());
                let minutes = self.minutes.map(|it| format!(", completionMinutes: {it}"));
                let more: String = tags.into_iter().chain(minutes).collect();
                let id = &sources.image;
                format!("image: {{id: {id}, region: us-west-2{key}{more}}}")
            }
            Source::Stored => {
                format!(
                    "stored: {{object: 's3://{}/{}'}}",
                    sources.bucket, sources.stored
                )
            }
            Source::Instance => format!("instance: {{id: {}}}", sources.instance),
            Source::Bundle => "bundle: {manifest: image.manifest.xml}".to_owned(),
        };
        format!("name: {name}\nsource: {{{source}}}\n{}", self.register())
    }

    fn register(&self) -> String {
        let imds = self.imds.then(|| "imdsSupport: v2.0".to_owned());
        let volume = self.volume.map(|size| {
            let ebs = format!("{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}");
            format!("blockDeviceMappings: [{ebs}]")
        });
        let said: Vec<_> = imds.into_iter().chain(volume).collect();
        match said.is_empty() {
            true => String::new(),
            false => format!("register: {{{}}}\n", said.join(", ")),
        }
    }

    fn access(&self) -> String {
        let mut access = Vec::new();
        if !self.accounts.is_empty() {
            let accounts: Vec<_> = self.accounts().map(|it| format!("'{it}'")).collect();
            access.push(format!("accounts: [{}]", accounts.join(", ")));
        }
        if self.organization {
            access.push(format!("organizations: ['{ORGANIZATION}']"));
        }
        if self.unit {
            access.push(format!("organizationalUnits: ['{UNIT}']"));
        }
        if self.public {
            access.push("public: true".to_owned());
        }
        if self.copy {
            access.push("copy: true".to_owned());
        }
        if self.exact {
            access.push("exact: true".to_owned());
        }
        match access.is_empty() {
            true => String::new(),
            false => format!("access: {{{}}}\n", access.join(", ")),
        }
    }

    fn retires(&self) -> String {
        let word = |retire: Retire| match retire {
            Retire::Keep => None,
            Retire::Deprecate => Some("deprecate"),
            Retire::Deregister => Some("deregister"),
        };
        let mut text = String::new();
        let snapshots = match self.delete_snapshots {
            true => ", snapshots: delete",
            false => "",
        };
        if let Some(previous) = word(self.replaces) {
            text += &format!("replaces: {{previous: {previous}{snapshots}}}\n");
        } else if self.delete_snapshots {
            text += "replaces: {snapshots: delete}\n";
        }
        if let Some(on_delete) = word(self.on_delete) {
            text += &format!("onDelete: {on_delete}\n");
        }
        text
    }
}
