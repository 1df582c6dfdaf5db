//! Which resource types an action takes ("Actions defined by …", Service Authorization Reference).

use crate::iam::context::Context;
use crate::iam::pattern::Pattern;

/// Actions by lower-case name, and the types that they take, as `SERVICE:TYPE` of the resource's ARN; `*` stands for
/// none.
const ACTIONS: [(&str, &[&str]); 103] = [
    (
        "cloudformation:describestackresources",
        &["cloudformation:stack"],
    ),
    ("cloudformation:describestacks", &["cloudformation:stack"]),
    ("ebs:completesnapshot", &["ec2:snapshot"]),
    ("ebs:getsnapshotblock", &["ec2:snapshot"]),
    ("ebs:listchangedblocks", &["ec2:snapshot"]),
    ("ebs:listsnapshotblocks", &["ec2:snapshot"]),
    ("ebs:putsnapshotblock", &["ec2:snapshot"]),
    ("ebs:startsnapshot", &["ec2:snapshot"]),
    ("ec2:bundleinstance", &["*"]),
    ("ec2:cancelbundletask", &["*"]),
    (
        "ec2:cancelimporttask",
        &["ec2:import-image-task", "ec2:import-snapshot-task"],
    ),
    ("ec2:copyimage", &["ec2:image", "ec2:snapshot"]),
    ("ec2:copysnapshot", &["ec2:snapshot"]),
    ("ec2:createrestoreimagetask", &["ec2:image"]),
    ("ec2:createstoreimagetask", &["ec2:image"]),
    (
        "ec2:createtags",
        &[
            "ec2:image",
            "ec2:import-image-task",
            "ec2:import-snapshot-task",
            "ec2:snapshot",
        ],
    ),
    ("ec2:deletesnapshot", &["ec2:snapshot"]),
    ("ec2:deregisterimage", &["ec2:image"]),
    ("ec2:describebundletasks", &["*"]),
    ("ec2:describeimageattribute", &["ec2:image"]),
    ("ec2:describeimagereferences", &["*"]),
    ("ec2:describeimages", &["*"]),
    ("ec2:describeimportimagetasks", &["*"]),
    ("ec2:describeimportsnapshottasks", &["*"]),
    ("ec2:describeinstances", &["*"]),
    ("ec2:describelaunchtemplates", &["*"]),
    ("ec2:describelaunchtemplateversions", &["*"]),
    ("ec2:describeregions", &["*"]),
    ("ec2:describesnapshots", &["*"]),
    ("ec2:describestoreimagetasks", &["*"]),
    ("ec2:describetags", &["*"]),
    ("ec2:disableimage", &["ec2:image"]),
    ("ec2:enableimage", &["ec2:image"]),
    ("ec2:getebsencryptionbydefault", &["*"]),
    (
        "ec2:importimage",
        &["ec2:image", "ec2:import-image-task", "ec2:snapshot"],
    ),
    (
        "ec2:importsnapshot",
        &["ec2:import-snapshot-task", "ec2:snapshot"],
    ),
    ("ec2:deletetags", &["ec2:image", "ec2:snapshot"]),
    ("ec2:describesnapshotattribute", &["ec2:snapshot"]),
    ("ec2:disableimagedeprecation", &["ec2:image"]),
    ("ec2:disableimagederegistrationprotection", &["ec2:image"]),
    ("ec2:enableimagedeprecation", &["ec2:image"]),
    ("ec2:enableimagederegistrationprotection", &["ec2:image"]),
    ("ec2:modifyimageattribute", &["ec2:image"]),
    ("ec2:modifysnapshotattribute", &["ec2:snapshot"]),
    ("ec2:registerimage", &["ec2:image", "ec2:snapshot"]),
    ("ec2:getebsdefaultkmskeyid", &["*"]),
    ("ec2:getimageblockpublicaccessstate", &["*"]),
    ("ec2:getsnapshotblockpublicaccessstate", &["*"]),
    ("events:describerule", &["events:rule"]),
    ("events:listtargetsbyrule", &["events:rule"]),
    ("iam:getrole", &["iam:role"]),
    ("kms:creategrant", &["kms:key"]),
    ("kms:decrypt", &["kms:key"]),
    ("kms:describekey", &["kms:key"]),
    ("kms:generatedatakeywithoutplaintext", &["kms:key"]),
    ("kms:reencryptfrom", &["kms:key"]),
    ("kms:reencryptto", &["kms:key"]),
    ("lambda:getfunctionconfiguration", &["lambda:function"]),
    ("logs:filterlogevents", &["logs:log-group"]),
    ("s3:abortmultipartupload", &["s3:object"]),
    ("s3:createbucket", &["s3:bucket"]),
    ("s3:deletebucket", &["s3:bucket"]),
    ("s3:deleteobject", &["s3:object"]),
    ("s3:deleteobjecttagging", &["s3:object"]),
    ("s3:deleteobjectversion", &["s3:object"]),
    ("s3:deleteobjectversiontagging", &["s3:object"]),
    ("s3:getbucketacl", &["s3:bucket"]),
    ("s3:getbucketlocation", &["s3:bucket"]),
    ("s3:getbucketnotification", &["s3:bucket"]),
    ("s3:getbucketownershipcontrols", &["s3:bucket"]),
    ("s3:getbucketversioning", &["s3:bucket"]),
    ("s3:getobject", &["s3:object"]),
    ("s3:getobjectacl", &["s3:object"]),
    ("s3:getobjectattributes", &["s3:object"]),
    ("s3:getobjecttagging", &["s3:object"]),
    ("s3:getobjectversion", &["s3:object"]),
    ("s3:getobjectversionacl", &["s3:object"]),
    ("s3:getobjectversionattributes", &["s3:object"]),
    ("s3:getobjectversiontagging", &["s3:object"]),
    ("s3:listallmybuckets", &["*"]),
    ("s3:listbucket", &["s3:bucket"]),
    ("s3:listbucketmultipartuploads", &["s3:bucket"]),
    ("s3:listbucketversions", &["s3:bucket"]),
    ("s3:listmultipartuploadparts", &["s3:object"]),
    ("s3:putbucketnotification", &["s3:bucket"]),
    ("s3:putbucketversioning", &["s3:bucket"]),
    ("s3:putobject", &["s3:object"]),
    ("s3:putobjectacl", &["s3:object"]),
    ("s3:putobjecttagging", &["s3:object"]),
    ("s3:putobjectversionacl", &["s3:object"]),
    ("s3:putobjectversiontagging", &["s3:object"]),
    ("sns:gettopicattributes", &["sns:topic"]),
    ("sns:listsubscriptions", &["*"]),
    ("sns:listsubscriptionsbytopic", &["sns:topic"]),
    ("sns:listtopics", &["*"]),
    ("sns:publish", &["sns:topic"]),
    ("sns:settopicattributes", &["sns:topic"]),
    ("sns:subscribe", &["sns:topic"]),
    ("sns:unsubscribe", &["*"]),
    ("ssm:describeparameters", &["*"]),
    ("ssm:getparameter", &["ssm:parameter"]),
    ("ssm:getparameters", &["ssm:parameter"]),
    ("ssm:putparameter", &["ssm:parameter"]),
];

