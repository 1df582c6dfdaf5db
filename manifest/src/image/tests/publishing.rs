//! What EC2 and SSM would refuse of how an image is published.

use super::*;

const ACCOUNT: &str = "123456789012";
const ORGANIZATION: &str = "arn:aws:organizations::111122223333:organization/o-exampleorgid";

/// The problems of a manifest, as `line:column path: message (hint)`, in a stack of this account and Region that has
/// opened everything.
fn problems_in(account: Option<&str>, region: Option<&str>, text: &str) -> Vec<String> {
    let guardrails = Guardrails {
        account: account.map(str::to_owned),
        region: region.map(str::to_owned),
        ..Guardrails::open()
    };
    let problems = parse_within("a.image.yaml", text.as_bytes(), now(), &guardrails);
    let shown = |problem: Problem| {
        assert!(problem.hint.is_some(), "{problem:#?}");
        let (line, column) = (problem.line.unwrap(), problem.column.unwrap());
        format!("{line}:{column} {}: {}", problem.path, problem.message)
    };
    let problems = problems.err().unwrap_or_default();
    problems.into_iter().map(shown).collect()
}

/// A manifest of a bundle, whose AMI is in an instance store, and these lines more.
fn bundle(lines: &str) -> String {
    format!("name: web\nsource: {{bundle: {{manifest: a.manifest.xml}}}}\n{lines}")
}

/// A manifest of a disk whose snapshot this key encrypts, and these lines more, from line 4.
fn encrypted(key: &str, lines: &str) -> String {
    format!(
        "name: web\nsource:\n  disk: {{object: a.raw, format: raw, encrypted: true, kmsKeyId: \"{key}\"}}\n{lines}"
    )
}

#[test]
fn who_may_copy() {
    let accounts = "access: {copy: true, accounts: [\"111122223333\"]}";
    accepted(&with(accounts));
    // The organization's members may launch it, but not copy it.
    accepted(&with(&format!(
        "access: {{copy: true, accounts: [\"111122223333\"], organizations: [\"{ORGANIZATION}\"]}}"
    )));
    for others in [
        "",
        ", accounts: []",
        &format!(", organizations: [\"{ORGANIZATION}\"]"),
    ] {
        refused(
            &with(&format!("access: {{copy: true{others}}}")),
            &[
                "3:16 access.copy: nobody could copy the AMI: copying needs its snapshots, and EC2 shares snapshots with accounts only",
            ],
        );
    }
    refused(
        &with("access: {copy: true, accounts: [\"111122223333\"], public: true}"),
        &["3:16 access.copy: a public AMI cannot be given to accounts to copy"],
    );
    refused(
        &bundle(accounts),
        &["3:16 access.copy: an instance-store image has no snapshots"],
    );
    // One mistake is one problem: whether there are accounts is not known here.
    refused(
        &with("access: {copy: true, accounts: 5}"),
        &["3:32 access.accounts: expected a list"],
    );
    refused(
        &with("access: {copy: true, acounts: [\"111122223333\"]}"),
        &["3:22 access.acounts: unknown field `acounts`"],
    );
}

#[test]
fn nobody_else() {
    let alone = accepted(&with("access: {exact: true}"));
    let access = alone.publish.access.unwrap();
    assert!(access.exact && !access.has_grantees());
}

#[test]
fn what_cannot_be_public() {
    accepted(&bundle(
        "productCodes: [774F4FF8]\naccess: {accounts: [\"111122223333\"]}",
    ));
    // AWS as it was, and clouds that still set codes, sell what is public: EC2 says whether it does.
    accepted(&bundle("productCodes: [774F4FF8]\naccess: {public: true}"));
    accepted(&bundle("productCodes: []\naccess: {public: true}"));
}

#[test]
fn an_ami_has_one_product_code() {
    for codes in ["774F4FF8, 774F4FF9", "774F4FF8, 774F4FF8"] {
        refused(
            &bundle(&format!("productCodes: [{codes}]")),
            &["3:26 productCodes[1]: an AMI has only one product code"],
        );
    }
}

