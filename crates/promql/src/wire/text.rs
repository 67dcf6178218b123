//! Metrics as text: the text exposition format 0.0.4 and OpenMetrics 1.0.

mod labels;
mod line;
mod number;
mod page;
mod reader;

pub use labels::SeriesText;
pub use line::{Entry, TextSample};
pub use page::{Buckets, FamilyOf, Page};
pub use reader::{Limits, Reader, Taken};
