//! The host crate against a real kernel: processes that end well and badly, descriptors that
//! change hands.

mod descriptors;
mod processes;
