//! What the services of this machine say of themselves: databases, caches, queues, workers, found without any configuration.
//!
//! Each collector asks one service with a deadline and fills [`kernel::readings::Readings`]. One that does not answer leaves nothing but
//! that it does not: what was read before is never told again. Whether a number is good is for others to say.
//!
//! Names are those of the exporters that people know, so that their dashboards and rules hold. All of them stand in
//! docs/formats/service-readings.md, which is held against what the collectors tell.

mod bullmq;
mod collector;
mod discovery;
mod elasticsearch;
mod error;
mod fastcgi;
mod field;
mod json;
mod mysql;
mod nginx;
mod php_fpm;
mod place;
mod postgres;
mod queues;
mod rabbitmq;
mod redis;
mod resp;
mod sql;

pub use collector::{Collector, Service, Target, collect_all, families};
pub use discovery::{Clue, Found, Want, discover};
pub use error::CollectError;
pub use php_fpm::StatusPage;
pub use place::{Login, Place};
pub use queues::QueueQuery;
