//! The console, through HTTP as a browser speaks it: over a world with real images.

mod drop;
mod failing;
mod image;
mod images;
mod places;
mod programs;
mod security;

use amiwright::aws::Aws;
use amiwright::cli::console::{Console, Setup};
use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};

use crate::support::TestStack;

/// Where the console is said to be.
const HOST: &str = "127.0.0.1:8181";
const ORIGIN: &str = "http://127.0.0.1:8181";
const PORT: u16 = 8181;

/// Who uses it: somebody with the stack's own policy for operators, and no more.
const USER: &str = "operator";

/// An answer.
#[derive(Debug)]
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Page {
    /// The same, which must have been answered so.
    #[track_caller]
    fn with(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    fn has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{text} is not in {}", self.body);
        self
    }

    #[track_caller]
    fn has_not(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text} is in {}", self.body);
        self
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The texts between two others.
    fn between<'a>(&'a self, start: &str, end: &str) -> Vec<&'a str> {
        let parts = self.body.split(start).skip(1);
        parts.map(|it| it.split(end).next().unwrap()).collect()
    }
}

/// A browser that has opened the printed address.
struct Browser {
    console: Console,
    cookie: String,
    csrf: String,
}

/// A stack with people.
async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .user(USER, "OperatorPolicy")
            .user("uploader", "UploaderPolicy")
            .parameter("CopyRegions", "us-west-2,eu-west-1")
            .parameter("ShareWith", "111122223333")
    })
    .await
}

/// A console of this stack, which nobody has opened.
fn console(stack: &TestStack, aws: Aws) -> Console {
    let setup = Setup {
        aws,
        config: stack.config(),
        stack: "local".to_owned(),
        mailbox: Some(stack.world.directory().join("mail")),
        now: stack.world.clock().now(),
    };
    Console::new(setup, PORT).unwrap()
}

/// A request as a browser sends it.
fn request(method: &str, path: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", HOST)
}

async fn answer(console: &Console, request: Request<Body>) -> Page {
    let (parts, body) = console.answer(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Page {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

impl Browser {
    /// Opens the console as an operator.
    async fn open(stack: &TestStack) -> Self {
        Self::open_as(stack, stack.aws_of(USER)).await
    }

    async fn open_as(stack: &TestStack, aws: Aws) -> Self {
        let console = console(stack, aws);
        let address = console.address();
        let path = address.strip_prefix(ORIGIN).unwrap();
        let first = answer(&console, request("GET", path).body(Body::empty()).unwrap()).await;
        let cookie = first.header("set-cookie").split(';').next().unwrap();
        let mut browser = Self {
            console,
            cookie: cookie.to_owned(),
            csrf: String::new(),
        };
        let page = browser.get("/drop").await.with(StatusCode::OK);
        browser.csrf = page.between("name=\"csrf\" content=\"", "\"")[0].to_owned();
        browser
    }

    fn request(&self, method: &str, path: &str) -> Builder {
        request(method, path).header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Page {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        answer(&self.console, request).await
    }

    /// Sends a form, as a page of the console does.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        let request = self.request("POST", path).header("origin", ORIGIN);
        answer(&self.console, form(request, &all)).await
    }

    /// Presses a button of the page of an image, as it is shown now.
    async fn press(&self, page: &str, button: &str, key: &str) -> Page {
        let page = self.get(page).await;
        let seen = page.between("name=\"seen\" value=\"", "\"")[0];
        self.post(button, &[("key", key), ("seen", seen)]).await
    }

    /// Sends a file, as the script of the page does.
    async fn send(&self, path: &str, content: impl Into<Body>, size: usize) -> Page {
        let request = self
            .request("POST", path)
            .header("origin", ORIGIN)
            .header("x-csrf-token", &self.csrf)
            .header("content-length", size);
        answer(&self.console, request.body(content.into()).unwrap()).await
    }
}

/// A form's request.
fn form(request: Builder, fields: &[(&str, &str)]) -> Request<Body> {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    let body = fields.collect::<Vec<_>>().join("&");
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

/// A value of a form or an address.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
