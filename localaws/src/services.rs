//! The services behind both front doors, and the one way in: numbered, recorded, and at times made to fail.

use std::sync::Arc;

use http::StatusCode;

use crate::activity::Activity;
use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::ec2::Ec2;
use crate::faults::{Call, Exchange, Fault, Faults, is_read, refusal, throttled};
use crate::iam::{self, Iam};
use crate::ids::Ids;
use crate::imds::Imds;
use crate::json_protocol;
use crate::lambda::{Caller, Callers};
use crate::large_body::Incoming;
use crate::logs::Logs;
use crate::management::Management;
use crate::route::{self, Target};
use crate::s3::{Deletions, RequestRegion, S3};
use crate::sns::Sns;
use crate::ssm::Ssm;
use crate::state::StateFiles;
use crate::sts::Sts;
use crate::watcher::Watcher;
use crate::wire::AnswerLost;
use crate::wire::{self, Request, Response};

/// All that answers AWS calls.
pub(crate) struct Services {
    pub(crate) s3: S3,
    pub(crate) ec2: Ec2,
    pub(crate) sns: Sns,
    pub(crate) ssm: Ssm,
    pub(crate) sts: Sts,
    pub(crate) logs: Logs,
    pub(crate) iam: Iam,
    pub(crate) management: Management,
    pub(crate) imds: Imds,
    pub(crate) faults: Faults,
    pub(crate) deliveries: Deliveries,
    pub(crate) callers: Callers,
    pub(crate) activity: Activity,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) region: String,
    /// Where state is kept; `None` in a world that goes with the test.
    pub(crate) state: Option<StateFiles>,
    /// Is shown each call as soon as it has taken effect, or was refused.
    pub(crate) watcher: Option<Watcher<Exchange>>,
}

