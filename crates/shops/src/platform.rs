//! Platform files: one a platform, part of the program, read once.
//!
//! The format is written in docs/formats/platform.md. What holds of every shop stands in
//! `every.toml` and is added to each platform here.

use crate::ShopsError;
use graph::GraphPart;
use kernel::{
    CacheRules, RouteClass, RouteRule, TrafficRules,
    config::{DatabaseKind, Known, KnownPlatform},
    snapshot::Check,
};
use serde::Deserialize;
use std::sync::LazyLock;

mod confirmed;
mod graph;
mod queue;

pub use confirmed::Confirmed;
pub use graph::{Child, EmailPath, Has, OrderGraph, PersonalColumns, Through, Tried};
pub use queue::QueueTable;

/// The newest version of the file format that this program reads.
const FORMAT: u32 = 1;

const EVERY: &str = include_str!("../platforms/every.toml");
const FILES: [(&str, &str); 11] = [
    ("generic", include_str!("../platforms/generic.toml")),
    ("magento", include_str!("../platforms/magento.toml")),
    ("medusa", include_str!("../platforms/medusa.toml")),
    ("opencart", include_str!("../platforms/opencart.toml")),
    ("oscar", include_str!("../platforms/oscar.toml")),
    ("prestashop", include_str!("../platforms/prestashop.toml")),
    ("saleor", include_str!("../platforms/saleor.toml")),
    ("sample", include_str!("../platforms/sample.toml")),
    ("shopware", include_str!("../platforms/shopware.toml")),
    ("vendure", include_str!("../platforms/vendure.toml")),
    ("woocommerce", include_str!("../platforms/woocommerce.toml")),
];

static PLATFORMS: LazyLock<Vec<Platform>> = LazyLock::new(|| {
    let read = |(name, text): (&str, &str)| read(name, text, EVERY);
    let all: Result<_, _> = FILES.into_iter().map(read).collect();
    all.expect("invariant: the test `every_file_is_valid` reads all platform files")
});

static NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| PLATFORMS.iter().map(|platform| platform.name.as_str()).collect());

static KNOWN: LazyLock<Vec<KnownPlatform>> = LazyLock::new(|| {
    let note = |p: &Platform| KnownPlatform { name: p.name.clone(), check: p.check.clone() };
    PLATFORMS.iter().map(note).collect()
});

/// All that is known of one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Platform {
    /// As it stands in a configuration: `platform = "vendure"`.
    pub name: String,
    /// For people: `Vendure`.
    pub title: String,
    /// The versions that the facts were read from.
    pub versions: String,
    /// How to ask an instance whether it is well; a configuration may say otherwise.
    pub check: Check,
    pub traffic: TrafficRules,
    /// How to read placed orders; absent when nobody knows.
    pub orders: Option<Orders>,
    /// What belongs to one order; none when nobody knows. The first whose condition holds in a database
    /// is the one there.
    pub graphs: Vec<OrderGraph>,
    /// Which answers say that there is an order; absent when none names it.
    pub confirmed: Option<Confirmed>,
    /// What waits in its database to be done; none when nobody knows.
    pub queues: Vec<QueueTable>,
}

/// How to read the orders of a platform's database, each once, by a key that grows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// What the key is and why it is safe to read on from the last one.
    pub key: String,
    /// The tables it reads: a read-only role needs SELECT on these, and on nothing else.
    pub reads: Vec<String>,
    /// For each kind of database one SELECT with the parameters `:after` (the last key seen) and
    /// `:limit`, which returns (key, placed at in unix milliseconds, total in minor units), all
    /// 64-bit integers, in the order of the key.
    pub postgres: Option<String>,
    pub mysql: Option<String>,
    pub sqlite: Option<String>,
}

impl Orders {
    /// The SELECT for one kind of database; `None`: the platform does not run on it.
    #[must_use]
    pub fn select(&self, kind: DatabaseKind) -> Option<&str> {
        match kind {
            DatabaseKind::Postgres => self.postgres.as_deref(),
            DatabaseKind::MySql => self.mysql.as_deref(),
            DatabaseKind::Sqlite => self.sqlite.as_deref(),
        }
    }
}

/// The platform of that name.
#[must_use]
pub fn platform(name: &str) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.name == name)
}

