//! What tests of several crates need: folders, ports, waiting for a condition, requests that no
//! well-behaved client would send, the test program itself as a process that may be killed, and a
//! Debian in a container.
//!
//! For tests only; no crate depends on it otherwise. It panics where a test should fail.

mod container;
mod folder;
mod pebble;
mod ports;
mod raw_http;
mod respawn;
mod wait;

pub use container::{Container, Network};
pub use folder::folder;
pub use host::process;
pub use host::users::is_root;
pub use pebble::{Pebble, self_signed};
pub use ports::free_port;
pub use raw_http::{Answer, exchange, read_answer};
pub use respawn::{program, role, this_test, this_test_below};
pub use wait::wait_until;
