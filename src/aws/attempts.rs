//! What came of the attempts of a call before its last one. The SDK returns the last one's error alone: where that says "too
//! many requests", an earlier attempt may have been heard all the same.

use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    FinalizerInterceptorContextMut, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryReason,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::retry::ErrorKind;

/// Notes with the answer of a call whether any attempt of it may have been heard.
#[derive(Debug)]
pub(super) struct Attempts;

/// An attempt of this call was not answered, or the service failed while it did what was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct MayBeHeard;

impl Storable for MayBeHeard {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if may_be_heard(context.inner(), components) {
            config.interceptor_state().store_put(MayBeHeard);
        }
        Ok(())
    }

    fn modify_before_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(response), Some(known)) = (context.response_mut(), config.load::<MayBeHeard>())
        {
            response.add_extension(*known);
        }
        Ok(())
    }
}

/// Whether the service may have done what this attempt asked for.
fn may_be_heard(context: &InterceptorContext, components: &RuntimeComponents) -> bool {
    match context.output_or_error() {
        None | Some(Ok(_)) => false,
        Some(Err(error)) if error.is_operation_error() => {
            let response = context.response();
            // Not Implemented: the service does not know the call.
            response.is_some_and(|it| it.status().is_server_error() && it.status().as_u16() != 501)
                && !components
                    .retry_classifiers()
                    .any(|it| is_throttled(&it.classify_retry(context)))
        }
        Some(Err(_)) => true,
    }
}

fn is_throttled(action: &RetryAction) -> bool {
    matches!(
        action,
        RetryAction::RetryIndicated(RetryReason::RetryableError {
            kind: ErrorKind::ThrottlingError,
            ..
        })
    )
}
