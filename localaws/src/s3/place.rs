//! Where an object's file is: a key is a path below its bucket's folder.

use std::path::PathBuf;

/// The longest file name that common file systems keep.
const LONGEST_NAME: usize = 255;

/// The file of a key that ends with a slash, as S3's console makes a folder, in the folder that the key names.
const MARKER: &str = ".s3-folder";

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
    let (names, is_folder) = match key.strip_suffix('/') {
        Some(names) => (names, true),
        None => (key, false),
    };
    for name in names.split('/') {
        match name {
            "" => return Err("it is empty, starts with a slash or has two in a row"),
            MARKER => return Err("localaws keeps folders under that name"),
            "." | ".." => return Err("it has a part that is only dots"),
            _ if name.len() > LONGEST_NAME => {
                return Err("it has a part of more than 255 bytes between slashes");
            }
            _ => path.push(name),
        }
    }
    if is_folder {
        path.push(MARKER);
    }
    Ok(path)
}

/// The key of a file at this path, relative to the bucket's folder, with slashes between its names.
pub(super) fn key_of(path: &str) -> &str {
    match path.strip_suffix(MARKER) {
        Some(folder) if folder.ends_with('/') => folder,
        _ => path,
    }
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
            "a//",
            "/",
            "",
            ".s3-folder",
            "a/.s3-folder",
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

    #[test]
    fn a_folder_is_a_file_in_it() {
        for key in ["a/", "a/b/", "a/b", "a", "a/x.s3-folder"] {
            let path = relative(key).unwrap();
            assert_eq!(key_of(path.to_str().unwrap()), key);
        }
        assert_eq!(relative("a/b/"), Ok(PathBuf::from("a/b/.s3-folder")));
    }
}
