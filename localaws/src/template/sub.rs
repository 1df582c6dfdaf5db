//! `Fn::Sub`: texts with `${names}` in them.

use super::problem::Problem;
use super::resolve::Scope;
use super::yaml::{Kind, Node};

impl Scope<'_> {
    /// The text with every `${…}` put in: the map's own names first, then what `Ref` and `Fn::GetAtt` give.
    pub(super) fn sub(&self, argument: &Node) -> Result<String, Problem> {
        let (template, own) = match &argument.kind {
            Kind::List(items) => match items.as_slice() {
                [
                    template,
                    own @ Node {
                        kind: Kind::Map(_), ..
                    },
                ] => (self.name(template)?, Some(own)),
                _ => {
                    return Err(Problem::new(
                        argument.line,
                        "Fn::Sub takes a text, or a list of a text and a map",
                    ));
                }
            },
            _ => (self.name(argument)?, None),
        };
        let mut result = String::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                return Err(Problem::new(
                    argument.line,
                    format!("Fn::Sub: `${{` without `}}` in `{template}`"),
                ));
            };
            rest = behind;
            match name.strip_prefix('!') {
                Some(literal) => {
                    result.push_str("${");
                    result.push_str(literal);
                    result.push('}');
                }
                None => result.push_str(&self.substitute(argument.line, name, own)?),
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn substitute(&self, line: usize, name: &str, own: Option<&Node>) -> Result<String, Problem> {
        if let Some(value) = own.and_then(|own| own.get(name)) {
            return self.scalar(value);
        }
        let function = if name.contains('.') {
            "Fn::GetAtt"
        } else {
            "Ref"
        };
        let call = Kind::Call(function.to_owned(), Box::new(Node::text(line, name)));
        self.scalar(&Node { line, kind: call })
    }
}
