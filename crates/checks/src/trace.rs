//! What a check leaves behind while it runs, so that one that is cut off still tells how far it came.

use crate::outcome::{Conclusion, Outcome, Phase, Reason, Seen};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Trace {
    begun: Instant,
    current: Option<(Phase, Instant)>,
    /// By phase, with whether it was begun at all.
    spent: [Option<Duration>; Phase::ALL.len()],
    pub(crate) seen: Seen,
    /// Whether somebody else is asked about what is checked, whose silence says nothing of it.
    pub(crate) asks_others: bool,
}

impl Trace {
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            current: None,
            spent: [None; Phase::ALL.len()],
            seen: Seen::default(),
            asks_others: false,
        }
    }

    /// Ends the phase before.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.leave();
        self.current = Some((phase, Instant::now()));
    }

    pub(crate) fn leave(&mut self) {
        if let Some((phase, since)) = self.current.take() {
            let spent = self.spent[phase as usize].get_or_insert(Duration::ZERO);
            *spent += since.elapsed();
        }
    }

    pub(crate) fn timed_out(&self, deadline: Duration) -> Conclusion {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        let reason = Reason::new("timed_out").with("deadline_ms", deadline_ms);
        match self.current {
            // Whether our resolver is dead or theirs looks the same from here.
            None | Some((Phase::Resolve, _)) => {
                Conclusion::Unknown(reason.with("phase", Phase::Resolve.word()))
            }
            Some((phase, _)) if self.asks_others => {
                Conclusion::Unknown(reason.with("phase", phase.word()))
            }
            Some((phase, _)) => Conclusion::Failed(reason.with("phase", phase.word())),
        }
    }

    pub(crate) fn finish(mut self, at_ms: i64, conclusion: Conclusion) -> Outcome {
        self.leave();
        let spent = Phase::ALL.into_iter().zip(self.spent);
        let phases = spent.filter_map(|(phase, spent)| Some((phase, spent?.as_secs_f64())));
        Outcome {
            at_ms,
            conclusion,
            took_seconds: self.begun.elapsed().as_secs_f64(),
            phases: phases.collect(),
            seen: self.seen,
        }
    }
}
