//! What judgement says of facts: findings, and the one verdict a shop owner reads first.
//!
//! A finding is a code with parameters, never a sentence: screen, command line and mail each take
//! their words from one message file, so that they say the same.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How bad it is. `Unknown` is no kind of good: it has its own look everywhere.
///
/// The order is by urgency, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Good,
    Unknown,
    Attention,
    Broken,
}

/// One parameter of a message: a number or a text, never formatted yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Integer(i64),
    Number(f64),
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// The parameters of a message by name. Names end in their unit (`since_ms`, `free_bytes`).
pub type Params = BTreeMap<String, Value>;

/// Something that wants a person's eye, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable while the same trouble lasts: `CODE` or `CODE:SUBJECT`.
    pub id: String,
    pub level: Level,
    /// Names the message, snake_case; docs/LEXICON.md lists them.
    pub code: String,
    pub params: Params,
    /// Unix milliseconds at which it was first seen without a break.
    pub since_ms: i64,
}

/// The one sentence about a shop, as a code with parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub level: Level,
    pub code: String,
    pub params: Params,
}
