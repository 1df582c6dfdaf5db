//! Condition operators ("IAM JSON policy elements: Condition operators", IAM User Guide).

use super::context::Context;
use super::pattern::Pattern;

/// How a value of the request is compared with a value of the policy.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    String,
    StringIgnoreCase,
    StringLike,
    /// `ArnEquals` and `ArnLike` "behave identically".
    Arn,
    Bool,
    Numeric(Numeric),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Numeric {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// What is asked of a key with several values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Set {
    All,
    Any,
}

/// An operator: what is in front, its name, and what is behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    /// Whether the key is absent.
    Null,
    Compare {
        set: Option<Set>,
        comparison: Comparison,
        negated: bool,
        if_exists: bool,
    },
}

/// One value of the policy.
#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Pattern(Pattern),
    Number(f64),
    Bool(bool),
}

/// One line of a `Condition` block: an operator, a key and its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    /// The operator's name as the policy writes it.
    pub(crate) operator_name: String,
    /// The key as the policy writes it.
    pub(crate) key: String,
    /// The values as the policy writes them.
    pub(crate) values: Vec<String>,
    operator: Operator,
    operands: Vec<Operand>,
}

impl Condition {
    /// Reads one line of a `Condition` block.
    ///
    /// # Errors
    /// An operator or key that is not known here, a value of the wrong kind, or a key with several values without a set
    /// operator.
    pub(crate) fn read(name: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let operator = Operator::read(name)?;
        let known = super::keys::find(key)
            .ok_or_else(|| format!("the condition key {key} is not built here"))?;
        let has_set = matches!(operator, Operator::Compare { set: Some(_), .. });
        if known.many && !has_set && operator != Operator::Null {
            return Err(format!(
                "the condition key {key} may have several values: {name} needs ForAllValues: or ForAnyValue: in front"
            ));
        }
        if values.is_empty() || (operator == Operator::Null && values.len() > 1) {
            return Err(format!("{name} of {key} has the wrong number of values"));
        }
        let operands: Result<_, _> = values
            .iter()
            .map(|value| operator.operand(value).map_err(|it| format!("{key}: {it}")))
            .collect();
        Ok(Self {
            operator_name: name.to_owned(),
            key: key.to_owned(),
            values,
            operator,
            operands: operands?,
        })
    }

    /// Whether its values are those that must not be.
    pub(crate) fn is_negated(&self) -> bool {
        matches!(
            self.operator,
            Operator::Null | Operator::Compare { negated: true, .. }
        )
    }

    /// Whether it holds, and for an operator that is not negated which of the policy's values (by index) made it so.
    pub(crate) fn holds(&self, context: &Context) -> (bool, Vec<usize>) {
        let found = context.get(&self.key);
        let Operator::Compare {
            set,
            comparison,
            negated,
            if_exists,
        } = self.operator
        else {
            let wants_absence = self.operands == [Operand::Bool(true)];
            return (found.is_none() == wants_absence, Vec::new());
        };
        let Some(found) = found else {
            // "If the key that you specify in a policy condition is not present in the request context, the values do
            // not match"; negated ones do then, and so do ForAllValues and IfExists.
            let holds = match set {
                Some(Set::All) => true,
                Some(Set::Any) => if_exists,
                None => if_exists || negated,
            };
            return (holds, Vec::new());
        };
        let mut matched = Vec::new();
        let mut satisfies = |value: &String| {
            let fits = |operand: &Operand| comparison.fits(value, operand, context);
            let fitting: Vec<usize> = (0..self.operands.len())
                .filter(|at| fits(&self.operands[*at]))
                .collect();
            let satisfied = fitting.is_empty() == negated;
            if !negated {
                matched.extend(fitting);
            }
            satisfied
        };
        // All are compared, so that all values of the policy that were of use are known.
        let satisfied: Vec<bool> = found.iter().map(&mut satisfies).collect();
        let holds = match set {
            Some(Set::All) => satisfied.iter().all(|it| *it),
            Some(Set::Any) => satisfied.iter().any(|it| *it),
            // A key with one value has just that one.
            None => !satisfied.is_empty() && satisfied.iter().all(|it| *it),
        };
        (holds, matched)
    }
}

