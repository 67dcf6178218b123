//! The machine we run on: the only crate that starts processes, reads `/proc`, opens listening
//! sockets and passes descriptors from process to process.
//!
//! It knows nothing of shops, of databases, or of what the processes it starts are for.

pub mod announcement;
pub mod cgroup;
pub mod descriptors;
mod error;
pub mod facts;
pub mod gentle;
pub mod listen;
pub mod memory;
pub mod process;
pub mod readings;
pub mod sharing;
pub mod steering;
pub mod survey;
pub mod users;

pub use error::HostError;
