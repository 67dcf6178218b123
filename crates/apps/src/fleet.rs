//! What this crate must be told of the world beyond processes: what is configured, what the edge
//! sees of an instance, and how to have it send nobody there. Whoever wires it all fills it in.

use kernel::{
    InstanceName, ShopId,
    config::{Configuration, InstanceSettings, ShopSettings},
    facts::Health,
    plan::{Pending, RunId},
};
use std::sync::Arc;
use tokio::sync::watch;

/// The instances as control and its edge know them.
pub trait Fleet: Send + Sync {
    /// The configuration in force.
    fn configuration(&self) -> Arc<Configuration>;

    /// Has the edge send nobody there, because this run needs it so, or again with `None`; durably.
    /// The error is for a person.
    fn drain<'a>(
        &'a self,
        shop: &'a ShopId,
        instance: &'a InstanceName,
        drain: Option<RunId>,
    ) -> Pending<'a, Result<(), String>>;

    /// Whether the edge is told to send nobody there, as of our records.
    fn is_drained<'a>(
        &'a self,
        shop: &'a ShopId,
        instance: &'a InstanceName,
    ) -> Pending<'a, Result<bool, String>>;

    /// What the edge reports of the instance, anew with each report (about once a second); `None`
    /// while it does not report, or not of this instance.
    fn seen(&self, shop: &ShopId, instance: &InstanceName) -> watch::Receiver<Option<Seen>>;

    /// Requests of the shop a second, lately; `None`: unknown.
    fn requests_per_second(&self, shop: &ShopId) -> Option<f64>;
}

/// What the edge said of an instance last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub health: Health,
    /// Unix milliseconds of its last change.
    pub health_since_ms: i64,
    /// Requests sent there whose answer has not ended.
    pub in_flight: u64,
    /// Unix milliseconds of the report.
    pub at_ms: i64,
}

impl Seen {
    /// Whether its checks succeed. One that is drained may be well, too.
    #[must_use]
    pub fn is_well(&self) -> bool {
        matches!(self.health, Health::Up | Health::SlowStart | Health::Draining)
    }

    /// Whether the edge can have noticed what became of a life that began at `since_ms`: its
    /// judgement is younger, or the report came when checks would have failed by now.
    #[must_use]
    pub fn is_of_life(&self, since_ms: i64, settle_ms: i64) -> bool {
        self.health_since_ms > since_ms || self.at_ms >= since_ms.saturating_add(settle_ms)
    }
}

/// Milliseconds after which checks have found out that an instance is not well, whatever it does.
pub(crate) fn settle_ms(shop: &ShopSettings) -> i64 {
    let check = &shop.check;
    let each = check.interval_ms.saturating_add(check.timeout_ms);
    i64::try_from(each.saturating_mul(check.fall.into())).unwrap_or(i64::MAX)
}

pub(crate) fn shop_of<'a>(
    configuration: &'a Configuration,
    id: &ShopId,
) -> Option<&'a ShopSettings> {
    configuration.shops.iter().find(|shop| shop.id == *id)
}

pub(crate) fn instance_of<'a>(
    shop: &'a ShopSettings,
    name: &InstanceName,
) -> Option<&'a InstanceSettings> {
    shop.instances.iter().find(|instance| instance.name == *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judgement_from_before_the_restart_does_not_count() {
        let seen = |health_since_ms, at_ms| Seen {
            health: Health::Up,
            health_since_ms,
            in_flight: 0,
            at_ms,
        };
        let check = |seen: Seen, expect: bool| {
            assert_eq!(seen.is_of_life(10_000, 9_000), expect, "{seen:?}");
        };
        check(seen(5_000, 10_500), false);
        check(seen(5_000, 18_999), false);
        check(seen(5_000, 19_000), true);
        check(seen(10_001, 11_000), true);
    }
}
