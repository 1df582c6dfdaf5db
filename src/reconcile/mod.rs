//! What all functions share: read manifest and status, observe EC2, do the next missing thing, save the status.
//! Everything here may be interrupted anywhere and run again, twice or at once.
//!
//! [`driver`] runs the steps, [`build`] has one file per step, all of one shape; what a step comes to is written by
//! [`crate::image::apply`] alone, and saved by [`draft`]. [`arrival`] decides what an upload means,
//! [`identity`] which version it is, [`named_sources`] sees whose its sources are,
//! [`removal`] what the removal of a manifest means, [`marking`] marks images as open, [`recovery`] goes on where an
//! invocation died before it had saved anything. [`requests`] records what operators ask for.

mod arrival;
mod audit;
pub(crate) mod build;
mod context;
mod described;
mod draft;
mod driver;
mod earlier_imports;
mod execute;
mod identity;
mod lookup;
mod made;
mod manifest_reader;
mod marking;
mod named_sources;
mod opening;
mod overtaken;
mod parameters;
mod preview;
mod proof;
mod record;
mod recovery;
mod removal;
mod requests;
mod run;
mod spec;
mod step_context;

pub(crate) use arrival::is_outdated;
pub(crate) use audit::{Auditing, Candidate, audit, candidate};
pub use context::{Context, Error, Outcome, TimeScale};
pub(crate) use described::Described;
pub(crate) use draft::change;
pub use driver::reconcile;
pub(crate) use driver::{not_observed, poll_task, polled, publish, run_steps};
pub use earlier_imports::EarlierImports;
pub(crate) use execute::observe::awaited as images_to_publish;
pub(crate) use execute::{Publishing, Replacing, Retiring};
pub(crate) use marking::is_dead;
pub(crate) use opening::{ListedMarkers, mark_lost};
pub(crate) use preview::{Build, Meaning, Preview, preview};
pub(crate) use recovery::{Recovery, is_left, recover_draft};
pub(crate) use requests::{Answer, answer as answer_request};
