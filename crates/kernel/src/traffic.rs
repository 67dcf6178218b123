//! What a platform's traffic means: which path is a checkout, which cookie a cart, what may be kept
//! in a cache. Data only; `shops` reads it from platform files and knows how to match it.

use serde::{Deserialize, Serialize};

/// What a request is to the shop, the unit in which the edge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteClass {
    Home,
    Category,
    Product,
    Search,
    /// Shows or changes a cart.
    Cart,
    /// From the address form to the order's placing.
    Checkout,
    /// Notices and returns from a payment provider; they pass every gate.
    Payment,
    /// The page after an order was placed.
    Confirmation,
    Account,
    Asset,
    Api,
    Admin,
    Other,
}

impl RouteClass {
    pub const ALL: [Self; 13] = [
        Self::Home,
        Self::Category,
        Self::Product,
        Self::Search,
        Self::Cart,
        Self::Checkout,
        Self::Payment,
        Self::Confirmation,
        Self::Account,
        Self::Asset,
        Self::Api,
        Self::Admin,
        Self::Other,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Category => "category",
            Self::Product => "product",
            Self::Search => "search",
            Self::Cart => "cart",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
            Self::Confirmation => "confirmation",
            Self::Account => "account",
            Self::Asset => "asset",
            Self::Api => "api",
            Self::Admin => "admin",
            Self::Other => "other",
        }
    }
}

/// Who goes first when requests must wait. The order is the order of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// In checkout, or a payment provider calling.
    Checkout,
    /// Has something in the cart.
    Cart,
    Other,
}

/// One rule that gives a request its class; the first rule that matches wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRule {
    pub class: RouteClass,
    /// Upper case; empty means any method.
    pub methods: Vec<String>,
    /// A path pattern: `*` stands for any run of characters without `/`, `**` for any run.
    pub path: String,
    /// A query parameter that must be present, with `name=value` for one value of it.
    pub query: Option<String>,
    /// A text that the buffered request body must contain (within its first 16 KiB).
    pub body: Option<String>,
}

/// What may be kept in the edge's cache. An empty rule set keeps nothing back: then only the
/// response's own explicit freshness decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheRules {
    /// When not empty, only paths that match one of these are ever kept.
    pub only_paths: Vec<String>,
    /// Paths that are never kept.
    pub never_paths: Vec<String>,
    /// Query parameters whose presence forbids keeping.
    pub never_parameters: Vec<String>,
    /// A request with one of these cookies (`*` at the end matches any rest) passes by the cache.
    pub bypass_cookies: Vec<String>,
    /// A request with one of these headers passes by the cache.
    pub bypass_headers: Vec<String>,
    /// The values of these cookies are part of the key.
    pub vary_cookies: Vec<String>,
    /// The values of these headers are part of the key.
    pub vary_headers: Vec<String>,
    /// Query parameters that are left out of the key (`*` at the end), such as `utm_*`.
    pub drop_parameters: Vec<String>,
}

/// All that the edge knows of a platform's traffic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrafficRules {
    pub routes: Vec<RouteRule>,
    /// Cookies that name a visitor's session; the first present keeps a visitor on one instance.
    pub session_cookies: Vec<String>,
    /// Cookies whose presence says that there is something in the cart.
    pub cart_cookies: Vec<String>,
    pub cache: CacheRules,
}
