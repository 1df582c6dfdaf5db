//! Manifests that ask for more than the stack's owner has opened.

mod sources;

use super::*;
use crate::guardrails::{Owner, Parameter};

const ORGANIZATION: &str = "arn:aws:organizations::111122223333:organization/o-exampleorgid";
const UNIT: &str = "arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER_KEY: &str =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ac";
const CLOSED: [(&str, &str); 0] = [];

/// A stack with these parameters, in the bucket `images`.
fn stack(parameters: &[(&str, &str)]) -> Guardrails {
    let mut guardrails = Guardrails {
        bucket: Some("images".to_owned()),
        ..Guardrails::default()
    };
    for (name, value) in parameters {
        let parameter = Parameter::named(name).unwrap();
        parameter.set(&mut guardrails, value).unwrap();
    }
    guardrails
}

/// The problems of a manifest in a stack with these parameters.
fn problems(text: &str, parameters: &[(&str, &str)]) -> Vec<Problem> {
    obeyed::every_hint("a.image.yaml", text.as_bytes(), &stack(parameters));
    let read = parse_within("a.image.yaml", text.as_bytes(), now(), &stack(parameters));
    read.err().unwrap_or_default()
}

#[track_caller]
fn closed(text: &str, parameters: &[(&str, &str)], place: &str, parameter: &str, adds: &str) {
    let found = problems(text, parameters);
    let [problem] = found.as_slice() else {
        panic!("{text}\n{found:#?}");
    };
    let (line, column) = (problem.line.unwrap(), problem.column.unwrap());
    assert_eq!(
        format!("{line}:{column} {}", problem.path),
        place,
        "{problem:#?}"
    );
    let hint = problem.hint.as_deref().unwrap();
    assert!(hint.contains(parameter), "{hint}");
    assert!(hint.contains(adds), "{hint}");
    let rule = format!("the stack's parameter {parameter}");
    assert_eq!(problem.rule.as_deref(), Some(rule.as_str()));
}

#[track_caller]
fn open(text: &str, parameters: &[(&str, &str)]) {
    assert_eq!(problems(text, parameters), [], "{text}");
}

#[test]
fn whom_amis_are_shared_with() {
    let accounts = with("access: {accounts: [\"123456789012\"]}");
    let place = "3:21 access.accounts[0]";
    for parameters in [
        &CLOSED as &[_],
        &[("ShareWith", "123456789013")],
        &[("ShareWith", "012345678901,111122223333")],
        &[("ShareWith", ORGANIZATION)],
        &[("AllowPublic", "true")],
        // Whose sources may be used, says nothing about who gets the AMI.
        &[("SourceOwners", "123456789012")],
    ] {
        closed(
            &accounts,
            parameters,
            place,
            "ShareWith",
            "adds 123456789012 to",
        );
    }
    open(&accounts, &[("ShareWith", "111122223333,123456789012")]);
    open(&accounts, &[("ShareWith", "111122223333, 123456789012")]);
    open(&accounts, &[("ShareWith", "*")]);

    let organization = with(&format!("access:\n  organizations: [\"{ORGANIZATION}\"]"));
    let place = "4:19 access.organizations[0]";
    for other in [
        "111122223333",
        UNIT,
        "arn:aws:organizations::111122223333:organization/o-exampleorgie",
        "arn:aws:organizations::111122223333:organization/o-exampleorgidd",
        "arn:aws:organizations::111122223334:organization/o-exampleorgid",
        "arn:aws-cn:organizations::111122223333:organization/o-exampleorgid",
    ] {
        closed(
            &organization,
            &[("ShareWith", other)],
            place,
            "ShareWith",
            ORGANIZATION,
        );
    }
    open(&organization, &[("ShareWith", ORGANIZATION)]);
    open(&organization, &[("ShareWith", "*")]);

    let unit = with(&format!("access:\n  organizationalUnits: [\"{UNIT}\"]"));
    let place = "4:25 access.organizationalUnits[0]";
    for other in [
        ORGANIZATION,
        "arn:aws:organizations::111122223333:ou/o-otherorgidx/ou-abcd-11111111",
        "arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-111111112",
    ] {
        closed(&unit, &[("ShareWith", other)], place, "ShareWith", UNIT);
    }
    open(&unit, &[("ShareWith", UNIT)]);
}

