//! Text with wildcards and policy variables, as Resource, Action and the `Like` operators have it
//! ("IAM JSON policy elements: Resource", "IAM policy elements: Variables and tags", IAM User Guide).

use super::context::Context;
use super::keys;

/// Fields of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
const FIELDS: usize = 6;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${key}` or `${key, 'default'}`
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A text with wildcards and variables.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    /// As the policy writes it.
    pub(crate) text: String,
    pieces: Vec<Piece>,
}

/// What a pattern is made of once its variables have their values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Literal(char),
    One,
    Many,
}

impl Pattern {
    /// Reads a pattern whose `*` and `?` are wildcards.
    ///
    /// # Errors
    /// A variable that is not closed, or whose key is not known here.
    pub(crate) fn with_wildcards(text: &str) -> Result<Self, String> {
        Self::read(text, true)
    }

    /// Reads a pattern whose `*` and `?` stand for themselves; variables have their values here, too.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn literal(text: &str) -> Result<Self, String> {
        Self::read(text, false)
    }

    fn read(text: &str, wildcards: bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(variable) = rest.strip_prefix("${") {
                let Some((inside, after)) = variable.split_once('}') else {
                    return Err(format!("the policy variable in `{text}` is not closed"));
                };
                pieces.push(variable_piece(inside)?);
                rest = after;
                continue;
            }
            match first {
                '*' if wildcards => pieces.push(Piece::Many),
                '?' if wildcards => pieces.push(Piece::One),
                other => match pieces.last_mut() {
                    Some(Piece::Literal(literal)) => literal.push(other),
                    _ => pieces.push(Piece::Literal(other.to_string())),
                },
            }
            rest = &rest[first.len_utf8()..];
        }
        let text = text.to_owned();
        Ok(Self { text, pieces })
    }

    /// Whether all of `text` fits.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        if let [Piece::Literal(literal)] = &self.pieces[..] {
            return text == literal;
        }
        if self.begins_otherwise(text) {
            return false;
        }
        let tokens = self.tokens(context);
        tokens.is_some_and(|tokens| fits(&tokens, text))
    }

    /// The same, whatever the case of either.
    pub(crate) fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        let Some(tokens) = self.tokens(context) else {
            return false;
        };
        let folded: Vec<Token> = tokens
            .into_iter()
            .flat_map(|token| match token {
                Token::Literal(literal) => literal.to_lowercase().map(Token::Literal).collect(),
                wildcard => vec![wildcard],
            })
            .collect();
        fits(&folded, &text.to_lowercase())
    }

    /// Whether an ARN fits: each of its six fields by itself, so that no wildcard reaches over a colon, except for those
    /// in the last field. `*` alone fits everything.
    pub(crate) fn matches_arn(&self, arn: &str, context: &Context) -> bool {
        if self.pieces == [Piece::Many] {
            return true;
        }
        if self.begins_otherwise(arn) {
            return false;
        }
        let Some(tokens) = self.tokens(context) else {
            return false;
        };
        let pattern: Vec<&[Token]> = tokens
            .splitn(FIELDS, |token| *token == Token::Literal(':'))
            .collect();
        let fields: Vec<&str> = arn.splitn(FIELDS, ':').collect();
        pattern.len() == FIELDS
            && fields.len() == FIELDS
            && pattern
                .iter()
                .zip(fields)
                .all(|(tokens, field)| fits(tokens, field))
    }

    /// Whether the first characters already tell that the text does not fit: each call is asked of every statement, and most
    /// are about something else.
    fn begins_otherwise(&self, text: &str) -> bool {
        matches!(self.pieces.first(), Some(Piece::Literal(literal)) if !text.starts_with(literal.as_str()))
    }

    /// None if a variable has neither a value nor a default: then nothing fits.
    fn tokens(&self, context: &Context) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => tokens.extend(literal.chars().map(Token::Literal)),
                Piece::One => tokens.push(Token::One),
                Piece::Many => tokens.push(Token::Many),
                Piece::Variable { key, default } => {
                    let value = context.single(key).or(default.as_deref())?;
                    tokens.extend(value.chars().map(Token::Literal));
                }
            }
        }
        Some(tokens)
    }
}

fn variable_piece(inside: &str) -> Result<Piece, String> {
    // `${*}`, `${?}` and `${$}` are how a policy writes these characters themselves.
    if ["*", "?", "$"].contains(&inside) {
        return Ok(Piece::Literal(inside.to_owned()));
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside.trim(), None),
        Some((key, default)) => {
            let default = default.trim();
            let quoted = default
                .strip_prefix('\'')
                .and_then(|rest| rest.strip_suffix('\''));
            let quoted = quoted.ok_or_else(|| {
                format!("the default of the policy variable ${{{inside}}} is not in single quotes")
            })?;
            (key.trim(), Some(quoted.to_owned()))
        }
    };
    if keys::find(key).is_none_or(|known| known.many) {
        return Err(format!(
            "the policy variable ${{{inside}}} is not built here"
        ));
    }
    let key = key.to_owned();
    Ok(Piece::Variable { key, default })
}

/// Greedy, going back to the last `*` only: it takes at most `pattern × text` steps.
fn fits(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut in_pattern) = (0, 0);
    let mut last_many = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some(Token::Many) => {
                last_many = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(Token::One) => {
                at += 1;
                in_pattern += 1;
            }
            Some(Token::Literal(literal)) if *literal == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match last_many {
                Some((many, from)) => {
                    last_many = Some((many, from + 1));
                    at = from + 1;
                    in_pattern = many + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..]
        .iter()
        .all(|token| *token == Token::Many)
}
