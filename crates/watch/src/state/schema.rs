//! How the kernel's values look in OpenAPI: the kernel itself knows no OpenAPI.

use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How bad it is. `unknown` is no kind of good.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes kernel::Level, which is what is sent")]
pub(super) enum Level {
    Good,
    Unknown,
    Attention,
    Broken,
}

/// Whether an instance takes requests.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes kernel::facts::Health, which is what is sent")]
pub(super) enum Health {
    Unknown,
    Up,
    SlowStart,
    Draining,
    Down,
}

/// One parameter of a message: a number or a text, not formatted yet.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes kernel::Value, which is what is sent")]
pub(super) enum Value {
    Number(f64),
    Text(String),
}

/// Parameters of a message by name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes kernel::Params, which is what is sent")]
pub(crate) struct Params(BTreeMap<String, Value>);

/// The one sentence about a shop, as a code with parameters.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes kernel::Verdict, which is what is sent")]
pub(super) struct Verdict {
    level: Level,
    code: String,
    params: Params,
}

/// Something that wants a person's eye.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes kernel::Finding, which is what is sent")]
pub(super) struct Finding {
    /// Stable while the same trouble lasts.
    id: String,
    level: Level,
    code: String,
    params: Params,
    since_ms: i64,
}
