//! Who may see and change what: nobody without the token, no page of another site, no text of a manifest.

use axum::body::Body;
use axum::http::StatusCode;

use super::{Browser, ORIGIN, USER, answer, console, encoded, form, request, stack};
use crate::support::TestStack;

const PAGES: [&str; 9] = [
    "/",
    "/images",
    "/images/list",
    "/image?key=web.image.yaml",
    "/image/plan?key=web.image.yaml",
    "/drop",
    "/health",
    "/logs",
    "/mailbox",
];
const KEY: &str = "web.image.yaml";

async fn with_image() -> TestStack {
    let stack = stack().await;
    stack.drop_and_rest(KEY, stack.manifest("web-secret")).await;
    stack
}

#[tokio::test(start_paused = true)]
async fn without_the_token_nothing_is_shown() {
    let stack = with_image().await;
    let console = console(&stack, stack.aws_of(USER));
    for path in PAGES {
        for cookie in ["", "amiwright-8181=", "amiwright-8181=0123", "other=1"] {
            let request = request("GET", path).header("cookie", cookie);
            let page = answer(&console, request.body(Body::empty()).unwrap()).await;
            let page = page.with(StatusCode::UNAUTHORIZED);
            page.has("Open the address that was printed");
            page.has_not("web-secret")
                .has_not("csrf")
                .has_not("local-bucket");
        }
    }
    let wrong = request("GET", "/?token=0123").body(Body::empty()).unwrap();
    let page = answer(&console, wrong).await.with(StatusCode::FORBIDDEN);
    assert_eq!(page.header("set-cookie"), "");
}

