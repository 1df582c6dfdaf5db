//! Bundle manifests that cannot be read to their end, and how much is said of them.

use super::refusals::refused;
use super::*;

#[test]
fn refuses_hostile_xml_with_its_place() {
    refused(
        "<manifest>",
        "§<!DOCTYPE manifest>\n<manifest>",
        "",
        "a DOCTYPE is not allowed",
    );
    refused(
        "<manifest>",
        "§<?xml-stylesheet href='x'?><manifest>",
        "",
        "processing instructions",
    );
    refused("<name>web", "<name>we§&b;b", "", "&b;");
    refused("<name>web", "<name>we§&#1;b", "", "&#1;");
    let latin = refuse(&PRETTY.replace("UTF-8\"?>", "ISO-8859-1\"?>"));
    assert_eq!(
        latin[0].to_string().split(" (").next(),
        Some("1:1: the encoding `ISO-8859-1` is not supported")
    );
    let late = refuse(&format!("\n{PRETTY}"));
    assert!(late[0].message.contains("not at the very start"));
    refused("</manifest>", "</manifest>§more", "", "after the root");
    refused("</manifest>", "</manifest>§<manifest/>", "", "second root");
    refused("<manifest>", "§x<manifest>", "", "before the root");
    refused(
        "<manifest>",
        "<manifest xmlns=\"§urn:x\">",
        "manifest@xmlns",
        "namespace",
    );
    refused(
        "<platform>left alone",
        "<platform>left §\u{1} alone",
        "",
        "U+0001",
    );
    let flood: String = (0..50).map(|n| format!(" a{n}='{n}'")).collect();
    refused(
        "<platform>",
        &format!("§<platform{flood}>"),
        "",
        "more than 16 attributes",
    );
    refused(
        "<platform>",
        "§<platform a='1' a='2'>",
        "",
        "attribute is not well-formed",
    );
    refused("<platform>", "<platform a='§&x;'>", "", "cannot be read");
}

#[test]
fn stops_at_what_cannot_be_read_further() {
    let first = |text: &str| refuse(text)[0].to_string();
    let deep = format!("<manifest>{}", "<a>".repeat(100_000));
    assert_eq!(
        first(&deep).split(" (").next(),
        Some("1:56: elements are nested more than 16 deep")
    );
    let many = format!("<manifest>{}</manifest>", "<a/>".repeat(100_000));
    assert!(
        first(&many).contains("more than 20000 elements"),
        "{}",
        first(&many)
    );
    assert!(
        first("<manifest><image></manifest>").starts_with("1:18: this is not well-formed XML"),
        "{}",
        first("<manifest><image></manifest>")
    );
    assert!(first("<manifest>\n <image>").starts_with("2:2: <image> is never closed"));
    assert!(first("<ami/>").contains("the root element is `ami`, not manifest"));
    assert!(first("<m:manifest xmlns:m='x'/>").contains("without a prefix"));
    assert!(first("{\"name\": \"web\"}").contains("text before the root"));
    assert!(first(" \n").contains("is empty"));
    assert!(first("").contains("is empty"));
    assert!(
        first(&" ".repeat(crate::limits::MANIFEST_BYTES + 1)).contains("more than 1048576 bytes")
    );
    assert!(first("<manifest>&").contains("well-formed"));
}

#[test]
fn refuses_what_is_not_utf_8() {
    let first = |bytes: &[u8]| parse(bytes).unwrap_err().remove(0).to_string();
    assert!(
        first(b"<manifest>\n\xC3\xA9\xE9</manifest>")
            .starts_with("2:2: the manifest is not UTF-8 text: byte")
    );
    assert!(first(b"\xFF\xFE<\0m\0").contains("UTF-16"));
}

#[test]
fn lists_a_hundred_problems_at_most() {
    let bad = "<product_code>!</product_code>".repeat(500);
    let problems = refuse(&PRETTY.replace("<productcodes>", &format!("<productcodes>{bad}")));
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "400 more problems are not listed");
}

#[test]
fn problems_stay_short_whatever_the_names() {
    let long = "x".repeat(200_000);
    for text in [
        format!("<manifest></{long}>"),
        format!("<manifest><{long}>"),
        format!("<{long}/>"),
        format!("<manifest>&{long};</manifest>"),
        format!("<manifest a='&{long};'/>"),
        format!("<manifest xmlns='{long}'/>"),
        format!("<manifest><{long}:version/></manifest>"),
        PRETTY.replace("111122223333", &long),
        PRETTY.replace("SHA1", &long),
        PRETTY.replace("web.part.3", &format!("{long}/")),
    ] {
        for problem in refuse(&text) {
            assert!(
                problem.to_string().len() < 500,
                "{:.600}",
                problem.to_string()
            );
        }
    }
}
