//! What the pages load: one stylesheet, one script, one icon, all in this program.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

/// The file under this path. They hold nothing of anybody, so no token is needed.
pub(super) fn find(path: &str) -> Option<Response> {
    let (kind, content) = match path {
        "/assets/console.css" => (
            "text/css; charset=utf-8",
            include_str!("assets/console.css"),
        ),
        "/assets/console.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/console.js"),
        ),
        "/assets/icon.svg" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return None,
    };
    Some(([(CONTENT_TYPE, kind)], content).into_response())
}
