//! Manifests and disks that are dropped into the page, or chosen there: a manifest is checked before anything is sent, and
//! goes last.

mod check;
mod object;
mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Multipart, Query, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use self::check::Upload;
use super::app::App;
use super::failed::Failed;
use super::guard::CSRF_HEADER;
use super::links;
use super::page::{self, Section};
use crate::cli::error::Error;
use crate::cli::hints::cannot_send;
use crate::cli::push::folder;
use crate::manifest::key;

/// Most manifests of one form: each is held until all files are there.
const MANIFESTS: usize = 50;

/// Longest key of an object ("Object key naming guidelines", S3 User Guide).
const KEY_BYTES: usize = 1024;

/// What a file is to be called in the bucket.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    folder: String,
    #[serde(default)]
    name: String,
}

impl Place {
    /// The key.
    fn key(&self) -> Result<String, Failed> {
        // Some browsers send the folder on the person's machine, too.
        let name = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let bad = |text: &str| Failed::from(Error::new(text)).with_status(StatusCode::BAD_REQUEST);
        let folder = folder(self.folder.trim()).map_err(bad)?;
        if name.is_empty() || name == "." || name == ".." {
            return Err(bad("the file has no name"));
        }
        let key = format!("{folder}{name}");
        match key.len() {
            0..=KEY_BYTES => Ok(key),
            _ => Err(bad("the folder and the name are longer than a key may be")),
        }
    }
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    page::whole(&app, Section::Drop, "Drop", Ok(view::page(&app, None)))
}

/// Checks a manifest, and does nothing with it.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Query(place): Query<Place>,
    request: Request,
) -> Response {
    let checked = checked(&app, &place, request).await;
    reply(checked.map(|upload| (upload.status(), view::checked(&upload))))
}

/// Checks a manifest, and uploads it.
pub(super) async fn manifest(
    State(app): State<Arc<App>>,
    Query(place): Query<Place>,
    request: Request,
) -> Response {
    let upload = match checked(&app, &place, request).await {
        Ok(upload) => upload,
        Err(failed) => return reply(Err(failed)),
    };
    if !upload.is_fine() {
        return reply(Ok((upload.status(), view::checked(&upload))));
    }
    let sent = send_manifest(&app, upload).await;
    reply(sent.map(|key| (StatusCode::OK, view::sent(&key))))
}

/// Sends a file on to the bucket while it arrives.
pub(super) async fn object(
    State(app): State<Arc<App>>,
    Query(place): Query<Place>,
    request: Request,
) -> Response {
    if let Err(failed) = from_us(&app, request.headers()) {
        return reply(Err(failed));
    }
    // The browser may leave meanwhile: what was begun in the bucket is ended nevertheless.
    let sending = tokio::spawn(async move { send_object(&app, &place, request).await });
    let sent = sending.await.unwrap_or_else(|ended| {
        let error = Error::from_source("the upload ended", ended);
        Err(error.into())
    });
    reply(sent.map(|markup| (StatusCode::OK, markup)))
}

