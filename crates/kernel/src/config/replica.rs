//! A second server on this machine that follows a shop's database.

use crate::ShopId;
use std::{net::SocketAddr, path::PathBuf};

/// `[shop.ID.replica]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSettings {
    /// Where its data lies: a folder of its own.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// One that is further behind than this is an incident.
    pub behind_at_most_ms: u64,
    /// It follows nobody any more: it is the shop's database.
    pub promoted: bool,
    /// The command that points the shop itself at another server; empty where there is none.
    pub point: Vec<String>,
}

/// What the shop's database knows a replica by: up to 63 of `a-z`, `0-9` and `_`, and another one for
/// every shop.
#[must_use]
pub fn replica_name(shop: &ShopId) -> String {
    let id = shop.as_str();
    if id.len() <= LONGEST && !id.contains('-') {
        return format!("{PREFIX}{id}");
    }
    // Others may be alike without their signs and their ends: FNV-1a, 32 bits.
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = id.bytes().fold(0x811c_9dc5, hash);
    let id: String = id.replace('-', "_").chars().take(LONGEST - 9).collect();
    format!("{PREFIX}{id}_{hash:08x}")
}

const PREFIX: &str = "storewarden_replica_";
/// PostgreSQL's slots have names of up to 63 characters (manual, 27.2.6.1).
const LONGEST: usize = 63 - PREFIX.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shop_has_a_replica_of_another_name_that_postgres_takes() {
        let long = "a".repeat(63);
        let ids = ["lamps", "a-b", "a_b", &long, &long[1..]];
        let names: Vec<String> = ids.map(|id| replica_name(&id.parse().unwrap())).into();
        assert_eq!(names[0], "storewarden_replica_lamps");
        for (at, name) in names.iter().enumerate() {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.len() <= 63 && name.chars().all(fits), "{name}");
            assert!(!names[at + 1..].contains(name), "{name} stands for two shops");
        }
    }
}
