//! The Lambda function `notify`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    amiwright::function::run_notify().await
}
