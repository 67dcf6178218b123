//! Checks of what the edge and the shop's database tell of one shop.

use super::{EdgeEvidence, Evidence, InstanceEvidence, OrdersSource, Sign};
use kernel::{Drain, Level, facts::Health};

pub(super) const CHECKOUT_ERRORS: &str = "checkout_errors";
pub(super) const ALL_DOWN: &str = "all_down";
pub(super) const INSTANCE_DOWN: &str = "instance_down";
pub(super) const ERRORS_UP: &str = "errors_up";
pub(super) const HOLDING: &str = "holding";
pub(super) const LOGS_UNREADABLE: &str = "logs_unreadable";
pub(super) const ORDERS_UNREADABLE: &str = "orders_unreadable";

/// How the edge says that an instance takes connections and gives no answer.
const SILENT: &str = "no answer to the health check";

/// Waiting comes and goes within a second; its finding stays this long after the last sign.
const HOLDING_OUTLASTS_MS: i64 = 2_000;
/// A few queued requests are what a queue is for.
const QUEUED_RAISES: u64 = 10;

/// Failed checkouts that raise a finding, and the share of all that must have failed since the
/// first failure or in the last minute. Pages of the checkout that merely show a form count too,
/// so that a checkout of which nothing succeeds may still show half of its answers good.
const CHECKOUTS_FAILED: u64 = 3;
const CHECKOUT_SHARE_STREAK: f64 = 0.4;
const CHECKOUT_SHARE_LONG: f64 = 0.2;
const CHECKOUT_SHARE_KEEPS: f64 = 0.05;
/// Good checkouts after the last failure that end the finding.
const CHECKOUTS_GOOD: u64 = 3;
/// Without any checkout to judge by, the finding ends after this.
const CHECKOUT_FORGOTTEN_MS: i64 = 15 * 60_000;

/// Lines that do not fit a log's format, and their share, of which somebody should know.
const BROKEN_LINES: u64 = 10;
const BROKEN_SHARE: f64 = 0.01;

const ERRORS: u64 = 10;
const ERROR_SHARE: f64 = 0.02;
const ERROR_SHARE_KEEPS: f64 = 0.005;

/// Slower than this and people leave (web.dev, "Time to First Byte": above 1.8 s is poor).
const SLOW_MS: f64 = 1_800.0;
const SLOW_KEEPS_MS: f64 = 1_200.0;
/// Fewer pages say nothing about a percentile.
const SLOW_PAGES: u64 = 20;

/// Nobody's visitors come by the edge where a shop has logs of its own.
pub(super) fn edge_sign(evidence: &Evidence) -> Option<Sign> {
    if evidence.logs.is_none() { edge_away(evidence.edge) } else { None }
}

pub(super) fn edge_away(edge: EdgeEvidence) -> Option<Sign> {
    match edge {
        EdgeEvidence::Reporting => None,
        EdgeEvidence::Away { since_ms } => {
            Some(Sign::new("edge_away", Level::Unknown).with("since_ms", since_ms).since(since_ms))
        }
    }
}

/// What keeps a shop's access logs from being believed.
pub(super) fn log_signs(evidence: &Evidence) -> Vec<Sign> {
    let Some(logs) = &evidence.logs else { return Vec::new() };
    let mut signs = Vec::new();
    if let Some((since_ms, error)) = &logs.unread {
        let sign = Sign::new(LOGS_UNREADABLE, Level::Unknown).with("error", error.as_str());
        signs.push(sign.since(*since_ms));
    }
    let share = share(logs.broken_long, logs.lines_long).unwrap_or(0.0);
    if logs.unread.is_none() && logs.broken_long > 0 {
        let raises = share >= BROKEN_SHARE && logs.broken_long >= BROKEN_LINES;
        let sign = Sign::new("log_lines_broken", Level::Attention).with("share", share);
        signs.push(sign.with("lines", logs.broken_long).raised_if(raises));
    }
    signs
}

pub(super) fn signs(evidence: &Evidence) -> Vec<Sign> {
    let mut signs = Vec::new();
    signs.extend(holding_sign(evidence));
    signs.extend(errors_sign(evidence));
    signs.extend(slow_sign(evidence));
    signs
}

pub(super) fn is_down(instance: &InstanceEvidence) -> bool {
    instance.health == Health::Down
}

/// Whether no instance can take a request.
pub(super) fn none_serves(instances: &[InstanceEvidence]) -> bool {
    let serves = |i: &InstanceEvidence| matches!(i.health, Health::Up | Health::SlowStart);
    let knows = instances.iter().any(is_down);
    knows && !instances.iter().any(|i| serves(i) || i.health == Health::Unknown)
}

/// Whether visitors notice nothing of it but a wait.
pub(super) fn visitors_wait(evidence: &Evidence, since_ms: i64) -> bool {
    let wait_ms = i64::try_from(evidence.hold.max_wait_ms).unwrap_or(i64::MAX);
    evidence.hold.turned_away == 0 && evidence.now_ms - since_ms <= wait_ms
}

