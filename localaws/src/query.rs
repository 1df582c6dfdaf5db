//! Requests and answers of the Query protocol as SNS, STS, CloudFormation and IAM speak it (EC2's dialect differs).

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;

use crate::wire::{
    self, Request, Response, is_common_field, query_fields, response, with_request_id,
};

/// The fields of a request. Reading one marks it as used.
#[derive(Debug)]
pub(crate) struct Fields(Vec<Field>);

#[derive(Debug)]
struct Field {
    name: String,
    value: String,
    used: AtomicBool,
}

impl Fields {
    pub(crate) fn of(request: &Request) -> Self {
        let fields = query_fields(request).into_iter();
        let fields = fields.map(|(name, value)| Field {
            name,
            value,
            used: AtomicBool::new(false),
        });
        Self(fields.collect())
    }

    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|field| field.name == name)?;
        field.used.store(true, Ordering::Relaxed);
        Some(field.value.as_str())
    }

    /// Whether any field's name starts so. It does not count as using it.
    pub(crate) fn has(&self, start: &str) -> bool {
        self.0.iter().any(|field| field.name.starts_with(start))
    }

    /// The first field that nobody has used: nothing acts on it. To be asked before anything is changed.
    pub(crate) fn unused(&self) -> Option<&str> {
        let unused = self
            .0
            .iter()
            .find(|field| !is_common_field(&field.name) && !field.used.load(Ordering::Relaxed));
        unused.map(|field| field.name.as_str())
    }

    /// A map's entries, `NAME.entry.1.…` and on, each with the fields `key` and `value` are called here.
    pub(crate) fn entries<'a>(
        &'a self,
        name: &str,
        key: &str,
        value: &'a str,
    ) -> Vec<(&'a str, Entry<'a>)> {
        let entry = |number: usize| {
            let prefix = format!("{name}.entry.{number}.");
            let key = self.get(&format!("{prefix}{key}"))?;
            Some((
                key,
                Entry {
                    fields: self,
                    prefix: format!("{prefix}{value}"),
                },
            ))
        };
        (1..).map_while(entry).collect()
    }
}

/// The value of a map's entry.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    fields: &'a Fields,
    prefix: String,
}

impl<'a> Entry<'a> {
    /// The value itself.
    pub(crate) fn text(&self) -> &'a str {
        self.fields.get(&self.prefix).unwrap_or_default()
    }

    /// A member of a value that is a structure.
    pub(crate) fn member(&self, name: &str) -> Option<&'a str> {
        self.fields.get(&format!("{}.{name}", self.prefix))
    }
}

/// Why a service refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    /// For an action that this world does not know: a client shows the sentence only if it comes as an error of the
    /// protocol.
    pub(crate) fn not_built(service: &str, action: &str) -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            code: wire::NOT_BUILT,
            message: wire::not_built_sentence(service, action),
        }
    }
}

/// A service's dialect: the XML namespace of its answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect(pub(crate) &'static str);

impl Dialect {
    /// The version of the API that a request names, if it is another than this dialect's.
    pub(crate) fn other_version<'a>(&self, fields: &'a Fields) -> Option<&'a str> {
        let version = fields.get("Version")?;
        let own = self.0.trim_end_matches('/').rsplit('/').next();
        Some(version).filter(|version| Some(*version) != own)
    }

    /// The answer to `action`; its result is XML.
    pub(crate) fn answer(self, action: &str, result: &str, request_id: &str) -> Response {
        let metadata = format!(
            "<ResponseMetadata>{}</ResponseMetadata>",
            element("RequestId", request_id)
        );
        let result = format!("<{action}Result>{result}</{action}Result>");
        let body = format!(
            "<{action}Response xmlns=\"{}\">{result}{metadata}</{action}Response>",
            self.0
        );
        whole(StatusCode::OK, body, request_id)
    }

    /// The answer that refuses.
    pub(crate) fn refuse(self, refusal: &Refusal, request_id: &str) -> Response {
        let who = if refusal.status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        };
        let (code, message) = (
            element("Code", refusal.code),
            element("Message", &refusal.message),
        );
        let error = format!("<Error>{}{code}{message}</Error>", element("Type", who));
        let id = element("RequestId", request_id);
        let body = format!(
            "<ErrorResponse xmlns=\"{}\">{error}{id}</ErrorResponse>",
            self.0
        );
        whole(refusal.status, body, request_id)
    }
}

/// An element with this text.
pub(crate) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", wire::xml_text(text))
}

fn whole(status: StatusCode, body: String, request_id: &str) -> Response {
    with_request_id(
        response(status, "text/xml", body),
        "x-amzn-requestid",
        request_id,
    )
}
