//! The snapshot: all that the edge must know to serve, immutable and versioned.
//!
//! Control makes it, the edge applies it whole or not at all, and keeps the last one on disk to
//! serve from while control is away. Holds private keys: mode 0600 wherever it is written.
//! The wire form is written in docs/formats/edge-link.md.

use crate::{Currency, InstanceName, ShopId, TrafficRules};
use serde::{Deserialize, Serialize};
use std::{fmt, net::SocketAddr};

/// Everything the edge does follows from one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Grows with every change; 0 is never used.
    pub version: u64,
    /// Unix milliseconds.
    pub made_at_ms: i64,
    pub limits: Limits,
    pub shops: Vec<ShopSite>,
    /// Looked up by SNI; the first one serves names that none matches.
    pub certificates: Vec<Certificate>,
    /// Answers to ACME HTTP-01 challenges (RFC 8555 §8.3).
    pub challenges: Vec<Challenge>,
    /// Where control answers other Storewardens; `None`: none is passed on to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<SocketAddr>,
}

/// One shop as the edge sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShopSite {
    pub id: ShopId,
    pub brand: Brand,
    /// Lower-case host names without port; `*.example.com` for one label more, `*` for any.
    pub hosts: Vec<String>,
    /// Plain requests are sent on to https (308), ACME challenges aside.
    pub force_https: bool,
    pub pool: Pool,
    pub traffic: TrafficRules,
    pub cache: CacheLimits,
}

/// What a visitor sees when the shop cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand {
    pub name: String,
    /// `#rrggbb`.
    pub colour: String,
    /// An e-mail address or telephone number for reports; absent when the owner gave none.
    pub contact: Option<String>,
    pub currency: Currency,
}

/// The instances of one shop and how requests reach them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    pub instances: Vec<Instance>,
    pub balance: Balance,
    pub check: Check,
    pub hold: Hold,
    pub timeouts: Timeouts,
    /// How long an instance that comes back is given less than its full share.
    pub slow_start_ms: u64,
    /// Consecutive failures of real requests after which an instance is taken out.
    pub eject_after_failures: u32,
    /// How long an instance stays out at least after such failures; checks bring it back.
    pub eject_for_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub name: InstanceName,
    pub address: SocketAddr,
    /// 1..=100; twice the weight, twice the requests.
    pub weight: u32,
    /// Most requests at once, across all cores of the edge.
    pub connections: u32,
    /// No new requests go there; running ones end.
    pub drain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    RoundRobin,
    /// The less busy of two drawn at random.
    LeastRequests,
    /// Consistent hash on the session cookie; least requests for visitors without one.
    Session,
}

/// An active health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub path: String,
    /// The `Host` header of the check; absent: the instance's address.
    pub host: Option<String>,
    pub interval_ms: u64,
    pub timeout_ms: u64,
    /// Good checks in a row that bring an instance up.
    pub rise: u32,
    /// Bad checks in a row that take it down.
    pub fall: u32,
    /// Lowest and highest good status, inclusive.
    pub status: (u16, u16),
}

/// How requests wait when no instance can take them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Most requests that wait at once; the next one is answered 503.
    pub max_requests: u32,
    /// Longest wait while no instance is healthy.
    pub max_wait_ms: u64,
    /// Longest wait for a free place on a healthy instance.
    pub queue_wait_ms: u64,
    /// Requests let go a second after an instance came back, until the queue is empty.
    pub release_per_second: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    pub connect_ms: u64,
    /// From the request's last byte to the response's head.
    pub response_ms: u64,
    /// Between two pieces of a response body.
    pub read_ms: u64,
    /// Idle upstream connections are closed after this; keep it below the shop's own.
    pub upstream_idle_ms: u64,
}

