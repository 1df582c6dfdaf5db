#![expect(clippy::too_many_lines, reason = "tables of cases")]

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

#[test]
fn values_of_the_wrong_type() {
    refused(
        "name: 42\nsource: web\n",
        &[
            "1:7 name: expected text, found the number 42",
            "2:9 source: expected a mapping with exactly one",
        ],
    );
    refused(
        "name:\nsource:\n",
        &["1:1 name: needs a value", "2:1 source: needs a value"],
    );
    refused(
        &with("access: {accounts: [012345678901]}"),
        &["3:21 access.accounts[0]: expected text, found the number 012345678901"],
    );
    refused(
        &with("access: {accounts: 111122223333}"),
        &["3:20 access.accounts: expected a list, found the number"],
    );
    refused(
        &with("protect: yes"),
        &["3:10 protect: expected `true` or `false`, found the text `yes`"],
    );
    refused(
        &with("protect: \"true\""),
        &["3:10 protect: expected `true` or `false`, found the text `true`"],
    );
    refused(
        &with("tags: {version: 1.0, on: true, none: }"),
        &[
            "3:17 tags.version: expected text, found the number 1.0",
            "3:26 tags.on: expected text, found the truth value true",
            "3:32 tags.none: needs a value",
        ],
    );
    refused(
        &with("tags: [team]"),
        &["3:7 tags: expected a mapping, found a list"],
    );
    refused(
        &with("register: hvm"),
        &["3:11 register: expected a mapping, found the text `hvm`"],
    );
    refused(
        &with("register: []"),
        &["3:11 register: expected a mapping, found a list"],
    );
    refused(
        &with("register: {tpmSupport: 2.0}"),
        &["3:24 register.tpmSupport: expected `v2.0`, found the number 2.0"],
    );
    refused(
        &with("parameters: /images/web"),
        &["3:13 parameters: expected a list, found the text"],
    );
    refused(
        &with("parameters: [null]"),
        &["3:14 parameters[0]: needs a value"],
    );
    for (size, message) in [
        ("20.0", "expected a whole number, found: 20.0"),
        ("2e1", "expected a whole number, found: 2e1"),
        (
            "-1",
            "expected a whole number that is not negative, found: -1",
        ),
        (
            "18446744073709551616",
            "the number is too large: 18446744073709551616",
        ),
        (".inf", "expected a whole number, found: .inf"),
        ("020", "a number with leading zeros is ambiguous: 020"),
        ("\"20\"", "expected a whole number, found the text `20`"),
        ("20GB", "expected a whole number, found the text `20GB`"),
        ("[20]", "expected a whole number, found a list"),
        ("0", "0 is out of range"),
    ] {
        let expected = format!("5:46 register.blockDeviceMappings[0].ebs.volumeSize: {message}");
        refused(&volume(&format!("volumeSize: {size}")), &[&expected]);
    }
}

#[test]
fn misspelt_fields_and_values_are_one_problem_each() {
    refused(
        "nmae: web\nsuorce: {snapshot: {id: snap-01234567}}\n",
        &[
            "1:1 nmae: unknown field `nmae`",
            "2:1 suorce: unknown field",
        ],
    );
    refused(
        "name: web\nsource: {snapshoot: {id: snap-01234567}}\n",
        &["2:10 source.snapshoot: unknown source `snapshoot`"],
    );
    refused(
        &registering("bootmode: uefi\ntpmSupport: v2.0"),
        &["4:3 register.bootmode: unknown field `bootmode`"],
    );
    refused(
        &registering("bootMode: UEFI\ntpmSupport: v2.0"),
        &["4:13 register.bootMode: `UEFI` is not a value"],
    );
    refused(
        &volume("volumesize: 20"),
        &["5:34 register.blockDeviceMappings[0].ebs.volumesize: unknown field"],
    );
    refused(
        &volume("volumeSize: 20, volumeType: gp4, iops: 99999"),
        &["5:62 register.blockDeviceMappings[0].ebs.volumeType: `gp4`"],
    );
    refused(
        &with("architecture: arm64"),
        &["3:1 architecture: unknown field"],
    );
    refused(&with("tag: {team: web}"), &["3:1 tag: unknown field `tag`"]);
    refused(&with("\"\": 1"), &["3:1 [\"\"]: unknown field ``"]);
    refused(
        &with("? \"a\\eb\"\n: 1"),
        &["3:3 [\"a\u{fffd}b\"]: unknown field `a\u{fffd}b`"],
    );
    let hints = |text: &str| {
        parse("a.image.yaml", text.as_bytes(), now()).unwrap_err()[0]
            .hint
            .clone()
            .unwrap()
    };
    assert_eq!(
        hints("nmae: web\nsource: {snapshot: {id: snap-01234567}}\n"),
        "did you mean `name`?"
    );
    assert_eq!(
        hints(&with("architecture: arm64")),
        "`architecture` belongs to `register`"
    );
    assert!(hints(&registering("bootMode: UEFI")).starts_with("did you mean `uefi`?"));
    assert!(hints(&registering("architecture: amd64")).starts_with("did you mean `x86_64`?"));
    assert!(hints(&registering("architecture: AArch64")).starts_with("did you mean `arm64`?"));
    assert!(hints(&registering("bootMode: bios")).starts_with("did you mean `legacy-bios`?"));
    assert!(hints(&volume("volumeSize: 20, volumeType: gp4")).starts_with("did you mean `gp"));
    assert!(
        hints("name: web-{dat}\nsource: {snapshot: {id: snap-01234567}}\n")
            .starts_with("did you mean `{date}`?")
    );
}

#[test]
fn exactly_one_source() {
    refused(
        "name: web\nsource: {}\n",
        &["2:9 source: empty; exactly one of `disk`"],
    );
    refused("name: web\n", &["1:1 source: `source` is missing"]);
    refused(
        "name: web\nsource:\n  snapshot: {id: snap-01234567}\n  vm: {object: a.ova, format: ova}\n",
        &["4:3 source.vm: `snapshot`, `vm` are given, but only one source can be"],
    );
    refused(
        "name: web\nsource:\n  snapshot:\n",
        &["3:3 source.snapshot: needs a value"],
    );
    refused(
        "name: web\nsource: {snapshot: {}}\n",
        &["2:10 source.snapshot.id: `id` is missing"],
    );
    refused(
        "name: web\nsource: {snapshot: snap-01234567}\n",
        &["2:20 source.snapshot: expected a mapping"],
    );
}