/// Whether an action ever takes such a resource, both as patterns of a policy. An action that is not in the table may
/// take anything: it is never used here, and shows so.
pub(crate) fn takes(action: &str, resource: &str) -> bool {
    let context = Context::default();
    let Ok(action) = Pattern::with_wildcards(action) else {
        return true;
    };
    let mut known = ACTIONS
        .iter()
        .filter(|(name, _)| action.matches(name, &context))
        .peekable();
    known.peek().is_none()
        || known.any(|(_, types)| types.iter().any(|kind| can_be(resource, kind)))
}

fn can_be(resource: &str, kind: &str) -> bool {
    if resource == "*" {
        return true;
    }
    let Some((service, kind)) = kind.split_once(':') else {
        return false;
    };
    let fields: Vec<&str> = resource.splitn(6, ':').collect();
    let [_, _, of, _, _, name] = fields[..] else {
        return false;
    };
    let wild = |text: &str| text.contains(['*', '?']);
    let is_kind = match (kind, name.split_once('/')) {
        ("object", slash) => slash.is_some() || wild(name),
        ("bucket", slash) => slash.is_none_or(|(bucket, _)| wild(bucket)),
        ("topic", _) => true,
        // `function:NAME` and `log-group:NAME:…`, where others have a slash.
        ("function", _) => name.starts_with("function:") || wild(name),
        ("log-group", _) => name.starts_with("log-group:") || name == "*",
        (kind, Some((of, _))) => of == kind || wild(of),
        (_, None) => wild(name),
    };
    is_kind && (of == service || wild(of))
}