#[test]
fn what_is_public() {
    let public = with("access: {public: true}");
    let place = "3:18 access.public";
    for parameters in [
        &CLOSED as &[_],
        &[("ShareWith", "*")],
        &[("AllowPublic", "false")],
    ] {
        closed(&public, parameters, place, "AllowPublic", "to true");
    }
    open(&public, &[("AllowPublic", "true")]);
    open(&with("access: {public: false}"), &CLOSED);
}

#[test]
fn where_amis_are_copied() {
    let copies = with("regions:\n  us-west-2: {}\n  eu-central-1: {}");
    closed(
        &copies,
        &[("CopyRegions", "us-west-2")],
        "5:3 regions.eu-central-1",
        "CopyRegions",
        "adds eu-central-1 to",
    );
    let copy = with("regions:\n  us-west-2:");
    let place = "4:3 regions.us-west-2";
    for parameters in [
        &CLOSED as &[_],
        &[("CopyRegions", "us-west-1")],
        &[("CopyRegions", "us-west-22")],
    ] {
        closed(&copy, parameters, place, "CopyRegions", "adds us-west-2 to");
    }
    open(&copies, &[("CopyRegions", "eu-central-1,us-west-2")]);
    // Whether the image waits for it, does not matter.
    let optional = with("regions:\n  us-west-2: {required: false}");
    closed(
        &optional,
        &CLOSED,
        place,
        "CopyRegions",
        "adds us-west-2 to",
    );
}

#[test]
fn which_parameters_are_set() {
    let setting = |name: &str| with(&format!("parameters: [{name}]"));
    let under = [("ParameterPrefix", "/images")];
    for name in ["/images/web", "/images/web/latest", "/images/..web"] {
        open(&setting(name), &under);
        closed(
            &setting(name),
            &CLOSED,
            "3:14 parameters[0]",
            "ParameterPrefix",
            "sets the parameter",
        );
    }
    for name in [
        "/images",
        "images",
        "/images-evil/web",
        "/imagesweb",
        "/other/images/web",
        "/Images/web",
        "/images/../prod/ami",
        "/images/..",
        "/images/./web",
        "/images/web/..",
    ] {
        closed(
            &setting(name),
            &under,
            "3:14 parameters[0]",
            "ParameterPrefix",
            "a name below `/images`",
        );
    }
    for fields in ["name: /other/web", "name: /other/web, takeOver: true"] {
        closed(
            &setting(&format!("{{{fields}}}")),
            &under,
            "3:21 parameters[0].name",
            "ParameterPrefix",
            "a name below `/images`",
        );
    }
    open(&setting("{name: /images/web, takeOver: true}"), &under);
    // One mistake is one problem.
    refused(&setting("/images//web"), &["3:14 parameters[0]: "]);
    assert_eq!(problems(&setting("/images//web"), &under).len(), 1);
}

#[test]
fn what_is_deregistered() {
    let previous = with("replaces: {previous: deregister, snapshots: delete}");
    let deleted = with("onDelete: deregister");
    for (text, place) in [
        (&previous, "3:22 replaces.previous"),
        (&deleted, "3:11 onDelete"),
    ] {
        closed(text, &CLOSED, place, "AllowRetire", "to true");
        closed(
            text,
            &[("AllowRetire", "false")],
            place,
            "AllowRetire",
            "to true",
        );
        open(text, &[("AllowRetire", "true")]);
    }
    open(&with("replaces: {previous: keep}\nonDelete: keep"), &CLOSED);
    // Nothing is lost by it.
    open(
        &with("replaces: {previous: deprecate}\nonDelete: deprecate"),
        &CLOSED,
    );
}

