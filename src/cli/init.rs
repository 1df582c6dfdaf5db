//! `amiwright init [SOURCE]`: writes a first manifest to begin from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::text::plain;
use crate::cli::error::Error;

/// Arguments of `amiwright init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the image is made from
    #[arg(value_enum, default_value_t = Template::Snapshot)]
    source: Template,
    /// The file to write, which must not be there yet; `-` is standard output
    #[arg(value_name = "FILE", default_value = "web.image.yaml")]
    file: PathBuf,
}

/// What the image of a first manifest is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// An EBS snapshot
    Snapshot,
    /// A disk file
    Disk,
    /// A virtual machine's file
    Vm,
    /// An AMI of this account, or of another
    Image,
    /// A bundle of the AMI tools
    Bundle,
    /// An AMI that was stored in S3
    Stored,
}

impl Template {
    /// The commented manifest: one of the examples, which the tests run.
    fn text(self) -> &'static str {
        match self {
            Self::Snapshot => include_str!("../../examples/web.image.yaml"),
            Self::Disk => include_str!("../../examples/disk.image.yaml"),
            Self::Vm => include_str!("../../examples/vm.image.yaml"),
            Self::Image => include_str!("../../examples/copy.image.yaml"),
            Self::Bundle => include_str!("../../examples/paid.image.yaml"),
            Self::Stored => include_str!("../../examples/stored.image.yaml"),
        }
    }
}

/// Writes the manifest. A file that is there is never overwritten.
///
/// # Errors
/// If the file is there or cannot be written, or its name is not that of a manifest.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let text = args.source.text();
    if args.file.as_os_str() == "-" {
        out.write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = plain(&args.file.display().to_string());
    if !name.ends_with(".image.yaml") && !name.ends_with(".image.yml") {
        let error = Error::new(format!("{name} is not the file name of a manifest in YAML"));
        return Err(error.with_hint("name it NAME.image.yaml"));
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::new(format!("{name} is there already"))
            .with_hint("name another file, or remove it"),
        _ => Error::from_source(format!("cannot write {name}"), error),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| Error::from_source(format!("cannot write {name}"), error))?;
    writeln!(
        out,
        "{name} is written: put in what is yours, then run\n  amiwright check {name}"
    )?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::image;

    #[test]
    fn each_first_manifest_is_written_once_and_passes_the_checks() {
        let folder = tempfile::tempdir().unwrap();
        for source in Template::value_variants() {
            let args = Args {
                source: *source,
                file: folder.path().join(format!("{source:?}.image.yaml")),
            };
            let mut out = Vec::new();
            run(&args, &mut out).unwrap();
            assert!(String::from_utf8(out).unwrap().contains("amiwright check"));
            let written = std::fs::read(&args.file).unwrap();
            let now = "2026-11-21T10:00:00Z".parse().unwrap();
            let manifest = image::parse("web.image.yaml", &written, now).unwrap();
            let kind = source.to_possible_value().unwrap();
            assert_eq!(manifest.build.source.kind(), kind.get_name());
            let again = run(&args, &mut Vec::new()).unwrap_err();
            assert!(
                again.report().contains("is there already"),
                "{}",
                again.report()
            );
            assert_eq!(std::fs::read(&args.file).unwrap(), written);
        }
    }

    #[test]
    fn a_file_that_would_be_no_manifest_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            source: Template::Disk,
            file: folder.path().join("web.yaml"),
        };
        let refused = run(&args, &mut Vec::new()).unwrap_err();
        assert!(refused.report().contains("name it NAME.image.yaml"));
        assert!(!args.file.exists());
    }
}
