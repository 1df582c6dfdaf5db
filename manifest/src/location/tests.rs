use super::*;

#[test]
fn a_relative_location_lies_in_the_manifests_folder() {
    let disk = Location::new("disks/web.vmdk");
    let resolved = disk.resolve("images", "golden/web.image.yaml");
    assert_eq!(resolved, ("images".into(), "golden/disks/web.vmdk".into()));
    assert_eq!(
        disk.resolve("images", "web.image.yaml"),
        ("images".into(), "disks/web.vmdk".into())
    );
}

#[test]
fn an_s3_location_stays_what_it_is() {
    let disk = Location::new("s3://other-bucket/a/b.raw");
    assert_eq!(disk.fault(), None);
    assert_eq!(
        disk.resolve("images", "golden/web.image.yaml"),
        ("other-bucket".into(), "a/b.raw".into())
    );
}

#[test]
fn an_address_is_read_as_it_is_written() {
    for (text, bucket, key) in [
        ("s3://images/golden/web.raw", "images", "golden/web.raw"),
        ("s3://images/a//b%20c d?e", "images", "a//b%20c d?e"),
        ("s3://images/", "images", ""),
    ] {
        let address: S3Address = text.parse().unwrap();
        assert_eq!((&*address.bucket, &*address.key), (bucket, key));
        assert_eq!(address.to_string(), text);
    }
    let bucket: S3Address = "s3://images".parse().unwrap();
    assert_eq!(bucket.to_string(), "s3://images/");
    for text in [
        "",
        "images/web.raw",
        "S3://images/web.raw",
        "https://images/web.raw",
    ] {
        assert_eq!(text.parse::<S3Address>(), Err(NotAnS3Address), "{text}");
    }
}

#[test]
fn hostile_locations_have_a_fault() {
    let long = "x".repeat(1025);
    let hostile = [
        "",
        "/etc/passwd",
        "../secret",
        "a/../b",
        "a//b",
        "./a",
        "a/",
        "a\0b",
        "a\nb",
        "https://example.com/x",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://Bucket/key",
        "s3://ab/key",
        "s3://a..b/key",
        "s3:///key",
        "s3://192.168.0.1/key",
        "s3://-abc/key",
        "s3://bucket//key",
        "s3://bucket/../key",
        &long,
    ];
    for text in hostile {
        assert!(Location::new(text).fault().is_some(), "{text:?}");
    }
}

#[test]
fn other_ways_to_name_an_object_are_distinguished_from_keys() {
    for (text, fault, meant) in [
        (
            "https://b-1.s3.amazonaws.com/a/b.raw",
            "has the scheme `https`",
            "s3://b-1/a/b.raw",
        ),
        (
            "https://b.1.s3.eu-west-1.amazonaws.com/a.raw",
            "has the scheme",
            "s3://b.1/a.raw",
        ),
        (
            "https://s3.eu-west-1.amazonaws.com/bucket/a.raw",
            "has the scheme",
            "s3://bucket/a.raw",
        ),
        (
            "https://bucket.s3.amazonaws.com/a%20b.raw",
            "has the scheme",
            "",
        ),
        ("https://example.com/bucket/a.raw", "has the scheme", ""),
        ("gs://bucket/a.raw", "has the scheme `gs`", ""),
        (
            "s3a://bucket/a.raw",
            "has the scheme `s3a`",
            "s3://bucket/a.raw",
        ),
        (
            "S3://bucket/a.raw",
            "has the scheme `S3`",
            "s3://bucket/a.raw",
        ),
        (
            "s3:/bucket/a.raw",
            "is not an S3 address",
            "s3://bucket/a.raw",
        ),
        (
            "arn:aws:s3:::bucket/a.raw",
            "is an ARN",
            "s3://bucket/a.raw",
        ),
        (
            "arn:aws-cn:s3:::bucket/a.raw",
            "is an ARN",
            "s3://bucket/a.raw",
        ),
        ("arn:aws:s3:::bucket", "is an ARN", ""),
        ("arn:aws:ec2:us-east-1::image/ami-1", "is an ARN", ""),
        (
            "s3://bucket/a.raw?versionId=x",
            "names a version",
            "s3://bucket/a.raw",
        ),
        ("a.raw?versionId=x", "names a version", ""),
        ("C:\\disks\\a.raw", "is a file of your machine", ""),
        ("d:/disks/a.raw", "is a file of your machine", ""),
        ("disks\\a.raw", "is a file of your machine", ""),
    ] {
        let location = Location::new(text);
        let found = location.fault().unwrap_or_default();
        assert!(found.starts_with(fault), "{text}: {found}");
        let address = location.probable_address();
        let address = address.map(|address| address.to_string());
        assert_eq!(address.unwrap_or_default(), meant, "{text}");
    }
    assert_eq!(Location::new("a:b.raw").fault(), None);
    assert_eq!(Location::new("a.raw?x=1").fault(), None);
}

#[test]
fn unusual_but_good_locations_have_none() {
    for text in [
        "web image.vmdk",
        "wäb.vmdk",
        "a+b/100%.raw",
        "..web",
        "web..vmdk",
        "s3://my.bucket-1/k",
    ] {
        assert_eq!(Location::new(text).fault(), None, "{text}");
    }
}
