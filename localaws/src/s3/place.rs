//! Where an object's file is: a key is a path below its bucket's folder.

use std::path::PathBuf;

/// The longest file name that common file systems keep.
const LONGEST_NAME: usize = 255;

/// The path of a key's file, relative to the bucket's folder.
///
/// S3 allows keys that no file can have. They are refused here, before anything touches the disk,
/// so that no key leads out of its bucket's folder.
///
/// # Errors
/// What about the key a file cannot have.
pub(super) fn relative(key: &str) -> Result<PathBuf, &'static str> {
    if key.contains('\0') {
        return Err("it has a NUL character");
    }
    let mut path = PathBuf::new();
    for name in key.split('/') {
        match name {
            "" => return Err("it starts or ends with a slash or has two in a row"),
            "." | ".." => return Err("it has a part that is only dots"),
            _ if name.len() > LONGEST_NAME => {
                return Err("it has a part of more than 255 bytes between slashes");
            }
            _ => path.push(name),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leads_out_of_its_bucket() {
        for key in [
            "..",
            "../x",
            "a/../../x",
            "a/./b",
            "/etc/passwd",
            "a//b",
            "a/",
            "",
            "a\0b",
        ] {
            assert!(relative(key).is_err(), "{key:?}");
        }
        assert!(relative(&"x".repeat(256)).is_err());
        for key in ["a", "a b/ü+%.yaml", "..a", "a../b", ".hidden"] {
            assert_eq!(relative(key), Ok(PathBuf::from(key)));
        }
        assert!(relative(&[&*"x".repeat(255); 4].join("/")).is_ok());
    }
}
