//! Plans: what is to be done, as data, before anybody does it.
//!
//! An area makes a plan from facts; the change engine previews it, waits for approval and window,
//! carries it out, verifies and undoes it; a [`Performer`] of the act's area does the deed itself.
//! Nothing here acts, and nothing reads a clock.

mod act;
mod performer;
mod preview;
mod run;
mod way;

pub use act::{
    Act, Area, Claim, FileChange, OldData, PageLook, ServerSetting, Subject, TableIndex,
};
pub use performer::{Failed, Fence, Intent, Measure, Pending, Performer, Probe, Progress, Reason};
pub use preview::{Condition, Holds, Preview, StepPreview, WaitsFor, WindowChoice};
pub use run::{
    Cause, CauseCode, Override, Run, RunEvent, RunHappening, RunId, RunState, RunSummary,
    StepRecord, StepState,
};
pub use way::{ByLog, ByWal, Way};

use crate::{Params, ShopId, WindowName};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// Steps of one plan at most; what needs more is several plans.
pub const MAX_STEPS: usize = 1000;
/// The longest that one step may take: a day.
pub const MAX_STEP_MS: u64 = 24 * 60 * 60 * 1000;

/// An ordered list of deeds with what undoes each. Immutable: a run keeps the plan it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Names the message that is its title (`restart_instance`), filled in from `params`.
    pub kind: PlanKind,
    /// The shop it concerns; `None`: the machine.
    pub shop: Option<ShopId>,
    pub params: Params,
    /// One to [`MAX_STEPS`], in the order in which they are done.
    pub steps: Vec<Step>,
    /// Unix milliseconds.
    pub made_at_ms: i64,
    /// What it was made from. When one of them has another version before the first step, the plan
    /// is stale: it is refused, and must be made again.
    pub facts: Vec<PlanFact>,
    #[serde(default)]
    pub approval: Approval,
    #[serde(default)]
    pub purpose: Purpose,
    #[serde(default)]
    pub on_failure: OnFailure,
    /// The window it waits for; `None`: any time.
    pub window: Option<WindowName>,
}

/// One deed of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub act: Act,
    pub undo: Undo,
    /// From the beginning of the act to the end of its verification, retries included: 1 to
    /// [`MAX_STEP_MS`]. After it the engine looks what became of the act; it does not guess.
    pub timeout_ms: u64,
}

/// How a step that was done is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a plan has a handful of steps")]
pub enum Undo {
    /// By this act, which must also take back what was done in part only.
    By(Act),
    /// It changed nothing, or nothing that would be missed.
    NothingToUndo,
    /// Not at all. The preview says so, with this reason as a code (`data_is_gone`).
    Impossible { reason: String },
    /// Not at all, and what was done before it neither any more: who comes back from behind it would leave
    /// something worse. The preview says so, with this reason as a code.
    NoReturn { reason: String },
}

/// Something a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFact {
    /// A name that some performer knows: `configuration`, `instances:SHOP`.
    pub name: String,
    /// Any text that differs when the fact does: a number, a digest.
    pub version: String,
}

/// Whether a person must say yes before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    #[default]
    NotNeeded,
    Needed,
}

/// What it is for, which decides whether a freeze holds it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Something becomes different: waits while changes are frozen.
    #[default]
    Change,
    /// Something becomes well again: does not wait for the end of a freeze.
    Repair,
}

/// What happens when a step fails or the run is cancelled between steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// What was done is taken back, the last first.
    #[default]
    Undo,
    /// What was done stays.
    Stop,
    /// What was done stays, and the steps behind it are done all the same; the run fails in the end.
    /// For steps that do not need one another.
    GoOn,
}

/// The name of a sort of plan: snake_case, one to 63 of `a-z`, `0-9`, `_`, the first a letter.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanKind(Arc<str>);

/// Every sort of plan that there is, for whoever names some in a configuration.
pub const PLAN_KINDS: [&str; 19] = [
    "add_replica",
    "apply_configuration",
    "back_up",
    "clean_up",
    "drill_backup",
    "front",
    "mend_database",
    "promote_replica",
    "remove_aside",
    "remove_replica",
    "renew_certificate",
    "restart_instance",
    "restore_backup",
    "restore_database",
    "restore_order",
    "restore_rows",
    "rolling_redeploy",
    "rolling_restart",
    "verify_backup",
];

/// Why a plan is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("read plan kind `{0}`: it is not snake_case of 1 to 63 characters")]
    Kind(String),
    #[error("check plan: it has {0} steps, and 1 to {MAX_STEPS} are allowed")]
    Steps(usize),
    #[error("check step {step}: it may take {timeout_ms} ms, and 1 to {MAX_STEP_MS} are allowed")]
    Timeout { step: usize, timeout_ms: u64 },
}

impl Plan {
    /// Holds the plan against the limits of its fields.
    ///
    /// # Errors
    /// The first field that is beyond its limit; whoever made the plan must mend it.
    pub fn check(&self) -> Result<(), PlanError> {
        if !(1..=MAX_STEPS).contains(&self.steps.len()) {
            return Err(PlanError::Steps(self.steps.len()));
        }
        let beyond = |step: &&Step| !(1..=MAX_STEP_MS).contains(&step.timeout_ms);
        match self.steps.iter().position(|step| beyond(&step)) {
            Some(step) => Err(PlanError::Timeout { step, timeout_ms: self.steps[step].timeout_ms }),
            None => Ok(()),
        }
    }

    /// The longest it can take when nothing fails, in milliseconds: a window shorter than this is
    /// not used for it.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.steps.iter().map(|step| step.timeout_ms).sum()
    }

    /// Whether all that its steps do is taken back by later steps of it, as when an instance is taken
    /// out, restarted and given requests again: once it is done, there is nothing to take back.
    #[must_use]
    pub fn takes_itself_back(&self) -> bool {
        let mut open: Vec<&Act> = Vec::new();
        for step in &self.steps {
            match &step.undo {
                Undo::NothingToUndo => {}
                Undo::Impossible { .. } | Undo::NoReturn { .. } => return false,
                Undo::By(undo) => match open.iter().position(|awaited| **awaited == step.act) {
                    Some(taken_back) => drop(open.remove(taken_back)),
                    None => open.push(undo),
                },
            }
        }
        open.is_empty()
    }

    /// What its acts and their undoing hold while it runs, each subject once, in their order.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let undoes = self.steps.iter().filter_map(|step| step.undo.act());
        let acts = self.steps.iter().map(|step| &step.act).chain(undoes);
        let mut claims: Vec<Claim> = acts.flat_map(Act::claims).collect();
        // Of one subject the exclusive claim comes first and stays.
        claims.sort();
        claims.dedup_by(|next, kept| next.subject == kept.subject);
        claims
    }
}

impl Undo {
    /// The act that undoes, when there is one.
    #[must_use]
    pub fn act(&self) -> Option<&Act> {
        match self {
            Self::By(act) => Some(act),
            Self::NothingToUndo | Self::Impossible { .. } | Self::NoReturn { .. } => None,
        }
    }
}

impl PlanKind {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlanKind {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins_well && text.len() <= 63 && text.chars().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(PlanError::Kind(text.to_owned()))
        }
    }
}

impl TryFrom<String> for PlanKind {
    type Error = PlanError;

    fn try_from(text: String) -> Result<Self, PlanError> {
        text.parse()
    }
}

impl From<PlanKind> for String {
    fn from(kind: PlanKind) -> Self {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for PlanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests;
