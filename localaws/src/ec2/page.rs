//! Pagination of the Describe calls: `MaxResults` and an opaque `NextToken`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{Failure, invalid_value, refuse};
use super::query::Fields;

/// The most that a page holds.
const LARGEST: usize = 1000;

/// Which page is wanted.
#[derive(Debug)]
pub(super) struct Page {
    size: usize,
    after: Option<String>,
}

impl Page {
    /// Reads `MaxResults`, from `least` to 1000, and `NextToken`.
    pub(super) fn read(fields: &mut Fields, least: usize) -> Result<Self, Failure> {
        Self::read_up_to(fields, least, LARGEST)
    }

    /// The same, of an action with smaller pages.
    pub(super) fn read_up_to(
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
        Ok(Self {
            size: size.unwrap_or(usize::MAX),
            after,
        })
    }

    /// The page's part of `all`, which is ordered by `id`, and the token of the next one.
    pub(super) fn cut<T>(
        &self,
        mut all: Vec<T>,
        id: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        if let Some(after) = &self.after {
            all.retain(|item| id(item) > *after);
        }
        let more = all.len() > self.size;
        all.truncate(self.size);
        let next = all
            .last()
            .filter(|_| more)
            .map(|last| STANDARD.encode(id(last)));
        (all, next)
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
