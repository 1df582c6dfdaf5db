//! The manifest: its problems, and what the stack's parameters do not let it ask for.

use jiff::Timestamp;

use super::finding::Check;
use super::scene::{ManifestFile, Scene};
use crate::manifest::Problem;
use crate::manifest::guardrails::{Guardrails, PARAMETERS};
use crate::manifest::image::{self, ImageManifest};

/// The lines, and what the manifest asks for, also where the stack does not let it.
pub(super) fn check(
    scene: &Scene<'_>,
    manifest: &ManifestFile,
    now: Timestamp,
) -> (Vec<Check>, Option<ImageManifest>) {
    let (name, content) = (manifest.name.as_str(), &manifest.content);
    let subject = format!("manifest {name}");
    let mut open = Guardrails::open();
    open.region = Some(scene.home().to_owned());
    open.account = Some(scene.account.clone());
    let spec = image::parse_within(name, content, now, &open).ok();
    let guardrails = match guardrails(scene) {
        None => None,
        Some(Ok(guardrails)) => Some(guardrails),
        Some(Err(invalid)) => {
            let next = "correct the parameter and deploy the stack again";
            return (vec![Check::todo("guardrails", invalid, next)], spec);
        }
    };
    let is_known = guardrails.is_some();
    let guardrails = guardrails.unwrap_or(open);
    let checks = match image::parse_within(name, content, now, &guardrails) {
        Err(problems) => problems.iter().map(|it| problem(&subject, it)).collect(),
        Ok(_) if is_known => vec![Check::ok(
            subject,
            "no problems, and the stack's parameters let it through",
        )],
        Ok(_) => vec![Check::unknown(
            subject,
            "no problems, but without the stack its parameters (guardrails) are not known",
        )],
    };
    (checks, spec)
}

/// What the stack lets manifests ask for; none without a stack.
fn guardrails(scene: &Scene<'_>) -> Option<Result<Guardrails, String>> {
    scene.stack?;
    let mut guardrails = Guardrails {
        bucket: scene.output("BucketName").map(str::to_owned),
        region: Some(scene.home().to_owned()),
        account: Some(scene.account.clone()),
        ..Guardrails::default()
    };
    for parameter in PARAMETERS {
        let value = scene.parameter(parameter.name).unwrap_or_default();
        if let Err(invalid) = parameter.set(&mut guardrails, value) {
            return Some(Err(invalid.to_string()));
        }
    }
    Some(Ok(guardrails))
}

fn problem(subject: &str, problem: &Problem) -> Check {
    let line = problem.line.map(|line| format!("line {line}: "));
    let path = match problem.path.as_str() {
        "" => String::new(),
        path => format!("{path}: "),
    };
    let what = format!("{}{path}{}", line.unwrap_or_default(), problem.message);
    let next = problem.hint.as_deref();
    Check::todo(subject, what, next.unwrap_or("fix the manifest"))
}
