//! Plans that were shown to somebody and may be started: the one that was seen, not another.

use kernel::plan::Plan;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Previews kept at once; the oldest goes when another comes.
const MOST: usize = 64;
/// How long one may be looked at.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// The previews of the last quarter of an hour. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Previews {
    kept: Arc<Mutex<VecDeque<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    id: String,
    plan: Plan,
    at_once: bool,
    since: Instant,
}

impl Previews {
    /// Keeps a plan, and whether it is to begin at once; the id under which it can be started.
    pub(crate) fn keep(&self, plan: Plan, at_once: bool) -> String {
        let id = crate::access::new_secret();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|preview| preview.since.elapsed() < KEPT);
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back(Kept { id: id.clone(), plan, at_once, since: Instant::now() });
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<(Plan, bool)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|preview| preview.id == id);
        let found = found.filter(|preview| preview.since.elapsed() < KEPT);
        found.map(|preview| (preview.plan.clone(), preview.at_once))
    }

    pub(crate) fn forget(&self, id: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|preview| preview.id != id);
    }
}
