//! What a plan would do, and what stands in its way, before it is started.

use super::{Act, Plan, RunId, Undo};
use crate::{Params, WindowName};
use serde::{Deserialize, Serialize};

/// A plan as a person is shown it before it is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    pub plan: Plan,
    /// One a step, in their order.
    pub steps: Vec<StepPreview>,
    /// Steps, by index from 0, that cannot be taken back once they are done.
    pub impossible_to_undo: Vec<usize>,
    /// Names of facts that are no longer what the plan was made from. Not empty: it is refused.
    pub stale: Vec<String>,
    /// What it would wait for if it were started now.
    pub waits_for: Vec<WaitsFor>,
    /// What it does not wait for, since somebody wishes that it begins at once: they must say why.
    pub hurries_past: Vec<WaitsFor>,
    /// When it would begin, in unix milliseconds, as far as windows and freezes decide; `None`: not
    /// as things stand.
    pub begins_at_ms: Option<i64>,
    /// The longest it can take, in milliseconds.
    pub longest_ms: u64,
}

/// A window that a plan could wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowChoice {
    pub window: WindowName,
    /// When the plan would begin in it, in unix milliseconds; `None`: it is never open long enough.
    pub begins_at_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepPreview {
    pub act: Act,
    /// As of now, as if the steps before it were done.
    pub conditions: Vec<Condition>,
    pub undo: Undo,
}

/// Something that must hold before an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Names the message, snake_case: `another_instance_healthy`.
    pub code: String,
    pub params: Params,
    pub holds: Holds,
}

/// Whether a condition holds. Unknown is no kind of yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    Yes,
    No,
    Unknown,
}

/// Why a run does not begin yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "waits_for", rename_all = "snake_case")]
pub enum WaitsFor {
    /// A person who says yes.
    Approval,
    /// Its window, which next opens, long enough for it, at this time.
    Window { window: WindowName, opens_at_ms: i64 },
    /// The end of a freeze, or a window after it.
    Freeze { freeze: String, reason: String, until_ms: i64 },
    /// A window or an end of freezes that the configuration does not have: a person must hurry or
    /// cancel it, or change the configuration.
    Never { window: WindowName },
    /// Another run that holds what it needs.
    Run { run: RunId },
    /// A place: as many runs as may act at once do.
    Place,
}

impl Preview {
    /// Whether it would begin as it is: nothing stale, and every condition holds.
    #[must_use]
    pub fn may_start(&self) -> bool {
        let mut conditions = self.steps.iter().flat_map(|step| &step.conditions);
        self.stale.is_empty() && conditions.all(|condition| condition.holds == Holds::Yes)
    }
}
