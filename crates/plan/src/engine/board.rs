//! Who may begin: all runs that are not over, what each waits for, and who holds what. Pure.
//!
//! A run gets all its claims at once or none, and queues by its number behind whoever wants the
//! same, so that no two runs can wait for each other and none waits for ever. A run that waits for
//! its window holds nobody up.

use crate::{Calendar, EngineError, Timing, calendar::Hold};
use kernel::plan::{Claim, Measure, Run, RunId, RunState, Subject, WaitsFor};
use std::collections::{BTreeMap, HashMap};
use tokio::sync::watch;

/// How long it stays said that a window never opens: looking for an opening takes a while.
const NEVER_IS_TRUE_MS: i64 = 60_000;

/// What is known of a run beside its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Empty when it acts.
    pub waits: Vec<WaitsFor>,
    pub step: Option<LiveStep>,
}

/// How far the step is that is being done.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveStep {
    pub step: usize,
    pub measure: Measure,
    /// Units a second since the step began.
    pub per_second: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    AwaitingApproval,
    /// Has not begun.
    Waiting,
    /// Has begun, and wants to go on or back.
    Ready,
    /// A task works on it.
    Active,
    /// Nobody works on it, and nobody else may touch what it holds.
    Stuck,
}

struct Entry {
    phase: Phase,
    run: Run,
    claims: Vec<Claim>,
    timing: Timing,
    hold: Option<Held>,
    waits: Vec<WaitsFor>,
    step: Option<LiveStep>,
    cancel: watch::Sender<bool>,
    /// A person sent it on while a task was still leaving it.
    again: bool,
}

/// What the calendar said, and while that is true.
struct Held {
    hold: Hold,
    said_at_ms: i64,
}

pub(super) struct Board {
    entries: BTreeMap<RunId, Entry>,
    calendar: Calendar,
    places: usize,
    /// Runs that are being written for the first time.
    reserved: usize,
}

/// A run that begins, with the ear for its cancelling.
pub(super) struct Begun {
    pub(super) run: Run,
    pub(super) cancelled: watch::Receiver<bool>,
}

#[derive(Default)]
pub(super) struct Decided {
    pub(super) begin: Vec<Begun>,
    /// What runs wait for, where that changed.
    pub(super) waits: Vec<(RunId, Vec<WaitsFor>)>,
    pub(super) look_again_at_ms: Option<i64>,
}

/// Who holds or wants a subject first, and whether everybody shares it.
struct Holder {
    run: RunId,
    shared: bool,
}

