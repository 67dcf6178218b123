//! Checks from outside: what is tried now and then as a visitor would.

use crate::ShopId;
use std::{ops::RangeInclusive, path::PathBuf};

/// `[[check]]`: one thing that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSettings {
    /// Unique among the checks.
    pub name: String,
    /// Whom it concerns; `None`: the machine.
    pub shop: Option<ShopId>,
    pub target: CheckTarget,
    pub every_ms: u64,
    /// One that takes longer has failed. Less than `every_ms`, or as long.
    pub within_ms: u64,
    /// So many in a row must fail before it is found; at least one.
    pub failures: u32,
    /// A root certificate (PEM) to trust besides the system's.
    pub root: Option<PathBuf>,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckTarget {
    Http(HttpTarget),
    Tcp(TcpTarget),
}

/// An address that must answer in a certain way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// `http://` or `https://`, without a user.
    pub url: String,
    /// Any of these; empty: 200 to 299.
    pub status: Vec<RangeInclusive<u16>>,
    /// Texts that its body must have.
    pub contains: Vec<String>,
    /// Texts that its body must not have.
    pub lacks: Vec<String>,
    /// How many are followed; with none, a redirect is the answer.
    pub redirects: u32,
}

/// A port that must be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpTarget {
    /// A name or an address, the latter without brackets.
    pub host: String,
    pub port: u16,
    /// What must be said there first.
    pub banner: Option<String>,
}

impl CheckTarget {
    /// `http` or `tcp`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
        }
    }
}
