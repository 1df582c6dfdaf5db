//! What the functions measure, and that dashboard and alarms ask for just that.

mod values;
