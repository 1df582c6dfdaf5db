//! What the project's own template lets its functions do.

use localaws::template::stack::Function;
use serde_json::{Value, json};

use super::{TEMPLATE, deployed, environment, function};

/// Actions that take no resource (Service Authorization Reference, "Actions defined by Amazon EC2").
const WITHOUT_RESOURCE: [&str; 12] = [
    "ec2:BundleInstance",
    "ec2:CancelBundleTask",
    "ec2:DescribeBundleTasks",
    "ec2:DescribeImages",
    "ec2:DescribeImportImageTasks",
    "ec2:DescribeImportSnapshotTasks",
    "ec2:DescribeSnapshots",
    "ec2:DescribeStoreImageTasks",
    "ec2:DescribeTags",
    "ec2:GetEbsDefaultKmsKeyId",
    "ec2:GetEbsEncryptionByDefault",
    "ec2:GetImageBlockPublicAccessState",
];

pub(super) fn actions(statement: &Value) -> impl Iterator<Item = &str> {
    let action = &statement["Action"];
    let one = action.as_str().into_iter();
    let many = action.as_array().into_iter().flatten();
    one.chain(many.filter_map(Value::as_str))
}

pub(super) fn resources(statement: &Value) -> impl Iterator<Item = &str> {
    let resource = &statement["Resource"];
    let one = resource.as_str().into_iter();
    let many = resource.as_array().into_iter().flatten();
    one.chain(many.filter_map(Value::as_str))
}

fn find_statement<'a>(function: &'a Function, sid: &str) -> Option<&'a Value> {
    let mut all = function.policies.iter();
    all.find(|statement| statement["Sid"] == sid)
}

fn statement<'a>(function: &'a Function, sid: &str) -> &'a Value {
    find_statement(function, sid).unwrap_or_else(|| panic!("no statement {sid}"))
}

#[test]
fn the_template_grants_no_more_than_is_needed() {
    let stack = deployed(&[("ExistingBucketName", "mine")]);
    let created: Vec<_> = stack.buckets.iter().map(|it| &*it.logical_id).collect();
    assert_eq!(created, ["StateBucket"]);
    for function in &stack.functions {
        for statement in &function.policies {
            let text = statement.to_string();
            assert!(statement["Sid"].is_string(), "{text}");
            assert!(!statement["Action"].to_string().contains('*'), "{text}");
            // What is copied may be in any Region.
            if statement["Sid"] == "SeeWhoOwnsSources" {
                assert_eq!(statement["Action"], "ec2:DescribeImages");
                continue;
            }
            // Only what takes no resource may have all of them, and then its Region is pinned.
            if statement["Resource"] == "*" {
                assert!(
                    actions(statement).all(|action| WITHOUT_RESOURCE.contains(&action)),
                    "{text}"
                );
                assert_eq!(
                    statement["Condition"],
                    json!({"StringEquals": {"ec2:Region": "us-east-1"}})
                );
            }
        }
    }
    let register = function(&stack, "RegisterImage");
    let owned = json!({"StringLike": {"aws:RequestTag/amiwright:manifest": "s3://mine/*"},
                       "Null": {"aws:RequestTag/amiwright:digest": "false"}});
    assert_eq!(
        statement(register, "RegisterOwnedImages")["Condition"],
        owned
    );
    assert_eq!(
        statement(register, "RegisterOwnedImages")["Resource"],
        "arn:aws:ec2:us-east-1::image/*"
    );
    let publishers: Vec<_> = stack
        .functions
        .iter()
        .filter(|function| {
            function
                .policies
                .iter()
                .any(|statement| statement["Action"] == "sns:Publish")
        })
        .map(|function| function.binary.as_str())
        .collect();
    assert_eq!(publishers, ["advance-tasks", "notify"]);
    let notify = function(&stack, "Notify");
    assert!(
        notify
            .policies
            .iter()
            .all(|statement| !statement["Action"].to_string().contains("ec2:"))
    );
    for (function, prefixes) in [
        (register, &["due", "open", "open-requests"][..]),
        (notify, &["due", "open"]),
    ] {
        let place = |prefix| format!("arn:aws:s3:::amiwright-statebucket/{prefix}/*");
        let places: Vec<_> = prefixes.iter().map(place).collect();
        let deleted = &statement(function, "DeleteMarkers")["Resource"];
        assert_eq!(*deleted, json!(places));
    }
    let manifests = ["image.yaml", "image.yml", "image.json", "manifest.xml"];
    let manifests = manifests.map(|ending| format!("arn:aws:s3:::mine/*.{ending}"));
    assert_eq!(
        statement(notify, "SeeManifests")["Resource"],
        json!(manifests),
        "notify reads no disks"
    );
    for function in [register, function(&stack, "AdvanceTasks")] {
        let versions = &statement(function, "ReadManifestVersions")["Resource"];
        assert_eq!(*versions, json!(manifests));
    }
}

