//! `amiwright function NAME`: this program as one of the functions, so that `local` and `demo` need no other binary.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;

use crate::aws::Pace;
use crate::function;

/// The functions, by the name of their binary.
pub(super) const NAMES: [&str; 3] = ["register-image", "advance-tasks", "notify"];

/// Arguments of `amiwright function`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which one.
    #[arg(value_parser = PossibleValuesParser::new(NAMES))]
    name: String,
    /// How fast the world's time runs: see [`Pace::at_speed`].
    #[arg(long, hide = true)]
    speed: Option<f64>,
}

/// Runs the function until Lambda, or who plays it, ends the process. It logs why it cannot, as its own `main` does.
pub(super) async fn run(args: &Args) -> ExitCode {
    match args.name.as_str() {
        "register-image" => function::run_register_image().await,
        "advance-tasks" => {
            function::run_advance_tasks(args.speed.map_or_else(Pace::default, Pace::at_speed)).await
        }
        _ => function::run_notify().await,
    }
}
