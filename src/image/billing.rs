//! What instances of an AMI are billed by, and what an AMI that is registered from a snapshot may lose of it.
//!
//! "AMIs for Windows, RedHat, SUSE, and SQL Server require correct licensing information to be present on the AMI.
//! \[RegisterImage\] derives the correct billing information from the snapshot's metadata, but this requires the appropriate
//! metadata to be present" (EC2 API Reference, RegisterImage). EC2 does not show that metadata. What the other AMIs of the
//! same snapshot are billed by tells what to expect; what the new one is billed by is seen once EC2 shows it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What instances of an AMI are billed by, as DescribeImages shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Billing {
    /// `Linux/UNIX`, `Red Hat Enterprise Linux`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_details: Option<String>,
    /// `RunInstances`, `RunInstances:0010`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_operation: Option<String>,
    /// The product codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_codes: Vec<String>,
}

/// Operations of systems that need no license from AWS: Linux, and Red Hat with a subscription of one's own ("AMI billing
/// information fields", EC2 User Guide).
const UNLICENSED: [&str; 2] = ["RunInstances", "RunInstances:00g0"];

impl Billing {
    /// Whether EC2 has said anything.
    #[must_use]
    pub fn is_known(&self) -> bool {
        *self != Self::default()
    }

    /// Whether the instances run Windows, with a license of AWS's or with one of one's own: all of the table's platforms
    /// that are Windows begin so.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        let details = self.platform_details.as_deref();
        details.is_some_and(|details| details.starts_with("Windows"))
    }

    /// Whether a license comes with the instances. Operations that are not known count as one: there are more than the
    /// table has.
    #[must_use]
    pub fn has_license(&self) -> bool {
        let operation = self.usage_operation.as_deref();
        operation.is_some_and(|operation| !UNLICENSED.contains(&operation))
    }
}

/// `Red Hat Enterprise Linux (RunInstances:0010)`. Product codes are listed apart.
impl fmt::Display for Billing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.platform_details, &self.usage_operation) {
            (Some(details), Some(operation)) => write!(f, "{details} ({operation})"),
            (Some(only), None) | (None, Some(only)) => f.write_str(only),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// An AMI that uses a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotUser {
    /// The AMI.
    pub image: String,
    /// The snapshot of its root volume.
    pub root_snapshot: Option<String>,
    /// Whether EC2 calls its platform `windows`.
    pub is_windows: bool,
    /// The codes of AWS Marketplace among its product codes.
    pub marketplace_codes: Vec<String>,
    /// What its instances are billed by.
    pub billing: Billing,
}

/// The AMI of the same snapshot whose license the registered one may lose, as a status keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LicensedSource {
    /// That AMI.
    pub image: String,
    /// What its instances are billed by.
    #[serde(flatten)]
    pub billing: Billing,
}

/// Why a snapshot is not registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRegistrable<'a> {
    /// It has Windows on it: "You can use RegisterImage to create an Amazon EBS-backed Linux AMI" (EC2 API Reference).
    Windows {
        /// The snapshot.
        snapshot: &'a str,
        /// The AMI of it that says so.
        user: &'a SnapshotUser,
    },
    /// It has a product code of AWS Marketplace and is not for the root volume: the code of a root snapshot goes along,
    /// and with that of another one EC2 registers nothing.
    SecondaryCode {
        /// The snapshot.
        snapshot: &'a str,
        /// The code.
        code: &'a str,
        /// The AMI with this snapshot as its root that says so.
        user: &'a SnapshotUser,
    },
}

/// Why these snapshots are not to be registered, the root's first; none if nothing is known against it.
///
/// Only an AMI that has a snapshot as its root says something about it: the license and the codes of an AMI are those of
/// its root.
#[must_use]
pub fn not_registrable<'a>(
    root: &'a str,
    others: &[&'a str],
    users: &'a [SnapshotUser],
) -> Option<NotRegistrable<'a>> {
    let of_root = rooted_in(root, users).find(|it| it.is_windows || it.billing.is_windows());
    if let Some(user) = of_root {
        return Some(NotRegistrable::Windows {
            snapshot: root,
            user,
        });
    }
    others.iter().find_map(|&snapshot| {
        let mut users = rooted_in(snapshot, users);
        users.find_map(|user| {
            let code = user.marketplace_codes.first()?;
            Some(NotRegistrable::SecondaryCode {
                snapshot,
                code,
                user,
            })
        })
    })
}

/// The AMI of the root snapshot whose license may be lost; of several the one with the smallest id, so that it is the
/// same one at every look.
#[must_use]
pub fn license_at_risk(root: &str, users: &[SnapshotUser]) -> Option<LicensedSource> {
    let licensed = rooted_in(root, users).filter(|user| user.billing.has_license());
    let user = licensed.min_by(|one, other| one.image.cmp(&other.image))?;
    let mut billing = user.billing.clone();
    billing.product_codes.clear();
    Some(LicensedSource {
        image: user.image.clone(),
        billing,
    })
}

/// Whether an AMI lacks the license of that source. Not before EC2 has shown what it is billed by.
#[must_use]
pub fn is_lost(billing: Option<&Billing>, source: &LicensedSource) -> bool {
    let known = billing.filter(|billing| billing.is_known());
    known.is_some_and(|billing| billing.usage_operation != source.billing.usage_operation)
}

fn rooted_in<'a>(
    snapshot: &'a str,
    users: &'a [SnapshotUser],
) -> impl Iterator<Item = &'a SnapshotUser> {
    let is_root = move |user: &&SnapshotUser| user.root_snapshot.as_deref() == Some(snapshot);
    users.iter().filter(is_root)
}
