//! What a page shows instead, where it cannot show what it should.

use axum::http::StatusCode;
use maud::{Markup, html};

use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::cli::text::plain;
use crate::failures::causes;

/// Why there is no such page.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) status: StatusCode,
    error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let status = match error.exit() {
            Exit::Unreachable => StatusCode::BAD_GATEWAY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, error }
    }
}

impl Failed {
    /// The same with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// What went wrong, and what to do.
    pub(super) fn markup(&self) -> Markup {
        let hint = match &self.error {
            Error::Failed { hint, .. } => hint.as_deref(),
            Error::Output(_) => None,
        };
        html! {
            div.notice.bad role="alert" {
                p { strong { (plain(&self.error.to_string())) } }
                @for cause in causes(&self.error) { p { "Because: " (plain(&cause.to_string())) } }
                @if let Some(hint) = hint { p { "What to do: " (plain(hint)) } }
            }
        }
    }
}
