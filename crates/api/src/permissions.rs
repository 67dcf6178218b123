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
//! - [`SIGNED_IN`]: anybody who proved who they are. [`ANYBODY`]: strangers too.

use axum::http::Method;
use kernel::Permission::{self, ChangeConfiguration, ManagePeople, Operate, See};

/// What a route wants of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    SignedIn,
    Permission(Permission, At),
}

/// Where the permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// At the shop of the path.
    Shop,
    /// At all shops and the machine.
    Machine,
    /// At any shop; the handler looks closer.
    Somewhere,
}

/// A route as the router knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
}

const ANYBODY: Need = Need::Nothing;
const SIGNED_IN: Need = Need::SignedIn;

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
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    to("GET", "/api/v1/health", ANYBODY),
    to("GET", "/api/v1/openapi.json", SIGNED_IN),
    to("POST", "/api/v1/reload", machine(ChangeConfiguration)),
    to("GET", "/api/v1/shops", somewhere(See)),
    to("GET", "/api/v1/shops/{shop}", shop(See)),
    to("GET", "/api/v1/shops/{shop}/events", shop(See)),
    to("POST", "/api/v1/shops/{shop}/instances/{instance}/drain", shop(Operate)),
    to("POST", "/api/v1/shops/{shop}/instances/{instance}/undrain", shop(Operate)),
    to("POST", "/api/v1/sign-in-links", machine(ManagePeople)),
    to("POST", "/api/v1/sign-out", SIGNED_IN),
    to("GET", "/api/v1/status", somewhere(See)),
    to("GET", "/sign-in", ANYBODY),
];

/// What a route wants, by its path as the router has it; `None` for one that is not in the table.
pub(crate) fn need(method: &Method, path: &str) -> Option<Need> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let found = ENDPOINTS.iter().find(|row| row.method == method && row.path == path);
    found.map(|row| row.need)
}