#[test]
fn every_statement_says_which_calls_it_is_for() {
    let lines: Vec<&str> = TEMPLATE.lines().map(str::trim_start).collect();
    let mut count = 0;
    for three in lines.windows(3) {
        let [sid, effect, comment] = three else {
            unreachable!("windows of three");
        };
        if let Some(sid) = sid.strip_prefix("- Sid: ") {
            assert!(effect.starts_with("Effect: "), "{sid}: {effect}");
            assert!(comment.starts_with("# "), "{sid}: {comment}");
            count += 1;
        }
    }
    assert_eq!(count, TEMPLATE.matches("Sid:").count());
    assert!(count > 60, "{count}");
}

#[test]
fn no_action_has_a_wildcard_whatever_is_opened() {
    let parameters = [
        ("BundleKeyParameter", "/amiwright/bundle-key"),
        ("KmsKeys", KEY),
        ("SourceBuckets", "arn:aws:s3:::disks"),
        ("StoreBuckets", "arn:aws:s3:::archive"),
    ];
    for set in 0..1_u32 << parameters.len() {
        let chosen = (0..parameters.len()).filter(|index| set & (1 << index) != 0);
        let chosen: Vec<_> = chosen.map(|index| parameters[index]).collect();
        let stack = deployed(&chosen);
        let people = stack.managed_policies.iter().map(|it| &it.statements);
        let functions = stack.functions.iter().map(|it| &it.policies);
        for statement in people.chain(functions).flatten() {
            assert!(
                actions(statement).all(|action| !action.contains('*')),
                "{chosen:?}: {statement}"
            );
        }
    }
}

#[test]
fn what_the_functions_know_is_written_only_conditionally() {
    let stack = deployed(&[("BundleKeyParameter", "/amiwright/bundle-key")]);
    let state = "arn:aws:s3:::amiwright-statebucket/";
    let people = stack.managed_policies.iter();
    let functions = stack.functions.iter();
    let policies = people
        .map(|policy| (&policy.logical_id, &policy.statements))
        .chain(functions.map(|function| (&function.logical_id, &function.policies)));
    let mut bound = Vec::new();
    for (name, statements) in policies {
        for statement in statements {
            let changes = |action| action == "s3:PutObject" || action == "s3:DeleteObject";
            if !actions(statement).any(changes) {
                continue;
            }
            let sid = statement["Sid"].as_str().unwrap();
            let is_bound = |key: &str| statement["Condition"]["Null"][key] == "false";
            for place in resources(statement) {
                let is_bound = is_bound("s3:if-match") || is_bound("s3:if-none-match");
                let place = match place.strip_prefix(state) {
                    Some("status/*" | "open/*") => {
                        assert!(is_bound, "{name} {sid} {place}");
                        bound.push(sid);
                        continue;
                    }
                    Some(place) => place,
                    None => continue,
                };
                let is_deletion = statement["Action"] == "s3:DeleteObject";
                // Operators write requests over one another's; nobody deletes one that he has not read.
                let is_hint = ["due/*", "open-requests/*"].contains(&place);
                assert_eq!(is_bound, is_hint && is_deletion, "{name} {sid}");
            }
        }
    }
    for sid in ["CreateState", "ReplaceState", "MarkNoticesAsSent"] {
        assert!(bound.contains(&sid), "{bound:?}");
    }
}

