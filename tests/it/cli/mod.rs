//! The command line, and the programs.

mod operator;
mod programs;
mod retry;
mod starts;
mod status;
