//! Documents that are not what they seem, or that are more than a manifest needs.

use super::*;

const ID: &str = "snap-0123456789abcdef0";

#[test]
fn texts_that_are_not_documents() {
    refused("", &["1:1 : the manifest is empty"]);
    refused(" \n\n", &["1:1 : the manifest is empty"]);
    refused("# nothing\n", &["1:1 : the manifest is empty"]);
    refused("---\n", &["1:1 : the manifest is empty"]);
    refused("~\n", &["1:1 : the manifest is empty"]);
    refused(
        "just text\n",
        &["1:1 : expected a mapping, found the text `just text`"],
    );
    refused("- a\n- b\n", &["1:1 : expected a mapping, found a list"]);
    refused("42", &["1:1 : expected a mapping, found the number 42"]);
    refused_as(
        "a.image.json",
        b"[]",
        &["1:1 : expected a mapping, found a list"],
    );
    refused_as("a.image.json", b"", &["1:1 : the manifest is empty"]);
    refused_as(
        "a.image.yaml",
        b"name: w\xe4b\n",
        &["1:8 : the manifest is not UTF-8 text: byte 7 is 0xe4"],
    );
    refused_as(
        "a.image.yaml",
        b"a: \xf0\x9f\x98\x80\nb: \xff",
        &["2:4 : the manifest is not UTF-8"],
    );
    refused_as(
        "a.image.yaml",
        b"name: a\x00b",
        &["1:8 : the character U+0000 is not allowed"],
    );
    refused_as(
        "a.image.json",
        b"{\"name\": \"a\x1b\"}",
        &["1:12 : the character U+001B is not allowed"],
    );
    refused_as(
        "a.image.yaml",
        b"\xff\xfen\x00a\x00",
        &["1:1 : the manifest is not UTF-8 text: byte 0"],
    );
    refused(
        &"x".repeat((1 << 20) + 1),
        &["0:0 : the manifest has more than 1048576 bytes"],
    );
}

#[test]
fn yaml_that_is_more_than_a_manifest_needs() {
    let snapshot = format!("snapshot: {{id: {ID}}}");
    refused(&format!("name: &n web\nsource: {{{snapshot}}}\n"), &["1:"]);
    refused(
        &format!("name: &n web\ndescription: *n\nsource: {{{snapshot}}}\n"),
        &["1:", "2:14 description: an alias is not allowed"],
    );
    refused(
        &format!("name: !!str 12\nsource: {{{snapshot}}}\n"),
        &["1:7 name: a tag is not allowed"],
    );
    refused(
        &format!("name: web\n<<: {{a: b}}\nsource: {{{snapshot}}}\n"),
        &["2:1 : a merge key"],
    );
    refused(
        &format!("name: web\nsource: {{{snapshot}}}\n---\nname: other\n"),
        &["3:1 : a second document begins"],
    );
    refused(
        &format!("name: web\nsource: {{{snapshot}}}\ntags: {{1: a}}\n"),
        &["3:8 tags: a key must be text, found the number 1"],
    );
    refused(
        &format!("name: web\nsource: {{{snapshot}}}\n? [a, b]\n: c\n"),
        &["3:3 : a key must be text, found a list"],
    );
    refused(
        &format!("name: web\nsource: {{{snapshot}}}\ntrue: c\n"),
        &["3:1 : a key must be text, found the truth"],
    );
    refused(
        &format!("name: web\nname: other\nsource: {{{snapshot}}}\n"),
        &["2:1 name: `name` is given twice; the first is in line 1"],
    );
    refused(
        &format!("name: web\nsource:\n\tsnapshot: {{id: {ID}}}\n"),
        &["3:"],
    );
    refused(
        "name: web\nsource: {snapshot: {id: a}\n",
        &["3:1 : not YAML"],
    );
    refused("name: \"web\nsource: x\n", &["1:7 : not YAML"]);
    refused("name: web: x\n", &["1:10 : not YAML"]);
    refused("name: @web\n", &["1:7 : not YAML"]);
    // The scanner's own place is a line that the text does not have.
    refused("name: web\nnext", &["2:5 : not YAML"]);
    refused("name: web\r\nnext", &["2:5 : not YAML"]);
    refused("{name", &["1:6 : not YAML"]);
}

#[test]
fn values_of_two_forms() {
    let refuse = |line: &str, expected: &[&str]| refused(&with(line), expected);
    refuse(
        "protect: yes",
        &["3:10 protect: expected `true` or `false`, found the text `yes`"],
    );
    refuse(
        "protect: [cooldown]",
        &["3:10 protect: expected `true` or `false`, found a list"],
    );
    refuse(
        "protect: {coldown: true}",
        &["3:11 protect.coldown: unknown field `coldown`"],
    );
    refuse(
        "protect: {cooldown: 24h}",
        &["3:21 protect.cooldown: expected `true` or `false`, found the text `24h`"],
    );
    refuse(
        "parameters: /a",
        &["3:13 parameters: expected a list, found the text `/a`"],
    );
    refuse(
        "parameters: [/a, 5, ~]",
        &[
            "3:18 parameters[1]: expected text, found the number 5",
            "3:21 parameters[2]: needs a value: text",
        ],
    );
    refuse(
        "parameters: [{takeOver: 1}, {name: /b, take-over: true}]",
        &[
            "3:14 parameters[0].name: `name` is missing",
            "3:25 parameters[0].takeOver: expected `true` or `false`, found the number 1",
            "3:40 parameters[1].take-over: unknown field `take-over`",
        ],
    );
}

