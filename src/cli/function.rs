//! `amiwright function NAME`: this program as one of the functions, so that `local` and `demo` need no other binary.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;

use crate::advance_tasks::PollingHistory;
use crate::function;

/// The functions, by the name of their binary.
pub(super) const NAMES: [&str; 3] = ["register-image", "advance-tasks", "notify"];

/// Arguments of `amiwright function`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which one.
    #[arg(value_parser = PossibleValuesParser::new(NAMES))]
    name: String,
    /// How fast the simulated world's time runs: see [`PollingHistory::with_time_scale`].
    #[arg(long, hide = true)]
    speed: Option<f64>,
}

/// Runs the function until Lambda, or who plays it, ends the process. It logs why it cannot, as its own `main` does.
pub(super) async fn run(args: &Args) -> ExitCode {
    match args.name.as_str() {
        "register-image" => function::run_register_image().await,
        "advance-tasks" => {
            let history = PollingHistory::with_time_scale(args.speed.unwrap_or(1.0));
            function::run_advance_tasks(history).await
        }
        _ => function::run_notify().await,
    }
}
