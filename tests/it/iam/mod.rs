//! What the template grants is what its functions use. Both tests run every flow on the local AWS, which holds each call
//! against the template's policies.

mod flow;
mod granted;
mod withdrawn;
