//! The command line, and the programs.

mod doctor;
mod operator;
mod paid;
mod programs;
mod retry;
mod starts;
mod status;
