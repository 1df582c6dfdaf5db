//! The Describe calls: filters, pages, tags.

use super::*;

async fn found(world: &World, fields: &str) -> Vec<String> {
    let xml = world.ok("DescribeImages", fields).await;
    let mut names = texts(&xml, "name");
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn filters_images() {
    let world = World::new();
    let tag = "TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web";
    world.register("web-1", tag).await;
    world
        .register("web-2", "Architecture=arm64&EnaSupport=true&BootMode=uefi")
        .await;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("name", &["web-*"], &["web-1", "web-2"]),
        ("name", &["web-?", "none"], &["web-1", "web-2"]),
        ("name", &[r"web-\*"], &[]),
        ("tag:team", &["w*"], &["web-1"]),
        ("tag-key", &["team"], &["web-1"]),
        ("architecture", &["arm64"], &["web-2"]),
        ("ena-support", &["false"], &["web-1"]),
        ("boot-mode", &["uefi*"], &["web-2"]),
        ("state", &["pending"], &["web-1", "web-2"]),
        ("state", &["available"], &[]),
        ("creation-date", &["2026-11-21T*"], &["web-1", "web-2"]),
        (
            "block-device-mapping.snapshot-id",
            &[SNAPSHOT],
            &["web-1", "web-2"],
        ),
        ("block-device-mapping.volume-size", &["9"], &[]),
        ("is-public", &["true"], &[]),
        ("owner-id", &["000000000000"], &["web-1", "web-2"]),
        ("image-watermark.watermark-key", &["*"], &[]),
    ];
    for (name, values, expected) in cases {
        let values: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(i, v)| format!("Filter.1.Value.{}={v}", i + 1))
            .collect();
        let fields = format!("Filter.1.Name={name}&{}", values.join("&"));
        assert_eq!(found(&world, &fields).await, *expected, "{fields}");
    }
    let both = "Filter.1.Name=name&Filter.1.Value.1=web-*&Filter.2.Name=architecture&Filter.2.Value.1=x86_64";
    assert_eq!(found(&world, both).await, ["web-1"]);
}