/// The names of all platforms, in alphabetical order.
#[must_use]
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// What the reader of configurations must know: the platforms, and how to look up a variable of the
/// environment (`${SHOP_DB_URL}`).
#[must_use]
pub fn known(environment: &dyn Fn(&str) -> Option<String>) -> Known<'_> {
    Known { platforms: &KNOWN, environment, time_zone: &|_| Ok(()) }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    name: String,
    title: String,
    versions: String,
    #[serde(default)]
    check: CheckPart,
    #[serde(default)]
    visitor: VisitorPart,
    #[serde(default, rename = "route")]
    routes: Vec<RoutePart>,
    #[serde(default)]
    cache: CachePart,
    orders: Option<Orders>,
    #[serde(default, rename = "graph")]
    graphs: Vec<GraphPart>,
    confirmed: Option<Confirmed>,
    #[serde(default, rename = "queue")]
    queues: Vec<QueueTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckPart {
    path: Option<String>,
    status: Option<(u16, u16)>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VisitorPart {
    session_cookies: Vec<String>,
    cart_cookies: Vec<String>,
}

/// One `[[route]]`: a request belongs to it when its method, path, query and body each match one
/// of what is listed; what is not listed matches all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoutePart {
    class: RouteClass,
    #[serde(default)]
    methods: Vec<String>,
    paths: Vec<String>,
    #[serde(default)]
    queries: Vec<String>,
    #[serde(default)]
    bodies: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CachePart {
    only_paths: Vec<String>,
    never_paths: Vec<String>,
    never_parameters: Vec<String>,
    bypass_cookies: Vec<String>,
    bypass_headers: Vec<String>,
    vary_cookies: Vec<String>,
    vary_headers: Vec<String>,
    drop_parameters: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EveryFile {
    format: u32,
    cache: CachePart,
}

fn read(name: &str, text: &str, every: &str) -> Result<Platform, ShopsError> {
    let invalid = |what: &str| ShopsError::Invalid { file: name.to_owned(), what: what.to_owned() };
    let file: File = parse(name, text)?;
    let every: EveryFile = parse("every", every)?;
    if file.name != name {
        return Err(invalid("its name is not the file's"));
    }
    if file.format != FORMAT || every.format != FORMAT {
        return Err(invalid("its format is not one that this program reads"));
    }
    let base = Check::default();
    let platform = Platform {
        name: file.name,
        title: file.title,
        versions: file.versions,
        check: Check {
            path: file.check.path.unwrap_or(base.path),
            status: file.check.status.unwrap_or(base.status),
            timeout_ms: file.check.timeout_ms.unwrap_or(base.timeout_ms),
            ..base
        },
        traffic: TrafficRules {
            routes: file.routes.into_iter().flat_map(rules).collect(),
            session_cookies: file.visitor.session_cookies,
            cart_cookies: file.visitor.cart_cookies,
            cache: cache(every.cache, file.cache),
        },
        orders: file.orders,
        graphs: file.graphs.into_iter().map(OrderGraph::from).collect(),
        confirmed: file.confirmed,
        queues: file.queues,
    };
    fault(&platform).map_or(Ok(platform), |what| Err(invalid(&what)))
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, ShopsError> {
    toml::from_str(text)
        .map_err(|source| ShopsError::Syntax { file: file.to_owned(), source: Box::new(source) })
}

/// One rule for each combination of what a `[[route]]` lists.
fn rules(part: RoutePart) -> Vec<RouteRule> {
    let or_none = |list: Vec<String>| -> Vec<Option<String>> {
        if list.is_empty() { vec![None] } else { list.into_iter().map(Some).collect() }
    };
    let (queries, bodies) = (or_none(part.queries), or_none(part.bodies));
    let mut rules = Vec::new();
    for path in &part.paths {
        for query in &queries {
            for body in &bodies {
                rules.push(RouteRule {
                    class: part.class,
                    methods: part.methods.clone(),
                    path: path.clone(),
                    query: query.clone(),
                    body: body.clone(),
                });
            }
        }
    }
    rules
}

fn cache(every: CachePart, own: CachePart) -> CacheRules {
    let both = |every: Vec<String>, own: Vec<String>| [own, every].concat();
    CacheRules {
        only_paths: both(every.only_paths, own.only_paths),
        never_paths: both(every.never_paths, own.never_paths),
        never_parameters: both(every.never_parameters, own.never_parameters),
        bypass_cookies: both(every.bypass_cookies, own.bypass_cookies),
        bypass_headers: both(every.bypass_headers, own.bypass_headers),
        vary_cookies: both(every.vary_cookies, own.vary_cookies),
        vary_headers: both(every.vary_headers, own.vary_headers),
        drop_parameters: both(every.drop_parameters, own.drop_parameters),
    }
}

/// What the types do not say, and yet must hold.
fn fault(platform: &Platform) -> Option<String> {
    let upper = |text: &String| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let lower = |text: &String| !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let path = |text: &String| text.starts_with('/') || text.starts_with("**");
    let cache = &platform.traffic.cache;
    if !platform.check.path.starts_with('/') {
        return Some(format!("check path `{}` begins without `/`", platform.check.path));
    }
    for rule in &platform.traffic.routes {
        if !path(&rule.path) {
            return Some(format!("route path `{}` begins with neither `/` nor `**`", rule.path));
        }
        if let Some(method) = rule.methods.iter().find(|method| !upper(method)) {
            return Some(format!("method `{method}` is not in capital letters"));
        }
    }
    if let Some(bad) = cache.only_paths.iter().chain(&cache.never_paths).find(|text| !path(text)) {
        return Some(format!("cache path `{bad}` begins with neither `/` nor `**`"));
    }
    if let Some(bad) = cache.bypass_headers.iter().chain(&cache.vary_headers).find(|h| !lower(h)) {
        return Some(format!("header `{bad}` is not in lower-case letters"));
    }
    let orders = platform.orders.as_ref().and_then(orders_fault);
    let graph = orders.or_else(|| platform.graphs.iter().find_map(OrderGraph::fault));
    let confirmed = graph.or_else(|| platform.confirmed.as_ref().and_then(Confirmed::fault));
    confirmed.or_else(|| platform.queues.iter().find_map(QueueTable::fault))
}

fn orders_fault(orders: &Orders) -> Option<String> {
    let selects: Vec<&String> =
        [&orders.postgres, &orders.mysql, &orders.sqlite].into_iter().flatten().collect();
    if selects.is_empty() {
        return Some("orders have no SELECT for any database".to_owned());
    }
    for select in selects {
        let missing =
            [":after", ":limit", "order by"].into_iter().find(|word| !select.contains(word));
        if let Some(word) = missing {
            return Some(format!("the orders' SELECT lacks `{word}`: {select}"));
        }
        if !select.trim_start().starts_with("select ") || select.contains(';') {
            return Some(format!("the orders' SELECT is not one `select` alone: {select}"));
        }
        if let Some(table) = orders.reads.iter().find(|table| !select.contains(table.as_str())) {
            return Some(format!("the orders' SELECT does not read `{table}`: {select}"));
        }
    }
    None
}

#[cfg(test)]
mod tests;
