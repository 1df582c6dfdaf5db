//! Names of parameters ("PutParameter", Systems Manager API Reference), and what requests select by them.

use crate::ACCOUNT;
use crate::ssm::request::{Failure, invalid, refuse};

/// "The maximum length … is 1011 characters … including the ARN".
const LONGEST: usize = 1011;
/// "A hierarchy can have a maximum of 15 levels."
const DEEPEST: usize = 15;

/// Which version of which parameter a request means.
pub(crate) struct Selector {
    pub(crate) name: String,
    /// A version's number or a label.
    pub(crate) version: Option<String>,
}

/// The ARN of a parameter: that of `/a/b` ends in `parameter/a/b`, and that of `a` in `parameter/a`.
pub(crate) fn arn(region: &str, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{region}:{ACCOUNT}:parameter{slash}{name}")
}

/// Reads a name or an ARN, with `:VERSION` or `:LABEL` or without.
pub(crate) fn select(region: &str, asked: &str) -> Selector {
    let prefix = format!("arn:aws:ssm:{region}:{ACCOUNT}:parameter");
    let named = match asked.strip_prefix(&prefix) {
        // `/a` and `a` have the same ARN: which of them is there, the Region knows.
        Some(name) if name.matches('/').count() == 1 => name.trim_start_matches('/'),
        Some(name) => name,
        None => asked,
    };
    let (name, version) = match named.split_once(':') {
        Some((name, version)) => (name, Some(version.to_owned())),
        None => (named, None),
    };
    Selector {
        name: name.to_owned(),
        version,
    }
}

/// Refuses what cannot be the name of a new parameter.
pub(crate) fn check(region: &str, name: &str) -> Result<(), Failure> {
    let below = name.strip_prefix('/').unwrap_or(name).to_ascii_lowercase();
    if name.starts_with('/') && below.starts_with("aws/") {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(refuse("AccessDeniedException", message));
    }
    let reserved = ["aws", "ssm"]
        .into_iter()
        .find(|word| below.starts_with(word));
    let letters = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let parts = name.strip_prefix('/').unwrap_or(name).split('/');
    let well_formed = name.chars().all(letters) && parts.clone().all(|part| !part.is_empty());
    if reserved.is_some() || !well_formed {
        let word = reserved.unwrap_or("ssm");
        return Err(invalid(format!(
            "Parameter name: can't be prefixed with \"{word}\" (case-insensitive). If formed as a path, it can consist of \
             sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_"
        )));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if parts.count() > DEEPEST {
        return Err(refuse(
            "HierarchyLevelLimitExceededException",
            format!("A hierarchy can have a maximum of {DEEPEST} levels."),
        ));
    }
    // The words of this refusal are not documented.
    if arn(region, name).len() > LONGEST {
        let message =
            format!("The parameter name with its ARN is longer than {LONGEST} characters.");
        return Err(invalid(message));
    }
    Ok(())
}
