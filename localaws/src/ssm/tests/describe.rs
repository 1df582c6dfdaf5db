//! DescribeParameters, and filters of parameters.

use super::*;

#[tokio::test(start_paused = true)]
async fn parameters_are_described_by_filters_and_in_pages() {
    let world = World::new();
    for name in ["/a/one", "/a/b/two", "plain"] {
        world.put(name, "x").await;
    }
    let secret = json!({"Name": "/a/secret", "Value": "x", "Type": "SecureString", "Description": "d",
                        "Tags": [{"Key": "team", "Value": "web"}]});
    world.ok("PutParameter", secret).await;
    let found = async |filter: Value| {
        let answer = world
            .ok("DescribeParameters", json!({"ParameterFilters": [filter]}))
            .await;
        let found = answer["Parameters"].as_array().unwrap().clone();
        let names = found
            .iter()
            .map(|it| it["Name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    for (key, option, value, expected) in [
        ("Name", "Equals", "/a/one", &["/a/one"][..]),
        (
            "Name",
            "BeginsWith",
            "/a/",
            &["/a/b/two", "/a/one", "/a/secret"],
        ),
        ("Name", "Contains", "la", &["plain"]),
        ("Type", "Equals", "SecureString", &["/a/secret"]),
        ("KeyId", "Equals", "alias/aws/ssm", &["/a/secret"]),
        ("Path", "OneLevel", "/a", &["/a/one", "/a/secret"]),
        (
            "Path",
            "Recursive",
            "/a",
            &["/a/b/two", "/a/one", "/a/secret"],
        ),
        ("tag:team", "BeginsWith", "w", &["/a/secret"]),
        ("Tier", "Equals", "Advanced", &[]),
    ] {
        let filter = json!({"Key": key, "Option": option, "Values": [value]});
        assert_eq!(found(filter).await, expected, "{key} {option} {value}");
    }
    assert_eq!(found(json!({"Key": "tag:team"})).await, ["/a/secret"]);
    let by_path =
        json!({"Path": "/a", "ParameterFilters": [{"Key": "Type", "Values": ["String"]}]});
    let by_path = world.ok("GetParametersByPath", by_path).await;
    assert_eq!(by_path["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(by_path["Parameters"][0]["Name"], "/a/one");
}

#[tokio::test(start_paused = true)]
async fn descriptions_have_no_values_and_come_in_pages() {
    let world = World::new();
    for name in ["/a/one", "plain"] {
        world.put(name, "x").await;
    }
    let described = json!({"Name": "/a/two", "Value": "x", "Type": "String", "Description": "d"});
    world.ok("PutParameter", described).await;
    let first = json!({"MaxResults": 2});
    let first = world.ok("DescribeParameters", first).await;
    assert_eq!(first["Parameters"][1]["Description"], "d");
    assert_eq!(
        first["Parameters"][1]["Value"],
        Value::Null,
        "never a value"
    );
    let rest = json!({"NextToken": first["NextToken"]});
    let rest = world.ok("DescribeParameters", rest).await;
    assert_eq!(rest["Parameters"][0]["Name"], "plain");
    assert_eq!(rest["NextToken"], Value::Null);

    for (filter, code) in [
        (
            json!({"Key": "Colour", "Values": ["x"]}),
            "InvalidFilterKey",
        ),
        (json!({"Key": "Label", "Values": ["x"]}), "InvalidFilterKey"),
        (
            json!({"Key": "Name", "Option": "Recursive", "Values": ["x"]}),
            "InvalidFilterOption",
        ),
        (json!({"Key": "Name"}), "InvalidFilterValue"),
    ] {
        let asked = json!({"ParameterFilters": [filter]});
        let refused = world.refused("DescribeParameters", asked).await;
        assert!(refused.starts_with(code), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_filters_are_refused() {
    let world = World::new();
    for (filters, code) in [
        (
            json!([{"Key": "Path", "Values": ["a"]}]),
            "ValidationException",
        ),
        (
            json!([{"Key": "Path", "Values": ["//"]}]),
            "ValidationException",
        ),
        (
            json!([{"Key": "Path", "Values": ["/aws/a"]}]),
            "ValidationException: Filters for common parameters",
        ),
        (
            json!([{"Key": "Name", "Values": ["a"]}, {"Key": "Name", "Values": ["b"]}]),
            "InvalidFilterKey: The following filter is duplicated",
        ),
    ] {
        let asked = json!({"ParameterFilters": filters});
        let refused = world.refused("DescribeParameters", asked).await;
        assert!(refused.starts_with(code), "{refused}");
    }
}
