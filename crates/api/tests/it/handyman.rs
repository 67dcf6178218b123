//! Somebody who does the acts of the tests' plans: what is removed is a file.

use kernel::{
    Params,
    plan::{
        Act, Approval, Area, Condition, Failed, Fence, Holds, Intent, OldData, OnFailure, Pending,
        Performer, Plan, Probe, Progress, Purpose, Step, Undo,
    },
};
use std::path::PathBuf;

#[derive(Debug)]
pub(crate) struct Handyman {
    /// There while nothing was removed; its removal is the one effect of every act.
    pub(crate) file: PathBuf,
}

/// A plan of one step, which needs a yes.
pub(crate) fn clean_up(now_ms: i64) -> Plan {
    let act = Act::RemoveOldData { what: OldData::RunLogs, older_than_ms: now_ms };
    let undo = Undo::Impossible { reason: "data_is_gone".to_owned() };
    Plan {
        kind: "clean_up".parse().unwrap(),
        shop: None,
        params: Params::new(),
        steps: vec![Step { act, undo, timeout_ms: 5_000 }],
        made_at_ms: now_ms,
        facts: Vec::new(),
        approval: Approval::Needed,
        purpose: Purpose::Repair,
        on_failure: OnFailure::Stop,
        window: None,
    }
}

impl Performer for Handyman {
    fn areas(&self) -> &[Area] {
        &[Area::Records]
    }

    fn conditions<'a>(&'a self, _act: &'a Act, _after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        let holds = if self.file.exists() { Holds::Yes } else { Holds::No };
        let condition = Condition { code: "file_there".to_owned(), params: Params::new(), holds };
        Box::pin(std::future::ready(vec![condition]))
    }

    fn perform<'a>(
        &'a self,
        _act: &'a Act,
        _fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        progress.line("removing the file");
        let removed = std::fs::remove_file(&self.file).map_err(|e| Failed::new(e.to_string()));
        Box::pin(std::future::ready(removed.map(|()| Params::new())))
    }

    fn verify<'a>(&'a self, _act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(std::future::ready(Ok(Params::new())))
    }

    fn probe<'a>(&'a self, _act: &'a Act, _intent: &'a Intent) -> Pending<'a, Probe> {
        let probe = if self.file.exists() { Probe::NotDone } else { Probe::Done };
        Box::pin(std::future::ready(probe))
    }

    fn fact<'a>(&'a self, _name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}
