//! Who may ask for what: one line a route, and the only place where it is said.
//!
//! **To add a route**: name its handler in router.rs, add its line to [`ENDPOINTS`], and run
//! `UPDATE_GOLDEN=1 cargo nextest run -p api endpoints` (docs/endpoints.md) and `… openapi`. A route
//! without a line is refused to everybody, and a test says so. The test of all roles against all
//! routes asks the new one too, without another word.
//!
//! Which helper a line takes:
//! - [`shop`]: the path has `{shop}`, and the caller needs the permission there. To whom may not
//!   even see that shop, it does not exist (404).
//! - [`machine`]: it concerns all shops; a grant for one shop is not enough.
//! - [`somewhere`]: a list, or a thing whose shop only its record knows. **The handler takes
//!   [`Caller`](crate::caller::Caller) and narrows**: `caller.sees(&shop)` for each row of a list,
//!   `caller.may(permission, &shop)?` for one thing.
//! - [`SIGNED_IN`]: anybody who proved who they are. [`ONESELF`]: a person in a browser, about
//!   themselves. [`ANYBODY`]: strangers too.

use axum::http::Method;
use kernel::Permission::{
    self, Acknowledge, Approve, ChangeConfiguration, ManagePeople, Operate, Peer, ReadLedger, See,
    SeePeople, SendMetrics,
};

/// What a route wants of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Strangers too.
    Nothing,
    /// Anybody who proved who they are.
    SignedIn,
    /// A person in a browser.
    Oneself,
    Permission(Permission, At),
}

/// Where the permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At the shop of the path.
    Shop,
    /// At all shops and the machine.
    Machine,
    /// At any shop; the handler looks closer.
    Somewhere,
}

/// A route as the router knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub method: &'static str,
    pub path: &'static str,
    pub need: Need,
}

const ANYBODY: Need = Need::Nothing;
const SIGNED_IN: Need = Need::SignedIn;
const ONESELF: Need = Need::Oneself;

const fn shop(permission: Permission) -> Need {
    Need::Permission(permission, At::Shop)
}

const fn machine(permission: Permission) -> Need {
    Need::Permission(permission, At::Machine)
}

const fn somewhere(permission: Permission) -> Need {
    Need::Permission(permission, At::Somewhere)
}

const fn to(method: &'static str, path: &'static str, need: Need) -> Endpoint {
    Endpoint { method, path, need }
}

