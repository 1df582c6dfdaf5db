//! The least that a Lambda function in Rust can be: the yardstick that the start of the others is measured by.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        Ok::<Value, Error>(event.payload)
    }))
    .await
}
