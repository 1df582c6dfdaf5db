//! What of a stack is made when its world starts: resources that are not there yet, and schedules; and what cannot run here.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::error::WorldError;
use crate::lambda::Lambda;
use crate::schedule::Expression;
use crate::schedule_runner;
use crate::services::Services;
use crate::template::stack::{Schedule, Stack};

/// Concurrent executions of an account in one Region ("Lambda quotas", Lambda Developer Guide).
const ACCOUNT_CONCURRENCY: u32 = 1000;

/// What of them cannot be reserved: it is for all functions that reserve nothing ("Configuring reserved concurrency for
/// a function", Lambda Developer Guide).
const UNRESERVED_CONCURRENCY: u32 = 100;

pub(super) fn check_destinations(stack: &Stack) -> Result<(), WorldError> {
    for function in &stack.functions {
        let Some(arn) = &function.on_failure else {
            continue;
        };
        if !stack.queues.iter().any(|queue| queue.arn == *arn) {
            return Err(WorldError::Destination {
                function: function.logical_id.clone(),
                arn: arn.clone(),
            });
        }
    }
    Ok(())
}

/// What Lambda says of more reserved concurrency than an account has to give (`PutFunctionConcurrency`, "Reserving
/// concurrency", Lambda Developer Guide).
pub(super) fn check_concurrency(stack: &Stack) -> Result<(), WorldError> {
    let mut left = ACCOUNT_CONCURRENCY - UNRESERVED_CONCURRENCY;
    for function in &stack.functions {
        let reserved = function.reserved_concurrency.unwrap_or(0);
        left = left
            .checked_sub(reserved)
            .ok_or_else(|| WorldError::Resource {
                what: format!("function `{}`", function.name),
                problem: format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY}]. (It reserves {reserved} of the account's {ACCOUNT_CONCURRENCY})"
                ),
            })?;
    }
    Ok(())
}

/// Lambda lets functions share a log group, each with streams of its own; here a group is one file.
pub(super) fn check_log_groups(stack: &Stack) -> Result<(), WorldError> {
    let mut groups = BTreeSet::new();
    for function in &stack.functions {
        if !groups.insert(&function.log_group) {
            return Err(WorldError::Resource {
                what: format!("function `{}`", function.name),
                problem: format!(
                    "localaws has not built a log group of two functions: {}",
                    function.log_group
                ),
            });
        }
    }
    Ok(())
}

/// When, what, and the logical id of the function that is invoked.
pub(super) type Scheduled = (Expression, Schedule, String);

pub(super) fn expressions(stack: &Stack) -> Result<Vec<Scheduled>, WorldError> {
    let mut found = Vec::new();
    for function in &stack.functions {
        for schedule in function
            .schedules
            .iter()
            .filter(|schedule| schedule.enabled)
        {
            let expression =
                Expression::parse(&schedule.expression).map_err(|error| WorldError::Schedule {
                    schedule: schedule.logical_id.clone(),
                    problem: error.to_string(),
                })?;
            found.push((expression, schedule.clone(), function.logical_id.clone()));
        }
    }
    Ok(found)
}

pub(super) fn run_schedules(
    tasks: &mut JoinSet<()>,
    schedules: Vec<Scheduled>,
    services: &Services,
    lambda: &Lambda,
) {
    for (expression, schedule, function) in schedules {
        let scheduled = schedule_runner::Scheduled {
            schedule,
            function,
            region: services.region.clone(),
            ids: services.ids.clone(),
            management: services.management.clone(),
            deliveries: services.deliveries.clone(),
        };
        tasks.spawn(schedule_runner::run(
            expression,
            scheduled,
            services.clock,
            lambda.clone(),
        ));
    }
}

/// Makes the buckets, topics and subscriptions that are not there yet.
pub(super) async fn make(
    services: &Services,
    stack: &Stack,
    region: &str,
) -> Result<(), WorldError> {
    let refused = |what: &str, name: &str, problem: String| WorldError::Resource {
        what: format!("{what} `{name}`"),
        problem,
    };
    for bucket in &stack.buckets {
        let made = services
            .s3
            .create_bucket(&bucket.name, bucket.event_bridge)
            .await;
        made.map_err(|error| refused("bucket", &bucket.name, error.to_string()))?;
        if let Some(status) = &bucket.versioning {
            let begun = services.s3.begin_versioning(&bucket.name, status);
            begun.map_err(|error| refused("bucket", &bucket.name, error.to_string()))?;
        }
        if let Some(ownership) = &bucket.object_ownership {
            services.s3.set_ownership(&bucket.name, ownership);
        }
    }
    for bucket in &stack.block_public_acls {
        services.s3.block_public_acls(bucket);
    }
    for topic in &stack.topics {
        let arn = services.sns.create_topic(region, &topic.name);
        if let Some(name) = &topic.display_name {
            services.sns.begin_display_name(&arn, name);
        }
        for (protocol, endpoint) in &topic.subscriptions {
            let made = services.sns.subscribe(&arn, protocol, endpoint);
            made.map_err(|error| refused("subscription", endpoint, error.to_string()))?;
        }
    }
    services.save("sns");
    Ok(())
}