#[test]
fn keys_that_aws_manages_cannot_be_shared() {
    let shares = [
        "access: {accounts: [\"111122223333\"]}".to_owned(),
        format!("access: {{organizations: [\"{ORGANIZATION}\"]}}"),
    ];
    let not_shared = ["", "access: {}", "access: {exact: true}"];
    for key in [
        "alias/aws/ebs",
        "arn:aws:kms:us-east-1:111122223333:alias/aws/ebs",
    ] {
        for shared in &shares {
            refused(
                &encrypted(key, shared),
                &[
                    "3:65 source.disk.kmsKeyId: an AMI that is encrypted with a key that AWS manages cannot be shared",
                ],
            );
            let copy = format!("{shared}\nregions: {{us-east-1: {{kmsKeyId: \"{key}\"}}}}");
            refused(
                &with(&copy),
                &["4:33 regions.us-east-1.kmsKeyId: an AMI that is encrypted with a key that AWS"],
            );
        }
        for alone in not_shared {
            accepted(&encrypted(key, alone));
        }
    }
    for key in ["alias/awsome", "alias/my/aws/ebs"] {
        accepted(&encrypted(key, &shares[0]));
    }
    // That it is encrypted is the mistake.
    refused(
        &encrypted("alias/images", "access: {public: true}"),
        &["4:18 access.public: an AMI with an encrypted volume cannot be public"],
    );
}

#[test]
fn the_owner_needs_no_share() {
    let text = with(&format!("access: {{accounts: [\"{ACCOUNT}\"]}}"));
    assert_eq!(
        problems_in(Some(ACCOUNT), None, &text),
        ["3:21 access.accounts[0]: `123456789012` is the account that owns the AMI"]
    );
    let nothing: [&str; 0] = [];
    assert_eq!(problems_in(Some("111122223333"), None, &text), nothing);
    assert_eq!(problems_in(None, None, &text), nothing);
}

