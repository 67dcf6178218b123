//! What tests of several crates need: folders, ports, waiting for a condition, requests that no
//! well-behaved client would send, the test program itself as a process that may be killed, a Debian in
//! a container, and the servers that copies and backups are brought to.
//!
//! For tests only; no crate depends on it otherwise. It panics where a test should fail.

mod container;
mod folder;
mod moto;
mod mysql;
mod owned;
mod pebble;
mod ports;
mod raw_http;
mod respawn;
mod seaweed;
mod sshd;
mod wait;

pub use container::{Container, Network};
pub use folder::folder;
pub use host::process;
pub use host::users::is_root;
pub use moto::Moto;
pub use mysql::mysql;
pub use pebble::{Pebble, self_signed};
pub use ports::free_port;
pub use raw_http::{Answer, exchange, read_answer};
pub use respawn::{program, role, this_test, this_test_below};
pub use seaweed::{Credentials, Seaweed};
pub use sshd::Sshd;
pub use wait::wait_until;