#[test]
fn what_another_attempt_tagged_is_not_tagged_again() {
    let stack = deployed(&[("ExistingBucketName", "mine")]);
    for id in ["RegisterImage", "AdvanceTasks"] {
        let condition = &statement(function(&stack, id), "TagWhatWasImported")["Condition"];
        assert_eq!(
            condition["StringEquals"],
            json!({"ec2:Owner": "000000000000"})
        );
        let tags = ["attempt", "manifest", "digest"].map(|tag| {
            let (on_it, asked) = ("aws:ResourceTag/amiwright:", "aws:RequestTag/amiwright:");
            (format!("{on_it}{tag}"), json!(format!("${{{asked}{tag}}}")))
        });
        let tags: serde_json::Map<_, _> = tags.into_iter().collect();
        assert_eq!(condition["StringEqualsIfExists"], Value::Object(tags));
    }
}

#[test]
fn the_template_touches_only_what_is_its_own() {
    let stack = deployed(&[("ExistingBucketName", "mine")]);
    let mine = json!({"aws:ResourceTag/amiwright:manifest": "s3://mine/*"});
    let wanted = json!({"aws:RequestTag/amiwright:manifest": "s3://mine/*"});
    for id in ["RegisterImage", "AdvanceTasks"] {
        let function = function(&stack, id);
        for statement in &function.policies {
            let condition = &statement["Condition"];
            for action in actions(statement) {
                match action {
                    "ec2:DeregisterImage"
                    | "ec2:DeleteSnapshot"
                    | "ec2:CancelImportTask"
                    | "ec2:CreateStoreImageTask" => assert_eq!(condition["StringLike"], mine),
                    "ec2:CreateRestoreImageTask" => assert_eq!(condition["StringLike"], wanted),
                    "ec2:CopyImage" => assert_eq!(condition["StringLikeIfExists"], wanted),
                    "ec2:CreateTags" => {
                        let is = &condition["StringLike"];
                        assert!(*is == wanted || *is == mine, "{condition}");
                    }
                    "ec2:DeleteTags"
                    | "ec2:DisableImageDeprecation"
                    | "ec2:DisableImageDeregistrationProtection"
                    | "ec2:EnableImageDeprecation"
                    | "ec2:EnableImageDeregistrationProtection"
                    | "ec2:ModifyImageAttribute" => assert_eq!(condition["StringLike"], mine),
                    _ => {}
                }
            }
        }
        let owned = statement(function, "StartOwnedImports");
        assert_eq!(owned["Condition"]["StringLike"], wanted);
        let deletes = function
            .policies
            .iter()
            .filter(|statement| actions(statement).any(|action| action == "s3:DeleteObject"));
        let places: Vec<_> = deletes.flat_map(resources).collect();
        assert_eq!(
            places,
            [
                "arn:aws:s3:::amiwright-statebucket/due/*",
                "arn:aws:s3:::amiwright-statebucket/open/*",
                "arn:aws:s3:::amiwright-statebucket/open-requests/*",
            ]
        );
    }
}

