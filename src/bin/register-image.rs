//! The Lambda function `register-image`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    amiwright::function::run_register_image().await
}
