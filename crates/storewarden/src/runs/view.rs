//! Runs as the API sends them, as far as the command line reads them.

use kernel::{Params, ShopId, Value};
use serde::Deserialize;

/// A plan before it is started.
#[derive(Debug, Deserialize)]
pub(super) struct Preview {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) difference: Option<String>,
    pub(super) may_start: bool,
    pub(super) needs_approval: bool,
    /// What it does not wait for since it is to begin at once; then somebody must say why.
    pub(super) hurries_past: Vec<serde_json::Value>,
    pub(super) begins_ms: Option<i64>,
}

/// A plan that was started.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(super) kind: String,
    pub(super) title: Message,
    pub(crate) shop: Option<String>,
    pub(crate) state: String,
    pub(super) actor: String,
    #[serde(default)]
    pub(super) approved_by: Option<String>,
    pub(crate) created_ms: i64,
    #[serde(default)]
    pub(super) started_ms: Option<i64>,
    #[serde(default)]
    pub(super) ended_ms: Option<i64>,
    #[serde(default)]
    pub(super) waits_for: Vec<Message>,
    pub(crate) done_steps: usize,
    pub(crate) all_steps: usize,
    pub(super) steps: Vec<Step>,
    pub(super) cause: Option<Cause>,
    #[serde(default)]
    pub(super) difference: Option<String>,
    pub(super) may: Vec<String>,
}

/// A code with what belongs to it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Message {
    pub(super) code: String,
    #[serde(default)]
    pub(super) params: Params,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Step {
    pub(super) sentence: String,
    pub(super) state: String,
    pub(super) started_ms: Option<i64>,
    pub(super) ended_ms: Option<i64>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cause {
    pub(super) code: String,
    pub(super) message: Option<String>,
    pub(super) by: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Runs {
    pub(crate) runs: Vec<Run>,
}

/// A part of a run's log.
#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) text: String,
    pub(super) next: usize,
}

/// How far the step is that is being done.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Measure {
    pub(super) step: usize,
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    pub(super) unit: String,
    pub(super) per_second: f64,
}

impl Message {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(match self.params.get(name)? {
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
        })
    }

    pub(super) fn moment(&self, name: &str) -> Option<i64> {
        match self.params.get(name)? {
            Value::Integer(at_ms) => Some(*at_ms),
            Value::Number(_) | Value::Text(_) => None,
        }
    }
}

impl Run {
    /// Nothing happens to it any more unless a person does something.
    pub(super) fn is_at_rest(&self) -> bool {
        !matches!(self.state.as_str(), "waiting" | "running" | "undoing")
    }

    /// `Restart app-1`, `Deploy 42 to all instances, one after the other`.
    pub(crate) fn what(&self) -> String {
        self.called(None)
    }

    /// The same with its shop: `Restart app-1 of lamps`.
    pub(super) fn called(&self, shop: Option<&ShopId>) -> String {
        match self.kind.parse() {
            Ok(kind) => plan::title(&kind, shop, &self.title.params),
            Err(_) => super::text::words(&self.kind),
        }
    }
}
