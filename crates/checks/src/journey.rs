//! A customer's way through a shop, step by step up to the order, as a script tells it: forms with tokens against forgery, APIs that are
//! asked in JSON, a cart in a cookie.
//!
//! It stops before anything is ordered unless it is told to, and what it orders, it cancels. It reads the shop as a customer does, from
//! outside, and knows nothing of its database.

mod capture;
mod cookies;
mod evidence;
mod expect;
mod platforms;
mod script;
mod template;
mod walker;
mod written;

pub use script::{Input, Script, ScriptError};

use crate::{outcome::Conclusion, tls::Trust};
use kernel::readings::Readings;
use std::{collections::BTreeMap, fmt, time::Duration};

/// By name.
pub type Variables = BTreeMap<String, String>;

/// Who walks where, with what.
#[derive(Clone)]
pub struct Journey {
    pub script: Script,
    /// `http://` or `https://` with a host; a path of it stands before the paths of the script.
    pub base: String,
    /// What the script asks for ([`Script::inputs`]); without one, what the script has instead.
    pub variables: Variables,
    pub trust: Trust,
    pub placing: Placing,
}

impl fmt::Debug for Journey {
    /// Shows no variable: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journey")
            .field("script", &self.script)
            .field("place", &outbound::http::place(&self.base))
            .finish_non_exhaustive()
    }
}

/// Whether an order is placed.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Placing {
    /// It ends before the first step that places.
    #[default]
    Before,
    /// It places, and takes the steps that cancel afterwards, whatever happened; with what only these steps need (how it is paid, who may
    /// cancel), which goes before the journey's own variables.
    With(Variables),
}

impl fmt::Debug for Placing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Before) { "Before" } else { "With(…)" })
    }
}

/// What came of one walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// As the caller gave it, unix milliseconds.
    pub at_ms: i64,
    /// That of the first step that did not pass.
    pub conclusion: Conclusion,
    /// Those that were taken, in their order; the others were not begun.
    pub steps: Vec<StepSeen>,
    /// `None`: nothing was sent that places.
    pub placed: Option<Placed>,
    /// Of the first step that did not pass.
    pub evidence: Option<Evidence>,
}

/// One step, as it went.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSeen {
    pub name: String,
    /// With all its redirects.
    pub seconds: f64,
    /// Of its last answer; `None` without one.
    pub status: Option<u16>,
    pub conclusion: Conclusion,
}

/// An order that is none of a customer's: statistics leave it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What the shop calls it; `None` when the shop did not say, or was not heard: whether there is one is then unknown.
    pub order: Option<String>,
    /// Whether every step that cancels passed. If not, somebody has to look.
    pub is_cancelled: bool,
}

/// What a step saw that did not pass, with passwords, tokens, cookies and e-mail addresses struck out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub step: String,
    pub status: Option<u16>,
    /// The first KiB; empty without an answer, and of one that was cut off.
    pub body: String,
}

/// Walks once. It takes no longer than the deadline, and once more as long for the steps that cancel.
///
/// `at_ms` is the moment by which certificates are judged, unix milliseconds, and that of the walk.
/// Wants a runtime with its network and its clock switched on.
pub async fn walk(journey: &Journey, at_ms: i64, deadline: Duration) -> Walk {
    walker::walk(journey, at_ms, deadline).await
}

/// Adds what one walk says, each with these labels.
///
/// Of a walk that is unknown there is no `storewarden_journey_success`: it is neither 1 nor 0.
pub fn readings(walk: &Walk, labels: &[(&str, &str)], into: &mut Readings) {
    match walk.conclusion {
        Conclusion::Passed => into.put("storewarden_journey_success", labels, 1.0),
        Conclusion::Failed(_) => into.put("storewarden_journey_success", labels, 0.0),
        Conclusion::Unknown(_) => {}
    }
    for step in &walk.steps {
        let labels: Vec<_> = labels.iter().copied().chain([("step", step.name.as_str())]).collect();
        into.put("storewarden_journey_step_duration_seconds", &labels, step.seconds);
    }
    let passed = walk.steps.iter().filter(|step| step.conclusion == Conclusion::Passed).count();
    into.put("storewarden_journey_steps_passed", labels, passed as f64);
}