#[tokio::test(start_paused = true)]
async fn refuses_wrong_questions() {
    let world = World::new();
    let many: Vec<String> = (1..=201)
        .map(|n| format!("Filter.1.Value.{n}=v{n}"))
        .collect();
    let (one, other) = ("ami-0123456789abcdef0", "ami-0123456789abcdef1");
    let cases = [
        (
            format!("ImageId.1={one}"),
            format!("InvalidAMIID.NotFound: The image id '[{one}]' does not exist"),
        ),
        (
            format!("ImageId.1={one}&ImageId.2={other}"),
            format!("InvalidAMIID.NotFound: The image ids '[{one}, {other}]' do not exist"),
        ),
        (
            "ImageId.1=web".to_owned(),
            "InvalidAMIID.Malformed: Invalid id: \"web\" (expecting \"ami-...\")".to_owned(),
        ),
        (
            "ImageId.1=ami-XYZ".to_owned(),
            "InvalidAMIID.Malformed: Invalid id: \"ami-XYZ\"".to_owned(),
        ),
        (
            "Filter.1.Name=colour&Filter.1.Value.1=red".to_owned(),
            "InvalidParameterValue: The filter 'colour' is invalid".to_owned(),
        ),
        (
            format!("Filter.1.Name=name&{}", many.join("&")),
            "FilterLimitExceeded".to_owned(),
        ),
        (
            "MaxResults=0".to_owned(),
            "InvalidParameterValue".to_owned(),
        ),
        (
            "MaxResults=1001".to_owned(),
            "InvalidParameterValue".to_owned(),
        ),
        (
            "NextToken=?".to_owned(),
            "InvalidPaginationToken".to_owned(),
        ),
        (
            "Owner.1=me".to_owned(),
            "InvalidUserID.Malformed".to_owned(),
        ),
        ("DryRun=true".to_owned(), "DryRunOperation".to_owned()),
    ];
    for (fields, expected) in cases {
        let error = world.refused("DescribeImages", &fields).await;
        assert!(error.starts_with(&expected), "{fields}\n  {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_through_images() {
    let world = World::new();
    for n in 0..5 {
        world.register(&format!("web-{n}"), "").await;
    }
    let (mut names, mut token) = (Vec::new(), String::new());
    for _page in 0..3 {
        let xml = world
            .ok(
                "DescribeImages",
                &format!("Owner.1=self&MaxResults=2{token}"),
            )
            .await;
        names.extend(texts(&xml, "name"));
        token = match text(&xml, "nextToken") {
            next if next.is_empty() => break,
            next => format!("&NextToken={next}"),
        };
    }
    names.sort();
    assert_eq!(names, ["web-0", "web-1", "web-2", "web-3", "web-4"]);
    assert_eq!(found(&world, "Owner.1=amazon").await, [""; 0]);
    assert_eq!(found(&world, "ExecutableBy.1=all").await, [""; 0]);
    assert_eq!(found(&world, "Owner.1=000000000000").await.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_page_may_hold_less_than_was_asked_for() {
    let world = World::new();
    for n in 0..3 {
        world.register(&format!("web-{n}"), "").await;
    }
    world.ec2.set_page_limit(2);
    let of = async |token: &str| {
        let fields = format!("Owner.1=self&MaxResults=100{token}");
        world.ok("DescribeImages", &fields).await
    };
    let first = of("").await;
    let second = of(&format!("&NextToken={}", text(&first, "nextToken"))).await;
    assert_eq!(
        [texts(&first, "name").len(), texts(&second, "name").len()],
        [2, 1]
    );
    assert_eq!(text(&second, "nextToken"), "");
    // Without `MaxResults` there are no pages.
    assert_eq!(found(&world, "Owner.1=self").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn tags_and_finds_by_tag() {
    let world = World::new();
    let id = world.register("web", "").await;
    let fields =
        format!("ResourceId.1={id}&ResourceId.2={SNAPSHOT}&Tag.1.Key=stage&Tag.1.Value=live");
    world.ok("CreateTags", &fields).await;
    assert_eq!(world.image(&id).tags["stage"], "live");
    let by_tag = "Filter.1.Name=tag:stage&Filter.1.Value.1=live";
    let snapshots = world
        .ok("DescribeSnapshots", &format!("Owner.1=self&{by_tag}"))
        .await;
    assert_eq!(texts(&snapshots, "snapshotId"), [SNAPSHOT]);
    let tags = world
        .ok(
            "DescribeTags",
            "Filter.1.Name=resource-type&Filter.1.Value.1=image",
        )
        .await;
    assert_eq!(
        (texts(&tags, "resourceId"), text(&tags, "value")),
        (vec![id], "live".to_owned())
    );
    let lost = "ResourceId.1=snap-0123456789abcdef9&Tag.1.Key=a";
    assert!(
        world
            .refused("CreateTags", lost)
            .await
            .starts_with("InvalidSnapshot.NotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn pages_hold_what_is_named_and_nothing_else() {
    let world = World::new();
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(world.register(&format!("web-{n}"), "").await);
    }
    let named: Vec<String> = (0..4)
        .map(|n| format!("Filter.1.Value.{}={}", n + 1, ids[n]))
        .collect();
    let by_filter = format!("Filter.1.Name=image-id&{}", named.join("&"));
    let first = world
        .ok("DescribeImages", &format!("{by_filter}&MaxResults=3"))
        .await;
    let next = format!("{by_filter}&NextToken={}", text(&first, "nextToken"));
    let rest = world.ok("DescribeImages", &next).await;
    let mut found = texts(&first, "imageId");
    assert_eq!(found.len(), 3);
    found.extend(texts(&rest, "imageId"));
    let mut expected = ids[..4].to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let all = format!(
        "Filter.1.Name=image-id&Filter.1.Value.1={}&Filter.1.Value.2=ami-*",
        ids[0]
    );
    assert_eq!(self::found(&world, &all).await.len(), 6);
    let both = world
        .refused(
            "DescribeImages",
            &format!("ImageId.1={}&MaxResults=5", ids[0]),
        )
        .await;
    assert_eq!(
        both,
        "InvalidParameterCombination: The parameter imageIdsSet cannot be used with the parameter maxResults"
    );
    let both = format!("SnapshotId.1={SNAPSHOT}&MaxResults=5");
    let both = world.refused("DescribeSnapshots", &both).await;
    assert!(both.starts_with("InvalidParameterCombination"), "{both}");
}

#[tokio::test(start_paused = true)]
async fn regions_are_those_of_every_account_and_those_spoken_to() {
    let world = World::new();
    let regions = texts(&world.ok("DescribeRegions", "").await, "regionName");
    assert_eq!(regions.len(), 17);
    world.ec2.set_opted_in("eu-south-1", true);
    let (_, xml) = world
        .send_to("eu-south-1", "DescribeRegions", "RegionName.1=eu-south-1")
        .await;
    assert_eq!(
        (text(&xml, "regionEndpoint"), text(&xml, "optInStatus")),
        ("ec2.eu-south-1.amazonaws.com".into(), "opted-in".into())
    );
    let by_name = "Filter.1.Name=region-name&Filter.1.Value.1=us-west-?";
    let regions = texts(&world.ok("DescribeRegions", by_name).await, "regionName");
    assert_eq!(regions, ["us-west-1", "us-west-2"]);
    let lost = world
        .refused("DescribeRegions", "RegionName.1=us--east-1")
        .await;
    assert_eq!(lost, "InvalidParameterValue: Invalid region: [us--east-1]");
    let all = texts(
        &world.ok("DescribeRegions", "AllRegions=true").await,
        "regionName",
    );
    assert_eq!(all.len(), 34);
}
