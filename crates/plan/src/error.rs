//! What can go wrong when somebody asks the engine for something, as one type.

use kernel::{
    WindowName,
    plan::{Area, PlanError, RunId, RunState},
};
use std::{io, path::PathBuf, sync::Arc};
use store::StoreError;

#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    #[error("start plan")]
    Plan(#[from] PlanError),
    /// The wiring lacks somebody; no plan of this area can be started.
    #[error("find a performer of the area {0:?}")]
    NoPerformer(Area),
    #[error("give the area {0:?} a performer: it has one")]
    TwoPerformers(Area),
    /// Make the plan again, from the facts as they are now.
    #[error("start plan: it is stale, because {} changed since it was made", facts.join(", "))]
    Stale { facts: Vec<String> },
    #[error("find window `{0}`: the configuration has none of this name")]
    NoWindow(WindowName),
    /// Even the longest opening of the window is too short; the plan's steps may take this long.
    #[error("fit {longest_ms} ms into window `{window}`")]
    TooLong { window: WindowName, longest_ms: u64 },
    #[error("find time zone `{zone}` of {of}")]
    TimeZone { of: String, zone: String },
    #[error("find run {0}")]
    NoRun(RunId),
    /// The run went on meanwhile, or is over; look at it again.
    #[error("{verb} run {run}: it is {state}")]
    NotNow { verb: &'static str, run: RunId, state: RunState },
    /// Cancel some, or wait until some have ended.
    #[error("start plan: {0} runs are not over, and no more are taken")]
    Full(usize),
    /// Nothing of what was asked was done.
    #[error("keep runs: another engine has taken them over")]
    Fenced,
    #[error("{verb} run {run}: it changes too often")]
    Contended { verb: &'static str, run: RunId },
    #[error("read log `{path}`")]
    ReadLog { path: PathBuf, source: Arc<io::Error> },
    #[error("make folder `{path}` for the logs of runs")]
    MakeFolder { path: PathBuf, source: Arc<io::Error> },
    #[error("read moment `{0}`; expected STEP:POINT or STEP:POINT:undo")]
    Moment(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}
