//! amiwright on the embedded world: every test uploads files and asserts on the result.
//!
//! Nothing is mocked: the handlers that Lambda would run talk to `localaws` through the real SDK clients, over the
//! project's own template.yaml. Time is paused: hours pass in milliseconds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "this is a test: what must not happen fails it"
)]

mod api_coverage;
mod book;
mod calls;
mod cli;
mod console;
mod documents;
mod events;
mod examples;
mod flows;
mod fuzz;
mod histories;
mod iam;
mod metrics;
mod modules;
mod publish_wire;
mod reference;
mod resilience;
#[path = "../../benches/simulate/simulation/mod.rs"]
mod simulation;
mod structure;
mod support;
mod template;
mod wire;

/// Worlds are made of many small allocations: tests take a tenth less time with this one than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
