//! The nouns of Storewarden, and nothing that acts.
//!
//! Everything here is plain data and pure functions: no clock, no socket, no file, no thread. Areas
//! (edge, watch, vault, …) never import one another; they meet as the values of this crate.

mod actor;
pub mod calendar;
pub mod config;
mod drain;
mod finding;
mod histogram;
mod ids;
mod incident;
mod ledger;
pub mod link;
mod log_format;
mod money;
pub mod plan;
mod role;
mod traffic;

pub mod facts;
pub mod readings;
pub mod snapshot;

pub use actor::{Actor, ActorError};
pub use drain::{Drain, Drains};
pub use finding::{Finding, Level, Params, Value, Verdict};
pub use histogram::{BUCKETS, Histogram, bucket_of, bucket_upper_bound};
pub use ids::{IdError, InstanceName, PersonId, ShopId, TokenName, WindowName};
pub use incident::{
    Acknowledgement, FindingState, Incident, IncidentFinding, IncidentState, RemedyWish, Silence,
    TimelineEntry, TimelineKind,
};
pub use ledger::{LedgerEntry, Personal, PersonalError};
pub use log_format::{LOG_FORMATS, LogField, LogFormat, LogFormatError, LogPiece, LogTiming};
pub use money::{Currency, CurrencyError, Money};
pub use role::{Grant, Permission, Place, Rights, Role, RoleError, Scope};
pub use traffic::{CacheRules, Priority, RouteClass, RouteRule, TrafficRules};
