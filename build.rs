//! Sets `AMIWRIGHT_VERSION`, which `src/version.rs` reads: the version and, in release builds, the commit. And how the
//! functions are linked in release builds, as `sam build` passes no flags on.

use std::path::PathBuf;
use std::process::Command;

/// Leaves out what only unwinding reads: panics abort (`Cargo.toml`), and it takes a tenth of each zipped function.
const WITHOUT_UNWINDING: &str =
    "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) } } INSERT AFTER .text;\n";

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    // In development a new commit alone is no reason to compile everything again.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = is_release.then(commit).flatten();
    let version = match commit {
        Some(commit) => format!("{version}-{commit}"),
        None if is_release => version,
        None => format!("{version}-dev"),
    };
    println!("cargo::rustc-env=AMIWRIGHT_VERSION={version}");
    if is_release && is_for_lambda() {
        let script = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
        let script = script.join("without-unwinding.ld");
        std::fs::write(&script, WITHOUT_UNWINDING)?;
        for function in ["register-image", "advance-tasks", "notify"] {
            // At a fixed address nothing has to be relocated at start: sooner there, and a fifth less memory.
            println!("cargo::rustc-link-arg-bin={function}=-no-pie");
            println!(
                "cargo::rustc-link-arg-bin={function}=-Wl,-T,{}",
                script.display()
            );
        }
    }
    Ok(())
}

/// Whether the target is one of those that functions are deployed for: Linux with its C library linked at run time.
fn is_for_lambda() -> bool {
    let of_target =
        |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_static = of_target("FEATURE").split(',').any(|it| it == "crt-static");
    of_target("OS") == "linux" && of_target("ENV") == "gnu" && !is_static
}

/// The commit that is checked out, with `-dirty` where files were changed since; none outside a Git repository, as in
/// an archive of the sources.
fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    for path in [
        head.as_str(),
        "src",
        "manifest/src",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    git(&[
        "describe",
        "--always",
        "--exclude=*",
        "--abbrev=12",
        "--dirty",
    ])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