pub(super) fn instance_signs(evidence: &Evidence) -> Vec<Sign> {
    let instances = &evidence.instances;
    let mut signs = Vec::new();
    signs.extend(instances.iter().filter_map(draining_sign));
    if none_serves(instances) {
        let since_ms = instances.iter().filter(|i| is_down(i)).map(|i| i.health_since_ms).max();
        let since_ms = since_ms.unwrap_or(evidence.now_ms);
        let waits = visitors_wait(evidence, since_ms);
        let level = if waits { Level::Attention } else { Level::Broken };
        signs.push(Sign::new(ALL_DOWN, level).since(since_ms));
    }
    for instance in instances.iter().filter(|i| is_down(i) && i.drained.is_none()) {
        let (name, error) = (instance.name.as_str(), instance.last_error.as_deref());
        let sign = Sign::new(INSTANCE_DOWN, Level::Attention).about(name).with("instance", name);
        let sign = sign.with("error", error.unwrap_or("unknown"));
        signs.push(sign.since(instance.health_since_ms));
        if error.is_some_and(|error| error.starts_with(SILENT)) {
            let sign = Sign::new("instance_hung", Level::Attention).about(name);
            let sign = sign.with("instance", name).with("error", error.unwrap_or_default());
            signs.push(sign.since(instance.health_since_ms));
        }
    }
    signs
}

fn draining_sign(instance: &InstanceEvidence) -> Option<Sign> {
    let Drain { since_ms, by, run } = instance.drained.as_ref()?;
    let name = instance.name.as_str();
    let mut sign = Sign::new("instance_draining", Level::Attention).about(name);
    sign = sign.with("instance", name);
    if let Some(by) = by {
        sign = sign.with("by", by.to_string());
    }
    if let Some(run) = run {
        sign = sign.with("run", run.to_string());
    }
    Some(match since_ms {
        Some(since_ms) => sign.since(*since_ms),
        None => sign,
    })
}

fn holding_sign(evidence: &Evidence) -> Option<Sign> {
    let hold = evidence.hold;
    (hold.held > 0 || hold.queued > 0).then(|| {
        Sign::new(HOLDING, Level::Attention)
            .with("held", hold.held)
            .with("queued", hold.queued)
            .raised_if(hold.held > 0 || hold.queued >= QUEUED_RAISES)
            .outlasting(HOLDING_OUTLASTS_MS)
    })
}

fn errors_sign(evidence: &Evidence) -> Option<Sign> {
    let traffic = evidence.traffic;
    let long = share(traffic.errors_long, traffic.requests_long)?;
    let short = share(traffic.errors_short, traffic.requests_short).unwrap_or(0.0);
    let raises = long >= ERROR_SHARE && traffic.errors_long >= ERRORS;
    (short >= ERROR_SHARE_KEEPS)
        .then(|| Sign::new(ERRORS_UP, Level::Attention).with("share", long).raised_if(raises))
}

fn slow_sign(evidence: &Evidence) -> Option<Sign> {
    let p95_ms = evidence.traffic.p95_ms?;
    (p95_ms >= SLOW_KEEPS_MS).then(|| {
        Sign::new("slow", Level::Attention)
            .with("p95_ms", p95_ms)
            .raised_if(p95_ms >= SLOW_MS && evidence.traffic.pages >= SLOW_PAGES)
    })
}

/// Checkout errors, raised by what was just seen. The finding stands until good checkouts follow:
/// that nobody tries any more is no sign that it works again.
pub(super) fn checkout_sign(evidence: &Evidence, (failed, total): (u64, u64)) -> Option<Sign> {
    let checkout = evidence.checkout;
    let plainly = |failed, total, least| {
        failed >= CHECKOUTS_FAILED && share(failed, total).is_some_and(|share| share >= least)
    };
    let fails = plainly(checkout.streak.failed, checkout.streak.total, CHECKOUT_SHARE_STREAK)
        || plainly(checkout.failed_long, checkout.total_long, CHECKOUT_SHARE_LONG);
    let short = share(checkout.failed_short, checkout.total_short).unwrap_or(0.0);
    let age_ms = checkout.last_failure_ms.map(|last_ms| evidence.now_ms - last_ms);
    let mended = checkout.good_since_failure >= CHECKOUTS_GOOD;
    let untested = !mended && age_ms.is_some_and(|age_ms| age_ms < CHECKOUT_FORGOTTEN_MS);
    let raises = !mended && fails;
    (raises || short >= CHECKOUT_SHARE_KEEPS || untested).then(|| {
        Sign::new(CHECKOUT_ERRORS, Level::Broken)
            .with("failed", failed)
            .with("total", total)
            .since(checkout.streak.since_ms)
            .raised_if(raises)
    })
}

pub(super) fn orders_sign(evidence: &Evidence) -> Option<Sign> {
    if evidence.orders.source != OrdersSource::Database {
        return None;
    }
    let error = evidence.orders.error.as_deref()?;
    Some(Sign::new(ORDERS_UNREADABLE, Level::Attention).with("error", error))
}

pub(super) fn reports_sign(evidence: &Evidence) -> Option<Sign> {
    let reports = evidence.reports.as_ref()?;
    Some(
        Sign::new("visitor_reports", Level::Attention)
            .with("count", reports.count)
            .with("reference", reports.reference.as_str())
            .with("what", reports.what.as_str())
            .since(reports.at_ms),
    )
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
