//! The Lambda function `advance-tasks`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    amiwright::function::run_advance_tasks().await
}
