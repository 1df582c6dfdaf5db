//! What was probably meant.

/// How alike two words must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const ALIKE: f64 = 0.88;

/// Other names of values: by spelling alone `amd64` would be taken for `arm64`.
const SYNONYMS: [(&str, &str); 12] = [
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("aarch64", "arm64"),
    ("pv", "paravirtual"),
    ("bios", "legacy-bios"),
    ("v2", "v2.0"),
    ("delete", "deregister"),
    ("ami", "image"),
    ("size", "volumeSize"),
    ("type", "volumeType"),
    ("snap", "snapshot"),
    ("ova", "vm"),
];

/// The word that was probably meant, if one is like enough.
pub(super) fn closest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = folded(given);
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == given);
    if let Some(meant) = synonym.and_then(|(_, value)| known.iter().find(|word| *word == value)) {
        return Some(meant);
    }
    let likeness = |word: &str| {
        let word = folded(word);
        let edits = strsim::osa_distance(&given, &word);
        // Short words are unlike by measure though only one letter differs (gp4 and gp3).
        let near = edits <= 1 || edits <= word.chars().count() / 4;
        let alike = strsim::jaro_winkler(&given, &word);
        if near { alike.max(ALIKE) } else { alike }
    };
    let best = known
        .iter()
        .map(|word| (likeness(word), *word))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= ALIKE && !given.is_empty()).then_some(best.1)
}

/// Spelling apart from capitals and separators; cut, so that a long hostile word costs little.
fn folded(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .take(64)
        .flat_map(char::to_lowercase)
        .collect()
}

/// "Did you mean", or what is expected.
pub(super) fn hint(given: &str, known: &[&str], expected: &str) -> String {
    match closest(given, known) {
        Some(meant) => format!("did you mean `{meant}`? It takes {expected}"),
        None => format!("it takes {expected}"),
    }
}

/// The words as `a`, `b`, `c`.
pub(super) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a field with these values takes.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("`{only}`"),
        _ => format!("one of {}", list(words)),
    }
}