#[test]
fn documents_cannot_grow_when_read() {
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n";
    assert!(!problems_of("a.image.yaml", laughs.as_bytes()).is_empty());
    let deep = 100_000;
    refused(
        &"[".repeat(deep),
        &["1:256 : nested more than 32 levels deep"],
    );
    refused(
        &"{a: ".repeat(deep),
        &["1:1021 : nested more than 32 levels deep"],
    );
    refused(
        &"- ".repeat(deep),
        &["1:65 : nested more than 32 levels deep"],
    );
    refused(
        &"? ".repeat(deep),
        &["1:65 : nested more than 32 levels deep"],
    );
    refused_as(
        "a.image.json",
        "[".repeat(deep).as_bytes(),
        &["1:33 : nested more than 32 levels deep"],
    );
    refused_as(
        "a.image.json",
        "{\"a\":".repeat(deep).as_bytes(),
        &["1:161 : nested more than 32 levels deep"],
    );
    let many: String = (0..30_000).map(|n| format!("- {n}\n")).collect();
    assert!(problems_of("a.image.yaml", many.as_bytes())[0].contains("more than 20000 values"));
    let same = "a: b\n".repeat(9_000);
    let found = problems_of("a.image.yaml", same.as_bytes());
    assert!(
        found.len() <= 200 && found[0].starts_with("2:1 "),
        "{}",
        found.len()
    );
    let numbers = format!("[{}1]", "1,".repeat(500_000));
    refused_as(
        "a.image.json",
        numbers.as_bytes(),
        &["1:1 : the manifest has more than 20000 values"],
    );
    let wrong: String = (0..9_000).map(|n| format!("  t{n}: 1\n")).collect();
    assert_eq!(
        problems_of("a.image.yaml", with(&format!("tags:\n{wrong}")).as_bytes()).len(),
        200
    );
    let unknown: String = (0..9_000).map(|n| format!("field{n}: b\n")).collect();
    assert!(problems_of("a.image.yaml", unknown.as_bytes()).len() <= 200);
    let same = format!("{{{}\"a\": 1}}", "\"a\": 1,".repeat(9_000));
    assert!(problems_of("a.image.json", same.as_bytes()).len() <= 200);
}

#[test]
fn large_texts_are_read_quickly() {
    let size = (1 << 20) - 100;
    for text in [
        "\n".repeat(size),
        "#".repeat(size),
        format!("name: {}", "x".repeat(size)),
        format!("name: \"{}\"", "\\u0041".repeat(size / 6)),
        format!("{}: x", "k".repeat(size)),
        "a: \"".repeat(size / 4),
        "'".repeat(size),
        "{".repeat(size),
        "]".repeat(size),
        ": ".repeat(size / 2),
        "&a ".repeat(size / 3),
        "!a ".repeat(size / 3),
        "--- ".repeat(size / 4),
        "---\n".repeat(size / 4),
        "%a b\n".repeat(size / 5),
        "a:\n".repeat(size / 3),
        "x ".repeat(size / 2),
        "a: |\n".repeat(size / 5),
        "\u{1F600}".repeat(size / 4),
    ] {
        assert!(!problems_of("a.image.yaml", text.as_bytes()).is_empty());
        assert!(!problems_of("a.image.json", text.as_bytes()).is_empty());
    }
}

#[test]
fn json_is_strict() {
    let json =
        |text: &str, expected: &[&str]| refused_as("a.image.json", text.as_bytes(), expected);
    json("name: web", &["1:2 : not JSON: expected ident"]);
    json("{'name': 'web'}", &["1:2 : not JSON: key must be a string"]);
    json(
        "{\"name\": \"web\",}",
        &["1:16 : not JSON: key must be a string"],
    );
    json(
        "{\"name\": \"web\"} x",
        &["1:17 : not JSON: trailing characters"],
    );
    json("// hello\n{}", &["1:1 : not JSON: expected value"]);
    json("{\"name\": NaN}", &["1:10 : not JSON: expected"]);
    json("{\"name\": \"web\"", &["1:"]);
    // Breaks of each kind.
    json("{\r'a'", &["2:1 : not JSON: key must be a string"]);
    json("{\r\n'a'", &["2:1 : not JSON: key must be a string"]);
    json("{\"a\": \r\n", &["2:1 : not JSON: EOF"]);
    json("{\"name\": \"\\ud800\"}", &["1:"]);
    json(
        "{\"name\": \"web\",\n \"name\": \"web\",\n \"source\": {\"snapshot\": {\"id\": \"snap-01234567\"}}}",
        &["2:2 name: `name` is given twice; the first is in line 1"],
    );
    json(
        "{\"name\": \"😀\", \"source\": {\"snapshot\": {\"id\": 1}}}",
        &[
            "1:10 name: the name has",
            "1:45 source.snapshot.id: expected text, found the number 1",
        ],
    );
    json(
        "{}",
        &[
            "1:1 name: `name` is missing",
            "1:1 source: `source` is missing",
        ],
    );
    json("null", &["1:1 : the manifest is empty"]);
}
