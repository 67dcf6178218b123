//! What belongs together: causes, what explains what, and storms.

use crate::rules::Alert;
use serde::{Deserialize, Serialize};

/// The cause of an incident that gathers what came in a storm.
pub(crate) const STORM: &str = "storm";
/// So many incidents opened …
const STORM_COUNT: usize = 5;
/// … within this are a storm: what comes further is one incident with a list.
const STORM_SPAN_MS: i64 = 5 * 60_000;

/// What findings of a code have in common with others; the code itself when nothing.
pub(crate) fn cause(code: &str) -> &str {
    match code {
        "all_down" | "instance_down" | "instance_hung" | "holding" => "instances",
        "errors_up" | "checkout_errors" => "errors",
        "slow" | "latency_up" => "speed",
        "orders_stopped" | "orders_unreadable" => "orders",
        // One that was confirmed a minute ago and is deleted now is missed by both.
        "orders_vanished" | "confirmations_without_order" => "orders_missing",
        "logs_unreadable" | "log_lines_broken" => "logs",
        "certificate_ending" | "certificate_failed" => "certificate",
        // A mistake in a configuration is to be told even while the peer is silent.
        "peer_refuses" | "peer_token_ending" => "peer_token",
        "backup_late" | "backup_failed" | "backup_missing" => "backup",
        "stream_behind" | "stream_stopped" | "stream_refused" | "stream_unknown" => "stream",
        "database_waits" | "database_connections" => "database",
        "disk_nearly_full" | "store_read_only" | "access_log_lossy" => "disk",
        other => other,
    }
}

/// The codes that explain a code when they fire for the same shop.
fn explained_by(code: &str) -> &'static [&'static str] {
    match code {
        "instance_down" | "instance_hung" | "holding" | "errors_up" | "slow" | "latency_up"
        | "checkout_errors" => &["all_down"],
        "peer_silent" | "page_unreachable" | "check_failing" => &["nothing_reachable"],
        "orders_stopped" => &["all_down", "checkout_errors", "orders_unreadable"],
        _ => &[],
    }
}

/// Whether another alert that fires explains this one, so that nobody need be told of it.
pub(crate) fn is_explained(alert: &Alert, active: &[Alert]) -> bool {
    let by = explained_by(&alert.finding.code);
    active.iter().any(|other| other.shop == alert.shop && by.contains(&other.finding.code.as_str()))
}

/// When incidents were opened, steady, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storms {
    openings: Vec<i64>,
}

impl Storms {
    pub(crate) fn warm_up(&mut self, steady_ms: i64) {
        self.openings.retain(|at_ms| *at_ms <= steady_ms);
    }

    /// Notes that an incident is opened; true when it should be a storm's.
    pub(crate) fn opens(&mut self, steady_ms: i64) -> bool {
        self.openings.retain(|at_ms| steady_ms - at_ms < STORM_SPAN_MS);
        let storm = self.openings.len() >= STORM_COUNT;
        self.openings.push(steady_ms);
        // More say no more.
        let surplus = self.openings.len().saturating_sub(STORM_COUNT + 1);
        self.openings.drain(..surplus);
        storm
    }
}
