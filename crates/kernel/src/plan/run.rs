//! Runs: a plan that somebody started, how far it is, and what happens to it meanwhile.
//!
//! Which change may follow which is the engine's `machine`; here are only the words.

use super::{Intent, Measure, Plan, PlanKind, Reason, WaitsFor};
use crate::{Actor, Params, ShopId};
use serde::{Deserialize, Serialize};
use std::{fmt, num::ParseIntError, str::FromStr};

/// Numbers runs from 1, in the order in which they were started, whatever the clock said.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct RunId(pub i64);

/// Where a run is in its life.
///
/// `awaiting_approval → waiting → running → done | failed | cancelled`;
/// from there `undoing → undone | undo_failed`; `stuck` is left by a person only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A person must say yes.
    AwaitingApproval,
    /// For a window, the end of a freeze, another run or a place.
    Waiting,
    Running,
    /// Every step was done and verified.
    Done,
    /// It ended before its end; what was done stays done.
    Failed,
    /// Somebody ended it; what was done stays done.
    Cancelled,
    /// What was done is being taken back.
    Undoing,
    /// Everything that was done was taken back.
    Undone,
    /// Something that was done could not be taken back.
    UndoFailed,
    /// Whether a step was done cannot be told: a person looks and decides.
    Stuck,
}

/// Where a step is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Planned,
    /// Its intent is on disk: it is being done, or was when something ended us.
    Intended,
    /// Done and verified.
    Done,
    Failed,
    /// The intent to undo it is on disk.
    Undoing,
    Undone,
    /// The run ended before it.
    Skipped,
    /// Whether it, or its undoing, was done cannot be told.
    Unknown,
}

/// A plan that was started. What is in it is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub plan: Plan,
    pub state: RunState,
    /// Which life of an engine works on it; see [`super::Fence`].
    pub epoch: u64,
    /// Grows with every change of the record.
    pub revision: u64,
    /// Who started it.
    pub actor: Actor,
    /// Times are unix milliseconds; within one run they never go back.
    pub created_at_ms: i64,
    pub changed_at_ms: i64,
    /// When its first step was about to begin.
    pub began_at_ms: Option<i64>,
    /// When it came to rest; taken back when it goes on.
    pub ended_at_ms: Option<i64>,
    pub approved_by: Option<Actor>,
    /// Somebody let it begin outside its window or in a freeze.
    pub hurried: Option<Override>,
    /// Somebody asked to stop it; it stops behind the current step.
    pub cancelled_by: Option<Actor>,
    /// Why it is not, or did not end, as planned.
    pub cause: Option<Cause>,
    /// One a step of the plan.
    pub steps: Vec<StepRecord>,
}

/// What is known of one step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub state: StepState,
    pub intent: Option<Intent>,
    /// Unix milliseconds at which it was done or failed.
    pub ended_at_ms: Option<i64>,
    /// What was seen that proves it.
    pub evidence: Params,
    /// It failed or was left behind in part, so that undoing the run must take it back too.
    pub touched: bool,
    pub undo_intent: Option<Intent>,
    pub undo_ended_at_ms: Option<i64>,
    pub undo_evidence: Params,
    /// What went wrong with it, for a person, in English.
    pub message: Option<String>,
    /// The same as a code.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// What would take it back is gone, and by what; `None`: it is there, as far as we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_gone: Option<Reason>,
    /// How often an engine found it, or its undoing, begun by one that had ended in it. A step that
    /// ends whoever touches it must not do so for ever.
    pub resumed: u32,
}

/// A person's word that a run need not wait for its window or a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub by: Actor,
    pub reason: String,
}

/// Why a run is not, or did not end, as planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    pub code: CauseCode,
    /// The step it happened at, from 0.
    pub step: Option<usize>,
    /// In a performer's words, for a person, in English.
    pub message: Option<String>,
    /// The same as a code: a performer's, or the condition's that does not hold.
    #[serde(default)]
    pub reason: Option<Reason>,
    pub by: Option<Actor>,
}

/// What a [`Cause`] is, as the name of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseCode {
    /// A fact the plan was made from has changed.
    Stale,
    ConditionNotMet,
    ConditionUnknown,
    StepFailed,
    TimedOut,
    NotVerified,
    Cancelled,
    /// A person asked to take a run back.
    UndoAsked,
    /// Whether a step was done cannot be told.
    Unknown,
    /// A step was done that cannot be undone, and the run was taken back around it.
    CannotBeUndone,
    /// A person ended a stuck run without knowing more.
    GivenUp,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub id: RunId,
    pub kind: PlanKind,
    pub shop: Option<ShopId>,
    pub params: Params,
    pub state: RunState,
    pub actor: Actor,
    pub created_at_ms: i64,
    pub began_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    pub cause: Option<Cause>,
    /// Steps that are done, and steps of the plan.
    pub done: usize,
    pub steps: usize,
}

/// Something that happened to a run, for whoever watches. What was missed is in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    pub run: RunId,
    /// Unix milliseconds.
    pub at_ms: i64,
    #[serde(flatten)]
    pub what: RunHappening,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RunHappening {
    /// The run's state changed; it is on disk.
    State {
        state: RunState,
        cause: Option<Cause>,
    },
    /// A step's state changed; it is on disk.
    Step {
        step: usize,
        state: StepState,
        message: Option<String>,
    },
    /// What it waits for changed. Empty: for nothing any more.
    Waits {
        waits: Vec<WaitsFor>,
    },
    Progress {
        step: usize,
        measure: Measure,
        /// 0 to 1, when it is known.
        share: Option<f64>,
        /// Units a second since the step began.
        per_second: f64,
    },
    Line {
        step: usize,
        text: String,
    },
}

impl Cause {
    /// One that needs no words.
    #[must_use]
    pub fn bare(code: CauseCode) -> Self {
        Self { code, step: None, message: None, reason: None, by: None }
    }
}

impl RunState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 10] = [
        Self::AwaitingApproval,
        Self::Waiting,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Undoing,
        Self::Undone,
        Self::UndoFailed,
        Self::Stuck,
    ];

    /// Snake_case, as in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::UndoFailed => "undo_failed",
            Self::Stuck => "stuck",
        }
    }

    /// At rest for good, unless somebody asks to undo or retry it.
    #[must_use]
    pub fn is_over(self) -> bool {
        use RunState::{Cancelled, Done, Failed, UndoFailed, Undone};
        matches!(self, Done | Failed | Cancelled | Undone | UndoFailed)
    }

    /// Only a person moves it on.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::AwaitingApproval | Self::Stuck)
    }
}

impl StepState {
    /// Snake_case, as in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Intended => "intended",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

impl StepRecord {
    /// A step that nobody has begun.
    #[must_use]
    pub fn planned() -> Self {
        Self {
            state: StepState::Planned,
            intent: None,
            ended_at_ms: None,
            evidence: Params::new(),
            touched: false,
            undo_intent: None,
            undo_ended_at_ms: None,
            undo_evidence: Params::new(),
            message: None,
            reason: None,
            undo_gone: None,
            resumed: 0,
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
