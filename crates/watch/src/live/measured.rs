//! What is worth remembering of the last ten seconds, for the history.

use super::{Live, MINUTE_MS, minute_of, shop::ShopLive};
use crate::{
    history::{Measured, Measurement, STEP_MS},
    state::Point,
};

/// How long after its end a minute's orders are taken to be read whole: they are read every five
/// seconds.
const ORDERS_LATE_MS: i64 = 10_000;
/// A replica is looked at once a minute, and a look may take its time.
const REPLICA_FRESH_MS: i64 = 90_000;

impl Live {
    /// What is known at `at_ms` of every shop and the machine. Rates are means of the ten seconds
    /// before; what is not known is left out.
    #[must_use]
    pub fn measured(&self, at_ms: i64) -> Vec<Measured> {
        let mut all = Vec::new();
        // A picture that does not move says nothing of now.
        if (at_ms - self.now_ms).abs() > STEP_MS {
            return all;
        }
        for shop in &self.shops {
            measure_traffic(shop, at_ms, &mut all);
            measure_orders(shop, at_ms, &mut all);
            all.extend(stream_lag(shop, at_ms));
            all.extend(stream_copy_lag(shop, at_ms));
            all.extend(replica_lag(shop, at_ms));
        }
        let mut machine = |what, subject: &str, value: Option<f64>| {
            let of = |value| Measured {
                what,
                subject: subject.to_owned(),
                part: String::new(),
                at_ms,
                value,
            };
            all.extend(value.map(of));
        };
        let host = &self.host_now;
        let memory = host.memory_used_bytes.zip(host.memory_total_bytes);
        let memory = memory.filter(|(_, total)| *total > 0);
        machine(Measurement::CpuShare, "", host.cpu_share);
        let share = |(used, total): (u64, u64)| used as f64 / total as f64;
        machine(Measurement::MemoryShare, "", memory.map(share));
        for disk in &host.disks {
            machine(Measurement::DiskFree, &disk.path, Some(disk.free_bytes as f64));
        }
        all
    }
}

fn measure_traffic(shop: &ShopLive, at_ms: i64, all: &mut Vec<Measured>) {
    let is_recent = |point: &&Point| point.at_ms > at_ms - STEP_MS && point.at_ms <= at_ms;
    let recent: Vec<&Point> = shop.points.iter().filter(is_recent).collect();
    let Some(last) = recent.last() else { return };
    let mean = |of: fn(&Point) -> f64| {
        recent.iter().map(|point| of(point)).sum::<f64>() / recent.len() as f64
    };
    let values = [
        (Measurement::RequestsPerSecond, Some(mean(|point| point.requests_per_second))),
        (Measurement::ErrorsPerSecond, Some(mean(|point| point.errors_per_second))),
        (Measurement::P50, last.p50_ms),
        (Measurement::P95, last.p95_ms),
        (Measurement::P99, last.p99_ms),
        (Measurement::CacheShare, last.cache_share),
        (Measurement::Visitors, last.visitors.map(|visitors| visitors as f64)),
        (Measurement::InFlight, last.in_flight.map(|count| count as f64)),
        (Measurement::Held, last.held.map(|count| count as f64)),
    ];
    let known = values.into_iter().filter_map(|(what, value)| Some((what, value?)));
    all.extend(known.map(|(what, value)| Measured::of_shop(&shop.site.id, what, at_ms, value)));
}

/// Whoever follows or not: so far behind is the journal.
fn stream_lag(shop: &ShopLive, at_ms: i64) -> Option<Measured> {
    let current_ms = shop.backups.as_ref()?.stream.as_ref()?.current_ms?;
    let lag_ms = (at_ms - current_ms).max(0) as f64;
    Some(Measured::of_shop(&shop.site.id, Measurement::StreamLag, at_ms, lag_ms))
}

/// What would be lost with the machine: the copy that is least behind counts.
fn stream_copy_lag(shop: &ShopLive, at_ms: i64) -> Option<Measured> {
    let copies = &shop.backups.as_ref()?.stream.as_ref()?.copies;
    let current_ms = copies.iter().filter_map(|copy| copy.current_ms).max()?;
    let lag_ms = (at_ms - current_ms).max(0) as f64;
    Some(Measured::of_shop(&shop.site.id, Measurement::StreamCopyLag, at_ms, lag_ms))
}

/// As it was seen last, which is once a minute; what was seen longer ago says nothing of now.
fn replica_lag(shop: &ShopLive, at_ms: i64) -> Option<Measured> {
    let own = shop.database.as_ref()?.replica.as_ref()?;
    let is_fresh = (0..REPLICA_FRESH_MS).contains(&(at_ms - own.seen_ms));
    let lag_ms = own.behind_ms.filter(|_| is_fresh)? as f64;
    Some(Measured::of_shop(&shop.site.id, Measurement::ReplicaLag, at_ms, lag_ms))
}

/// Of the last minute that is over, so that every minute stands in the history six times.
fn measure_orders(shop: &ShopLive, at_ms: i64, all: &mut Vec<Measured>) {
    let minute_ms = minute_of(at_ms - ORDERS_LATE_MS) - MINUTE_MS;
    let Some(minute) = shop.minutes.known(minute_ms) else { return };
    let values = [
        (Measurement::Orders, minute.orders.map(|orders| orders as f64)),
        (Measurement::Revenue, minute.revenue_minor.map(|revenue| revenue as f64)),
    ];
    let known = values.into_iter().filter_map(|(what, value)| Some((what, value?)));
    all.extend(known.map(|(what, value)| Measured::of_shop(&shop.site.id, what, at_ms, value)));
}