impl Board {
    pub(super) fn new(places: usize, calendar: Calendar) -> Self {
        Self { entries: BTreeMap::new(), calendar, places, reserved: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub(super) fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = calendar;
        for entry in self.entries.values_mut() {
            entry.hold = None;
        }
    }

    /// Keeps a place for a run that is about to be written.
    pub(super) fn reserve(&mut self, limit: usize) -> Result<(), EngineError> {
        if self.entries.len() + self.reserved >= limit {
            return Err(EngineError::Full(limit));
        }
        self.reserved += 1;
        Ok(())
    }

    pub(super) fn release(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// Takes a run on that nobody works on.
    pub(super) fn put(&mut self, run: Run) {
        let phase = match run.state {
            RunState::AwaitingApproval => Phase::AwaitingApproval,
            RunState::Waiting => Phase::Waiting,
            RunState::Running | RunState::Undoing => Phase::Ready,
            RunState::Stuck => Phase::Stuck,
            _ => return,
        };
        let claims = run.plan.claims();
        let timing = Timing { hurried: run.hurried.is_some(), ..Timing::of(&run.plan) };
        let cancel = watch::Sender::new(run.cancelled_by.is_some());
        let (hold, waits, step) = (None, Vec::new(), None);
        let entry = Entry { phase, claims, timing, hold, waits, step, cancel, again: false, run };
        self.entries.insert(entry.run.id, entry);
    }

    /// A person changed a record; it is on disk.
    pub(super) fn decided(&mut self, run: &Run) {
        let Some(entry) = self.entries.get_mut(&run.id) else {
            return self.put(run.clone());
        };
        if entry.phase == Phase::Active {
            // Its task finds out by itself; unless it is already leaving.
            entry.cancel.send_replace(run.cancelled_by.is_some());
            entry.again = true;
        } else if run.state.is_over() {
            self.entries.remove(&run.id);
        } else {
            self.put(run.clone());
        }
    }

    /// A task leaves a run. `false`: a person changed the record meanwhile, and the task must read
    /// it and come again.
    pub(super) fn left(&mut self, run: &Run) -> bool {
        if let Some(entry) = self.entries.get_mut(&run.id)
            && std::mem::take(&mut entry.again)
        {
            return false;
        }
        self.entries.remove(&run.id);
        self.put(run.clone());
        true
    }

    pub(super) fn live(&self, run: RunId) -> Option<Live> {
        let entry = self.entries.get(&run)?;
        Some(Live { waits: entry.waits.clone(), step: entry.step.clone() })
    }

    pub(super) fn measured(&mut self, run: RunId, step: Option<LiveStep>) {
        if let Some(entry) = self.entries.get_mut(&run) {
            entry.step = step;
        }
    }

    /// Runs that nobody works on, for nobody can tell what became of a step.
    pub(super) fn stuck(&self) -> Vec<Run> {
        let stuck = self.entries.values().filter(|entry| entry.phase == Phase::Stuck);
        stuck.map(|entry| entry.run.clone()).collect()
    }

    /// Who holds what a plan would need.
    pub(super) fn holder(&self, claims: &[Claim]) -> Option<RunId> {
        let holds = |entry: &&Entry| matches!(entry.phase, Phase::Active | Phase::Stuck);
        let conflicts = |entry: &&Entry| {
            claims.iter().any(|claim| entry.claims.iter().any(|held| held.conflicts_with(claim)))
        };
        self.entries.values().filter(holds).find(conflicts).map(|entry| entry.run.id)
    }

    /// Lets begin who may, and says of the others what they wait for.
    pub(super) fn choose(&mut self, now_ms: i64) -> Decided {
        let mut decided = Decided::default();
        let mut holders: HashMap<Subject, Holder> = HashMap::new();
        let mut places = self.places;
        for entry in self.entries.values() {
            if matches!(entry.phase, Phase::Active | Phase::Stuck) {
                hold(&mut holders, entry);
                places = places.saturating_sub(usize::from(entry.phase == Phase::Active));
            }
        }
        for phase in [Phase::Ready, Phase::AwaitingApproval, Phase::Waiting] {
            for entry in self.entries.values_mut().filter(|entry| entry.phase == phase) {
                let mut waits = match phase {
                    Phase::AwaitingApproval => vec![WaitsFor::Approval],
                    Phase::Waiting => entry.wait_for_calendar(&self.calendar, now_ms),
                    _ => Vec::new(),
                };
                if waits.is_empty() {
                    let before = entry.claims.iter().find_map(|claim| {
                        let holder = holders.get(&claim.subject)?;
                        (!(holder.shared && claim.shared)).then_some(holder.run)
                    });
                    waits.extend(before.map(|run| WaitsFor::Run { run }));
                    if waits.is_empty() && places == 0 {
                        waits.push(WaitsFor::Place);
                    }
                    // Whoever comes later and wants the same queues behind this one.
                    hold(&mut holders, entry);
                }
                if waits.is_empty() {
                    places -= 1;
                    entry.phase = Phase::Active;
                    entry.again = false;
                    let cancelled = entry.cancel.subscribe();
                    decided.begin.push(Begun { run: entry.run.clone(), cancelled });
                }
                decided.look_again_at_ms = earlier(decided.look_again_at_ms, entry.begins_at_ms());
                if waits != entry.waits {
                    entry.waits.clone_from(&waits);
                    decided.waits.push((entry.run.id, waits));
                }
            }
        }
        decided
    }
}

impl Entry {
    fn wait_for_calendar(&mut self, calendar: &Calendar, now_ms: i64) -> Vec<WaitsFor> {
        let still_true = |held: &&Held| {
            let until_ms = held.hold.begins_at_ms.unwrap_or(held.said_at_ms + NEVER_IS_TRUE_MS);
            (held.said_at_ms..until_ms).contains(&now_ms)
        };
        if let Some(held) = self.hold.as_ref().filter(still_true) {
            return held.hold.waits.clone();
        }
        let hold = calendar.hold(&self.timing, now_ms);
        let waits = hold.waits.clone();
        self.hold = Some(Held { hold, said_at_ms: now_ms });
        waits
    }

    fn begins_at_ms(&self) -> Option<i64> {
        let held = self.hold.as_ref().filter(|_| self.phase == Phase::Waiting)?;
        held.hold.begins_at_ms.filter(|_| !held.hold.waits.is_empty())
    }
}

fn hold(holders: &mut HashMap<Subject, Holder>, entry: &Entry) {
    for claim in &entry.claims {
        let (run, shared) = (entry.run.id, claim.shared);
        let holder = holders.entry(claim.subject.clone()).or_insert(Holder { run, shared: true });
        if holder.shared && !shared {
            *holder = Holder { run, shared };
        }
    }
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests;
