//! The console as a whole: all its pages behind its guard.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::response::Response;
use axum::routing::{get, post};
use tower_service::Service as _;

use super::app::{App, Setup};
use super::{drop, guard, health, image, images, logs, mailbox};
use crate::cli::error::Error;

/// A console: it answers requests.
#[derive(Debug, Clone)]
pub struct Console {
    app: Arc<App>,
    pages: Router,
}

impl Console {
    /// A console that is reached at this port of 127.0.0.1.
    ///
    /// # Errors
    /// If no token can be made.
    pub fn new(setup: Setup, port: u16) -> Result<Self, Error> {
        let app = Arc::new(App::new(setup, port)?);
        let pages = routes().with_state(Arc::clone(&app));
        Ok(Self { app, pages })
    }

    /// The address that lets a browser in.
    #[must_use]
    pub fn address(&self) -> String {
        self.app.session.address()
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        let mut pages = self.pages.clone();
        guard::answer(&self.app, request, async move |request| {
            // A router is always ready, and never fails.
            match pages.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
        .await
    }
}

/// All pages.
fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(images::to_list))
        .route("/images", get(images::page))
        .route("/images/list", get(images::list))
        .route("/image", get(image::page))
        .route("/image/now", get(image::now))
        .route("/image/plan", get(image::plan_page))
        .route("/image/cancel", post(image::cancel))
        .route("/image/retry", post(image::retry))
        .merge(uploads())
        .route("/health", get(health::page))
        .route("/logs", get(logs::page))
        .route("/logs/list", get(logs::list))
        .route("/mailbox", get(mailbox::page))
        .route("/mailbox/list", get(mailbox::list))
        .fallback(images::nothing)
}

/// Those that take files: they read them piece by piece, and manifests no further than they may be.
fn uploads() -> Router<Arc<App>> {
    Router::new()
        .route("/drop", get(drop::page).post(drop::form))
        .route("/drop/check", post(drop::check))
        .route("/drop/manifest", post(drop::manifest))
        .route("/drop/object", post(drop::object))
        .layer(DefaultBodyLimit::disable())
}
