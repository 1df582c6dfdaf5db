//! Buckets that keep versions ("Using versioning in S3 buckets", Amazon S3 User Guide).

mod kept;

use super::*;

impl Fixture {
    /// A bucket that keeps versions.
    async fn versioned() -> Self {
        let fixture = Self::new().await;
        fixture.set_versioning("Enabled").await;
        fixture
    }

    async fn set_versioning(&self, status: &str) {
        let answer = self.ask_versioning(status).await;
        assert_eq!(answer.status(), 200, "{}", text(&answer));
    }

    async fn ask_versioning(&self, status: &str) -> Response {
        let body =
            format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        self.call(Method::PUT, "/images?versioning", &[], &body)
            .await
    }

    /// Puts an object; the id of its version.
    async fn version(&self, key: &str, body: &str) -> String {
        let answer = self.put(key, &[], body).await;
        assert_eq!(answer.status(), 200, "{}", text(&answer));
        header(&answer, "x-amz-version-id").to_owned()
    }

    async fn delete(&self, target: &str) -> Response {
        self.call(Method::DELETE, &format!("/images/{target}"), &[], "")
            .await
    }

    async fn list(&self, query: &str) -> Response {
        self.call(Method::GET, &format!("/images?versions{query}"), &[], "")
            .await
    }

    /// The body of an object, or the code of the error.
    async fn body(&self, target: &str) -> String {
        let answer = self.get(target, &[]).await;
        match answer.status().is_success() {
            true => text(&answer).to_owned(),
            false => elements(&answer, "Code").concat(),
        }
    }

    /// Delete markers and then versions of all keys, as `s3s` writes them: key, id, and whether it is the latest.
    async fn versions(&self) -> Vec<[String; 3]> {
        let listed = self.list("").await;
        let (keys, ids) = (elements(&listed, "Key"), elements(&listed, "VersionId"));
        let latest = elements(&listed, "IsLatest");
        let lines = keys.iter().zip(ids).zip(latest);
        lines
            .map(|((key, id), latest)| [key, id, latest].map(|it| (*it).to_owned()))
            .collect()
    }

    /// What events said of versions: what, version, deletion type.
    fn said(&mut self) -> Vec<[String; 3]> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        std::iter::from_fn(|| self.events.try_recv().ok())
            .map(|event| {
                let detail = &event.detail;
                let version = text(&detail["object"]["version-id"]);
                [event.detail_type, version, text(&detail["deletion-type"])]
            })
            .collect()
    }
}

fn created(version: &str) -> [String; 3] {
    ["Object Created", version, ""].map(str::to_owned)
}

fn deleted(version: &str, how: &str) -> [String; 3] {
    ["Object Deleted", version, how].map(str::to_owned)
}

const MARKED: &str = "Delete Marker Created";
const PERMANENT: &str = "Permanently Deleted";
/// Well formed, and nobody's.
const NOBODY: &str = "3HL4kqtJvjVBH40Nrjfkd3HL4kqtJvjV";

#[tokio::test(start_paused = true)]
async fn a_bucket_is_asked_and_told_whether_it_keeps_versions() {
    let fixture = Fixture::new().await;
    let ask = || fixture.call(Method::GET, "/images?versioning", &[], "");
    assert!(elements(&ask().await, "Status").is_empty());
    for status in ["Enabled", "Suspended"] {
        fixture.set_versioning(status).await;
        assert_eq!(elements(&ask().await, "Status"), [status]);
    }
    let code = "IllegalVersioningConfigurationException";
    assert_error(&fixture.ask_versioning("Off").await, 400, code);
    let mfa = "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>";
    let mfa = fixture.call(Method::PUT, "/images?versioning", &[], mfa);
    assert_error(&mfa.await, 501, "NotImplemented");
    assert_eq!(elements(&ask().await, "Status"), ["Suspended"]);
}

#[tokio::test(start_paused = true)]
async fn each_write_is_a_version_that_can_be_read_and_restored() {
    let mut fixture = Fixture::versioned().await;
    let first = fixture.version("a", "one").await;
    let second = fixture.version("a", "two").await;
    assert_ne!(first, second);
    let created_both = [created(&first), created(&second)];
    assert_eq!(fixture.said(), created_both);
    assert_eq!(fixture.body("a").await, "two");
    let earlier = fixture.get(&format!("a?versionId={first}"), &[]).await;
    assert_eq!(text(&earlier), "one");
    assert_eq!(header(&earlier, "x-amz-version-id"), first);
    assert_eq!(header(&fixture.head("a").await, "x-amz-version-id"), second);
    let part = [("range", "bytes=1-1")];
    let part = fixture.get(&format!("a?versionId={first}"), &part).await;
    assert_eq!((part.status().as_u16(), text(&part)), (206, "n"));

    // The way back that S3 recommends: a copy of the earlier version over the current one.
    let source = format!("images/a?versionId={first}");
    let copied = fixture
        .put("a", &[("x-amz-copy-source", &source)], "")
        .await;
    assert_eq!(copied.status(), 200, "{}", text(&copied));
    assert_eq!(header(&copied, "x-amz-copy-source-version-id"), first);
    let third = header(&copied, "x-amz-version-id").to_owned();
    assert_eq!(fixture.body("a").await, "one");
    let line = |id: &str, latest: &str| ["a", id, latest].map(str::to_owned);
    let all = [
        line(&third, "true"),
        line(&second, "false"),
        line(&first, "false"),
    ];
    assert_eq!(fixture.versions().await, all);
}

