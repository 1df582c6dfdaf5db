//! Usage of EC2 through the wire: form bodies in, XML out.

mod account;
mod bundle_tasks;
mod copy;
mod copy_rules;
mod deprecation;
mod describe;
mod import;
mod instance_store;
mod instances;
mod lifecycle;
mod options;
mod protection;
mod references;
mod register;
mod sharing;
mod stored;
mod strict;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Ec2, Image, ObjectRef, Objects, SeedSnapshot};
use crate::bus::{Bus, Event};
use crate::clock::Clock;
use crate::ids::Ids;
use crate::s3::Ends;

const REGION: &str = "us-east-1";
const SNAPSHOT: &str = "snap-0123456789abcdef0";

/// A bucket that EC2 can read; keys are `bucket/key`.
#[derive(Default)]
struct Shelf {
    objects: Mutex<BTreeMap<String, Result<Bytes, StatusCode>>>,
    acls: Mutex<BTreeMap<String, String>>,
}

impl Shelf {
    fn get(&self, place: ObjectRef<'_>) -> Result<Bytes, StatusCode> {
        let objects = self.objects.lock().unwrap();
        let found = objects.get(&format!("{}/{}", place.bucket, place.key));
        match (place.region, found) {
            (REGION, found) => found.cloned().unwrap_or(Err(StatusCode::NOT_FOUND)),
            _elsewhere => Err(StatusCode::MOVED_PERMANENTLY),
        }
    }
}

impl Objects for Shelf {
    fn read<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>> {
        Box::pin(async move { self.get(place) })
    }

    fn fetch<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>> {
        Box::pin(async move { self.get(place) })
    }

    fn ends<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Ends, StatusCode>> {
        Box::pin(async move {
            let object = self.get(place)?;
            Ok(Ends {
                size: object.len() as u64,
                head: object.clone(),
                tail: object,
            })
        })
    }

    fn put<'a>(
        &'a self,
        place: ObjectRef<'a>,
        body: Bytes,
        acl: &'a str,
        _tags: BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), StatusCode>> {
        Box::pin(async move {
            let name = format!("{}/{}", place.bucket, place.key);
            self.acls
                .lock()
                .unwrap()
                .insert(name.clone(), acl.to_owned());
            self.objects.lock().unwrap().insert(name, Ok(body));
            Ok(())
        })
    }

    fn bucket<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<(), StatusCode>> {
        Box::pin(async move {
            match (place.region, place.bucket) {
                (REGION, "lost") => Err(StatusCode::NOT_FOUND),
                (REGION, _) => Ok(()),
                _elsewhere => Err(StatusCode::MOVED_PERMANENTLY),
            }
        })
    }
}

struct World {
    ec2: Ec2,
    shelf: Arc<Shelf>,
    clock: Clock,
    events: UnboundedReceiver<Event>,
}

impl World {
    /// A world with one completed snapshot of 8 GiB.
    fn new() -> Self {
        let (world, shelf) = (Bus::new(), Arc::new(Shelf::default()));
        let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
        let ec2 = Ec2::new(clock, Ids::new(1), world.0, shelf.clone());
        ec2.seed_snapshot(
            REGION,
            SeedSnapshot {
                id: Some(SNAPSHOT.to_owned()),
                ..SeedSnapshot::default()
            },
        );
        Self {
            ec2,
            shelf,
            clock,
            events: world.1,
        }
    }

    fn put(&self, location: &str, object: Result<&str, StatusCode>) {
        let object = object.map(|text| Bytes::from(text.to_owned()));
        self.shelf
            .objects
            .lock()
            .unwrap()
            .insert(location.to_owned(), object);
    }

    /// Sends an action with these `&`-joined fields, unescaped, and gives status and body.
    async fn send(&self, action: &str, fields: &str) -> (StatusCode, String) {
        self.send_to(REGION, action, fields).await
    }

    async fn send_to(&self, region: &str, action: &str, fields: &str) -> (StatusCode, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action)
            .append_pair("Version", "2016-11-15");
        for field in fields.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap();
            form.append_pair(name, value);
        }
        let request = http::Request::post("/")
            .body(Bytes::from(form.finish()))
            .unwrap();
        let response = self.ec2.handle(region, request).await;
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (response.status(), body)
    }

    /// The answer to an action that must succeed.
    async fn ok(&self, action: &str, fields: &str) -> String {
        let (status, body) = self.send(action, fields).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// `Code: Message` of an action that must be refused.
    async fn refused(&self, action: &str, fields: &str) -> String {
        let (status, body) = self.send(action, fields).await;
        assert!(!status.is_success(), "{status} {body}");
        format!("{}: {}", text(&body, "Code"), text(&body, "Message"))
    }

    /// Registers an EBS image from the snapshot, with further fields, and gives its id.
    async fn register(&self, name: &str, more: &str) -> String {
        text(&self.ok("RegisterImage", &ebs(name, more)).await, "imageId")
    }

    /// Why the same is refused.
    async fn not_registered(&self, more: &str) -> String {
        self.refused("RegisterImage", &ebs("web", more)).await
    }

    fn image(&self, id: &str) -> Image {
        self.ec2
            .images(REGION)
            .into_iter()
            .find(|image| image.id == id)
            .unwrap()
    }
}

/// The fields of an hvm image from the snapshot. Those in `more` come first: a field given there is not repeated.
fn ebs(name: &str, more: &str) -> String {
    let usual = [
        ("Name", name),
        ("VirtualizationType", "hvm"),
        ("Architecture", "x86_64"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", SNAPSHOT),
    ];
    let mut fields: Vec<String> = more
        .split('&')
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
        .collect();
    for (name, value) in usual {
        if !fields
            .iter()
            .any(|field| field.starts_with(&format!("{name}=")))
        {
            fields.push(format!("{name}={value}"));
        }
    }
    // `-Name` leaves a usual field out.
    fields.retain(|field| !field.ends_with("=-"));
    fields.join("&")
}

/// The text of the first element of this name.
fn text(xml: &str, name: &str) -> String {
    texts(xml, name).into_iter().next().unwrap_or_default()
}

/// The texts of all elements of this name, as an XML reader sees them.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found = Vec::new();
    let mut inside = false;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) if start.name().0 == name => {
                inside = true;
                found.push(String::new());
            }
            quick_xml::events::Event::End(_) => inside = false,
            quick_xml::events::Event::Text(text) if inside => {
                found.last_mut().unwrap().push_str(&text);
            }
            quick_xml::events::Event::GeneralRef(name) if inside => {
                let text =
                    quick_xml::escape::resolve_predefined_entity(&name).unwrap_or("\u{fffd}");
                found.last_mut().unwrap().push_str(text);
            }
            quick_xml::events::Event::Eof => return found,
            _ => {}
        }
    }
}
