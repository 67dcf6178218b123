//! The edge: the part of Storewarden that visitors' requests go through.
//!
//! Owns the request path: connections, TLS, cache, pools, holding, error pages. Refuses to know the
//! store, the configuration file and the interface: it serves what its last snapshot says, and tells
//! what it saw as facts. [`run`] is the process; [`link`], [`certificates`], [`handshake`] and
//! [`acme`] are what control uses of the same trade.

mod access_log;
mod answer;
mod body;
mod cache;
mod checker;
mod clock;
mod counters;
mod descriptors;
mod error_page;
mod guard;
mod headers;
mod instance;
mod keeper;
mod path;
mod pool;
mod relay;
mod request_id;
mod run;
mod serving;
mod tls;
mod upstream;
mod worker;

pub mod acme;
pub mod certificates;
pub mod handshake;
pub mod link;

pub use run::{BoundListener, EdgeError, EdgeOptions, run};