#[tokio::test(start_paused = true)]
async fn deleting_makes_a_marker_and_deleting_the_marker_brings_the_object_back() {
    let mut fixture = Fixture::versioned().await;
    let first = fixture.version("a/b", "one").await;
    let answer = fixture.delete("a/b").await;
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "x-amz-delete-marker"), "true");
    let marker = header(&answer, "x-amz-version-id").to_owned();
    let marked = deleted(&marker, MARKED);
    assert_eq!(fixture.said(), [created(&first), marked]);

    let gone = fixture.get("a/b", &[]).await;
    assert_error(&gone, 404, "NoSuchKey");
    assert_eq!(header(&gone, "x-amz-delete-marker"), "true");
    assert_eq!(header(&gone, "x-amz-version-id"), marker);
    assert_eq!(fixture.head("a/b").await.status(), 404);
    let refused = fixture.get(&format!("a/b?versionId={marker}"), &[]).await;
    assert_error(&refused, 405, "MethodNotAllowed");
    assert_eq!(elements(&refused, "ResourceType"), ["DeleteMarker"]);
    assert_eq!(header(&refused, "allow"), "DELETE");
    assert_ne!(header(&refused, "last-modified"), "");
    assert_eq!(fixture.body(&format!("a/b?versionId={first}")).await, "one");
    assert!(fixture.s3.keys("images", "").await.unwrap().is_empty());
    let source = format!("images/a/b?versionId={marker}");
    let copied = fixture
        .put("c", &[("x-amz-copy-source", &source)], "")
        .await;
    assert_error(&copied, 400, "InvalidRequest");
    let source = [("x-amz-copy-source", "images/a/b")];
    assert_error(&fixture.put("c", &source, "").await, 404, "NoSuchKey");
    // What is current is a marker: so there is nothing to replace.
    let new = [("if-none-match", "*")];
    let third = fixture.put("a/b", &new, "three").await;
    assert_eq!(third.status(), 200, "{}", text(&third));
    let third = header(&third, "x-amz-version-id").to_owned();
    fixture.said();

    fixture.delete(&format!("a/b?versionId={third}")).await;
    assert_eq!(fixture.said(), [deleted(&third, PERMANENT)]);
    assert_eq!(fixture.body("a/b").await, "NoSuchKey");
    let undone = fixture.delete(&format!("a/b?versionId={marker}")).await;
    assert_eq!(header(&undone, "x-amz-delete-marker"), "true");
    assert_eq!(fixture.said(), [deleted(&marker, PERMANENT)]);
    assert_eq!(fixture.body("a/b").await, "one");
    assert_eq!(
        fixture.head("a/b").await.headers()["x-amz-version-id"],
        first
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_is_deleted_for_good_and_no_other() {
    let fixture = Fixture::versioned().await;
    let (first, second) = (
        fixture.version("a", "one").await,
        fixture.version("a", "two").await,
    );
    fixture.version("a", "three").await;
    let answer = fixture.delete(&format!("a?versionId={second}")).await;
    assert_eq!(header(&answer, "x-amz-version-id"), second);
    let of_second = format!("a?versionId={second}");
    assert_eq!(fixture.body(&of_second).await, "NoSuchVersion");
    // Again, or of nobody: there is nothing to do.
    for id in [&second, NOBODY] {
        let again = fixture.delete(&format!("a?versionId={id}")).await;
        assert_eq!(again.status(), 204);
    }
    assert_eq!(fixture.body(&format!("a?versionId={first}")).await, "one");
    assert_eq!(fixture.body("a").await, "three");
    for method in [Method::GET, Method::DELETE] {
        for (id, message) in [
            ("", "Version id cannot be the empty string"),
            ("x", "Invalid version id specified"),
        ] {
            let target = format!("/images/a?versionId={id}");
            let answer = fixture.call(method.clone(), &target, &[], "").await;
            assert_error(&answer, 400, "InvalidArgument");
            assert_eq!(elements(&answer, "Message"), [message]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn null_versions_are_of_before_and_of_while_suspended() {
    let mut fixture = Fixture::new().await;
    assert_eq!(fixture.version("a", "before").await, "");
    let plain = fixture.get("a", &[]).await;
    assert!(!plain.headers().contains_key("x-amz-version-id"));
    fixture.set_versioning("Enabled").await;
    assert_eq!(header(&fixture.head("a").await, "x-amz-version-id"), "null");
    let first = fixture.version("a", "one").await;
    assert_eq!(fixture.body("a?versionId=null").await, "before");

    fixture.set_versioning("Suspended").await;
    fixture.said();
    assert_eq!(fixture.version("a", "while").await, "");
    assert_eq!(fixture.said(), [created("")]);
    assert_eq!(fixture.body("a?versionId=null").await, "while");
    fixture.version("a", "later").await;
    let line = |id: &str, latest: &str| ["a", id, latest].map(str::to_owned);
    let both = [line("null", "true"), line(&first, "false")];
    assert_eq!(fixture.versions().await, both);
    assert_eq!(fixture.body("a").await, "later");

    // A marker takes the place of the null version.
    let marker = fixture.delete("a").await;
    assert_eq!(header(&marker, "x-amz-version-id"), "null");
    assert_eq!(fixture.versions().await, both);
    assert_eq!(fixture.body("a?versionId=null").await, "MethodNotAllowed");
    fixture.delete("a?versionId=null").await;
    assert_eq!(fixture.body("a").await, "one");
    assert_eq!(fixture.body("a?versionId=null").await, "NoSuchVersion");
}

#[tokio::test(start_paused = true)]
async fn many_versions_are_deleted_by_one_request() {
    let fixture = Fixture::versioned().await;
    let first = fixture.version("a", "one").await;
    fixture.version("b", "two").await;
    let body = format!(
        "<Delete><Object><Key>a</Key><VersionId>{first}</VersionId></Object><Object><Key>b</Key></Object><Object><Key>c</Key><VersionId>x</VersionId></Object></Delete>"
    );
    let sum = sha256(body.as_bytes());
    let claim = [("x-amz-checksum-sha256", sum.as_str())];
    let answer = fixture.call(Method::POST, "/images?delete", &claim, &body);
    let answer = answer.await;
    assert_eq!(elements(&answer, "VersionId"), [&first, "x"]);
    assert_eq!(elements(&answer, "DeleteMarker"), ["true"]);
    assert_eq!(elements(&answer, "Code"), ["InvalidArgument"]);
    let marker = elements(&answer, "DeleteMarkerVersionId")[0];
    let left = fixture.versions().await;
    assert_eq!(left[0], ["b", marker, "true"].map(str::to_owned));
    assert_eq!((left.len(), &*left[1][0], &*left[1][2]), (2, "b", "false"));
}

#[tokio::test(start_paused = true)]
async fn versions_are_listed_in_pages() {
    let fixture = Fixture::versioned().await;
    for key in ["a", "a", "b/1", "b/1", "b/2", "c", "c", "c"] {
        fixture.version(key, "x").await;
    }
    fixture.delete("c").await;
    let all = fixture.versions().await;
    assert_eq!(all.len(), 9);
    // Of each key the newest first; of `c` that is the marker.
    let latest: Vec<&str> = all.iter().map(|line| &*line[2]).collect();
    let expected = "true true false true false true false false false";
    assert_eq!(latest.join(" "), expected);

    let mut found = Vec::new();
    let mut markers = String::new();
    loop {
        let page = fixture.list(&format!("&max-keys=2{markers}")).await;
        let keys = elements(&page, "Key");
        assert!((1..=2).contains(&keys.len()), "{}", text(&page));
        let lines = keys.iter().zip(elements(&page, "VersionId"));
        found.extend(lines.map(|(key, id)| (*key).to_owned() + " " + id));
        if elements(&page, "IsTruncated") == ["false"] {
            break;
        }
        let key = elements(&page, "NextKeyMarker")[0];
        let id = elements(&page, "NextVersionIdMarker")[0];
        markers = format!("&key-marker={key}&version-id-marker={id}");
    }
    found.sort();
    let mut every: Vec<_> = all
        .iter()
        .map(|line| format!("{} {}", line[0], line[1]))
        .collect();
    every.sort();
    assert_eq!(found, every);

    let page = fixture.list("&delimiter=/&max-keys=3").await;
    assert_eq!(elements(&page, "Prefix"), ["b/", ""]);
    assert_eq!(elements(&page, "NextKeyMarker"), ["b/"]);
    assert!(elements(&page, "NextVersionIdMarker").is_empty());
    let page = fixture.list("&delimiter=/&key-marker=b/").await;
    assert_eq!(elements(&page, "Key"), ["c"; 4]);
    assert!(!text(&page).contains("CommonPrefixes"));
    let page = fixture.list("&prefix=b/&key-marker=b/1").await;
    assert_eq!(elements(&page, "Key"), ["b/2"]);
    let page = fixture.list("&max-keys=0").await;
    assert_eq!(elements(&page, "IsTruncated"), ["false"]);
    // The version that a page ended with is deleted before the next one.
    let newest = &all[1][1];
    fixture.delete(&format!("a?versionId={newest}")).await;
    let rest = format!("&prefix=a&key-marker=a&version-id-marker={newest}");
    let rest = fixture.list(&rest).await;
    assert_eq!(elements(&rest, "VersionId"), [&*all[2][1]]);
    for query in [
        "&version-id-marker=null",
        "&key-marker=a&version-id-marker=x",
    ] {
        assert_error(&fixture.list(query).await, 400, "InvalidArgument");
    }
}
