//! What happened: noted once, kept for the charts, handed to the store.

use crate::{
    judgement::InstanceEvidence,
    state::{Mark, MarkKind},
};
use kernel::{InstanceName, Params, facts::Health};
use std::collections::{BTreeMap, VecDeque};

/// More than these are not kept; the store has them all.
const KEPT: usize = 100;
/// The charts go back three hours; a mark shown is not older than that.
const SHOWN_MS: i64 = 3 * 60 * 60 * 1000;
/// Holding that pauses for less than this is one holding.
const HOLD_PAUSE_MS: i64 = 3_000;

#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: VecDeque<Mark>,
    unsaved: Vec<Mark>,
    /// What was last known of each instance: whether it was down.
    down: BTreeMap<InstanceName, bool>,
    /// Since a holding began: when requests were last held.
    held_ms: Option<i64>,
}

impl Marks {
    /// Takes marks that the store has already.
    pub(crate) fn restore(&mut self, marks: impl IntoIterator<Item = Mark>) {
        self.marks.extend(marks);
        self.marks.make_contiguous().sort_by_key(|mark| mark.at_ms);
    }

    pub(crate) fn add(&mut self, at_ms: i64, kind: MarkKind, params: Params) {
        let mark = Mark { at_ms, kind, params };
        self.unsaved.push(mark.clone());
        self.marks.push_back(mark);
        if self.marks.len() > KEPT {
            self.marks.pop_front();
        }
    }

    pub(crate) fn take_unsaved(&mut self) -> Vec<Mark> {
        std::mem::take(&mut self.unsaved)
    }

    /// Takes back what could not be written, up to as many as are kept.
    pub(crate) fn put_back_unsaved(&mut self, marks: Vec<Mark>) {
        let room = KEPT.saturating_sub(self.unsaved.len());
        self.unsaved.splice(0..0, marks.into_iter().take(room));
    }

    pub(crate) fn shown(&self, now_ms: i64) -> impl Iterator<Item = &Mark> {
        self.marks.iter().filter(move |mark| mark.at_ms > now_ms - SHOWN_MS)
    }

    /// Notes instances that went down or came back since the last look. The first look only
    /// notes those that are down.
    pub(crate) fn note_instances(&mut self, instances: &[InstanceEvidence]) {
        for instance in instances {
            let down = match instance.health {
                Health::Down => true,
                Health::Up | Health::SlowStart | Health::Draining => false,
                Health::Unknown => continue,
            };
            let before = self.down.insert(instance.name.clone(), down).unwrap_or(false);
            if down == before {
                continue;
            }
            let mut params = Params::from([("instance".to_owned(), instance.name.as_str().into())]);
            if let Some(error) = instance.last_error.as_deref().filter(|_| down) {
                params.insert("error".to_owned(), error.into());
            }
            let kind = if down { MarkKind::InstanceDown } else { MarkKind::InstanceUp };
            self.add(instance.health_since_ms, kind, params);
        }
        self.down.retain(|name, _| instances.iter().any(|instance| instance.name == *name));
    }

    pub(crate) fn note_holding(&mut self, held: u64, now_ms: i64) {
        match self.held_ms {
            None if held > 0 => self.add(now_ms, MarkKind::HoldStart, Params::new()),
            Some(last_ms) if held == 0 && now_ms - last_ms > HOLD_PAUSE_MS => {
                self.add(last_ms, MarkKind::HoldEnd, Params::new());
                self.held_ms = None;
            }
            _ => {}
        }
        if held > 0 {
            self.held_ms = Some(now_ms);
        }
    }
}
