//! Listing a bucket: keys in UTF-8 order, pages, common prefixes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::place::{key_of, relative};
use super::record::Stamp;

/// What to list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Query<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// Lists what comes after this key or common prefix.
    pub(super) after: Option<&'a str>,
    /// Keys and common prefixes in a page.
    pub(super) max: usize,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Object(String),
    CommonPrefix(String),
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Object(name) | Self::CommonPrefix(name) => name,
        }
    }
}

/// A page of a listing, and whether more follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) truncated: bool,
    /// How many entries it could have.
    pub(super) max: usize,
}

/// All files below a folder, and their stamps.
pub(super) fn files(folder: &Path) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let mut found = Vec::new();
    walk(folder, "", |path| {
        let path = folder.join(path);
        found.extend(super::store::stamp_of(&path).map(|stamp| (path, stamp)));
    })?;
    Ok(found)
}

/// All keys of a bucket's folder that start with the prefix, sorted. Only the folders are read, not what each file is.
pub(super) fn keys(folder: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    walk(folder, prefix, |path| {
        let key = key_of(&path);
        if key.starts_with(prefix) {
            found.push(key.to_owned());
        }
    })?;
    found.sort_unstable();
    Ok(found)
}

/// Goes through the paths of all files of a folder, relative to it, that may have keys with this prefix.
///
/// Names that are not UTF-8 cannot be keys and are left out, with a line in the log.
fn walk(folder: &Path, prefix: &str, mut found: impl FnMut(String)) -> io::Result<()> {
    // Only the folder that the prefix names, and what is below it, can hold such keys.
    let above = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
    let start = match relative(above.strip_suffix('/').unwrap_or_default()) {
        Ok(relative) => folder.join(relative),
        Err(_) if above.is_empty() => folder.to_owned(),
        Err(_) => return Ok(()),
    };
    let mut folders = vec![(start, above.to_owned())];
    while let Some((folder, above)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                continue;
            }
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry
                .file_name()
                .to_str()
                .map(|name| format!("{above}{name}"))
            else {
                tracing::warn!(path = %entry.path().display(), "a file whose name is not UTF-8 cannot be an object");
                continue;
            };
            let kind = entry.file_type()?;
            if kind.is_dir() && (name.starts_with(prefix) || prefix.starts_with(&name)) {
                folders.push((entry.path(), name + "/"));
            } else if kind.is_file() {
                found(name);
            }
        }
    }
    Ok(())
}

/// The page of these sorted keys that a query asks for.
pub(super) fn page(keys: Vec<String>, query: Query<'_>) -> Page {
    let mut page = Page {
        max: query.max,
        ..Page::default()
    };
    if query.max == 0 {
        return page;
    }
    for key in keys {
        if query
            .after
            .is_some_and(|after| is_before(&key, after, query))
        {
            continue;
        }
        let entry = match common_prefix(&key, query) {
            Some(prefix) => Entry::CommonPrefix(prefix.to_owned()),
            None => Entry::Object(key),
        };
        if page.entries.last() == Some(&entry) {
            continue;
        }
        if page.entries.len() == query.max {
            page.truncated = true;
            return page;
        }
        page.entries.push(entry);
    }
    page
}

/// Whether a page that ended with `after` has shown this key. A common prefix stands for all keys below it.
fn is_before(key: &str, after: &str, query: Query<'_>) -> bool {
    key <= after
        || common_prefix(after, query)
            .is_some_and(|prefix| prefix == after && key.starts_with(prefix))
}

pub(super) fn common_prefix<'a>(key: &'a str, query: Query<'_>) -> Option<&'a str> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(query.prefix)?;
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(&key[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn names(page: &Page) -> Vec<&str> {
        page.entries.iter().map(Entry::name).collect()
    }

    #[test]
    fn pages_do_not_show_a_common_prefix_twice() {
        let all = ["a", "b/1", "b/2", "b/3", "c", "d/1"];
        let query = Query {
            delimiter: Some("/"),
            max: 2,
            ..Query::default()
        };
        let first = page(keys(&all), query);
        assert_eq!((names(&first), first.truncated), (vec!["a", "b/"], true));
        let second = page(
            keys(&all),
            Query {
                after: Some("b/"),
                ..query
            },
        );
        assert_eq!((names(&second), second.truncated), (vec!["c", "d/"], false));
    }

    #[test]
    fn a_prefix_need_not_end_with_the_delimiter() {
        let query = Query {
            prefix: "photos/2",
            delimiter: Some("/"),
            max: 10,
            ..Query::default()
        };
        let page = page(
            keys(&["photos/2026", "photos/2027/x", "photos/2027/y"]),
            query,
        );
        assert_eq!(names(&page), ["photos/2026", "photos/2027/"]);
    }
}
