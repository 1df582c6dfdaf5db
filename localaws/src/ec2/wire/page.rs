//! Pagination of the Describe calls: `MaxResults` and an opaque `NextToken`.
//!
//! EC2's oldest listings, DescribeImages, DescribeSnapshots and DescribeTags among them, answer with everything unless
//! the request says `MaxResults` (`Aws::EC2::ResourcePaginationFix` of the AWS SDK for Ruby works around it).

use std::ops::Bound::{Excluded, Unbounded};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use std::collections::{BTreeMap, BTreeSet};

use crate::ec2::wire::error::{Failure, invalid_combination, invalid_value, refuse};
use crate::ec2::wire::query::Fields;

/// The most that a page holds.
const LARGEST: usize = 1000;

/// Which page is wanted.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// None if the request does not say: then all is one page, unless the action has pages anyway.
    size: Option<usize>,
    after: Option<String>,
    /// The most that it holds, whatever was asked for.
    limit: Option<usize>,
}

impl Page {
    /// Reads `MaxResults`, from `least` to 1000, and `NextToken`.
    pub(crate) fn read(fields: &mut Fields, least: usize) -> Result<Self, Failure> {
        Self::read_up_to(fields, least, LARGEST)
    }

    /// The same, of an action with smaller pages.
    pub(crate) fn read_up_to(
        fields: &mut Fields,
        least: usize,
        most: usize,
    ) -> Result<Self, Failure> {
        let size = fields.number::<usize>("MaxResults")?;
        if let Some(size) = size
            && !(least..=most).contains(&size)
        {
            let message = format!(
                "Value ( {size} ) for parameter maxResults is invalid. Expecting a value from {least} to {most}."
            );
            return Err(invalid_value(message));
        }
        let after = fields
            .text("NextToken")
            .map(|token| decode(&token))
            .transpose()?;
        let limit = fields.page_limit;
        Ok(Self { size, after, limit })
    }

    /// The same page of an action that answers in pages of this size without a request for pages.
    pub(crate) fn usually(self, size: usize) -> Self {
        Self {
            size: self.size.or(Some(size)),
            ..self
        }
    }

    /// Refuses a page of what a request names by id: EC2 knows no such thing
    /// ("The parameter imageIdsSet cannot be used with the parameter maxResults").
    pub(crate) fn check_ids(&self, set: &str, ids: &[String]) -> Result<(), Failure> {
        if self.size.is_none() || ids.is_empty() {
            return Ok(());
        }
        let message = format!("The parameter {set} cannot be used with the parameter maxResults");
        Err(invalid_combination(message))
    }

    /// What the page before ended with.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// What the page can hold, by id: what comes after the page before, and of that, if `ids` names any, those. So
    /// neither a page nor an id costs a pass over all the others.
    pub(crate) fn candidates<'a, T>(
        &'a self,
        all: &'a BTreeMap<String, T>,
        ids: Option<&'a BTreeSet<String>>,
    ) -> Box<dyn Iterator<Item = &'a T> + 'a> {
        let start = self.after.as_ref().map_or(Unbounded, Excluded);
        match ids {
            Some(ids) => {
                let ids = ids.range::<String, _>((start, Unbounded));
                Box::new(ids.filter_map(|id| all.get(id)))
            }
            None => {
                let all = all.range::<String, _>((start, Unbounded));
                Box::new(all.map(|(_, one)| one))
            }
        }
    }

    /// The page, out of all that comes after the page before, in the order of `id`; and the token of the next one.
    pub(crate) fn cut<T>(
        &self,
        found: impl Iterator<Item = T>,
        id: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let Some(size) = self.size else {
            return (found.collect(), None);
        };
        let size = self.limit.map_or(size, |limit| size.min(limit));
        let mut page: Vec<T> = found.take(size + 1).collect();
        let more = page.len() > size;
        page.truncate(size);
        let last = page.last().filter(|_| more);
        let next = last.map(|last| STANDARD.encode(id(last)));
        (page, next)
    }
}

fn decode(token: &str) -> Result<String, Failure> {
    let text = STANDARD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| {
        refuse(
            "InvalidPaginationToken",
            "The specified pagination token is not valid or is expired.",
        )
    })
}