#[tokio::test(start_paused = true)]
async fn the_token_becomes_a_cookie_and_leaves_the_address() {
    let stack = stack().await;
    let console = console(&stack, stack.aws_of(USER));
    let address = console.address();
    let path = address.strip_prefix(ORIGIN).unwrap();
    let page = answer(&console, request("GET", path).body(Body::empty()).unwrap()).await;
    let page = page.with(StatusCode::SEE_OTHER);
    assert_eq!(page.header("location"), "/images");
    let cookie = page.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
    // Each console has its own.
    let other = super::console(&stack, stack.aws_of(USER));
    assert_ne!(other.address(), address);
    let theirs = request("GET", "/images").header("cookie", cookie.split(';').next().unwrap());
    let theirs = answer(&other, theirs.body(Body::empty()).unwrap()).await;
    theirs.with(StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_made_to_lead_here_is_refused() {
    let stack = with_image().await;
    let browser = Browser::open(&stack).await;
    for host in [
        "attacker.example:8181",
        "attacker.example",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1.attacker.example:8181",
        "",
    ] {
        for path in PAGES.into_iter().chain(["/assets/console.js"]) {
            let request = axum::http::Request::get(path)
                .header("host", host)
                .header("cookie", &browser.cookie);
            let page = answer(&browser.console, request.body(Body::empty()).unwrap()).await;
            page.with(StatusCode::FORBIDDEN).has_not("web-secret");
        }
    }
    let local = axum::http::Request::get("/images")
        .header("host", "localhost:8181")
        .header("cookie", &browser.cookie);
    let page = answer(&browser.console, local.body(Body::empty()).unwrap()).await;
    page.with(StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_changes_nothing() {
    let stack = with_image().await;
    let browser = Browser::open(&stack).await;
    let calls = stack.world.faults().count();
    let fields = [("csrf", browser.csrf.as_str()), ("key", KEY)];
    let paths = [
        "/image/cancel",
        "/image/retry",
        "/drop",
        "/drop/check",
        "/drop/manifest",
        "/drop/object",
    ];
    for path in paths {
        // Even one that knew all our secrets.
        for origin in [
            "https://attacker.example",
            "http://127.0.0.1:9999",
            "null",
            "",
        ] {
            let request = browser.request("POST", path).header("origin", origin);
            let request = request.header("x-csrf-token", &browser.csrf);
            let page = answer(&browser.console, form(request, &fields)).await;
            page.with(StatusCode::FORBIDDEN);
        }
        let without = answer(
            &browser.console,
            form(browser.request("POST", path), &fields),
        )
        .await;
        without.with(StatusCode::FORBIDDEN);
        // What needs no body to be read is refused for its missing word.
        let request = browser.request("POST", path).header("origin", ORIGIN);
        let page = answer(
            &browser.console,
            form(request, &[("csrf", "0123"), ("key", KEY)]),
        )
        .await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
    }
    assert_eq!(
        stack.world.faults().count(),
        calls,
        "nothing was asked of AWS"
    );
}

#[tokio::test(start_paused = true)]
async fn a_form_without_its_word_is_refused() {
    let stack = with_image().await;
    let browser = Browser::open(&stack).await;
    for path in ["/image/cancel", "/image/retry"] {
        let request = browser.request("POST", path).header("origin", ORIGIN);
        let page = answer(
            &browser.console,
            form(request, &[("csrf", "0123"), ("key", KEY)]),
        )
        .await;
        page.with(StatusCode::FORBIDDEN)
            .has("This form is not of this console");
    }
    for path in ["/drop/check", "/drop/manifest", "/drop/object"] {
        let path = format!("{path}?name=new.image.yaml");
        let request = browser.request("POST", &path).header("origin", ORIGIN);
        let request = request
            .header("x-csrf-token", "0123")
            .body(Body::from("name: a"));
        let page = answer(&browser.console, request.unwrap()).await;
        page.with(StatusCode::FORBIDDEN)
            .has("this form is not of this console");
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_lets_the_browser_run_and_load_nothing_but_our_own() {
    let stack = with_image().await;
    let browser = Browser::open(&stack).await;
    let assets = ["/assets/console.js", "/assets/console.css", "/nothing"];
    for path in PAGES.into_iter().chain(assets) {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(page.header("access-control-allow-origin"), "", "{path}");
        if path.starts_with("/assets") {
            continue;
        }
        // Nothing that the policy would keep from working, and nothing from elsewhere.
        for inline in [
            " style=",
            "<style",
            " onclick",
            "javascript:",
            "src=\"http",
            "href=\"http",
        ] {
            page.has_not(inline);
        }
        let scripts = page.between("<script", ">");
        assert!(
            scripts.iter().all(|it| it.contains("src=\"/assets/")),
            "{scripts:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn texts_of_manifests_keys_and_aws_are_texts() {
    const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let stack = stack().await;
    let key = "a<b>&\"'<script>alert(3)<script>.image.yaml";
    let manifest = stack.manifest("web");
    let described = format!("{manifest}description: {}\n", serde_json::json!(EVIL));
    stack.drop_and_rest(key, &described).await;
    let unknown = format!(
        "{manifest}{}: 1\nregister: {{bootMode: {}}}\n",
        serde_json::json!(EVIL),
        serde_json::json!(EVIL)
    );
    stack.drop_and_rest("bad.image.yaml", &unknown).await;
    let refused = localaws::faults::Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: "Evil".to_owned(),
        message: "<script><img src=x onerror=alert(2)>\u{202e}".to_owned(),
    };
    stack.world.faults().on("ec2", "RegisterImage", 1, refused);
    stack
        .drop_and_rest("failed.image.yaml", stack.manifest("other"))
        .await;
    let browser = Browser::open(&stack).await;
    let name = encoded(key);
    let mut paths = vec![
        "/images".to_owned(),
        "/mailbox".to_owned(),
        format!("/images?q={}&state={}", encoded(EVIL), encoded(EVIL)),
        format!("/image?key={name}"),
        format!("/image/plan?key={name}"),
        format!("/image?key={}", encoded(EVIL)),
        "/image?key=bad.image.yaml".to_owned(),
        "/image?key=failed.image.yaml".to_owned(),
        format!("/logs?key={}", encoded(EVIL)),
        format!("/{}", encoded(EVIL)),
    ];
    paths.push(format!("/images/list?q={}", encoded("&page=2\"><script>")));
    for path in &paths {
        let page = browser.get(path).await;
        for unsafe_text in ["<script>", "<img", "\u{202e}", "\u{1b}"] {
            page.has_not(unsafe_text);
        }
    }
    browser
        .get("/image?key=bad.image.yaml")
        .await
        .has("&lt;script&gt;");
    browser
        .get("/image?key=failed.image.yaml")
        .await
        .has("&lt;img src=x onerror=alert(2)&gt;");
    let checked = browser
        .send(
            "/drop/check?name=x.image.yaml",
            unknown.clone(),
            unknown.len(),
        )
        .await;
    let checked = checked.with(StatusCode::UNPROCESSABLE_ENTITY);
    checked
        .has("&lt;script&gt;")
        .has_not("<script>")
        .has_not("<img");
    // What is in the page that a browser shows of it is what was written.
    browser
        .get(&format!("/image?key={name}"))
        .await
        .has("a&lt;b&gt;&amp;&quot;")
        .has_not("a<b>");
}