async fn send_object(app: &App, place: &Place, request: Request) -> Result<Markup, Failed> {
    let key = place.key()?;
    if key::kind(&key).is_some() {
        let error = Error::new(format!("{key} is a manifest: it has to be checked first"));
        return Err(Failed::from(error).with_status(StatusCode::BAD_REQUEST));
    }
    let Some(size) = length(request.headers()) else {
        let error = Error::new("the size of the file is not known");
        return Err(Failed::from(error).with_status(StatusCode::LENGTH_REQUIRED));
    };
    let stream = request.into_body().into_data_stream();
    let sent = object::send(app, &key, size, Some(size), stream).await?;
    Ok(view::object(&key, sent))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A form without the script: all files in one request.
pub(super) async fn form(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    multipart: Multipart,
) -> Response {
    let size = length(&headers).unwrap_or_default();
    let all = Arc::clone(&app);
    let taking = tokio::spawn(async move { take(&all, multipart, size).await });
    let taken = taking.await.unwrap_or_else(|ended| {
        let error = Error::from_source("the upload ended", ended);
        Err(error.into())
    });
    match taken {
        Ok(Taken::Sent(keys)) => match keys.as_slice() {
            [key] => Redirect::to(&links::image(key)).into_response(),
            [] => answer(
                &app,
                StatusCode::OK,
                &html! { p.notice.good { "The files are in the bucket." } },
            ),
            _ => Redirect::to("/images").into_response(),
        },
        Ok(Taken::Problems(uploads)) => {
            let problems = html! { @for upload in &uploads { (view::checked(upload)) } };
            answer(&app, StatusCode::UNPROCESSABLE_ENTITY, &problems)
        }
        Err(failed) => answer(&app, failed.status, &failed.markup()),
    }
}

fn answer(app: &App, status: StatusCode, result: &Markup) -> Response {
    let body = view::page(app, Some(result));
    page::with_status(app, Section::Drop, "Drop", (status, &body))
}

/// What became of a form.
enum Taken {
    /// All is in the bucket; these are the keys of the manifests.
    Sent(Vec<String>),
    /// Manifests that were not sent, and those beside them.
    Problems(Vec<Upload>),
}

/// Takes the fields in their order; the manifests are sent at the end.
async fn take(app: &App, mut fields: Multipart, size: u64) -> Result<Taken, Failed> {
    let broken = |error: axum::extract::multipart::MultipartError| {
        let error = Error::from_source("the form did not arrive as it was sent", error);
        Failed::from(error).with_status(StatusCode::BAD_REQUEST)
    };
    let (mut is_ours, mut folder, mut manifests) = (false, String::new(), Vec::new());
    while let Some(mut field) = fields.next_field().await.map_err(broken)? {
        match field.name() {
            Some("csrf") => {
                let word = short_text(&mut field).await.map_err(broken)?;
                is_ours = app.session.is_csrf(&word);
            }
            Some("folder") => folder = short_text(&mut field).await.map_err(broken)?,
            Some("file") if !is_ours => return Err(foreign()),
            Some("file") => {
                let name = field.file_name().unwrap_or_default().to_owned();
                if name.is_empty() {
                    continue;
                }
                let place = Place {
                    folder: folder.clone(),
                    name,
                };
                let key = place.key()?;
                if key::kind(&key).is_none() {
                    object::send(app, &key, size, None, field).await?;
                    continue;
                }
                let read = check::read(field).await?;
                manifests.push(check::check(app, key, read).await?);
                if manifests.len() > MANIFESTS {
                    return Err(
                        Error::new(format!("more than {MANIFESTS} manifests at once")).into(),
                    );
                }
            }
            _ => {}
        }
    }
    if !is_ours {
        return Err(foreign());
    }
    if manifests.iter().any(|it| !it.is_fine()) {
        return Ok(Taken::Problems(manifests));
    }
    let mut keys = Vec::new();
    for upload in manifests {
        keys.push(send_manifest(app, upload).await?);
    }
    Ok(Taken::Sent(keys))
}

/// A field that is no file.
async fn short_text(
    field: &mut axum::extract::multipart::Field<'_>,
) -> Result<String, axum::extract::multipart::MultipartError> {
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await? {
        let room = KEY_BYTES.saturating_sub(text.len());
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The manifest of a request, checked.
async fn checked(app: &App, place: &Place, request: Request) -> Result<Upload, Failed> {
    from_us(app, request.headers())?;
    let key = place.key()?;
    let content = check::read(Body::into_data_stream(request.into_body())).await?;
    check::check(app, key, content).await
}

/// Uploads a manifest without problems. Returns its key.
async fn send_manifest(app: &App, upload: Upload) -> Result<String, Failed> {
    let Upload { key, content, .. } = upload;
    let written = app.aws.put_object(&app.config.bucket, &key, content);
    let written = written.await;
    written.map_err(|error| cannot_send(&app.config, &error))?;
    Ok(key)
}

fn from_us(app: &App, headers: &HeaderMap) -> Result<(), Failed> {
    let word = headers.get(CSRF_HEADER).and_then(|it| it.to_str().ok());
    let is_ours = word.is_some_and(|word| app.session.is_csrf(word));
    is_ours.then_some(()).ok_or_else(foreign)
}

fn foreign() -> Failed {
    let error = Error::new("this form is not of this console, or of before it was started again");
    Failed::from(error.with_hint("open the page again")).with_status(StatusCode::FORBIDDEN)
}

fn reply(answer: Result<(StatusCode, Markup), Failed>) -> Response {
    match answer {
        Ok((status, markup)) => {
            let mut response = page::part(Ok(markup));
            *response.status_mut() = status;
            response
        }
        Err(failed) => page::part(Err(failed)),
    }
}
