//! The command line, and the programs.

mod operator;
mod paid;
mod plan;
mod programs;
mod retry;
mod starts;
mod status;
