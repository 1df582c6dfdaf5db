//! Drop an image manifest into an S3 bucket; get a registered, published AMI and an email.
//!
//! # Tour
//!
//! A **manifest** in the bucket says what image is wanted ([`manifest`]: bytes in, a checked specification or all
//! its problems out). In the state bucket, the **status** says what is known ([`image`]: the status, the plan, what
//! changes it and what people are notified of). [`reconcile`] reads both, observes EC2 and does the next missing thing:
//! its driver calls a step, the step returns what it came to, [`image::apply`] writes that into the status, the driver
//! saves it. [`status_store`] keeps statuses in the bucket; [`aws`] is the way there.
//!
//! Three functions call it, each triggered by something else: [`register_image`] by an upload, [`advance_tasks`] by the
//! schedule, [`notify`] by a due marker. [`function`] runs them in Lambda, and prints what they measured ([`metrics`]);
//! [`cli`] is for a person.
//!
//! # Invariants
//!
//! - Imports go one way: [`cli`], [`function`], [`register_image`] and [`advance_tasks`], [`notify`], [`reconcile`],
//!   [`status_store`], [`aws`], [`config`], [`events`] and [`upload_policy`], [`keys`], [`metrics`], [`image`],
//!   [`limits`], [`version`], [`manifest`]. What has more than one file keeps what these share in a module of its own, below them.
//! - [`manifest`] and [`image`] know no clock, no async, no AWS. `now` is always a parameter.
//! - Only [`aws`] names types of the SDK.
//! - Only [`cli`]'s `local` and `demo` know the embedded world (`localaws`), which knows nothing of this crate.
//! - A status is only ever written conditionally. A notice is recorded in the same write as what it reports.
//! - Look before creating. An error or a time-out of a creating call proves nothing: look again.
//! - Steps return values; [`image::apply`] alone changes a status. No control flow reads prose.
//! - Nothing waits inside a function, except up to three seconds for the [`aws::RateLimiter`]. Waiting is a state; the
//!   next tick checks again.

pub mod advance_tasks;
pub mod aws;
pub mod cli;
pub mod config;
mod failures;
pub mod function;
pub mod image;
pub mod keys;
pub mod limits;
pub mod metrics;
pub use amiwright_manifest as manifest;
pub mod events;
pub mod notify;
pub mod reconcile;
pub mod register_image;
pub mod status_store;
pub mod upload_policy;
pub mod version;

pub use failures::Failures;