impl Services {
    /// Answers a call, with what is planned to go wrong with it.
    ///
    /// A call continues when its caller stops waiting, as it would on a real service.
    pub(crate) async fn call(
        self: Arc<Self>,
        request: Request,
        caller: Option<Caller>,
    ) -> Result<Response, AnswerLost> {
        let (target, request) = match route::route(request, &self.region) {
            Ok(routed) => routed,
            Err(answer) => return Ok(*answer),
        };
        let mut request = request;
        if let Some((status, code, message)) = self.refused_early(&target, &mut request) {
            let (service, method) = (&target.service, request.method());
            let refused = (code, message);
            return Ok(refusal(service, method, status, refused, &self.ids.uuid()));
        }
        let caller = caller.or_else(|| self.callers.find(target.access_key.as_deref()?));
        let (call, fault) = self.record(&target, &request, caller.as_ref());
        let method = request.method().clone();
        let refused = match &fault {
            Some(Fault::Throttle) => Some(throttled(&target.service)),
            Some(Fault::Refuse {
                status,
                code,
                message,
            }) => Some((*status, code.as_str(), message.as_str())),
            _ => None,
        };
        if let Some((status, code, message)) = refused {
            let id = self.ids.uuid();
            let answer = refusal(&target.service, &method, status, (code, message), &id);
            self.show(call, request, Some(&answer));
            return Ok(answer);
        }
        if fault == Some(Fault::CrashBefore) {
            self.show(call, request, None);
            return die(caller).await;
        }
        let (services, busy) = (Arc::clone(&self), self.activity.begin());
        let effect = tokio::spawn(async move {
            let sent = services.watcher.is_some().then(|| request.clone());
            let answer = services.serve(&target, request, call.revision).await;
            let mut call = call;
            if answer.status().is_success() {
                services.faults.done(call.number);
                call.done = true;
            }
            if let Some(sent) = sent {
                services.show(call, sent, Some(&answer));
            }
            drop(busy);
            answer
        });
        let answer = effect.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a service of this world broke down");
            let message = format!("localaws broke down over this call: {error}\n");
            wire::response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", message)
        });
        match fault {
            Some(Fault::LoseAnswer) => Err(AnswerLost),
            Some(Fault::Crash) => die(caller).await,
            Some(Fault::Slow(by)) => {
                self.clock.sleep(by).await;
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }

    /// Why a request is refused before it counts as a call. What an S3 URL says in the place of headers becomes headers.
    fn refused_early(&self, target: &Target, request: &mut Request) -> Option<route::Refused> {
        let clocks = [self.clock.now(), self.clock.outside_now()];
        let who = (target.service.as_str(), target.access_key.as_deref());
        if let Some(refused) = route::refused(who, request, clocks) {
            return Some(refused);
        }
        if target.service == "s3" {
            let uri = request.uri().clone();
            // What cannot be a header is refused by S3 itself.
            let _ = crate::s3::headers_of_query(&uri, request.headers_mut());
            return None;
        }
        let is_large = request.extensions().get::<Incoming>().is_some();
        is_large.then_some((
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "The request is too large",
        ))
    }

    /// Answers a request to the metadata service of an instance. It is no call of AWS's API: it is not recorded, needs no
    /// permission, and never fails on purpose.
    pub(crate) fn metadata(&self, instance: &str, path: &str, request: &Request) -> Response {
        let found = self.ec2.instance(instance);
        let world = (self.clock.now(), &self.ids);
        self.imds
            .answer(world, (instance, found.as_ref()), path, request)
    }

    /// Shows a call to whoever watches.
    fn show(&self, call: Call, request: Request, answer: Option<&Response>) {
        if let Some(watcher) = &self.watcher {
            watcher.show(&Exchange {
                call,
                request,
                answer: answer.cloned(),
            });
        }
    }

    fn record(
        &self,
        target: &Target,
        request: &Request,
        caller: Option<&Caller>,
    ) -> (Call, Option<Fault>) {
        let action = route::action(&target.service, request);
        let fields = recorded_fields(&target.service, &action.name, request);
        let mut call = Call {
            number: 0,
            service: target.service.clone(),
            action: action.name,
            region: target.region.clone(),
            bucket: action.bucket,
            key: action.key,
            function: caller.map(|caller| caller.function().to_owned()),
            revision: caller.map_or(0, Caller::revision),
            at: self.clock.now(),
            fields,
            done: false,
        };
        let (number, fault) = self.faults.record(call.clone());
        call.number = number;
        (call, fault)
    }

    /// Answers a call if its caller may make it.
    async fn serve(&self, target: &Target, mut request: Request, revision: u64) -> Response {
        let action = route::action(&target.service, &request);
        let key = target.access_key.as_deref();
        let function = key.and_then(|key| self.callers.function(key));
        let caller = self.iam.caller(key, function, revision);
        let method = request.method().clone();
        // "NoSuchBucket" comes first, whoever asks: without a bucket there is no owner who could allow anything.
        let bucket = action.bucket.as_deref().filter(|_| target.service == "s3");
        let nowhere = bucket.is_some_and(|bucket| !self.s3.has_bucket(bucket));
        if target.access_key.is_none() && !nowhere && !self.is_public(&action).await {
            let denied = ("AccessDenied", "Access Denied");
            return refusal(
                "s3",
                &method,
                StatusCode::FORBIDDEN,
                denied,
                &self.ids.uuid(),
            );
        }
        let services = (&self.ec2, &self.ssm, &self.s3);
        let allowed = match nowhere && action.name != "CreateBucket" {
            true => Ok(()),
            false => self
                .iam
                .authorize(&caller, services, (target, &action, &request)),
        };
        if target.service == "s3" && action.name == "DeleteObjects" {
            let asked = (target, &action, &request);
            let deletions = self.iam.deletions(&caller, services, asked);
            request
                .extensions_mut()
                .insert(Deletions(Arc::new(deletions)));
        }
        let answer = match allowed {
            Ok(()) => self.answer(target, &action.name, request, &caller).await,
            Err(refused) => {
                return refused.answer(&target.service, &method, &self.ids.uuid());
            }
        };
        let missing = answer.status() == StatusCode::NOT_FOUND && action.key.is_some();
        match action.bucket.filter(|_| missing) {
            Some(bucket) if self.s3.has_bucket(&bucket) => {
                let known = self.iam.may_know_absence(&caller, &bucket);
                known.map_or_else(
                    |refused| refused.answer("s3", &method, &self.ids.uuid()),
                    |()| answer,
                )
            }
            _ => answer,
        }
    }

    /// Whether somebody without credentials may do this: forms are signed inside of themselves, and the ACL may let anybody
    /// read an object.
    async fn is_public(&self, action: &route::Action) -> bool {
        let object = action.bucket.as_deref().zip(action.key.as_deref());
        match (action.name.as_str(), object) {
            ("PostObject", _) => true,
            ("GetObject" | "HeadObject", Some((bucket, key))) => {
                let acl = self.s3.acl(bucket, key).await.ok().flatten();
                acl.is_some_and(|acl| acl.starts_with("public-read"))
            }
            _ => false,
        }
    }

    async fn answer(
        &self,
        target: &Target,
        action: &str,
        request: Request,
        caller: &iam::Caller,
    ) -> Response {
        let answer = match target.service.as_str() {
            "s3" => {
                let mut request = request;
                let region = RequestRegion(target.region.clone());
                request.extensions_mut().insert(region);
                self.s3.handle(request).await
            }
            "ec2" => self.ec2.handle(&target.region, request).await,
            "sns" => self.sns.handle(&target.region, request).await,
            "ssm" => self.ssm.handle(&target.region, request).await,
            "sts" => {
                let who = (caller.arn.as_str(), caller.user_id.as_str());
                self.sts.handle(request, who).await
            }
            "logs" => self.logs.handle(&target.region, action, &request),
            "cloudformation" | "events" | "iam" | "kms" | "lambda" => {
                let asked = (target.service.as_str(), target.region.as_str());
                self.management.answer(&self.ec2, asked, action, &request)
            }
            // Actions of REST protocols have no name in the request.
            other if action.is_empty() => wire::not_built(
                other,
                &format!("{} {}", request.method(), request.uri().path()),
            ),
            other => {
                let sentence = wire::not_built_sentence(other, action);
                let (status, id) = (StatusCode::NOT_IMPLEMENTED, self.ids.uuid());
                match request.headers().contains_key("x-amz-target") {
                    true => json_protocol::refusal(status, wire::NOT_BUILT, &sentence, &id),
                    false => {
                        let error = (wire::NOT_BUILT, sentence.as_str());
                        refusal(other, request.method(), status, error, &id)
                    }
                }
            }
        };
        if !is_read(action) {
            self.save(&target.service);
        }
        answer
    }

    /// Saves what a service knows, if this world outlives its process. Whether that was done, or need not be.
    pub(crate) fn save(&self, service: &str) -> bool {
        let Some(files) = &self.state else {
            return true;
        };
        let saved = match service {
            "ec2" => files.write(service, || self.ec2.save()),
            "sns" => files.write(service, || self.sns.save()),
            "ssm" => files.write(service, || self.ssm.save()),
            // S3 is on disk as it is; the others remember nothing.
            _ => return true,
        };
        let saved = saved.and_then(|()| files.write_time(|| self.clock.now()));
        if let Err(error) = &saved {
            tracing::error!(%error, path = %files.path(service).display(), "the world's state was not saved");
        }
        saved.is_ok()
    }
}

