//! What the edge saw, as cumulative counters since the edge's start.
//!
//! A lost frame costs resolution, never counts: the receiver subtracts the last frame with the same
//! `edge_start` from this one. Gauges are marked so. Wire form: docs/formats/edge-link.md.

use crate::{Histogram, InstanceName, RouteClass, ShopId};
use serde::{Deserialize, Serialize};

/// One frame of facts, made once a second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Names one life of one edge process; counters start at 0 with it.
    pub edge_start: u64,
    /// Unix milliseconds at which the frame was made.
    pub at_ms: i64,
    pub snapshot_version: u64,
    /// Gauge: visitor connections open now.
    pub connections: u64,
    pub connections_total: u64,
    /// Requests refused before they belonged to a shop: malformed, over a limit, unknown host.
    pub refused: Vec<Refusal>,
    pub shops: Vec<ShopFacts>,
    /// Lines of the access log that were lost to a full disk or a full buffer.
    #[serde(default)]
    pub log_lines_dropped: u64,
    /// Gauge: why the snapshot in force is not saved on disk; absent when it is.
    #[serde(default)]
    pub snapshot_error: Option<String>,
    /// Gauge: bytes of long request bodies that wait in files.
    #[serde(default)]
    pub spill_bytes: u64,
    /// The newest reports of visitors, oldest first, at most 32; known by their number.
    #[serde(default)]
    pub reports: Vec<VisitorReport>,
}

/// What a visitor wrote from an error page. Free text from outside: escape it wherever it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorReport {
    /// Counts up from 1 over the edge's life.
    pub number: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    pub shop: ShopId,
    /// The request id that the page named.
    pub reference: String,
    pub what: String,
}

/// A count of refused requests by reason, such as `bare_line_feed` or `unknown_host`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub reason: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShopFacts {
    pub id: ShopId,
    pub classes: Vec<ClassFacts>,
    pub instances: Vec<InstanceFacts>,
    pub hold: HoldFacts,
    pub cache: CacheFacts,
    pub visitors: Visitors,
}

/// Answered requests of one route class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassFacts {
    pub class: RouteClass,
    /// By status: `[[200, 17], …]`, only those that occurred.
    pub statuses: Vec<(u16, u64)>,
    /// Answers that the edge made itself for want of a good one from the shop (502, 503, 504).
    pub failed_by_edge: u64,
    /// Responses that had begun and broke off.
    pub aborted: u64,
    pub response_bytes: u64,
    /// To the first byte of the answer at the edge, waiting included.
    pub first_byte: Histogram,
    /// To the answer's last byte.
    pub whole: Histogram,
    /// Opening a connection to an instance, where no idle one was used.
    #[serde(default)]
    pub connect: Histogram,
    #[serde(default)]
    pub cache: CacheOutcomes,
    /// Requests whose visitor left before an answer began; they have no status.
    #[serde(default)]
    pub left: u64,
}

/// What the cache made of requests that it had to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheOutcomes {
    pub hits: u64,
    pub misses: u64,
    /// Requests that may not be answered from a cache.
    pub bypassed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceFacts {
    pub name: InstanceName,
    /// Gauge.
    pub health: Health,
    /// Gauge: unix milliseconds of the last change of `health`.
    pub health_since_ms: i64,
    /// Gauge: the last reason it was found unwell; kept after it recovered.
    pub last_error: Option<String>,
    /// Gauge.
    pub in_flight: u64,
    /// Gauge: most requests at once now (less than its own limit during a slow start).
    pub limit: u64,
    pub requests: u64,
    /// Answers with status 500 and above.
    pub errors: u64,
    /// Exchanges that got no whole response: refused, reset, timed out.
    pub failures: u64,
    /// Requests sent a second time elsewhere after this instance failed them.
    pub retries: u64,
    pub connects: u64,
    pub connect: Histogram,
    pub first_byte: Histogram,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not checked yet.
    Unknown,
    Up,
    SlowStart,
    Draining,
    Down,
}

/// Requests that wait because no instance is healthy (`held`) or none has a free place (`queued`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HoldFacts {
    /// Gauge.
    pub held: u64,
    /// Gauge.
    pub queued: u64,
    /// Gauge: how long the one waiting longest has waited.
    pub oldest_wait_ms: Option<u64>,
    /// Gauge: waiting by priority: in checkout, with a cart, all others.
    pub waiting: [u64; 3],
    pub released: u64,
    /// Answered 503 because their wait ran out.
    pub expired: u64,
    /// Answered 503 because too many waited already.
    pub refused: u64,
    /// Left by their visitor while waiting.
    pub left: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheFacts {
    pub hits: u64,
    pub misses: u64,
    /// Requests that may not be answered from a cache.
    pub bypassed: u64,
    pub stored: u64,
    /// Gauge.
    pub entries: u64,
    /// Gauge.
    pub bytes: u64,
}

/// Distinct visitors as HyperLogLog registers of one minute (Flajolet et al. 2007; 2¹⁰ registers,
/// standard error 3.3 %). Registers of several frames, minutes or edges merge by maximum.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Visitors {
    /// Unix minutes (unix seconds / 60).
    pub minute: i64,
    /// Non-empty registers: `[[register, rank], …]`.
    pub registers: Vec<(u16, u8)>,
    /// The minute before, whole.
    pub before: Vec<(u16, u8)>,
}

/// How many registers [`Visitors`] has.
pub const VISITOR_REGISTERS: usize = 1024;

/// The register and rank of a visitor's 64-bit hash.
#[must_use]
pub fn visitor_register(hash: u64) -> (u16, u8) {
    let register = hash & (VISITOR_REGISTERS as u64 - 1);
    let rest = hash >> VISITOR_REGISTERS.ilog2();
    let width = u64::BITS - VISITOR_REGISTERS.ilog2();
    let rank = (rest.leading_zeros() - VISITOR_REGISTERS.ilog2()).min(width) + 1;
    #[expect(clippy::cast_possible_truncation, reason = "register < 1024, rank <= 55")]
    (register as u16, rank as u8)
}

/// How many distinct visitors the registers stand for. Registers past the last are ignored.
#[must_use]
pub fn estimate_visitors<'a>(registers: impl IntoIterator<Item = &'a (u16, u8)>) -> u64 {
    let mut ranks = [0_u8; VISITOR_REGISTERS];
    for (register, rank) in registers {
        if let Some(slot) = ranks.get_mut(usize::from(*register)) {
            *slot = (*slot).max(*rank);
        }
    }
    let m = VISITOR_REGISTERS as f64;
    let zeros = ranks.iter().filter(|rank| **rank == 0).count();
    let sum: f64 = ranks.iter().map(|rank| (-f64::from(*rank)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let estimate = if raw <= 2.5 * m && zeros > 0 { m * (m / zeros as f64).ln() } else { raw };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
    let rounded = estimate.round() as u64;
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64 (Steele et al. 2014): a good hash of small numbers.
    fn hash(mut x: u64) -> u64 {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    #[test]
    fn visitors_are_estimated_within_a_tenth() {
        for count in [0_u64, 1, 10, 500, 5_000, 100_000] {
            let registers: Vec<_> = (0..count).map(|n| visitor_register(hash(n))).collect();
            let estimate = estimate_visitors(&registers);
            let off = estimate.abs_diff(count);
            assert!(off <= count / 10, "{count} visitors were estimated as {estimate}");
        }
    }
}
