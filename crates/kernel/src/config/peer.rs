//! Another Storewarden, on another machine: each watches the other.

use super::Secret;
use std::path::PathBuf;

/// `[[peer]]`: one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// Unique among the peers.
    pub name: String,
    /// Where it is asked, without a path; `None`: it asks us, and we do not ask it.
    pub ask: Option<PeerAddress>,
    /// How often it is asked, and pages are looked at.
    pub every_ms: u64,
    /// Nobody has answered for so long: it is silent. At least three times `every_ms`, so that one
    /// answer that is lost says nothing.
    pub silent_after_ms: u64,
    /// A root certificate (PEM) to trust besides the system's.
    pub root: Option<PathBuf>,
    /// Pages of the other's shops that are looked at from here, as their visitors do.
    pub look_at: Vec<String>,
}

/// Where a peer is asked, and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// `https://shop.example`; plain http only to an address of a private network.
    pub url: String,
    /// A token that the peer made for us, with the permission `peer`.
    pub token: Secret,
}
