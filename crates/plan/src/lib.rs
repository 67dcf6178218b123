//! The change engine: previews, approves, waits, runs, verifies, undoes and resumes every change.
//!
//! A step goes this way: its conditions are asked; its intent goes to disk; a performer acts; the
//! same one verifies; the outcome goes to disk. Whatever ends us in between, the next engine looks
//! what became of the step, and goes on or back as the run was. It never guesses: what cannot be
//! told is `stuck` until it can be told again, or a person has looked.
//!
//! It knows no area: what an act does is the business of whoever performs it. It reads no clock and
//! no environment but through what the wiring gives it.

mod calendar;
mod engine;
mod error;
mod left_behind;
mod machine;
mod moments;
mod run_logs;
mod words;

pub use calendar::{Calendar, Opening, Timing};
pub use engine::{Clock, Engine, Live, LiveStep, Settings};
pub use error::EngineError;
pub use kernel::plan::{Failed, Fence, Intent, Measure, Performer, Probe, Progress};
pub use left_behind::leave_runs_behind;
pub use moments::{Moment, Moments, Point};
pub use words::{condition, preview_text, sentence, title, zone_here};
