//! CloudFormation's functions, worked out ("Intrinsic function reference").

use std::collections::BTreeMap;

use super::names::{Location, Names, name_property, partition, resource_type, stack_id};
use super::problem::Problem;
use super::work::Work;
use super::yaml::{Entry, Kind, Node};
use crate::ACCOUNT;

/// Functions that give a value.
const FUNCTIONS: &str =
    "Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::If, Fn::Select, Fn::Split, Fn::FindInMap, Fn::Base64";
/// Pseudo parameters.
const PSEUDO: &str = "AWS::AccountId, AWS::NoValue, AWS::Partition, AWS::Region, AWS::StackId, AWS::StackName, AWS::URLSuffix";

/// Everything that a function may refer to.
pub(super) struct Scope<'a> {
    parameters: BTreeMap<String, Node>,
    pub(super) conditions: &'a [Entry],
    mappings: Option<&'a Node>,
    resources: &'a [Entry],
    pub(super) region: &'a str,
    pub(super) stack_name: &'a str,
    work: Work,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        template: &'a Node,
        resources: &'a [Entry],
        parameters: BTreeMap<String, Node>,
        region: &'a str,
        stack_name: &'a str,
    ) -> Self {
        let conditions = template
            .get("Conditions")
            .map(Node::entries)
            .unwrap_or_default();
        let mappings = template.get("Mappings");
        Self {
            parameters,
            conditions,
            mappings,
            resources,
            region,
            stack_name,
            work: Work::default(),
        }
    }

    /// The value of every parameter.
    pub(super) fn parameters(&self) -> &BTreeMap<String, Node> {
        &self.parameters
    }

    /// All resources, globals merged, whether they are created or not.
    pub(super) fn resources(&self) -> &'a [Entry] {
        self.resources
    }

    /// The partition of the stack's Region.
    pub(super) fn partition(&self) -> &'static str {
        partition(self.region)
    }

    /// The domain of the partition's services.
    pub(super) fn url_suffix(&self) -> &'static str {
        if self.partition() == "aws-cn" {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }

    /// The value without functions; none if it is `AWS::NoValue`.
    pub(super) fn resolve(&self, node: &Node) -> Result<Option<Node>, Problem> {
        let line = node.line;
        let kind = match &node.kind {
            Kind::List(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.resolve(item)).collect();
                Kind::List(items?.into_iter().flatten().collect())
            }
            Kind::Map(entries) => {
                let mut resolved = Vec::with_capacity(entries.len());
                for entry in entries {
                    if let Some(value) = self.resolve(&entry.value)? {
                        resolved.push(Entry {
                            value,
                            ..entry.clone()
                        });
                    }
                }
                Kind::Map(resolved)
            }
            Kind::Call(function, argument) => {
                let value = self.deeper(line, || self.call(line, function, argument))?;
                value.iter().try_for_each(|it| self.work.count(it))?;
                return Ok(value);
            }
            plain => plain.clone(),
        };
        Ok(Some(Node { line, kind }))
    }

    pub(super) fn deeper<T>(
        &self,
        line: usize,
        work: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.work.deeper(line, work)
    }

    fn call(&self, line: usize, function: &str, argument: &Node) -> Result<Option<Node>, Problem> {
        let text = |text: String| Ok(Some(Node::text(line, text)));
        match function {
            "Ref" => self.reference(line, &self.name(argument)?),
            "Fn::GetAtt" => text(self.attribute(line, argument)?),
            "Fn::Sub" => text(self.sub(argument)?),
            "Fn::If" => {
                let [condition, yes, no] = self.arguments(function, argument)?;
                let holds = self.holds(&self.name(condition)?, line)?;
                self.resolve(if holds { yes } else { no })
            }
            "Fn::Join" => {
                let [delimiter, items] = self.arguments(function, argument)?;
                let items: Result<Vec<_>, _> = self
                    .list(items)?
                    .iter()
                    .map(|item| self.scalar(item))
                    .collect();
                text(items?.join(&self.scalar(delimiter)?))
            }
            "Fn::Split" => {
                let [delimiter, source] = self.arguments(function, argument)?;
                let (delimiter, source) = (self.scalar(delimiter)?, self.scalar(source)?);
                let parts = source
                    .split(&delimiter)
                    .map(|part| Node::text(line, part))
                    .collect();
                Ok(Some(Node {
                    line,
                    kind: Kind::List(parts),
                }))
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(function, argument)?;
                let (index, items) = (self.scalar(index)?, self.list(items)?);
                let item = index
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index).cloned());
                let problem = || {
                    format!(
                        "Fn::Select has no item {index}: the list has {} (counted from 0)",
                        items.len()
                    )
                };
                item.map(Some).ok_or_else(|| Problem::new(line, problem()))
            }
            "Fn::FindInMap" => self.find_in_map(line, argument),
            "Fn::Base64" => {
                use base64::Engine as _;
                text(base64::engine::general_purpose::STANDARD.encode(self.scalar(argument)?))
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" | "Condition" => Err(Problem::new(
                line,
                format!("{function} belongs in Conditions; use Fn::If with the condition's name"),
            )),
            other => Err(Problem::new(
                line,
                format!("the function {other} is not built here. Known: {FUNCTIONS}"),
            )),
        }
    }

    /// What `Ref` gives.
    fn reference(&self, line: usize, name: &str) -> Result<Option<Node>, Problem> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return self
                .pseudo(line, pseudo)
                .map(|value| Some(Node::text(line, value)));
        }
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(Some(Node {
                line,
                ..parameter.clone()
            }));
        }
        let reference = self.names_of(line, name)?.reference;
        match reference {
            Some(reference) => Ok(Some(Node::text(line, reference))),
            None => Err(Problem::new(
                line,
                format!("Ref to `{name}` is not built here: nothing is known of its value"),
            )),
        }
    }

    /// The names of a resource that is created.
    pub(super) fn names(&self, resource: &Entry) -> Result<Names, Problem> {
        let kind = resource_type(resource)?;
        let Some(property) = name_property(kind) else {
            return Ok(Names::unnamed(&resource.key));
        };
        let location = Location {
            partition: self.partition(),
            region: self.region,
            suffix: self.url_suffix(),
        };
        let name = self.own_name(resource, property)?;
        Ok(Names::of(&location, kind, name))
    }

    /// The resource's own name, or one made as CloudFormation makes it, but without its random end.
    fn own_name(&self, resource: &Entry, property: &str) -> Result<String, Problem> {
        let properties = resource.value.get("Properties");
        let own = properties.and_then(|properties| properties.get(property));
        match own.map(|own| self.resolve(own)).transpose()?.flatten() {
            Some(Node {
                kind: Kind::Text(name),
                ..
            }) => Ok(name),
            Some(other) => Err(Problem::new(
                other.line,
                format!("{property} must be a text, not {}", other.what()),
            )),
            None => Ok(format!("{}-{}", self.stack_name, resource.key)),
        }
    }

    fn pseudo(&self, line: usize, name: &str) -> Result<String, Problem> {
        let (partition, region, stack) = (self.partition(), self.region, self.stack_name);
        Ok(match name {
            "AccountId" => ACCOUNT.to_owned(),
            "Partition" => partition.to_owned(),
            "Region" => region.to_owned(),
            "StackName" => stack.to_owned(),
            "StackId" => stack_id(partition, region, stack),
            "URLSuffix" => self.url_suffix().to_owned(),
            other => {
                let problem =
                    format!("there is no pseudo parameter `AWS::{other}` here. Known: {PSEUDO}");
                return Err(Problem::new(line, problem));
            }
        })
    }

    fn attribute(&self, line: usize, argument: &Node) -> Result<String, Problem> {
        let path = match &argument.kind {
            Kind::Text(path) => path.clone(),
            Kind::List(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.scalar(part)).collect();
                parts?.join(".")
            }
            _ => {
                return Err(Problem::new(
                    line,
                    "Fn::GetAtt takes `Resource.Attribute` or a list of the two",
                ));
            }
        };
        let Some((name, attribute)) = path.split_once('.') else {
            return Err(Problem::new(
                line,
                format!("Fn::GetAtt takes `Resource.Attribute`, not `{path}`"),
            ));
        };
        let names = self.names_of(line, name)?;
        match names
            .attributes
            .iter()
            .find(|(known, _)| *known == attribute)
        {
            Some((_, value)) => Ok(value.clone()),
            None => {
                let known = names
                    .attributes
                    .iter()
                    .map(|(known, _)| *known)
                    .collect::<Vec<_>>()
                    .join(", ");
                let problem = format!(
                    "`{name}` has no attribute `{attribute}` that is known here. Known: {known}"
                );
                Err(Problem::new(line, problem))
            }
        }
    }

    /// The names of a resource of this stack, or of what SAM makes of a function: the rules of its events and its role.
    fn names_of(&self, line: usize, name: &str) -> Result<Names, Problem> {
        if self.resources.iter().any(|entry| entry.key == name) {
            return self.names(self.created(line, name)?);
        }
        let generated = match self.rule(name)? {
            Some(rule) => Some(rule),
            None => self.role(name)?,
        };
        match generated {
            Some(names) => Ok(names),
            None => self.names(self.created(line, name)?),
        }
    }

    /// A resource that exists in this stack.
    fn created(&self, line: usize, name: &str) -> Result<&'a Entry, Problem> {
        let Some(resource) = self.resources.iter().find(|entry| entry.key == name) else {
            let known = self.parameters.keys().map(String::as_str);
            let known = known
                .chain(self.resources.iter().map(|entry| entry.key.as_str()))
                .collect::<Vec<_>>()
                .join(", ");
            let problem = format!("there is no parameter or resource `{name}`. Known: {known}");
            return Err(Problem::new(line, problem));
        };
        if !self.is_created(resource)? {
            let problem = format!(
                "`{name}` is not created, as its condition does not hold: choose with Fn::If"
            );
            return Err(Problem::new(line, problem));
        }
        Ok(resource)
    }

    fn find_in_map(&self, line: usize, argument: &Node) -> Result<Option<Node>, Problem> {
        let [map, top, second] = self.arguments("Fn::FindInMap", argument)?;
        let path = [self.scalar(map)?, self.scalar(top)?, self.scalar(second)?];
        match self
            .mappings
            .and_then(|maps| path.iter().try_fold(maps, |node, key| node.get(key)))
        {
            Some(value) => self.resolve(value),
            None => Err(Problem::new(
                line,
                format!("Mappings has no {}", path.join(".")),
            )),
        }
    }

    fn list(&self, node: &Node) -> Result<Vec<Node>, Problem> {
        match self.resolve(node)?.map(|node| node.kind) {
            Some(Kind::List(items)) => Ok(items),
            _ => Err(Problem::new(node.line, "a list is needed here")),
        }
    }

    /// A plain value as text, after its functions are worked out.
    pub(super) fn scalar(&self, node: &Node) -> Result<String, Problem> {
        match self.resolve(node)?.map(|node| node.kind) {
            Some(Kind::Text(text)) => Ok(text),
            Some(Kind::Number(number)) => Ok(number.to_string()),
            Some(Kind::Bool(value)) => Ok(value.to_string()),
            _ => Err(Problem::new(
                node.line,
                format!("a plain value is needed here, not {}", node.what()),
            )),
        }
    }

    /// A name that may not be computed.
    pub(super) fn name(&self, node: &Node) -> Result<String, Problem> {
        match &node.kind {
            Kind::Text(name) => Ok(name.clone()),
            _ => Err(Problem::new(
                node.line,
                format!("a text is needed here, not {}", node.what()),
            )),
        }
    }

    pub(super) fn arguments<'n, const N: usize>(
        &self,
        function: &str,
        argument: &'n Node,
    ) -> Result<[&'n Node; N], Problem> {
        if let Kind::List(items) = &argument.kind
            && let Ok(items) = items.iter().collect::<Vec<_>>().try_into()
        {
            return Ok(items);
        }
        Err(Problem::new(
            argument.line,
            format!("{function} takes a list of {N}"),
        ))
    }
}
