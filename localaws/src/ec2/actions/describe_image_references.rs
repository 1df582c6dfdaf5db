//! DescribeImageReferences: what in this account and Region uses an image.
//!
//! There is no Image Builder here: no recipe refers to an image.

use std::collections::{BTreeMap, BTreeSet};

use crate::ACCOUNT;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::check_image_id;
use crate::ec2::wire::error::{Failure, invalid_value, missing};
use crate::ec2::wire::page::Page;
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::xml::Xml;

/// "ImageIds … 1-10".
const MOST_IMAGES: usize = 10;
/// The options and their values by default are those of "How AMI reference checks work" (EC2 User Guide).
const VERSION_DEPTH: usize = 10;
const DEEPEST_VERSION: usize = 10_000;
const STATES: [&str; 6] = [
    "pending",
    "running",
    "shutting-down",
    "terminated",
    "stopping",
    "stopped",
];
const KINDS: [&str; 5] = [
    "ec2:Instance",
    "ec2:LaunchTemplate",
    "imagebuilder:ContainerRecipe",
    "imagebuilder:ImageRecipe",
    "ssm:Parameter",
];

/// Where references are searched.
#[derive(Debug, Default)]
struct Scope {
    kinds: BTreeSet<&'static str>,
    /// States of instances.
    states: BTreeSet<String>,
    /// How many of a launch template's newest versions.
    version_depth: usize,
}

struct Reference {
    image_id: String,
    kind: &'static str,
    arn: String,
}

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let ids = call.fields.texts("ImageId")?;
    let scope = Scope::read(&mut call.fields)?;
    let page = Page::read(&mut call.fields, 5)?;
    service.permit(&call.action, call.fields)?;
    if ids.is_empty() {
        return Err(missing("ImageId"));
    }
    if ids.len() > MOST_IMAGES {
        let message = format!("At most {MOST_IMAGES} image ids can be specified");
        return Err(invalid_value(message));
    }
    ids.iter().try_for_each(|id| check_image_id(id))?;
    // Read before EC2's state is locked: Parameter Store may ask EC2.
    let parameters = service.parameters.read(&call.region);
    let mut store = service.store();
    let region = store.region(&call.region);
    let mut found = scope.instances(&call.region, region);
    found.extend(scope.launch_templates(&call.region, region));
    found.extend(scope.parameters(&call.region, parameters));
    found.retain(|reference| ids.contains(&reference.image_id));
    found.sort_by_key(Reference::id);
    let shown = |reference: &Reference| page.after().is_some_and(|last| *reference.id() <= *last);
    let rest = found.into_iter().skip_while(shown);
    let (references, next) = page.cut(rest, Reference::id);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("imageReferenceSet", references, |xml, reference| {
            xml.text("imageId", reference.image_id);
            xml.text("resourceType", reference.kind);
            xml.text("arn", reference.arn);
        });
        xml.optional("nextToken", next);
    }))
}

impl Reference {
    fn id(&self) -> String {
        format!("{} {} {}", self.image_id, self.kind, self.arn)
    }
}

impl Scope {
    fn read(fields: &mut Fields) -> Result<Self, Failure> {
        let all = fields.flag("IncludeAllResourceTypes")?.unwrap_or(false);
        let mut scope = Self {
            states: STATES.map(str::to_owned).into(),
            version_depth: VERSION_DEPTH,
            ..Self::default()
        };
        for mut named in fields.list("ResourceType")? {
            let name = named.required("ResourceType")?;
            let kind = KINDS.into_iter().find(|kind| *kind == name);
            let kind = kind.ok_or_else(|| invalid("resourceType", &name))?;
            for mut option in named.list("ResourceTypeOption")? {
                scope.read_option(kind, &mut option)?;
                option.finish()?;
            }
            named.finish()?;
            scope.kinds.insert(kind);
        }
        if all {
            scope.kinds = KINDS.into();
        }
        if scope.kinds.is_empty() {
            return Err(missing("ResourceType"));
        }
        Ok(scope)
    }

    fn read_option(&mut self, kind: &str, option: &mut Fields) -> Result<(), Failure> {
        let name = option.required("OptionName")?;
        let values = option.texts("OptionValue")?;
        match (kind, name.as_str()) {
            ("ec2:Instance", "state-name") => {
                let unknown = values
                    .iter()
                    .find(|state| !STATES.contains(&state.as_str()));
                if let Some(unknown) = unknown {
                    return Err(invalid("state-name", unknown));
                }
                self.states = values.into_iter().collect();
            }
            ("ec2:LaunchTemplate", "version-depth") => {
                let depth = values.first().and_then(|value| value.parse().ok());
                let depth = depth.filter(|depth| (1..=DEEPEST_VERSION).contains(depth));
                self.version_depth =
                    depth.ok_or_else(|| invalid("version-depth", &values.join(", ")))?;
            }
            _ => return Err(invalid("optionName", &name)),
        }
        Ok(())
    }

    fn instances(&self, name: &str, region: &Region) -> Vec<Reference> {
        let kind = KINDS[0];
        let instances = region.instances.iter();
        let wanted = instances.filter(|(_, instance)| {
            self.kinds.contains(kind)
                && instance.owner_id.is_none()
                && self.states.contains(&instance.state.to_string())
        });
        let references = wanted.filter_map(|(id, instance)| {
            Some(Reference {
                image_id: instance.image_id.clone()?,
                kind,
                arn: format!("arn:aws:ec2:{name}:{ACCOUNT}:instance/{id}"),
            })
        });
        references.collect()
    }

    fn launch_templates(&self, name: &str, region: &Region) -> Vec<Reference> {
        let kind = KINDS[1];
        let mut references = Vec::new();
        for (id, template) in &region.launch_templates {
            let newest = template.versions.iter().rev().take(self.version_depth);
            // A template whose versions name an image several times is one reference.
            let images: BTreeSet<&String> = newest.flatten().collect();
            let images = images.into_iter().filter(|_| self.kinds.contains(kind));
            references.extend(images.map(|image_id| Reference {
                image_id: image_id.clone(),
                kind,
                arn: format!("arn:aws:ec2:{name}:{ACCOUNT}:launch-template/{id}"),
            }));
        }
        references
    }

    /// `parameters` are values by name.
    fn parameters(&self, region: &str, parameters: BTreeMap<String, String>) -> Vec<Reference> {
        let kind = KINDS[4];
        let parameters = parameters.into_iter();
        let wanted = parameters.filter(|_| self.kinds.contains(kind));
        let references = wanted.map(|(name, image_id)| Reference {
            image_id,
            kind,
            arn: format!(
                "arn:aws:ssm:{region}:{ACCOUNT}:parameter/{}",
                name.trim_start_matches('/')
            ),
        });
        references.collect()
    }
}

fn invalid(parameter: &str, value: &str) -> Failure {
    invalid_value(format!("Invalid value '{value}' for {parameter}."))
}
