//! Client tokens: the same request sent twice creates one thing
//! ("Ensuring idempotency in Amazon EC2 API requests").

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::query::Fields;

/// The token of a request, and what it came with.
#[derive(Debug)]
pub(crate) struct ClientToken {
    key: String,
    token_length: usize,
    fingerprint: String,
}

impl ClientToken {
    /// How many characters the token has.
    pub(crate) fn len(&self) -> usize {
        self.token_length
    }

    /// Takes the token, if there is one. To be called before any other field is taken: the fingerprint is of all of them.
    pub(crate) fn read(action: &str, fields: &mut Fields) -> Option<Self> {
        let token = fields
            .text("ClientToken")
            .filter(|token| !token.is_empty())?;
        Some(Self {
            key: format!("{action} {token}"),
            token_length: token.chars().count(),
            fingerprint: fields.fingerprint(&["DryRun"]),
        })
    }
}

/// What requests with client tokens have created, by action and token.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ClientTokens(BTreeMap<String, Created>);

#[derive(Debug, Serialize, Deserialize)]
struct Created {
    /// All parameters of the request.
    fingerprint: String,
    /// The id that was answered.
    id: String,
}

impl ClientTokens {
    /// What this request has created before.
    pub(crate) fn find(&self, token: Option<&ClientToken>) -> Result<Option<String>, Failure> {
        let Some(token) = token else { return Ok(None) };
        match self.0.get(&token.key) {
            None => Ok(None),
            Some(created) if created.fingerprint == token.fingerprint => {
                Ok(Some(created.id.clone()))
            }
            Some(_) => Err(refuse(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )),
        }
    }

    /// Remembers what this request has created.
    pub(crate) fn record(&mut self, token: Option<ClientToken>, id: &str) {
        if let Some(ClientToken {
            key, fingerprint, ..
        }) = token
        {
            let id = id.to_owned();
            self.0.insert(key, Created { fingerprint, id });
        }
    }

    /// Forgets the tokens of what is not listed any more.
    pub(crate) fn forget(&mut self, ids: &BTreeSet<String>) {
        if !ids.is_empty() {
            self.0.retain(|_, created| !ids.contains(&created.id));
        }
    }
}
