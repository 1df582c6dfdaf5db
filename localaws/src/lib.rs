//! The AWS that a SAM stack of Lambda functions sees, on one machine: no account, no Docker, no network.
//!
//! Tour: [`template`] reads the stack. [`world`] builds it: one [`clock`], one [`bus`] for events, the services
//! ([`s3`], [`ec2`], [`sns`], [`ssm`], [`sts`], [`logs`], and `management` for questions about the stack) behind [`iam`], [`events`] rules, [`schedule`]s and [`lambda`]
//! functions. Programs that run on an instance read about it from `imds`. Two front doors lead into the same world:
//! [`client`] (an SDK `HttpClient`, in process) and [`server`] (loopback HTTP).
//!
//! Rules that everything here keeps:
//! - an action that is not built answers 501 and says so, never a plausible empty answer; so does a header or member of a
//!   request that nothing acts on;
//! - time comes from the [`clock::Clock`], randomness from the seed in [`ids::Ids`];
//! - nothing here knows which application runs in it.

mod activity;
pub mod bus;
pub mod client;
pub mod clock;
mod connection;
pub mod deliveries;
#[cfg(test)]
mod dispatched;
pub mod ec2;
pub mod events;
pub mod faults;
pub mod iam;
pub mod ids;
mod imds;
mod json_protocol;
pub mod lambda;
mod large_body;
mod lock;
pub mod logs;
mod management;
mod query;
pub mod route;
pub mod s3;
pub mod schedule;
mod schedule_runner;
pub mod server;
mod services;
pub mod sns;
pub mod ssm;
mod state;
pub mod sts;
pub mod template;
mod token_bucket;
pub mod watcher;
pub mod wire;
pub mod world;

/// The only account of this world. It is not a real one.
pub const ACCOUNT: &str = "000000000000";