/// What a visitor may ask of the edge; each limit has its own status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest request head: 431.
    pub head_bytes: u32,
    /// Longest request target: 414.
    pub target_bytes: u32,
    /// Most request header fields: 431.
    pub headers: u32,
    /// Largest request body: 413.
    pub body_bytes: u64,
    /// A request body up to this size waits in memory, a longer one in a file.
    pub body_memory_bytes: u64,
    /// Most visitor connections at once; further ones are closed.
    pub connections: u32,
    /// A request head must be whole within this time: 408.
    pub head_timeout_ms: u64,
    /// A request body must go on within this time: 408.
    pub body_timeout_ms: u64,
    /// A visitor must take some of a response within this time, else the connection is closed.
    pub write_timeout_ms: u64,
    /// An idle keep-alive connection is closed after this.
    pub idle_timeout_ms: u64,
    /// Most HTTP/2 streams of one connection at once.
    pub streams: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheLimits {
    pub enabled: bool,
    /// All bodies and heads of this shop together.
    pub memory_bytes: u64,
    /// Larger responses are not kept.
    pub object_bytes: u64,
}

/// A certificate chain with its key, PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Lower-case names it serves, `*.` wildcards included.
    pub hosts: Vec<String>,
    pub chain_pem: String,
    pub key_pem: String,
}

impl fmt::Debug for Certificate {
    /// Never prints the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub token: String,
    pub key_authorization: String,
}

/// Why a snapshot is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvariantError {
    #[error("version 0 is never used")]
    Version,
    #[error("host `{0}` belongs to two shops")]
    Host(String),
    #[error("shop `{0}` stands twice")]
    Shop(ShopId),
    #[error("shop `{shop}` has instance `{instance}` twice")]
    Instance { shop: ShopId, instance: InstanceName },
    #[error("shop `{0}` has no instance")]
    Empty(ShopId),
}

impl Snapshot {
    /// What must hold of every snapshot, whoever made it.
    ///
    /// # Errors
    /// The first invariant that does not hold; the snapshot is then refused whole.
    pub fn check_invariants(&self) -> Result<(), InvariantError> {
        let mut hosts = std::collections::HashSet::new();
        let mut ids = std::collections::HashSet::new();
        if self.version == 0 {
            return Err(InvariantError::Version);
        }
        for shop in &self.shops {
            if !ids.insert(&shop.id) {
                return Err(InvariantError::Shop(shop.id.clone()));
            }
            if let Some(host) = shop.hosts.iter().find(|host| !hosts.insert(*host)) {
                return Err(InvariantError::Host(host.clone()));
            }
            if shop.pool.instances.is_empty() {
                return Err(InvariantError::Empty(shop.id.clone()));
            }
            let mut names = std::collections::HashSet::new();
            if let Some(twice) = shop.pool.instances.iter().find(|i| !names.insert(&i.name)) {
                let (shop, instance) = (shop.id.clone(), twice.name.clone());
                return Err(InvariantError::Instance { shop, instance });
            }
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            target_bytes: 8 * 1024,
            headers: 100,
            body_bytes: 64 * 1024 * 1024,
            body_memory_bytes: 64 * 1024,
            connections: 20_000,
            head_timeout_ms: 15_000,
            body_timeout_ms: 30_000,
            write_timeout_ms: 30_000,
            idle_timeout_ms: 75_000,
            streams: 100,
        }
    }
}

impl Default for Check {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            host: None,
            interval_ms: 1_000,
            timeout_ms: 2_000,
            rise: 2,
            fall: 3,
            status: (200, 399),
        }
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            max_requests: 2_000,
            max_wait_ms: 30_000,
            queue_wait_ms: 15_000,
            release_per_second: 100,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 2_000,
            response_ms: 60_000,
            read_ms: 60_000,
            // Node closes idle connections after 5 s, PHP-FPM's web servers after 5 to 75 s.
            upstream_idle_ms: 4_000,
        }
    }
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { enabled: true, memory_bytes: 128 * 1024 * 1024, object_bytes: 4 * 1024 * 1024 }
    }
}
