//! A script as its file has it (docs/checks.md, "Journeys").

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    pub(super) format: u32,
    pub(super) name: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Variable>,
    /// Sent with each step.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) step: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) about: String,
    pub(super) default: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) form: Option<BTreeMap<String, String>>,
    pub(super) json: Option<Value>,
    pub(super) graphql: Option<GraphQl>,
    #[serde(default)]
    pub(super) places: bool,
    #[serde(default)]
    pub(super) cancels: bool,
    #[serde(default)]
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, Capture>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GraphQl {
    /// Without gaps: its braces are its own.
    pub(super) query: String,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    #[serde(default)]
    pub(super) status: Vec<u16>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) contains: Vec<String>,
    #[serde(default)]
    pub(super) lacks: Vec<String>,
    #[serde(default)]
    pub(super) json: Vec<Json>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Json {
    pub(super) pointer: String,
    pub(super) equals: Option<Value>,
    pub(super) exists: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Capture {
    Json(String),
    Regex(String),
    Field(String),
    Header(String),
    Cookie(String),
}
