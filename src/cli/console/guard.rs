//! What every request passes before a page answers it, and what every answer says to the browser.
//!
//! Any program and any web page on this machine can send requests to a port of it. So: the name it is called by must be
//! this machine's (else a foreign page could read answers, by DNS rebinding), whoever calls has the token, as a cookie that
//! other sites' pages do not send (`SameSite=Strict`), and what changes something comes from a page of ours: by its
//! `Origin`, and by a word that only our pages know.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{COOKIE, HOST, HeaderName, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::html;

use super::app::App;
use super::{assets, page};

/// What every answer says. No script, style or picture but our own is used, and none is in a page itself; no other page
/// may frame ours; nothing is kept; and our addresses, which name images, are told to nobody.
const HEADERS: [(&str, &str); 9] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not `no-referrer`: browsers would send `Origin: null` with our own forms.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
    ("cache-control", "no-store"),
];

/// The header in which our script sends what our forms send in a field.
pub(super) const CSRF_HEADER: &str = "x-csrf-token";

/// Answers a request, or refuses it.
pub(super) async fn answer(
    app: &Arc<App>,
    request: Request<Body>,
    pages: impl AsyncFnOnce(Request<Body>) -> Response,
) -> Response {
    let mut response = match refusal(app, &request) {
        Some(refused) => refused,
        None => match assets::find(request.uri().path()) {
            Some(asset) => asset,
            None => match entrance(app, &request) {
                Some(answer) => answer,
                None => pages(request).await,
            },
        },
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses what is called by another name, and what another site's page sends to change something.
fn refusal(app: &App, request: &Request<Body>) -> Option<Response> {
    let host = header(request.headers(), &HOST).unwrap_or_default();
    if !app.session.is_host(host) {
        let text =
            "The console answers to 127.0.0.1 and localhost, with the port that was printed.";
        return Some(refused(StatusCode::FORBIDDEN, text));
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let origin = header(request.headers(), &ORIGIN);
    let is_ours = origin.is_some_and(|origin| app.session.is_origin(origin, host));
    if changes && !is_ours {
        let text = "What changes something has to come from a page of this console.";
        return Some(refused(StatusCode::FORBIDDEN, text));
    }
    None
}

/// Takes the token of the printed address for a cookie, and keeps out whoever has neither.
fn entrance(app: &App, request: &Request<Body>) -> Option<Response> {
    let query = request.uri().query().unwrap_or_default();
    let token = query.split('&').find_map(|it| it.strip_prefix("token="));
    if let (Some(token), true) = (token, request.method() == Method::GET) {
        if !app.session.is_token(token) {
            let text =
                "This is not the token of this console: it has a new one each time it is started.";
            return Some(refused(StatusCode::FORBIDDEN, text));
        }
        let headers = [
            (LOCATION, "/images".to_owned()),
            (SET_COOKIE, app.session.cookie()),
        ];
        return Some((StatusCode::SEE_OTHER, headers).into_response());
    }
    let cookies = request.headers().get_all(COOKIE).iter();
    let mut cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
    if cookies.any(|cookies| app.session.is_in(cookies)) {
        return None;
    }
    let text = "Open the address that was printed when the console was started, with its token.";
    Some(refused(StatusCode::UNAUTHORIZED, text))
}

/// A page for who may not see the others.
fn refused(status: StatusCode, text: &str) -> Response {
    let title = match status {
        StatusCode::UNAUTHORIZED => "Not opened with its address",
        _ => "Refused",
    };
    let body = html! { h1 { (title) } p { (text) } };
    (status, page::bare(title, &body)).into_response()
}