#[test]
fn where_amis_are_stored() {
    for bucket in ["image-archive", "images"] {
        let arn = format!("arn:aws:s3:::{bucket}");
        let stored = with(&format!("store: {{bucket: {bucket}}}"));
        let place = "3:17 store.bucket";
        for parameters in [
            &CLOSED as &[_],
            &[("StoreBuckets", "arn:aws:s3:::image-archive2")],
            &[("StoreBuckets", "arn:aws:s3:::image")],
            &[("SourceBuckets", &arn)],
        ] {
            closed(&stored, parameters, place, "StoreBuckets", &arn);
        }
        open(&stored, &[("StoreBuckets", &arn)]);
    }
}

#[test]
fn arns_are_of_the_partition_of_the_stack() {
    let text = with("store: {bucket: image-archive}");
    for (region, arn) in [
        (None, "arn:aws:s3:::image-archive"),
        (Some("eu-central-1"), "arn:aws:s3:::image-archive"),
        (Some("cn-north-1"), "arn:aws-cn:s3:::image-archive"),
        (Some("us-gov-west-1"), "arn:aws-us-gov:s3:::image-archive"),
    ] {
        let guardrails = Guardrails {
            region: region.map(str::to_owned),
            ..stack(&CLOSED)
        };
        let found = parse_within("a.image.yaml", text.as_bytes(), now(), &guardrails).unwrap_err();
        let hint = found[0].hint.as_deref().unwrap();
        assert!(hint.contains(&format!("adds {arn} to")), "{hint}");
    }
}

#[test]
fn which_tags_are_set() {
    let tagged = with("tags:\n  team: web\n  cost-center: \"1\"");
    open(&tagged, &CLOSED);
    for keys in ["team", "team,Cost-Center", "team,cost", "team,cost-center2"] {
        closed(
            &tagged,
            &[("TagKeys", keys)],
            "5:3 tags.cost-center",
            "TagKeys",
            "adds cost-center to",
        );
    }
    open(&tagged, &[("TagKeys", "cost-center,team")]);
    let comma = with("tags:\n  \"a,b\": web");
    closed(
        &comma,
        &[("TagKeys", "a,b")],
        "4:3 tags[\"a,b\"]",
        "TagKeys",
        "choose one",
    );
}

/// Opening the parameter would not help.
#[test]
fn what_does_not_fit_the_stack_is_not_held_against_the_guardrails_too() {
    let guardrails = Guardrails {
        account: Some("123456789012".to_owned()),
        region: Some("cn-north-1".to_owned()),
        ..stack(&CLOSED)
    };
    let text = with(&format!(
        "access: {{accounts: [\"123456789012\"], organizations: [\"{ORGANIZATION}\"]}}\nregions: {{cn-north-1: , us-east-1: {{kmsKeyId: \"{KEY}\"}}}}"
    ));
    let found = parse_within("a.image.yaml", text.as_bytes(), now(), &guardrails).unwrap_err();
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.path.as_str(), it.rule.as_deref().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("access.accounts[0]", "EC2 User Guide, Share an AMI"),
            (
                "access.organizations[0]",
                "EC2 User Guide, Share an AMI with organizations or OUs"
            ),
            ("regions.cn-north-1", "EC2 API Reference, CopyImage"),
            ("regions.us-east-1", "EC2 API Reference, CopyImage"),
            (
                "regions.us-east-1.kmsKeyId",
                "the stack's parameter KmsKeys"
            ),
        ]
    );
}

/// One mistake is one problem.
#[test]
fn beside_other_problems() {
    let text = with("parameters: [\"/a b\", /images/web]\nonDelete: deregister");
    let found = parse_within("a.image.yaml", text.as_bytes(), now(), &stack(&CLOSED)).unwrap_err();
    let found: Vec<_> = found
        .iter()
        .map(|it| format!("{} {}", it.path, it.message))
        .collect();
    let expected = [
        "parameters[0] ",
        "parameters[1] ",
        "onDelete this stack deregisters no AMI",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn without_a_stack_nothing_is_closed() {
    let text = with(&format!(
        "access: {{accounts: [\"123456789012\"], organizations: [\"{ORGANIZATION}\"], public: true}}\nregions: {{us-west-2: {{}}}}\nparameters: [/a]\nonDelete: deregister\nstore: {{bucket: archive}}"
    ));
    accepted(&text);
    assert_eq!(problems(&text, &CLOSED).len(), 7);
}
