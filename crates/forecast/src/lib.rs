//! Baselines, detectors and trends: what this hour of this week should bring, whether it does, and when a limit is reached.
//!
//! Pure: no file, no clock, no thread, no configuration. The caller says which hour of its week a count belongs to and
//! which minutes the shop is open; what cannot be told is `None` or [`Signal::Unknown`], never a comforting number.
//! Method, figures and blind spots: `docs/detection.md`.

mod baseline;
mod change;
mod detector;
pub mod evaluation;
mod risk;
mod trend;

pub use baseline::{Baseline, Expected, HOURS_OF_WEEK, HourOfWeek, LEAST_WEEKS, WEEKS_KEPT};
pub use change::{ChangeFinder, ChangePoint};
pub use detector::{Detector, Settings, Signal};
pub use risk::{Estimate, lost_share, money_at_risk};
pub use trend::{DaysUntil, days_until};
