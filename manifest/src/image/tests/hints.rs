//! What refusals advise: obeying it never leads to the next refusal.

use super::*;

/// The hints of a YAML manifest's problems.
fn hints(text: &str) -> Vec<String> {
    hints_as("a.image.yaml", text)
}

fn hints_as(key: &str, text: &str) -> Vec<String> {
    obeyed::every_hint(key, text.as_bytes(), &Guardrails::open());
    let problems = parse(key, text.as_bytes(), now()).err();
    let problems = problems.unwrap_or_default();
    let hints = problems.into_iter().map(|it| it.hint.unwrap_or_default());
    hints.collect()
}

const SNAPSHOT: &str = "name: web-1\nsource:\n  snapshot: {id: snap-0123456789abcdef0}\n";

#[test]
fn a_path_that_a_shell_has_changed_leads_back_to_the_device() {
    let manifest = |device: &str| {
        format!(
            "{SNAPSHOT}register:\n  blockDeviceMappings:\n    - {{deviceName: /dev/xvda, ebs: {{}}}}\n    - {{deviceName: \"{device}\", ebs: {{volumeSize: 1}}}}\n"
        )
    };
    for device in ["C:/Program Files/Git/dev/sdb", "sdb", "/SDB"] {
        assert_eq!(hints(&manifest(device)), ["did you mean `/dev/sdb`?"]);
    }
    accepted(&manifest("/dev/sdb"));
    assert_eq!(
        hints(&manifest("C:/Program Files/Git/nvme1")),
        ["as `/dev/xvda`, `/dev/sda1` or `/dev/sdf`"]
    );
}

#[test]
fn another_form_of_an_address_leads_to_ours() {
    let manifest = |object: &str| {
        format!("name: x-1\nsource: {{disk: {{object: \"{object}\", format: raw}}}}\n")
    };
    for object in [
        "arn:aws:s3:::bucket/a.raw",
        "https://bucket.s3.amazonaws.com/a.raw",
        "s3:/bucket/a.raw",
        "s3://bucket/a.raw?versionId=3",
    ] {
        let found = hints(&manifest(object));
        assert_eq!(found, ["write `s3://bucket/a.raw`"], "{object}");
    }
    accepted(&manifest("s3://bucket/a.raw"));
}

#[test]
fn a_field_of_register_is_not_advised_where_register_is_refused() {
    for source in ["vm: {object: a.ova, format: ova", "stored: {object: a.bin"] {
        let text = format!("name: x-1\nsource: {{{source}, tpmSupport: v2.0}}}}\n");
        let found = hints(&text);
        assert!(found[0].starts_with("the fields here are"), "{found:?}");
    }
    let disk = "name: x-1\nsource: {disk: {object: a.raw, format: raw, architecture: arm64}}\n";
    assert_eq!(hints(disk), ["`architecture` belongs to `register`"]);
}

#[test]
fn settings_of_access_are_sent_to_it() {
    for (field, place) in [
        ("exact", "`access`"),
        ("copy", "`access`, beside `accounts`"),
    ] {
        let found = hints(&format!("{SNAPSHOT}{field}: true\n"));
        assert_eq!(found, [format!("`{field}` belongs to {place}")]);
    }
}

#[test]
fn parameters_of_the_api_are_sent_to_their_place() {
    let pasted = r#"{"Name": "web-1", "Architecture": "x86_64", "RootDeviceName": "/dev/sda1",
        "source": {"snapshot": {"id": "snap-0123456789abcdef0"}}}"#;
    assert_eq!(
        hints_as("a.image.json", pasted),
        [
            "did you mean `name`?",
            "this looks like a parameter of the EC2 API: write `architecture`, in `register`",
            "this looks like a parameter of the EC2 API: write `rootDeviceName`, in `register`",
        ]
    );
}

#[test]
fn a_list_of_tags_becomes_a_map() {
    for (key, value) in [("Key", "Value"), ("key", "value")] {
        let text = format!("{SNAPSHOT}tags:\n  - {{{key}: team, {value}: web}}\n");
        assert_eq!(
            hints(&text),
            ["a key and its value are one entry: {team: web}"]
        );
    }
    accepted(&format!("{SNAPSHOT}tags: {{team: web}}\n"));
}

#[test]
fn a_description_is_ascii() {
    for (text, what) in [("Füße", "`ü`"), ("image ☃", "`☃`")] {
        refused(
            &format!("{SNAPSHOT}description: \"{text}\"\n"),
            &[&format!(
                "4:14 description: the description has {what}, but EC2 takes only ASCII there"
            )],
        );
    }
    accepted(&format!("{SNAPSHOT}description: \"plain ~ text\"\n"));
}
