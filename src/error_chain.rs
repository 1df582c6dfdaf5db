//! An error with its causes. `Display` never repeats a source, so whoever reports an error walks the chain, here.

use std::error::Error;
use std::iter::successors;

/// What caused an error, the nearest first.
pub(crate) fn causes<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(error.source(), |cause: &&'a (dyn Error + 'static)| {
        (*cause).source()
    })
}

/// An error and its causes on one line.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        let over = |text, source| Layer {
            text,
            source: Some(Box::new(source)),
        };
        let reset = Layer {
            text: "connection reset",
            source: None,
        };
        assert_eq!(error_chain(&reset), "connection reset");
        let error = over("cannot read", over("request failed", reset));
        assert_eq!(
            error_chain(&error),
            "cannot read: request failed: connection reset"
        );
    }
}
