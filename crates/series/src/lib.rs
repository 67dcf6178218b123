//! What was measured over time: the metrics store. One folder of files in our own format.
//!
//! It knows no shop, no query language and no clock. The format, and what is promised about it, is docs/formats/series.md.
//!
//! Samples are appended to [`Series`] in batches and committed: then they are on disk. [`Series::read`] gives them back by conditions on
//! labels, and [`Series::maintain`] is to be called now and then. Everything waits for the disk like ordinary files do: in an
//! asynchronous program it belongs on a thread that may block.

mod block;
mod catalog;
mod cursor;
mod error;
mod files;
mod frame;
mod gather;
mod heads;
mod labels;
mod limits;
mod log;
mod matcher;
mod merge;
mod part;
mod rolling;
mod sample;
mod stats;
mod store;
mod stream;
mod tier;

pub use catalog::SeriesRef;
pub use error::SeriesError;
pub use labels::{Labels, METRIC};
pub use limits::Limits;
pub use log::Ticket;
pub use matcher::{Matcher, Test};
pub use sample::{Resolution, Rollup, STALE_BITS, Sample};
pub use stats::{Refused, Stats, TierStats};
pub use store::{Appended, Found, Maintained, Points, Reading, Series};
