//! Foreign texts (from AWS, a manifest, a status), as they can be shown in an email without looking like amiwright's
//! own words, or pasted into a shell.

use crate::manifest::text;

/// Longest piece of foreign text in a notice, in characters.
const TEXT_MAX: usize = 1000;

/// How names of files and objects end that notices are about: they look like names of hosts.
const FILE_ENDINGS: [&str; 16] = [
    "bin", "gz", "image", "img", "iso", "json", "manifest", "ova", "part", "raw", "vhd", "vhdx",
    "vmdk", "xml", "yaml", "yml",
];

/// What the codes of EC2 end in that have a dot: none of these is a top-level domain.
const CODE_ENDINGS: [&str; 9] = [
    "Duplicate",
    "Format",
    "InUse",
    "Malformed",
    "NotFound",
    "NotSupported",
    "Unavailable",
    "Unknown",
    "ZoneMismatch",
];

/// Fields of manifests that look like names of hosts with a word before them, as `register.bootMode`, without those that are also
/// top-level domains (`id`, `at`, `name`, `store`). Not whatever has a capital letter inside: a mail program takes `evil.cOM` for a
/// host, too.
const FIELDS: [&str; 53] = [
    "acceptLostBilling",
    "accounts",
    "architecture",
    "billingProducts",
    "blockDeviceMappings",
    "bootMode",
    "bucket",
    "completionMinutes",
    "cooldown",
    "copy",
    "copyTags",
    "description",
    "deviceName",
    "disk",
    "disks",
    "ebs",
    "enaSupport",
    "encrypted",
    "exact",
    "format",
    "imdsSupport",
    "instance",
    "iops",
    "kernelId",
    "kmsKeyId",
    "licenseSpecifications",
    "licenseType",
    "object",
    "organizationalUnits",
    "organizations",
    "platform",
    "previous",
    "public",
    "ramdiskId",
    "region",
    "regions",
    "required",
    "rootDeviceName",
    "snapshot",
    "snapshotId",
    "snapshots",
    "source",
    "sriovNetSupport",
    "stored",
    "tags",
    "throughput",
    "tpmSupport",
    "uefiData",
    "usageOperation",
    "virtualizationType",
    "vm",
    "volumeSize",
    "volumeType",
];

/// The dots between the labels of a host's name: those of other scripts count, too (Unicode Technical Standard 46).
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// Foreign text, so that it cannot fake a line of the notice, nor be followed as a link.
pub(crate) fn on_one_line(foreign: &str) -> String {
    let text = text::cut(foreign, TEXT_MAX);
    let ends = |c: char| c.is_whitespace() || "\"'()<>,;".contains(c);
    let text: String = text.split_inclusive(ends).map(without_host).collect();
    without_links(&text)
}

/// A piece of text that mail programs would make a link of, so that they do not: the name of a host, a mailbox, a
/// telephone number, a file.
fn without_host(piece: &str) -> String {
    let mut shown = piece.to_owned();
    if names_a_host(piece) {
        shown = shown.replace(DOTS, "[.]");
    }
    let lower = shown.to_ascii_lowercase();
    if ["tel:", "file:"].iter().any(|it| lower.starts_with(it)) {
        shown = shown.replacen(':', "[:]", 1);
    }
    shown
}

/// Whether there is a name such as `example.com` in the piece, by itself, after any sign, or after the `@` of an address. What
/// comes after a slash is the path of something else.
fn names_a_host(piece: &str) -> bool {
    if piece.starts_with("s3://") {
        return false;
    }
    let ends = |c: char| !is_of_name(c);
    let mut before = None;
    for part in piece.split_inclusive(ends) {
        let name = part.trim_end_matches(ends);
        // As `blockDeviceMappings[0].ebs.iops`.
        let is_member = before == Some(']') && name.starts_with('.');
        let is_path = matches!(before, Some('/' | '\\'));
        if !is_member && !is_path && is_host(name, part == piece) {
            return true;
        }
        before = part.chars().next_back().filter(|c| ends(*c));
    }
    false
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || DOTS.contains(&c)
}

/// Whether this is the name of a host, and nothing of AWS's or ours that looks like one. `is_alone`: nothing stands beside it.
fn is_host(name: &str, is_alone: bool) -> bool {
    let name = name.trim_matches(|c: char| !c.is_alphanumeric());
    let Some((before, last)) = name.rsplit_once(&DOTS[..]) else {
        return false;
    };
    let is_label = |label: &str| !label.is_empty();
    let is_domain = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    // A domain in another script, as the resolver gets it.
    let is_encoded = last.to_ascii_lowercase().starts_with("xn--");
    if !(is_domain || is_encoded) || !before.split(&DOTS[..]).all(is_label) {
        return false;
    }
    let is_code = match before {
        "Client" | "Server" => is_alone && last.starts_with(|c: char| c.is_ascii_uppercase()),
        before => before.starts_with("Invalid") && CODE_ENDINGS.contains(&last),
    };
    let is_file = FILE_ENDINGS.contains(&last);
    let is_field = FIELDS.contains(&last);
    !is_file && !is_field && !is_code
}

/// Foreign words between quotation marks: they cannot end the quotation.
#[must_use]
pub fn quoted(foreign: &str) -> String {
    format!("\"{}\"", on_one_line(foreign).replace('"', "'"))
}

