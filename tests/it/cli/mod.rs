//! The command line, and the programs.

mod operator;
mod programs;
mod starts;
mod status;