/// The end of the invocation that made the call. Whoever runs it drops it, and with it this future; a call from
/// outside of any function just loses its connection.
async fn die(caller: Option<Caller>) -> Result<Response, AnswerLost> {
    let Some(caller) = caller else {
        return Err(AnswerLost);
    };
    caller.crash();
    std::future::pending().await
}

/// What is remembered of a request: what makes, imports, changes or asks for an image, imports or changes a snapshot, or changes
/// or asks for a parameter. Values of parameters that are secret are not.
fn recorded_fields(service: &str, action: &str, request: &Request) -> Vec<(String, String)> {
    let actions = [
        "CopyImage",
        "CreateTags",
        "DeleteSnapshot",
        "DeleteTags",
        "DeregisterImage",
        "DescribeImages",
        "DescribeSnapshotAttribute",
        "ImportImage",
        "ImportSnapshot",
        "ModifyImageAttribute",
        "ModifySnapshotAttribute",
        "RegisterImage",
    ];
    let is_meant = actions.contains(&action)
        || action.starts_with("EnableImage")
        || action.starts_with("DisableImage");
    match service {
        "ec2" if is_meant => wire::query_fields(request),
        "ssm" if action == "PutParameter" => parameter_fields(request),
        "ssm" if action == "GetParameters" => names_of_parameters(request),
        _ => Vec::new(),
    }
}

/// Which parameters are asked for, as `Names.1` and on.
fn names_of_parameters(request: &Request) -> Vec<(String, String)> {
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let names = body.get("Names").and_then(|it| it.as_array());
    let names = names.into_iter().flatten().filter_map(|it| it.as_str());
    let numbered = names.zip(1_u32..);
    numbered
        .map(|(name, number)| (format!("Names.{number}"), name.to_owned()))
        .collect()
}

fn parameter_fields(request: &Request) -> Vec<(String, String)> {
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
    if body.get("Type").and_then(|it| it.as_str()) == Some("SecureString") {
        return Vec::new();
    }
    let field = |name: &&str| {
        let value = body.get(*name)?.as_str()?;
        Some(((*name).to_owned(), value.to_owned()))
    };
    ["Name", "Value"].iter().filter_map(field).collect()
}
