//! The manifest as its writers see it: one flat document. Its fields are documented here for them, by way of the schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Access, BuildSpec, Deprecate, ImageManifest, NameTemplate, OnDelete, Parameter, Protect,
    PublishSpec, RegionCopy, Register, Replaces, Source, Store, publish::ProtectForm,
};

/// An image manifest: which image is wanted, from what, and where it is published.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ImageManifest")]
pub(super) struct Document {
    /// The AMI's name, unique per account and Region. `{date}` (YYYY-MM-DD), `{time}` (HHMMSS, UTC) and `{digest}`
    /// (8 hex digits of the manifest version) are filled in.
    name: NameTemplate,
    /// The AMI's description, at most 255 characters.
    #[schemars(length(max = 255))]
    description: Option<String>,
    /// What the image is made from: exactly one source.
    source: Source,
    /// Parameters of RegisterImage. Not for sources whose AMI is made by another call (`vm`, `stored`, `image`).
    register: Option<Register>,
    /// Tags of the AMI and its snapshots, set in the call that creates them.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Product codes of a paid AMI; instance store only.
    #[serde(default)]
    product_codes: Vec<String>,
    /// Who may launch the AMI besides its owner.
    access: Option<Access>,
    /// Regions that get a copy, by name.
    #[serde(default)]
    regions: BTreeMap<String, Option<RegionCopy>>,
    /// When the AMI is to be deprecated.
    deprecate: Option<Deprecate>,
    /// Whether deregistration protection is switched on.
    protect: Option<ProtectForm>,
    /// The SSM parameters that point to the newest AMI.
    #[serde(default)]
    parameters: Vec<Parameter>,
    /// What happens to the AMI of the previous manifest version; without it that AMI is kept.
    replaces: Option<Replaces>,
    /// What happens to the AMI once its manifest is deleted; without it the AMI is kept.
    on_delete: Option<OnDelete>,
    /// Whether changes made outside amiwright to the finished AMI are reverted; without it, they are only reported.
    repair: Option<bool>,
    /// Where the finished AMI is stored as an S3 object.
    store: Option<Store>,
}

impl From<Document> for ImageManifest {
    fn from(document: Document) -> Self {
        // Without `..`: a new field belongs to one of the halves.
        let Document {
            name,
            description,
            source,
            register,
            tags,
            product_codes,
            access,
            regions,
            deprecate,
            protect,
            parameters,
            replaces,
            on_delete,
            repair,
            store,
        } = document;
        Self {
            build: BuildSpec {
                name,
                source,
                register,
            },
            publish: PublishSpec {
                description,
                tags,
                product_codes,
                access,
                regions,
                deprecate,
                protect: protect.and_then(Protect::read),
                parameters,
                replaces,
                on_delete,
                repair: repair.unwrap_or_default(),
                store,
            },
            named_sources: Vec::new(),
        }
    }
}
