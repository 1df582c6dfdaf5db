//! Bodies in `aws-chunked` coding, as SDKs send them with `x-amz-content-sha256: STREAMING-…`
//! ("Signature calculations: transferring a payload in chunks", Amazon S3 API Reference).
//!
//! Chunk signatures are not checked: this world takes any credentials.

use bytes::Bytes;

/// A decoded body, and the headers that followed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, String)>,
}

/// Decodes a body. Nothing if it is not in this coding or ends early.
pub(super) fn decode(coded: &Bytes) -> Option<Decoded> {
    let mut rest: &[u8] = coded;
    let mut body = Vec::with_capacity(coded.len());
    loop {
        let size = line(&mut rest)?;
        let size = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let mut trailers = Vec::new();
    while let Some(trailer) = line(&mut rest).filter(|line| !line.is_empty()) {
        let (name, value) = trailer.split_once(':')?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Decoded { body, trailers })
}

/// Takes a line off, without its end.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 2..];
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_chunks_and_trailers() {
        let coded = "5;chunk-signature=ab\r\nhello\r\n1;chunk-signature=cd\r\n!\r\n0;chunk-signature=ef\r\nx-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:12\r\n\r\n";
        let decoded = decode(&Bytes::from(coded)).unwrap();
        assert_eq!(decoded.body, b"hello!");
        assert_eq!(
            decoded.trailers[0],
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
            assert_eq!(decode(&Bytes::from(coded)), None, "{coded:?}");
        }
    }
}
