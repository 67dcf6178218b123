//! The one sentence: what an owner asks first is whether the shop is selling.

use super::{
    EdgeEvidence, Evidence, OrdersSource,
    traffic::{self, ALL_DOWN, CHECKOUT_ERRORS, ERRORS_UP, HOLDING, INSTANCE_DOWN},
};
use kernel::{Finding, Level, Params, Value, Verdict};

const MINUTE_MS: i64 = 60_000;
/// A shop is quiet when nobody ordered for this long …
const QUIET_MS: i64 = 15 * MINUTE_MS;
/// … and for so many times the usual time between two orders.
const QUIET_GAPS: i64 = 4;

/// The first of these that holds, the most urgent first.
pub(super) fn verdict(evidence: &Evidence, findings: &[Finding], checkouts_failed: u64) -> Verdict {
    let found = |code: &str| findings.iter().find(|finding| finding.code == code);
    if let Some((since_ms, error)) = evidence.logs.as_ref().and_then(|logs| logs.unread.as_ref()) {
        let params = [("since_ms", (*since_ms).into()), ("error", error.as_str().into())];
        return say(Level::Unknown, "logs_unreadable", params);
    }
    if let EdgeEvidence::Away { since_ms } = evidence.edge
        && evidence.logs.is_none()
    {
        return say(Level::Unknown, "edge_away", [("since_ms", since_ms.into())]);
    }
    if let Some(down) = found(ALL_DOWN) {
        return nobody_serves(evidence, down, found(HOLDING));
    }
    if let Some(failing) = found(CHECKOUT_ERRORS) {
        return checkout_failing(evidence, failing.since_ms, checkouts_failed);
    }
    if let Some(held) = found(HOLDING).and_then(held) {
        return held;
    }
    if found(INSTANCE_DOWN).is_some() {
        let down = evidence.instances.iter().filter(|i| traffic::is_down(i)).count() as u64;
        let total = evidence.instances.len() as u64;
        let params = [("down", down.into()), ("total", total.into())];
        return say(Level::Attention, "instance_down", params);
    }
    if let Some(errors) = found(ERRORS_UP) {
        let share = errors.params.get("share").cloned().unwrap_or(Value::Number(0.0));
        return say(Level::Attention, "errors_up", [("share", share)]);
    }
    if !evidence.traffic.any_ever {
        return say(Level::Unknown, "no_traffic_yet", []);
    }
    orders(evidence)
}

fn nobody_serves(evidence: &Evidence, down: &Finding, holding: Option<&Finding>) -> Verdict {
    let waits = traffic::visitors_wait(evidence, down.since_ms);
    let held = holding.filter(|_| waits).and_then(held);
    held.unwrap_or_else(|| say(Level::Broken, "down", [("since_ms", down.since_ms.into())]))
}

/// `None` when requests are merely queued.
fn held(holding: &Finding) -> Option<Verdict> {
    let held = holding.params.get("held").filter(|held| **held != Value::Integer(0))?;
    Some(say(Level::Attention, "held", [("held", held.clone())]))
}

/// What it costs is failed checkouts at the mean order's value; left out while that is unknown.
fn checkout_failing(evidence: &Evidence, since_ms: i64, failed: u64) -> Verdict {
    let mut verdict = say(
        Level::Broken,
        "checkout_failing",
        [
            ("since_ms", since_ms.into()),
            ("failed", failed.into()),
            ("currency", evidence.currency.as_str().into()),
        ],
    );
    if let Some(mean) = evidence.orders.mean_minor {
        let lost = mean.saturating_mul(i64::try_from(failed).unwrap_or(i64::MAX));
        verdict.params.insert("lost_minor".to_owned(), lost.into());
    }
    verdict
}

fn orders(evidence: &Evidence) -> Verdict {
    let orders = &evidence.orders;
    let reason = match (orders.source, &orders.error) {
        (OrdersSource::NoDatabase, _) => Some((Level::Unknown, "no_database")),
        (OrdersSource::NoQuery, _) => Some((Level::Unknown, "no_query")),
        (OrdersSource::Database, Some(error)) => Some((Level::Attention, error.as_str())),
        (OrdersSource::Database, None) => None,
    };
    if let Some((level, reason)) = reason {
        return say(level, "orders_unknown", [("reason", reason.into())]);
    }
    let Some(last_hour) = orders.last_hour else {
        return say(Level::Unknown, "orders_unknown", [("reason", "not_read_yet".into())]);
    };
    let Some(last_order_ms) = orders.last_order_ms else {
        return say(Level::Unknown, "orders_unknown", [("reason", "no_order_yet".into())]);
    };
    let since_ms = evidence.now_ms - last_order_ms;
    let usual_ms = orders.mean_gap_ms.map_or(0, |gap_ms| gap_ms.saturating_mul(QUIET_GAPS));
    if last_hour == 0 || since_ms > QUIET_MS.max(usual_ms) {
        let minutes = since_ms.max(0) / MINUTE_MS;
        return say(Level::Good, "selling_quiet", [("minutes_since_order", minutes.into())]);
    }
    say(Level::Good, "selling", [("orders_last_hour", last_hour.into())])
}

fn say<const N: usize>(level: Level, code: &str, params: [(&str, Value); N]) -> Verdict {
    let params: Params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Verdict { level, code: code.to_owned(), params }
}