/// An id, a name, a key or an address: as it is if it is one word of ASCII letters, digits and a few signs, else
/// quoted: letters of other scripts may look like a space, or like other letters.
#[must_use]
pub fn word(foreign: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,()[]'".contains(c);
    let shown = on_one_line(foreign);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        return shown;
    }
    quoted(foreign)
}

/// The text with addresses of web sites and of mailboxes made such that no mail program makes a link of them; `s3://`
/// is not followed by any.
fn without_links(text: &str) -> String {
    let broken = text.replace("://", "[:]//").replace("s3[:]//", "s3://");
    let mut shown = String::with_capacity(broken.len());
    let mut rest = broken.as_str();
    while let Some(at) = find_ignoring_case(rest, "www.") {
        let (before, found) = rest.split_at(at + "www".len());
        shown.push_str(before);
        shown.push_str("[.]");
        rest = &found[1..];
    }
    shown.push_str(rest);
    if shown.to_ascii_lowercase().contains("mailto:") {
        return shown.replace(':', "[:]");
    }
    shown
}

fn find_ignoring_case(text: &str, ascii: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(ascii)
}

/// A foreign text as one word of a shell's command line, to be pasted there.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A foreign word of a command that people are to paste. What [`quoted`] makes of it would not do: a shell looks into what stands
/// between quotation marks.
pub(crate) fn pasted(foreign: &str) -> String {
    shell_word(&on_one_line(foreign))
}

/// What is said of entries that are left out, if any are.
pub(super) fn more(omitted: usize) -> Option<String> {
    (omitted > 0).then(|| format!("and {omitted} more, see the status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_end_no_quotation_and_begin_no_line() {
        for (foreign, shown) in [
            ("disk is full", "\"disk is full\""),
            ("no\". Pay now", "\"no'. Pay now\""),
            ("a\nWhat to do: pay", "\"a What to do: pay\""),
            ("see https://evil.example", "\"see https[:]//evil.example\""),
            ("see WWW.evil.example", "\"see WWW[.]evil[.]example\""),
            ("mailto:a@evil.example", "\"mailto[:]a@evil[.]example\""),
            (
                "sign in at aws-verify.example.com/login",
                "\"sign in at aws-verify[.]example[.]com/login\"",
            ),
            (
                "write to a@evil.example.",
                "\"write to a@evil[.]example[.]\"",
            ),
            ("(ftp.evil.com)", "\"(ftp[.]evil[.]com)\""),
            (
                "call tel:+1555 or file:\\\\evil",
                "\"call tel[:]+1555 or file[:]\\\\evil\"",
            ),
            (
                "InvalidAMIID.NotFound: ami-1.",
                "\"InvalidAMIID.NotFound: ami-1.\"",
            ),
            (
                "version 1.2.3 of web.image.yaml",
                "\"version 1.2.3 of web.image.yaml\"",
            ),
            ("evil.COM", "\"evil[.]COM\""),
        ] {
            assert_eq!(quoted(foreign), shown);
        }
    }

    #[test]
    fn no_sign_letter_or_dot_makes_a_link_of_a_hosts_name() {
        for (foreign, shown) in [
            ("[evil.com]", "[evil[.]com]"),
            ("{evil.com/login}", "{evil[.]com/login}"),
            ("`evil.com`", "`evil[.]com`"),
            ("*evil.com*", "*evil[.]com*"),
            ("next=evil.com&x", "next=evil[.]com&x"),
            ("pay:evil.com/a.b", "pay:evil[.]com/a[.]b"),
            ("a:b@evil.com", "a:b@evil[.]com"),
            ("evil.cOM/login", "evil[.]cOM/login"),
            ("register.inFo", "register[.]inFo"),
            ("ServerLogin.Com", "ServerLogin[.]Com"),
            ("Client.Com/login", "Client[.]Com/login"),
            ("InvalidLogin.Com", "InvalidLogin[.]Com"),
            ("evil.xn--p1ai", "evil[.]xn--p1ai"),
            ("evil\u{3002}com", "evil[.]com"),
            ("evil.com\u{2026}", "evil[.]com\u{2026}"),
            ("tel:evil.com", "tel[:]evil[.]com"),
            ("*.evil.com", "*[.]evil[.]com"),
        ] {
            assert_eq!(on_one_line(foreign), shown);
        }
        for own in [
            "register.bootMode",
            "register.blockDeviceMappings[0].ebs.iops",
            "`source.disk.object`",
            "Client.InvalidManifest:",
            "InvalidSnapshot.InUse",
            "golden/web.image.yaml",
            "releases/my.app/web",
            "1.2.3",
            "s3://my.bucket.example/web.image.yaml",
        ] {
            assert_eq!(on_one_line(own), own);
        }
    }

    #[test]
    fn one_word_is_shown_as_it_is() {
        for (foreign, shown) in [
            ("web-2026", "web-2026"),
            (
                "s3://images/golden/web.image.yaml",
                "s3://images/golden/web.image.yaml",
            ),
            ("import-snap-0ab", "import-snap-0ab"),
            ("your account is locked", "\"your account is locked\""),
            ("https://evil.example", "https[:]//evil.example"),
            ("w\u{e4}b", "\"w\u{e4}b\""),
            ("a\u{3164}b", "\"a\u{fffd}b\""),
            ("", "\"\""),
        ] {
            assert_eq!(word(foreign), shown);
        }
    }
}
