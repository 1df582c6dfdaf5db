//! What an AMI that is registered from a snapshot may lose.

use crate::image::billing::{
    Billing, LicensedSource, NotRegistrable, SnapshotUser, is_lost, license_at_risk,
    not_registrable,
};

const ROOT: &str = "snap-1";
const DATA: &str = "snap-2";

fn billing(details: &str, operation: &str) -> Billing {
    Billing {
        platform_details: Some(details.to_owned()),
        usage_operation: Some(operation.to_owned()),
        product_codes: Vec::new(),
    }
}

fn user(image: &str, root: &str, billing: Billing) -> SnapshotUser {
    SnapshotUser {
        image: image.to_owned(),
        root_snapshot: Some(root.to_owned()),
        billing,
        ..SnapshotUser::default()
    }
}

/// "AMI billing information fields" (EC2 User Guide): platform details, usage operation, and whether a license comes with
/// it.
const PLATFORMS: [(&str, &str, bool); 12] = [
    ("Linux/UNIX", "RunInstances", false),
    ("Red Hat BYOL Linux", "RunInstances:00g0", false),
    ("Red Hat Enterprise Linux", "RunInstances:0010", true),
    (
        "Red Hat Enterprise Linux with HA",
        "RunInstances:1010",
        true,
    ),
    ("SQL Server Standard", "RunInstances:0004", true),
    ("SUSE Linux", "RunInstances:000g", true),
    ("Ubuntu Pro", "RunInstances:0g00", true),
    ("Windows", "RunInstances:0002", true),
    ("Windows BYOL", "RunInstances:0800", true),
    (
        "Windows with SQL Server Enterprise",
        "RunInstances:0102",
        true,
    ),
    ("Windows with SQL Server Web", "RunInstances:0202", true),
    ("Something new", "RunInstances:9999", true),
];

#[test]
fn licenses_and_windows_are_told_by_the_published_table() {
    for (details, operation, licensed) in PLATFORMS {
        let billing = billing(details, operation);
        assert_eq!(billing.has_license(), licensed, "{details}");
        assert_eq!(
            billing.is_windows(),
            details.starts_with("Windows"),
            "{details}"
        );
        let users = [user("ami-1", ROOT, billing.clone())];
        assert_eq!(
            license_at_risk(ROOT, &users).is_some(),
            licensed,
            "{details}"
        );
        let refused = not_registrable(ROOT, &[], &users);
        assert_eq!(refused.is_some(), billing.is_windows(), "{details}");
    }
    assert!(!Billing::default().has_license());
}

#[test]
fn a_windows_ami_of_one_s_own_license_is_told_by_its_platform() {
    let users = [SnapshotUser {
        is_windows: true,
        ..user("ami-1", ROOT, billing("", "RunInstances:0800"))
    }];
    let expected = NotRegistrable::Windows {
        snapshot: ROOT,
        user: &users[0],
    };
    assert_eq!(not_registrable(ROOT, &[], &users), Some(expected));
}

#[test]
fn an_ami_says_something_about_the_snapshot_of_its_root_only() {
    let windows = billing("Windows", "RunInstances:0002");
    let mut users = [
        user("ami-1", DATA, windows.clone()),
        user("ami-2", ROOT, windows),
    ];
    // The data disk of a new AMI may have been the root of a Windows machine.
    assert_eq!(not_registrable(ROOT, &[DATA], &users[..1]), None);
    assert_eq!(license_at_risk(ROOT, &users[..1]), None);
    users[1].root_snapshot = None;
    assert_eq!(not_registrable(ROOT, &[DATA], &users), None);
}

#[test]
fn a_code_of_the_marketplace_is_refused_on_a_secondary_snapshot_only() {
    let linux = billing("Linux/UNIX", "RunInstances");
    let users = [SnapshotUser {
        marketplace_codes: vec!["abc123".to_owned()],
        ..user("ami-1", DATA, linux)
    }];
    assert_eq!(not_registrable(DATA, &[], &users), None);
    let expected = NotRegistrable::SecondaryCode {
        snapshot: DATA,
        code: "abc123",
        user: &users[0],
    };
    assert_eq!(not_registrable(ROOT, &[DATA], &users), Some(expected));
}

#[test]
fn of_several_licensed_amis_the_same_one_is_named_every_time() {
    let red_hat = || billing("Red Hat Enterprise Linux", "RunInstances:0010");
    let mut users = vec![
        user("ami-3", ROOT, red_hat()),
        user("ami-1", ROOT, billing("Linux/UNIX", "RunInstances")),
        user("ami-2", ROOT, red_hat()),
    ];
    assert_eq!(license_at_risk(ROOT, &users).unwrap().image, "ami-2");
    users.reverse();
    assert_eq!(license_at_risk(ROOT, &users).unwrap().image, "ami-2");
}

#[test]
fn a_license_is_lost_once_ec2_shows_another_operation() {
    let red_hat = billing("Red Hat Enterprise Linux", "RunInstances:0010");
    let source = LicensedSource {
        image: "ami-1".to_owned(),
        billing: red_hat.clone(),
    };
    assert!(!is_lost(None, &source));
    assert!(!is_lost(Some(&Billing::default()), &source));
    assert!(!is_lost(Some(&red_hat), &source));
    assert!(is_lost(
        Some(&billing("Linux/UNIX", "RunInstances")),
        &source
    ));
}
