//! The command line, and the programs.

mod credentials;
mod doctor;
mod doctor_findings;
mod first;
mod local_activity;
mod local_metrics;
mod logs;
mod operator;
mod paid;
mod plan;
mod plan_blocked;
mod plan_in_place;
mod plan_parameters;
mod plan_shares;
mod programs;
mod push;
mod push_files;
mod push_screens;
mod regions;
mod retry;
mod retry_interrupted;
mod screens;
mod starts;
mod status;
mod upgrade;
mod watch_uploads;
