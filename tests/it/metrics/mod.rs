//! What the functions measure, and that dashboard and alarms ask for just that.

mod alarms;
mod dashboard;
mod documents;
mod eventful;
mod template;
mod values;

pub(crate) use template::queries;