#[test]
fn sources_are_of_this_account_unless_others_are_listed() {
    let own = json!({"ec2:Owner": "000000000000"});
    for (owners, held) in [("self", &own), ("", &own), ("self,amazon", &Value::Null)] {
        let stack = deployed(&[("SourceOwners", owners)]);
        for id in ["RegisterImage", "AdvanceTasks"] {
            let condition = |sid| &statement(function(&stack, id), sid)["Condition"];
            let copied = &condition("CopyImages")["StringEqualsIfExists"];
            assert_eq!(copied, held, "{owners}");
            let registered = &condition("RegisterFromSnapshots")["StringEquals"];
            assert_eq!(registered, held, "{owners}");
        }
    }
}

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn the_template_grants_what_is_named_and_nothing_else() {
    let optional = [
        "ReadSourceBuckets",
        "ListSourceBuckets",
        "StoreInStoreBuckets",
        "ListStoreBuckets",
        "UseKeysThroughEc2",
        "LendKeysToVolumes",
        "BundleInstances",
        "CleanUpBundles",
        "ReadTheBundleKey",
        "DecryptTheBundleKey",
    ];
    let stack = deployed(&[]);
    for sid in optional {
        let found = find_statement(function(&stack, "AdvanceTasks"), sid);
        assert_eq!(found, None, "nothing is named");
    }
    let readable = &statement(function(&stack, "AdvanceTasks"), "LetEc2ReadBundles")["Resource"];
    assert_eq!(*readable, json!(["arn:aws:s3:::amiwright-bucket/*"]));
    let stack = deployed(&[
        ("SourceBuckets", "arn:aws:s3:::disks,arn:aws:s3:::machines"),
        ("StoreBuckets", "arn:aws:s3:::archive,arn:aws:s3:::mine"),
        ("KmsKeys", KEY),
        ("BundleKeyParameter", "/amiwright/bundle-key"),
        ("VmImportRole", "images-import"),
        ("NotifyStarted", "true"),
        ("NotifyIgnored", "false"),
    ]);
    let function = function(&stack, "AdvanceTasks");
    let resource = |sid: &str| statement(function, sid)["Resource"].clone();
    let parameter = "arn:aws:ssm:us-east-1:000000000000:parameter/amiwright/bundle-key";
    assert_eq!(
        resource("ReadSourceBuckets"),
        json!(["arn:aws:s3:::disks/*", "arn:aws:s3:::machines/*"])
    );
    assert_eq!(
        resource("ListSourceBuckets"),
        json!(["arn:aws:s3:::disks", "arn:aws:s3:::machines"])
    );
    assert_eq!(
        resource("StoreInStoreBuckets"),
        json!([
            "arn:aws:s3:::archive/ami-*.bin",
            "arn:aws:s3:::mine/ami-*.bin"
        ])
    );
    for sid in ["UseKeysThroughEc2", "LendKeysToVolumes"] {
        assert_eq!(resource(sid), json!([KEY]));
        let condition = &statement(function, sid)["Condition"];
        assert_eq!(
            condition["StringLike"]["kms:ViaService"],
            "ec2.*.amazonaws.com"
        );
    }
    assert_eq!(
        statement(function, "LendKeysToVolumes")["Condition"]["Bool"],
        json!({"kms:GrantIsForAWSResource": "true"})
    );
    assert_eq!(resource("ReadTheBundleKey"), parameter);
    assert_eq!(
        resource("CleanUpBundles"),
        "arn:aws:s3:::amiwright-statebucket/bundles/*"
    );
    assert_eq!(
        resource("LetEc2ReadBundles"),
        json!([
            "arn:aws:s3:::amiwright-bucket/*",
            "arn:aws:s3:::amiwright-statebucket/bundles/*"
        ])
    );
    assert_eq!(
        statement(function, "DecryptTheBundleKey")["Condition"],
        json!({"StringEquals": {
            "kms:EncryptionContext:PARAMETER_ARN": parameter,
            "kms:ViaService": "ssm.us-east-1.amazonaws.com"
        }})
    );
    let environment = environment(function);
    for variable in [
        ("AMIWRIGHT_BUNDLE_KEY_PARAMETER", "/amiwright/bundle-key"),
        ("AMIWRIGHT_NOTIFY_STARTED", "true"),
        ("AMIWRIGHT_NOTIFY_IGNORED", "false"),
        ("AMIWRIGHT_VM_IMPORT_ROLE", "images-import"),
        (
            "AMIWRIGHT_SOURCE_BUCKETS",
            "arn:aws:s3:::disks,arn:aws:s3:::machines",
        ),
        (
            "AMIWRIGHT_STORE_BUCKETS",
            "arn:aws:s3:::archive,arn:aws:s3:::mine",
        ),
        ("AMIWRIGHT_KMS_KEYS", KEY),
        ("AMIWRIGHT_SOURCE_OWNERS", "self"),
    ] {
        assert!(environment.contains(&variable), "{variable:?}");
    }
}
