//! Bodies in `aws-chunked` coding, as SDKs send them with `x-amz-content-sha256: STREAMING-…`
//! ("Signature calculations: transferring a payload in chunks", Amazon S3 API Reference).
//!
//! Chunk signatures are not checked: this world takes any credentials.

use std::io::{self, BufRead, Read as _, Write};

/// Longest line between chunks; a signature makes it 85 bytes.
const LONGEST_LINE: u64 = 4096;

/// Decodes a body, and gives the headers that followed it. Nothing if it is not in this coding or ends early.
///
/// # Errors
/// It cannot be read or written.
pub(super) fn decode(
    mut coded: impl BufRead,
    body: &mut impl Write,
) -> io::Result<Option<Vec<(String, String)>>> {
    loop {
        let Some(size) = line(&mut coded)?.as_deref().and_then(size) else {
            return Ok(None);
        };
        if size == 0 {
            break;
        }
        let copied = io::copy(&mut (&mut coded).take(size), body)?;
        if copied < size || line(&mut coded)?.is_none_or(|rest| !rest.is_empty()) {
            return Ok(None);
        }
    }
    let mut trailers = Vec::new();
    while let Some(trailer) = line(&mut coded)?.filter(|line| !line.is_empty()) {
        let Some((name, value)) = trailer.split_once(':') else {
            return Ok(None);
        };
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(trailers))
}

/// The size that the line before a chunk states, in hexadecimal, before extensions.
fn size(line: &str) -> Option<u64> {
    let size = line.split(';').next().unwrap_or_default();
    u64::from_str_radix(size.trim(), 16).ok()
}

/// Takes a line off, without its end. Nothing if there is none.
fn line(coded: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    coded.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    let text = line.strip_suffix(b"\r\n").map(<[u8]>::to_vec);
    Ok(text.and_then(|text| String::from_utf8(text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_chunks_and_trailers() {
        let coded = "5;chunk-signature=ab\r\nhello\r\n1;chunk-signature=cd\r\n!\r\n0;chunk-signature=ef\r\nx-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:12\r\n\r\n";
        let mut body = Vec::new();
        let trailers = decode(coded.as_bytes(), &mut body).unwrap().unwrap();
        assert_eq!(body, b"hello!");
        assert_eq!(
            trailers[0],
            ("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned())
        );
    }

    #[test]
    fn what_ends_early_is_refused() {
        for coded in [
            "",
            "5\r\nhel",
            "5\r\nhello",
            "hello",
            "ffffffffffffffff\r\n",
            "5\r\nhello\r\n",
        ] {
            let decoded = decode(coded.as_bytes(), &mut Vec::new()).unwrap();
            assert_eq!(decoded, None, "{coded:?}");
        }
    }
}
