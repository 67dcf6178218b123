//! The host crate against a real kernel: processes that end well and badly, descriptors that
//! change hands, and processes told from others of their number.

mod descriptors;
mod identities;
mod processes;
