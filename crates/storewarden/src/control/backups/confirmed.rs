//! Orders that a shop has confirmed and its database lacks: asked of the edge's access log.

use super::{Backups, refused, unexpected, worker};
use crate::{
    backup_worker::{ConfirmedOrders, Database, Done, Trouble, Work},
    control::now_ms,
};
use ::watch::{
    backups::VanishedOrders,
    time_machine::{MissingOrders, MissingQuestion},
};
use api::Refusal;
use kernel::{ShopId, config::ShopSettings};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Somebody waits; the worker looks nothing up any more long before.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often the log is held against the database.
const TICK: Duration = Duration::from_secs(60);
/// What was confirmed so lately may still be on its way into the database that is read.
const LATELY_MS: i64 = 2 * 60 * 1000;
/// How far back is looked, unless told.
const SINCE_MS: i64 = 24 * 60 * 60 * 1000;

impl Backups {
    /// Holds what every shop confirms against its database. Never returns.
    pub(in crate::control) async fn keep_confirmed(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let configuration = self.configuration.borrow().clone();
            let is_told = |shop: &&ShopSettings| {
                let platform = shops::platform(&shop.platform);
                shop.database.is_some()
                    && shop.backup.is_some()
                    && platform.is_some_and(|known| known.confirmed.is_some())
            };
            if configuration.edge.access_log.is_some() {
                for shop in configuration.shops.iter().filter(is_told) {
                    self.look_for_missing(&shop.id, now_ms()).await;
                }
            }
        }
    }

    /// What a look in vain leaves unknown stays as it was last seen.
    async fn look_for_missing(&self, shop: &ShopId, now_ms: i64) {
        let missing = match self.missing(shop, (now_ms - SINCE_MS, now_ms - LATELY_MS)).await {
            Ok(missing) => missing,
            Err(trouble) => {
                tracing::warn!(%shop, trouble.message, "confirmed orders cannot be looked for");
                return;
            }
        };
        let first_ms = missing.orders.iter().map(|order| order.first_ms).min();
        let last_ms = missing.orders.iter().map(|order| order.last_ms).max();
        let count = missing.orders.len() as u64 + missing.more;
        let found = first_ms.zip(last_ms);
        let found = found.map(|(first_ms, last_ms)| VanishedOrders { count, first_ms, last_ms });
        let before = {
            let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
            match found.clone() {
                Some(found) => missed.insert(shop.clone(), found),
                None if missing.is_whole => missed.remove(shop),
                None => return,
            }
        };
        if before != found {
            self.publish().await;
        }
    }

    /// Confirmed orders that were missing when it was last known.
    pub(super) fn missed(&self, shop: &ShopId) -> Option<VanishedOrders> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).get(shop).cloned()
    }

    pub(super) async fn missing_orders(
        &self,
        shop: &ShopId,
        question: MissingQuestion,
        now_ms: i64,
    ) -> Result<MissingOrders, Refusal> {
        let since_ms = question.since_ms.unwrap_or(now_ms - SINCE_MS);
        self.missing(shop, (since_ms, now_ms)).await.map_err(|trouble| refused(*trouble))
    }

    /// Those that were confirmed between two times.
    async fn missing(
        &self,
        shop: &ShopId,
        (since_ms, until_ms): (i64, i64),
    ) -> Result<MissingOrders, Box<Trouble>> {
        let of = self.backed_up(shop)?;
        let log = self.configuration.borrow().edge.access_log.clone().ok_or_else(|| {
            let message = "the edge writes no access log: name one, `access_log` in [edge]";
            Box::new(Trouble::new("no_access_log", [], message))
        })?;
        let live = of.shop.database.clone().ok_or_else(|| {
            let message = format!("the configuration names no database of {shop}");
            Box::new(Trouble::new("no_database", [], message))
        })?;
        let (live, platform) = (Database::new(&live), of.shop.platform.clone());
        let work = Work::Confirmed(ConfirmedOrders { live, platform, log, since_ms, until_ms });
        // A repository is named because every job names one; this one opens none.
        let place = of.settings.to[0].to_string();
        let asked = async {
            match self.work(self.job(&of, &place, work).await?, &worker::unheard).await? {
                Done::Confirmed(missing) => Ok(missing),
                other => Err(unexpected(&other)),
            }
        };
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            let message = "the database does not answer in time";
            let said = [("error", message.into())];
            Err(Box::new(Trouble::new("database_unreachable", said, message).for_now()))
        })
    }
}
