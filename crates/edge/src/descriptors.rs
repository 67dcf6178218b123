//! File descriptors: how many this process may have, and how many of them visitors may take.
//!
//! A visitor's connection is of no use without one to the shop, and whoever takes the last
//! descriptor takes the health checks' too. Services often begin with 1,024 and may have more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More are not asked for: what Linux gives a process at most unless told otherwise
/// (`fs.nr_open`, proc_sys_fs(5)).
const MOST: u64 = 1024 * 1024;

/// Raises the limit as far as the system lets us; answers the one in force.
pub(crate) fn raise() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let allowed = before.maximum.map_or(MOST, |maximum| maximum.min(MOST));
    if before.current.is_some_and(|current| current < allowed) {
        let wanted = Rlimit { current: Some(allowed), maximum: before.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::warn!(%error, allowed, "raise the limit of open files");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MOST)
}

/// Most visitor connections, of so many descriptors: each may want one to the shop beside its own.
pub(crate) fn for_visitors(all: u64) -> u64 {
    all / 2
}
