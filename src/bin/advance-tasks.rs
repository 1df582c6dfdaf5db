//! The Lambda function `advance-tasks`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    amiwright::function::run_advance_tasks(amiwright::advance_tasks::PollingHistory::default())
        .await
}
