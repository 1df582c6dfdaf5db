//! `amiwright init [SOURCE]`: writes a first manifest to begin from.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::options::Options;
use super::text::plain;
use crate::cli::error::Error;
use crate::image::message::shell_word;

/// How the files are named that begin an image.
const ENDINGS: [&str; 2] = [".image.yaml", ".image.yml"];
/// How the AMI tools name the manifest of a bundle.
const BUNDLE: &str = ".manifest.xml";
/// The bundle of the example.
const BUNDLE_OF_EXAMPLE: &str = "image.manifest.xml";
/// The name of a manifest that is not written into a file.
const USUAL_NAME: &str = "web";

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
    /// The commented manifest for a file `NAME.image.yaml`: one of the examples, which the tests run.
    fn text(self, name: &str) -> String {
        let example = match self {
            Self::Snapshot => include_str!("../../examples/web.image.yaml"),
            Self::Disk => include_str!("../../examples/disk.image.yaml"),
            Self::Vm => include_str!("../../examples/vm.image.yaml"),
            Self::Image => include_str!("../../examples/copy.image.yaml"),
            Self::Bundle => include_str!("../../examples/bundle/image.image.yaml"),
            Self::Stored => include_str!("../../examples/stored.image.yaml"),
        };
        match self {
            // Under another name, the manifest would not be about the bundle that is pushed with it.
            Self::Bundle => {
                example.replace(BUNDLE_OF_EXAMPLE, &in_yaml(&format!("{name}{BUNDLE}")))
            }
            _ => example.to_owned(),
        }
    }
}

/// A text as a value of YAML: in quotes if it has characters that may mean something there.
fn in_yaml(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text.starts_with(char::is_alphabetic) && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Writes the manifest. A file that is there is never overwritten.
///
/// # Errors
/// If the file is there or cannot be written, or its name is not that of a manifest.
pub(super) fn run(args: &Args, options: &Options, out: &mut dyn Write) -> Result<ExitCode, Error> {
    if args.file.as_os_str() == "-" {
        out.write_all(args.source.text(USUAL_NAME).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = plain(&args.file.display().to_string());
    let file_name = args.file.file_name().and_then(|name| name.to_str());
    let stem = file_name.and_then(|name| ENDINGS.iter().find_map(|it| name.strip_suffix(it)));
    let is_name = |stem: &&str| !stem.is_empty() && !stem.contains(char::is_control);
    let Some(stem) = stem.filter(is_name) else {
        let error = Error::new(format!("{name} is not the file name of a manifest in YAML"));
        return Err(error.with_hint("name it NAME.image.yaml"));
    };
    let text = args.source.text(stem);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::new(format!("{name} is there already"))
            .with_hint("name another file, or remove it"),
        _ => Error::from_source(format!("cannot write {name}"), error),
    })?;
    if let Err(error) = file.write_all(text.as_bytes()) {
        // Half of it would be in the way of the next time; that it cannot be removed is no better news.
        let _ = fs::remove_file(&args.file);
        return Err(Error::from_source(format!("cannot write {name}"), error));
    }
    if options.is_quiet() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "{name} is written: put in what is yours, then run\n  amiwright check {}",
        shell_word(&name)
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
            run(&args, &Options::default(), &mut out).unwrap();
            assert!(String::from_utf8(out).unwrap().contains("amiwright check"));
            let written = std::fs::read(&args.file).unwrap();
            let now = "2026-11-21T10:00:00Z".parse().unwrap();
            let manifest = image::parse("web.image.yaml", &written, now).unwrap();
            let kind = source.to_possible_value().unwrap();
            assert_eq!(manifest.build.source.kind(), kind.get_name());
            for bundle in manifest.build.source.objects() {
                let is_bundle = *source == Template::Bundle;
                assert_eq!(bundle.key() == "Bundle.manifest.xml", is_bundle, "{bundle}");
            }
            let again = run(&args, &Options::default(), &mut Vec::new()).unwrap_err();
            assert!(
                again.report().contains("is there already"),
                "{}",
                again.report()
            );
            assert_eq!(std::fs::read(&args.file).unwrap(), written);
        }
    }

    #[test]
    fn a_bundle_of_any_name_is_named_in_yaml_and_its_file_in_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bundle) in [
            ("web", "web.manifest.xml"),
            ("it's {new}, ü #1", "it's {new}, ü #1.manifest.xml"),
            ("10.5", "10.5.manifest.xml"),
        ] {
            let args = Args {
                source: Template::Bundle,
                file: folder.path().join(format!("{name}.image.yaml")),
            };
            let mut out = Vec::new();
            run(&args, &Options::default(), &mut out).unwrap();
            let said = String::from_utf8(out).unwrap();
            assert_eq!(said.contains("check '"), name.contains(' '), "{said}");
            let written = std::fs::read(&args.file).unwrap();
            let now = "2026-11-21T10:00:00Z".parse().unwrap();
            let manifest = image::parse("web.image.yaml", &written, now).unwrap();
            assert_eq!(manifest.build.source.objects()[0].key(), bundle);
        }
    }

    #[test]
    fn a_file_that_would_be_no_manifest_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            source: Template::Disk,
            file: folder.path().join("web.yaml"),
        };
        let refused = run(&args, &Options::default(), &mut Vec::new()).unwrap_err();
        assert!(refused.report().contains("name it NAME.image.yaml"));
        assert!(!args.file.exists());
    }
}
