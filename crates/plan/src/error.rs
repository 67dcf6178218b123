//! What can go wrong when somebody asks the engine for something, as one type.

use crate::words;
use kernel::{
    Value, WindowName,
    config::nearest,
    plan::{Area, PlanError, Reason, RunId, RunState},
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
    #[error(
        "find window `{window}`: the configuration has none of this name; {}",
        instead(window, known)
    )]
    NoWindow { window: WindowName, known: Vec<WindowName> },
    /// Even the longest opening of the window is too short; the plan's steps may take this long.
    #[error(
        "fit into window `{window}`: it is never open for {}, which this may take",
        words::duration(*longest_ms)
    )]
    TooLong { window: WindowName, longest_ms: u64 },
    #[error("find time zone `{zone}` of {of}")]
    TimeZone { of: String, zone: String },
    #[error("find run {0}")]
    NoRun(RunId),
    /// The run went on meanwhile, or is over; look at it again.
    #[error("{verb} run {run}: it is {state}")]
    NotNow { verb: &'static str, run: RunId, state: RunState },
    /// What would take it back was removed; `why` says what, and by which run.
    #[error("take run {run} back: what it put aside is gone")]
    UndoGone { run: RunId, why: Reason },
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

impl EngineError {
    /// What whoever asked should be told, as a code; `None` where they can do nothing about it.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let names = |known: &[WindowName]| {
            known.iter().map(WindowName::as_str).collect::<Vec<_>>().join(", ")
        };
        let count = |number: usize| Value::from(u64::try_from(number).unwrap_or(u64::MAX));
        Some(match self {
            Self::Stale { facts } => Reason::new("stale", [("facts", facts.join(", ").into())]),
            Self::NoWindow { window, known } => {
                let (window, known) = (window.to_string().into(), names(known).into());
                Reason::new("no_window", [("window", window), ("known", known)])
            }
            Self::TooLong { window, longest_ms } => {
                let window = window.to_string().into();
                let longest_ms = (*longest_ms).into();
                Reason::new("window_too_short", [("window", window), ("longest_ms", longest_ms)])
            }
            Self::NoRun(run) => Reason::new("no_run", [("run", run.to_string().into())]),
            Self::NotNow { run, state, .. } => {
                let (run, state) = (run.to_string().into(), state.code().into());
                Reason::new("not_now", [("run", run), ("state", state)])
            }
            Self::UndoGone { why, .. } => why.clone(),
            Self::Contended { run, .. } => {
                Reason::new("contended", [("run", run.to_string().into())])
            }
            Self::Full(limit) => Reason::new("full", [("limit", count(*limit))]),
            _ => return None,
        })
    }
}

/// What may have been meant instead of a window that is not there.
fn instead(window: &WindowName, known: &[WindowName]) -> String {
    let names = || known.iter().map(WindowName::as_str);
    match (nearest(window.as_str(), names()), known) {
        (Some(near), _) => format!("is `{near}` meant?"),
        (None, []) => "it has none at all".to_owned(),
        (None, _) => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    }
}
