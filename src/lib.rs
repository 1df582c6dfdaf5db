//! Drop an image manifest into an S3 bucket; get a registered, published AMI and an e-mail.

pub mod cli;
pub mod manifest;
pub mod trigger;
