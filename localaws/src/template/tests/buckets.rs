//! Properties of buckets and topics: those that would change what runs are built, or refused by name.

use super::resources;

fn bucket(properties: &str) -> String {
    format!("  B: {{Type: AWS::S3::Bucket, Properties: {{{properties}}}}}\n")
}

fn topic(properties: &str) -> String {
    format!("  T: {{Type: AWS::SNS::Topic, Properties: {{{properties}}}}}\n")
}

#[test]
fn what_would_change_what_runs_is_refused_by_name() {
    for (yaml, named) in [
        (bucket("ObjectLockEnabled: true"), "ObjectLockEnabled"),
        (
            bucket("ReplicationConfiguration: {}"),
            "ReplicationConfiguration",
        ),
        (bucket("WebsiteConfiguration: {}"), "WebsiteConfiguration"),
        (bucket("Versioning: {Status: Enabled}"), "Versioning"),
        (bucket("AccessControl: PublicRead"), "AccessControl"),
        (
            bucket(
                "BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: 'aws:kms'}}]}",
            ),
            "SSEAlgorithm",
        ),
        (
            bucket("LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 1}]}"),
            "ExpirationInDays",
        ),
        (
            bucket("PublicAccessBlockConfiguration: {BlockPublicAcl: true}"),
            "BlockPublicAcl",
        ),
        (
            bucket("OwnershipControls: {Rules: [{Ownership: ObjectWriter}]}"),
            "Ownership",
        ),
        (topic("FifoTopic: true"), "FifoTopic"),
        (topic("KmsMasterKeyId: alias/mine"), "KmsMasterKeyId"),
        (topic("DataProtectionPolicy: {}"), "DataProtectionPolicy"),
    ] {
        let error = resources(&yaml).unwrap_err().to_string();
        let is_named = error.contains(&format!("{named}: not built here"));
        assert!(is_named, "{yaml}: {error}");
    }
}

#[test]
fn what_changes_nothing_is_taken() {
    for yaml in [
        bucket("Tags: [{Key: a, Value: b}]"),
        bucket(
            "BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]}",
        ),
        bucket(
            "LifecycleConfiguration: {Rules: [{Id: a, Status: Enabled, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}}]}",
        ),
        topic("DisplayName: it, Tags: [{Key: a, Value: b}]"),
    ] {
        resources(&yaml).unwrap();
    }
}
