//! Rule files of Prometheus: read into values with the place of everything that is wrong, and evaluated against the metrics store.
//!
//! Recording rules come to samples, alerting rules to alerts that are pending, firing and over as in Prometheus. Whoever evaluates a group keeps
//! its [`GroupState`] from one evaluation to the next; nothing here looks at a clock.

mod alerting;
mod document;
mod evaluation;
mod reader;
mod template;
#[cfg(test)]
mod tests;

pub use alerting::{Alert, AlertState};
pub use evaluation::{GroupState, RuleError};
pub use template::{Template, TemplateError};

use crate::query::Query;
use std::collections::BTreeMap;
use std::fmt;

/// What a file says.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated together, one after the other, at one moment.
#[derive(Debug, Clone)]
pub struct RuleGroup {
    /// No other group of the file has it.
    pub name: String,
    /// From one evaluation to the next; `None`: what is usual.
    pub interval_ms: Option<i64>,
    /// How far behind the moment its queries look.
    pub query_offset_ms: i64,
    /// Series or alerts that one rule may come to; 0: any number.
    pub limit: usize,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it stands in its file, from 1.
    pub line: usize,
    /// The series that it writes, or the alert.
    pub name: String,
    pub query: Query,
    /// Those of its group as well. Of a recording rule they are plain text.
    pub labels: BTreeMap<String, Template>,
    pub kind: RuleKind,
}

#[derive(Debug, Clone)]
pub enum RuleKind {
    Recording,
    Alerting {
        /// How long its query must find something before it fires.
        for_ms: i64,
        /// How long it goes on when the query finds it no more.
        keep_firing_for_ms: i64,
        annotations: BTreeMap<String, Template>,
    },
}

impl RuleFile {
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn read(text: &str) -> Result<Self, Vec<RuleMistake>> {
        reader::read(text)
    }
}

/// Something of a file that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMistake {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and how to mend it.
    pub what: String,
}

impl fmt::Display for RuleMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}
