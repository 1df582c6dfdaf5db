//! The Lambda function `register-image`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    amiwright::function::run_register_image().await
}