/// Every route, by path.
const ENDPOINTS: &[Endpoint] = &[
    to("GET", "/.well-known/storewarden/peer", machine(Peer)),
    to("GET", "/api/v1/backups", somewhere(See)),
    to("GET", "/api/v1/checks", somewhere(See)),
    to("GET", "/api/v1/configuration", machine(ChangeConfiguration)),
    to("GET", "/api/v1/health", ANYBODY),
    to("POST", "/api/v1/heartbeats/{name}", somewhere(SendMetrics)),
    to("POST", "/api/v1/heartbeats/{name}/{signal}", somewhere(SendMetrics)),
    to("GET", "/api/v1/incidents", somewhere(See)),
    to("GET", "/api/v1/incidents/{id}", somewhere(See)),
    to("POST", "/api/v1/incidents/{id}/acknowledge", somewhere(Acknowledge)),
    to("POST", "/api/v1/incidents/{id}/note", somewhere(Acknowledge)),
    to("POST", "/api/v1/incidents/{id}/own", somewhere(Acknowledge)),
    to("POST", "/api/v1/incidents/{id}/reopen", somewhere(Acknowledge)),
    to("POST", "/api/v1/incidents/{id}/resolve", somewhere(Acknowledge)),
    to("POST", "/api/v1/invitations/accept", ANYBODY),
    to("POST", "/api/v1/invitations/look", ANYBODY),
    to("GET", "/api/v1/ledger", somewhere(ReadLedger)),
    to("GET", "/api/v1/me", SIGNED_IN),
    to("POST", "/api/v1/me/password", ONESELF),
    to("POST", "/api/v1/me/recovery-codes", ONESELF),
    to("POST", "/api/v1/me/second-factor/begin", ONESELF),
    to("POST", "/api/v1/me/second-factor/confirm", ONESELF),
    to("POST", "/api/v1/me/second-factor/remove", ONESELF),
    to("GET", "/api/v1/notify", machine(See)),
    to("POST", "/api/v1/notify/test", machine(Operate)),
    to("GET", "/api/v1/openapi.json", SIGNED_IN),
    to("GET", "/api/v1/peers", machine(See)),
    to("GET", "/api/v1/people", machine(SeePeople)),
    to("POST", "/api/v1/people", machine(ManagePeople)),
    to("DELETE", "/api/v1/people/{id}", machine(ManagePeople)),
    to("PATCH", "/api/v1/people/{id}", machine(ManagePeople)),
    to("POST", "/api/v1/people/{id}/invite", machine(ManagePeople)),
    to("POST", "/api/v1/people/{id}/reset", machine(ManagePeople)),
    to("POST", "/api/v1/plans", somewhere(Operate)),
    to("POST", "/api/v1/reload", machine(ChangeConfiguration)),
    to("GET", "/api/v1/runs", somewhere(See)),
    to("POST", "/api/v1/runs", somewhere(Operate)),
    to("GET", "/api/v1/runs/events", somewhere(See)),
    to("GET", "/api/v1/runs/{run}", somewhere(See)),
    to("GET", "/api/v1/runs/{run}/log", somewhere(See)),
    to("POST", "/api/v1/runs/{run}/{deed}", somewhere(See)),
    to("GET", "/api/v1/services", somewhere(See)),
    to("DELETE", "/api/v1/sessions", ONESELF),
    to("GET", "/api/v1/sessions", ONESELF),
    to("DELETE", "/api/v1/sessions/{id}", ONESELF),
    to("GET", "/api/v1/shops", somewhere(See)),
    to("GET", "/api/v1/shops/{shop}", shop(See)),
    to("GET", "/api/v1/shops/{shop}/backups", shop(Operate)),
    to("GET", "/api/v1/shops/{shop}/backups/kept", shop(Operate)),
    to("POST", "/api/v1/shops/{shop}/backups/sheet", shop(ManagePeople)),
    to("GET", "/api/v1/shops/{shop}/backups/{snapshot}/files", shop(Operate)),
    to("GET", "/api/v1/shops/{shop}/database", shop(Operate)),
    to("POST", "/api/v1/shops/{shop}/database/examine", shop(Operate)),
    to("GET", "/api/v1/shops/{shop}/events", shop(See)),
    to("GET", "/api/v1/shops/{shop}/history", shop(See)),
    to("POST", "/api/v1/shops/{shop}/instances/{instance}/drain", shop(Operate)),
    to("POST", "/api/v1/shops/{shop}/instances/{instance}/undrain", shop(Operate)),
    to("POST", "/api/v1/shops/{shop}/orders/deleted", shop(Approve)),
    to("POST", "/api/v1/shops/{shop}/orders/erasures", shop(Approve)),
    to("POST", "/api/v1/shops/{shop}/orders/history", shop(Approve)),
    to("POST", "/api/v1/shops/{shop}/orders/look", shop(Approve)),
    to("POST", "/api/v1/shops/{shop}/orders/missing", shop(Approve)),
    to("POST", "/api/v1/sign-in", ANYBODY),
    to("POST", "/api/v1/sign-in-links", machine(ManagePeople)),
    to("POST", "/api/v1/sign-out", SIGNED_IN),
    to("GET", "/api/v1/silences", somewhere(See)),
    to("POST", "/api/v1/silences", somewhere(Acknowledge)),
    to("DELETE", "/api/v1/silences/{id}", somewhere(Acknowledge)),
    to("GET", "/api/v1/status", somewhere(See)),
    to("GET", "/api/v1/tokens", machine(SeePeople)),
    to("POST", "/api/v1/tokens", machine(ManagePeople)),
    to("DELETE", "/api/v1/tokens/{name}", machine(ManagePeople)),
    to("GET", "/metrics", somewhere(See)),
    to("GET", "/prometheus/api/v1/alerts", somewhere(See)),
    to("GET", "/prometheus/api/v1/label/{name}/values", somewhere(See)),
    to("GET", "/prometheus/api/v1/labels", somewhere(See)),
    to("POST", "/prometheus/api/v1/labels", somewhere(See)),
    to("GET", "/prometheus/api/v1/metadata", somewhere(See)),
    to("GET", "/prometheus/api/v1/query", somewhere(See)),
    to("POST", "/prometheus/api/v1/query", somewhere(See)),
    to("GET", "/prometheus/api/v1/query_exemplars", somewhere(See)),
    to("POST", "/prometheus/api/v1/query_exemplars", somewhere(See)),
    to("GET", "/prometheus/api/v1/query_range", somewhere(See)),
    to("POST", "/prometheus/api/v1/query_range", somewhere(See)),
    to("GET", "/prometheus/api/v1/rules", somewhere(See)),
    to("GET", "/prometheus/api/v1/series", somewhere(See)),
    to("POST", "/prometheus/api/v1/series", somewhere(See)),
    to("GET", "/prometheus/api/v1/status/buildinfo", somewhere(See)),
    to("GET", "/prometheus/api/v1/targets", somewhere(See)),
    to("POST", "/prometheus/api/v1/write", machine(SendMetrics)),
    to("GET", "/sign-in", ANYBODY),
];

/// Every route and what it wants, by path.
#[must_use]
pub fn endpoints() -> &'static [Endpoint] {
    ENDPOINTS
}

/// What a route wants, by its path as the router has it; `None` for one that is not in the table.
pub(crate) fn need(method: &Method, path: &str) -> Option<Need> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let found = ENDPOINTS.iter().find(|row| row.method == method && row.path == path);
    found.map(|row| row.need)
}