impl Operator {
    fn read(name: &str) -> Result<Self, String> {
        if name == "Null" {
            return Ok(Self::Null);
        }
        let (set, rest) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            Some(_) => return Err(not_built(name)),
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        use Comparison as C;
        let (comparison, negated) = match rest {
            "StringEquals" => (C::String, false),
            "StringNotEquals" => (C::String, true),
            "StringEqualsIgnoreCase" => (C::StringIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (C::StringIgnoreCase, true),
            "StringLike" => (C::StringLike, false),
            "StringNotLike" => (C::StringLike, true),
            "ArnEquals" | "ArnLike" => (C::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (C::Arn, true),
            "Bool" => (C::Bool, false),
            "NumericEquals" => (C::Numeric(Numeric::Equals), false),
            "NumericNotEquals" => (C::Numeric(Numeric::Equals), true),
            "NumericLessThan" => (C::Numeric(Numeric::LessThan), false),
            "NumericLessThanEquals" => (C::Numeric(Numeric::LessThanEquals), false),
            "NumericGreaterThan" => (C::Numeric(Numeric::GreaterThan), false),
            "NumericGreaterThanEquals" => (C::Numeric(Numeric::GreaterThanEquals), false),
            _ => return Err(not_built(name)),
        };
        Ok(Self::Compare {
            set,
            comparison,
            negated,
            if_exists,
        })
    }

    fn operand(self, value: &str) -> Result<Operand, String> {
        let boolean = |value: &str| match value.to_ascii_lowercase().as_str() {
            "true" => Ok(Operand::Bool(true)),
            "false" => Ok(Operand::Bool(false)),
            _ => Err(format!("true or false is needed, not `{value}`")),
        };
        let Self::Compare { comparison, .. } = self else {
            return boolean(value);
        };
        match comparison {
            Comparison::String | Comparison::StringIgnoreCase => {
                Pattern::literal(value).map(Operand::Pattern)
            }
            Comparison::StringLike | Comparison::Arn => {
                Pattern::with_wildcards(value).map(Operand::Pattern)
            }
            Comparison::Bool => boolean(value),
            Comparison::Numeric(_) => value
                .parse()
                .map(Operand::Number)
                .map_err(|_| format!("a number is needed, not `{value}`")),
        }
    }
}

fn not_built(name: &str) -> String {
    format!(
        "the condition operator {name} is not built here; known: String…, Arn…, Bool, Numeric…, Null, with …IfExists, ForAllValues: and ForAnyValue:"
    )
}

impl Comparison {
    fn fits(self, value: &str, operand: &Operand, context: &Context) -> bool {
        match (self, operand) {
            (Self::String | Self::StringLike, Operand::Pattern(pattern)) => {
                pattern.matches(value, context)
            }
            (Self::StringIgnoreCase, Operand::Pattern(pattern)) => {
                pattern.matches_ignoring_case(value, context)
            }
            (Self::Arn, Operand::Pattern(pattern)) => pattern.matches_arn(value, context),
            (Self::Bool, Operand::Bool(wanted)) => {
                value.eq_ignore_ascii_case(if *wanted { "true" } else { "false" })
            }
            (Self::Numeric(numeric), Operand::Number(wanted)) => value
                .parse::<f64>()
                .is_ok_and(|value| numeric.fits(value, *wanted)),
            _ => false,
        }
    }
}

impl Numeric {
    fn fits(self, value: f64, wanted: f64) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = value.partial_cmp(&wanted);
        match self {
            Self::Equals => order == Some(Equal),
            Self::LessThan => order == Some(Less),
            Self::LessThanEquals => matches!(order, Some(Less | Equal)),
            Self::GreaterThan => order == Some(Greater),
            Self::GreaterThanEquals => matches!(order, Some(Greater | Equal)),
        }
    }
}
