//! The request context: what condition keys and policy variables say about one call.

use std::collections::BTreeMap;

/// Values by condition key. "Condition key names are not case-sensitive", tag keys in them included.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Context {
    values: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// Says that the key has this one value.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values
            .insert(key.to_ascii_lowercase(), vec![value.into()]);
    }

    /// The same, in a chain.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, value);
        self
    }

    /// Says that the key has this value, if there is one.
    #[must_use]
    pub(crate) fn with_some(self, key: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Says that the key has all of these values.
    #[must_use]
    pub(crate) fn with_many(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.values.insert(key.to_ascii_lowercase(), values);
        self
    }

    /// Tags that the request puts on the resource: `aws:RequestTag/KEY` and `aws:TagKeys`. Without tags there are no
    /// such keys.
    #[must_use]
    pub(crate) fn with_request_tags(self, tags: &BTreeMap<String, String>) -> Self {
        if tags.is_empty() {
            return self;
        }
        let context = self.with_many("aws:TagKeys", tags.keys().cloned());
        tags.iter().fold(context, |context, (key, value)| {
            context.with(&format!("aws:RequestTag/{key}"), value)
        })
    }

    /// Tags that the resource has: `aws:ResourceTag/KEY` and the service's own `PREFIX:ResourceTag/KEY`.
    #[must_use]
    pub(crate) fn with_resource_tags(self, service: &str, tags: &BTreeMap<String, String>) -> Self {
        tags.iter().fold(self, |context, (key, value)| {
            context
                .with(&format!("aws:ResourceTag/{key}"), value)
                .with(&format!("{service}:ResourceTag/{key}"), value)
        })
    }

    /// Adds what another context says.
    pub(crate) fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// The values of a key; none if the request does not have it.
    pub(crate) fn get(&self, key: &str) -> Option<&[String]> {
        self.values
            .get(&key.to_ascii_lowercase())
            .map(Vec::as_slice)
    }

    /// The value of a key that has one.
    pub(crate) fn single(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            [value] => Some(value),
            _ => None,
        }
    }
}
