//! The buttons: cancel and retry.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Unit;
use maud::html;
use serde::Deserialize;

use super::super::app::App;
use super::super::failed::Failed;
use super::super::links;
use super::super::page::{self, Section};
use crate::cli::error::Error;
use crate::cli::text::plain;
use crate::cli::{cancel as cancelling, retry as retrying, target};
use crate::reconcile::Context;

/// What a form asks for.
#[derive(Debug, Deserialize)]
pub(in crate::cli::console) struct Asked {
    csrf: String,
    key: String,
    /// SHA-256 of the manifest that the page was about.
    #[serde(default)]
    seen: String,
}

/// Asks to cancel an image.
pub(in crate::cli::console) async fn cancel(
    State(app): State<Arc<App>>,
    Form(asked): Form<Asked>,
) -> Response {
    match check(&app, &asked).await {
        Ok(()) => answer(
            &app,
            &asked,
            cancelling::cancel(context(&app), &asked.key).await,
        ),
        Err(refused) => refused,
    }
}

/// Asks to try an image again.
pub(in crate::cli::console) async fn retry(
    State(app): State<Arc<App>>,
    Form(asked): Form<Asked>,
) -> Response {
    match check(&app, &asked).await {
        Ok(()) => answer(
            &app,
            &asked,
            retrying::retry(context(&app), &asked.key).await,
        ),
        Err(refused) => refused,
    }
}

/// People read the time of a request: whole seconds are enough.
fn context(app: &App) -> Context<'_> {
    let now = app.now();
    Context::new(
        &app.aws,
        &app.config,
        now.round(Unit::Second).unwrap_or(now),
    )
}

/// The answer instead, if the form is not of this console, or another version is there than its page showed: whoever pressed
/// the button has not seen it.
async fn check(app: &App, asked: &Asked) -> Result<(), Response> {
    if !app.session.is_csrf(&asked.csrf) {
        return Err(page::old_form(app, Section::Images));
    }
    let loaded = target::load(context(app), &asked.key).await;
    let loaded = loaded.map_err(|error| answer(app, asked, Err(error)))?;
    if loaded.status.manifest.sha256 == asked.seen {
        return Ok(());
    }
    let message = format!(
        "another version of {} was uploaded since this page was opened",
        asked.key
    );
    let error = Error::new(message).with_hint("look at it first, and ask again");
    Err(answer(app, asked, Err(error)))
}

fn answer(app: &App, asked: &Asked, answer: Result<String, Error>) -> Response {
    let key = &asked.key;
    match answer {
        Ok(said) => {
            app.say(key, plain(&said));
            Redirect::to(&links::image(key)).into_response()
        }
        Err(error) => {
            let failed = Failed::from(error);
            let status = match failed.status {
                StatusCode::INTERNAL_SERVER_ERROR => StatusCode::CONFLICT,
                status => status,
            };
            let body = html! {
                h1 { (plain(key)) }
                (failed.markup())
                p { a href=(links::image(key)) { "Back to " (plain(key)) } }
            };
            page::with_status(app, Section::Images, key, (status, &body))
        }
    }
}
