//! What an area must be able to do for the change engine: act, look, verify.
//!
//! The contract is here and not in the engine, so that an area need not know the engine. Nothing
//! in it names a runtime: futures are boxed, and cancelling is a future too.

use super::{Act, Area, Condition, RunId};
use crate::{Params, Value};
use serde::{Deserialize, Serialize};
use std::{fmt, pin::Pin};

/// A boxed future, so that performers can stand in one list.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Does the acts of its areas, and can say afterwards, even after a crash, whether one was done.
///
/// **The order of a step** is: `conditions`, `before`, the intent goes to disk, `perform`,
/// `verify`, the record goes to disk. After a crash or a deadline in between, `probe` decides what
/// happens next, never a guess. Undoing a step is the same way with the act that undoes it, except
/// that only a condition that does not hold stops it, not one that is unknown.
///
/// **Futures are dropped** at a step's deadline; what was begun then is for `probe` to find.
///
/// **Performing again** must be possible whenever `probe` said [`Probe::NotDone`] or
/// [`Probe::Partial`]: it completes what is half done and has each effect once.
pub trait Performer: Send + Sync {
    /// The areas whose acts it does. The engine takes one performer for each area.
    fn areas(&self) -> &[Area];

    /// What must hold before the act. `after` are the acts of the same plan that come before it and
    /// are not done yet: a preview asks as if they were. Empty when the step is about to begin.
    fn conditions<'a>(&'a self, act: &'a Act, after: &'a [Act]) -> Pending<'a, Vec<Condition>>;

    /// What `probe` will need to tell before from after (a process's pid and start, a link's
    /// target). Goes to disk with the intent. Times of day make poor evidence: clocks go back.
    fn before<'a>(&'a self, _act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(std::future::ready(Ok(Params::new())))
    }

    /// Does it, and returns the evidence. A performer whose effects outlive it (another process,
    /// another machine) keeps the fence beside them and refuses an older epoch than it has seen.
    fn perform<'a>(
        &'a self,
        act: &'a Act,
        fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>>;

    /// Whether the act had the effect it is for; more evidence. Changes nothing.
    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>>;

    /// Whether an act that was intended was done. Changes nothing; asked after a crash, a deadline
    /// or a failure, possibly long after.
    fn probe<'a>(&'a self, act: &'a Act, intent: &'a Intent) -> Pending<'a, Probe>;

    /// The version of a fact now; `None`: not one of mine, or not to be read.
    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>>;
}

/// Where a performer says how far it is, and hears that it should stop.
pub trait Progress: Send + Sync {
    /// A line for the run's log: what a person would want to read, without secrets.
    fn line(&self, text: &str);

    /// How far the act is.
    fn measure(&self, measure: Measure);

    /// Whether somebody asked to stop. A performer that can stop halfway returns a [`Failed`];
    /// one that cannot goes on, and the run ends behind it.
    fn is_cancelled(&self) -> bool;

    /// Ready as soon as somebody asks to stop.
    fn cancelled(&self) -> Pending<'_, ()>;
}

/// Whose deed it is: a run, and which life of the engine works on it. A greater epoch of the same
/// run makes all smaller ones void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fence {
    pub run: RunId,
    pub epoch: u64,
}

/// What went to disk before an act began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Unix milliseconds by the clock of that moment, which may have been set back since.
    pub at_ms: i64,
    /// What [`Performer::before`] saw.
    pub before: Params,
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "probe", rename_all = "snake_case")]
pub enum Probe {
    NotDone,
    Done,
    /// Something of it: performing it again completes it, its undo takes it back.
    Partial,
    /// It cannot be told; why, for the person who must decide: in English, and as a code.
    Unknown {
        why: String,
        #[serde(default)]
        reason: Option<Reason>,
    },
}

/// What could not be looked at cannot be told.
impl From<Failed> for Probe {
    fn from(failed: Failed) -> Self {
        Self::Unknown { why: failed.message, reason: failed.reason }
    }
}

/// What stands in the way, for whoever says it in a person's own language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Names the message, snake_case: `address_taken`.
    pub code: String,
    pub params: Params,
}

/// An act, or its verification, did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// For a person, in English, without secrets.
    pub message: String,
    /// The same as a code; `None` where there are only words, as of another program.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// Whether the same act may succeed in a moment; the engine then tries again until the step's
    /// deadline, if a probe says that it was not done.
    pub retryable: bool,
}

impl Failed {
    /// A failure that stays one.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), reason: None, retryable: false }
    }

    /// A failure that may pass.
    #[must_use]
    pub fn for_now(message: impl Into<String>) -> Self {
        Self { message: message.into(), reason: None, retryable: true }
    }

    /// The same, with what the message says as a code and its parameters.
    #[must_use]
    pub fn because(
        mut self,
        code: &str,
        params: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        self.reason = Some(Reason::new(code, params));
        self
    }
}

impl Reason {
    #[must_use]
    pub fn new(code: &str, params: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { code: code.to_owned(), params: params.collect() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

/// How far an act is, in units of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    pub done: u64,
    /// `None`: not known. Never less than `done`.
    pub total: Option<u64>,
    /// What is counted: `bytes`, `files`, `checks`.
    pub unit: String,
}

impl Measure {
    /// 0 to 1, when the total is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let total = self.total?;
        if total == 0 {
            return Some(1.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "a share for a bar on a screen")]
        Some((self.done as f64 / total as f64).clamp(0.0, 1.0))
    }
}