#[test]
fn whom_a_partition_keeps_apart() {
    let units = |partition: &str| {
        with(&format!(
            "access:\n  organizations: [\"arn:{partition}:organizations::111122223333:organization/o-exampleorgid\"]\n  \
             organizationalUnits: [\"arn:{partition}:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111\"]"
        ))
    };
    for (region, ours) in [
        ("eu-central-1", "aws"),
        ("mx-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
    ] {
        for theirs in ["aws", "aws-cn", "aws-us-gov"] {
            let found = problems_in(None, Some(region), &units(theirs));
            if theirs == ours {
                assert!(found.is_empty(), "{found:#?}");
                continue;
            }
            let [organization, unit] = found.as_slice() else {
                panic!("{region} {theirs} {found:#?}");
            };
            assert!(organization.starts_with("4:19 access.organizations[0]: `arn:"));
            assert!(unit.starts_with("5:25 access.organizationalUnits[0]: `arn:"));
            let apart = format!("is in the partition `{theirs}`, but the AMI is in `{ours}`");
            assert!(
                organization.ends_with(&apart) && unit.ends_with(&apart),
                "{found:#?}"
            );
        }
    }
    // Which partition it is, is not known.
    for region in [None, Some("us-iso-east-1"), Some("eusc-de-east-1")] {
        let found = problems_in(None, region, &units("aws-cn"));
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn regions_are_those_of_copies() {
    let text = with("regions:\n  us-west-2: {}\n  eu-west-1:\n  cn-north-1: {required: false}");
    assert_eq!(
        problems_in(None, Some("eu-west-1"), &text),
        [
            "5:3 regions.eu-west-1: the AMI itself is made in `eu-west-1`",
            "6:3 regions.cn-north-1: `cn-north-1` is in the partition `aws-cn`, but the AMI is in `aws`",
        ]
    );
    let nothing: [&str; 0] = [];
    assert_eq!(problems_in(None, None, &text), nothing);
    assert_eq!(problems_in(None, Some("us-iso-east-1"), &text), nothing);
}

#[test]
fn a_copy_is_required_unless_it_says_otherwise() {
    let publish = accepted(&with(
        "regions: {us-west-2: {}, eu-west-1: {required: true}, eu-west-2: {required: false}}",
    ))
    .publish;
    let required: Vec<_> = publish
        .regions
        .iter()
        .filter(|(_, copy)| copy.as_ref().is_some_and(RegionCopy::is_required))
        .map(|(region, _)| region.as_str())
        .collect();
    assert_eq!(required, ["eu-west-1", "us-west-2"]);
}

#[test]
fn parameters_are_taken_over_and_protection_has_a_cooldown() {
    let publish = accepted(&with(
        "parameters: [/a, {name: /b, takeOver: true}, {name: /c}]\nprotect: {cooldown: true}",
    ))
    .publish;
    let parameters: Vec<_> = publish
        .parameters
        .iter()
        .map(|parameter| (parameter.name.as_str(), parameter.take_over))
        .collect();
    assert_eq!(parameters, [("/a", false), ("/b", true), ("/c", false)]);
    assert_eq!(publish.protect, Some(Protect { cooldown: true }));
    let protect = |line: &str| accepted(&with(line)).publish.protect;
    assert_eq!(protect("protect: true"), Some(Protect { cooldown: false }));
    assert_eq!(protect("protect: false"), None);
}

#[test]
fn names_of_parameters_with_their_arns() {
    // "arn:aws:ssm:us-east-1:111122223333:parameter/" has 45 characters.
    let name = |length: usize| format!("/{}", "n".repeat(length - 1));
    let setting =
        |length: usize, lines: &str| with(&format!("parameters: [{}]\n{lines}", name(length)));
    let nothing: [&str; 0] = [];
    for (region, lines, longest) in [
        (None, "", 967),
        (Some("us-east-1"), "", 967),
        (Some("us-gov-west-1"), "", 956),
        (Some("ap-southeast-1"), "", 962),
        (
            Some("us-east-1"),
            "regions: {ap-southeast-1: , eu-west-1: }",
            962,
        ),
        (None, "regions: {ap-southeast-1: }", 962),
    ] {
        assert_eq!(problems_in(None, region, &setting(longest, lines)), nothing);
        assert_eq!(
            problems_in(None, region, &setting(longest + 1, lines)),
            [format!(
                "3:14 parameters[0]: the parameter's name has {} characters",
                longest + 1
            )],
            "{region:?} {lines}"
        );
    }
    accepted(&with(&format!("parameters: [{}]", "/a".repeat(15))));
    refused(
        &with(&format!("parameters: [{}]", "/a".repeat(16))),
        &["3:14 parameters[0]: `/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a` has too many levels"],
    );
    refused(
        &with("parameters: [/a/b, {name: /a/b, takeOver: true}, web, /web, web]"),
        &[
            "3:27 parameters[1].name: `/a/b` is given twice",
            "3:55 parameters[3]: `/web` has the same ARN as `web`",
            "3:61 parameters[4]: `web` is given twice",
        ],
    );
    // They are case-sensitive.
    accepted(&with("parameters: [/web, /Web]"));
    refused(
        &with("parameters: [{name: /aws/x}]"),
        &["3:21 parameters[0].name: `/aws/x` starts with a word"],
    );
}

#[test]
fn an_image_has_so_many_parameters_in_all_regions() {
    let problems = |names: usize, regions: &str| {
        let names: Vec<String> = (0..names).map(|it| format!("/images/{it}")).collect();
        let names = names.join(", ");
        let source = "source: {snapshot: {id: snap-0123456789abcdef0}}";
        let manifest = format!("name: web\n{source}\n{regions}parameters: [{names}]\n");
        problems_in(None, None, &manifest)
    };
    const REGIONS: &str = "regions: {us-west-2: {}}\n";
    assert_eq!(problems(500, ""), [""; 0]);
    assert_eq!(problems(250, REGIONS), [""; 0]);
    for (problems, all) in [(problems(501, ""), 501), (problems(251, REGIONS), 502)] {
        let [only] = problems.as_slice() else {
            panic!("{problems:#?}");
        };
        let message = format!("parameters: {all} parameters in all Regions are too many");
        assert!(only.ends_with(&message), "{only}");
    }
}

#[test]
fn snapshots_of_an_ami_that_stays_are_kept() {
    accepted(&with("replaces: {previous: deregister, snapshots: delete}"));
    accepted(&with("replaces: {previous: deprecate, snapshots: keep}"));
    for previous in ["keep", "deprecate"] {
        let text = with(&format!(
            "replaces: {{snapshots: delete, previous: {previous}}}"
        ));
        refused(
            &text,
            &["3:23 replaces.snapshots: the snapshots of an AMI that is kept cannot be deleted"],
        );
    }
}
