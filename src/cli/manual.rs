//! `amiwright completions SHELL` and `amiwright man`: made from the commands and options themselves.

use std::io::Write;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use crate::cli::error::Error;

/// Arguments of `amiwright completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `amiwright man`.
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The page of this command, such as `watch`; the page of amiwright itself by default
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Prints a script that completes commands and options.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn completions(
    args: &Completions,
    mut command: Command,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let name = command.get_name().to_owned();
    // It panics where it cannot write: a closed pipe is no defect.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a man page, as `man -l` reads it.
///
/// # Errors
/// If there is no such command, or `out` cannot be written.
pub(super) fn man(args: &Man, command: Command, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let mut command = command;
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).filter(|it| !it.is_hide_set());
            found.cloned().ok_or_else(|| {
                Error::new(format!("there is no command {name}"))
                    .with_hint("`amiwright --help` lists all")
            })?
        }
    };
    clap_mangen::Man::new(page).render(out)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn command() -> Command {
        Command::new("amiwright")
            .about("Makes AMIs")
            .subcommand(Command::new("watch").about("Watches images"))
            .subcommand(Command::new("function").hide(true))
    }

    fn printed(print: impl Fn(&mut Vec<u8>) -> Result<ExitCode, Error>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_shell_gets_a_script_with_the_commands() {
        for shell in Shell::value_variants() {
            let args = Completions { shell: *shell };
            let script = printed(|out| completions(&args, command(), out));
            assert!(script.contains("watch"), "{shell}: {script}");
        }
    }

    #[test]
    fn there_is_a_page_for_the_program_and_one_for_each_command() {
        let page = |name: Option<&str>| {
            let command_name = name.map(str::to_owned);
            printed(|out| {
                man(
                    &Man {
                        command: command_name.clone(),
                    },
                    command(),
                    out,
                )
            })
        };
        assert!(page(None).contains("Makes AMIs"));
        let watch = page(Some("watch"));
        assert!(
            watch.contains("amiwright\\-watch") && watch.contains("Watches images"),
            "{watch}"
        );
        for unknown in ["function", "other"] {
            let args = Man {
                command: Some(unknown.to_owned()),
            };
            assert!(man(&args, command(), &mut Vec::new()).is_err(), "{unknown}");
        }
    }
}
