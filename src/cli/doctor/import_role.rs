//! The role that VM Import reads disks with.

use super::finding::Check;
use super::scene::Scene;
use crate::manifest::image::Source;

/// EC2's own default ("Required service role", VM Import/Export User Guide).
const DEFAULT: &str = "vmimport";

/// The service that assumes it. In AWS China its name ends otherwise.
const SERVICE: &str = "vmie.";

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let imports = match scene.source() {
        Some(Source::Disk(_) | Source::Vm(_)) => true,
        Some(_) => return Vec::new(),
        None => false,
    };
    let name = scene.parameter("VmImportRole").unwrap_or(DEFAULT);
    let subject = format!("role {name}");
    let next = "create it as the VM Import/Export User Guide says (\"Required service role\"), or set VmImportRole";
    vec![match scene.aws.services_of_role(name).await {
        Ok(Some(services)) if services.iter().any(|it| it.starts_with(SERVICE)) => Check::ok(
            subject,
            "VM Import may assume it; what it may read is not checked",
        ),
        Ok(Some(_)) => {
            let what = "its trust policy does not let VM Import (vmie.amazonaws.com) assume it";
            Check::todo(subject, what, next)
        }
        Ok(None) if imports => Check::todo(subject, "it does not exist", next),
        Ok(None) => Check::ok(
            subject,
            "does not exist; only the sources disk and vm need it",
        ),
        Err(error) => Check::not_seen(subject, &format!("iam:GetRole on role/{name}"), &error),
    }]
}
