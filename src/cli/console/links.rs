//! The addresses of the pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A text as a value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The page of an image.
pub(super) fn image(key: &str) -> String {
    format!("/image?key={}", encoded(key))
}

/// A part of it.
pub(super) fn image_part(part: &str, key: &str) -> String {
    format!("/image/{part}?key={}", encoded(key))
}
