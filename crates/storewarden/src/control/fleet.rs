//! The instances as control knows them, for whoever restarts them: what is configured, what the edge
//! reports, and the way to have it send nobody there.

use ::watch::Watch;
use api::Command;
use apps::{Fleet, Seen};
use kernel::{
    Drain, InstanceName, ShopId,
    config::Configuration,
    plan::{Pending, RunId},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

/// Edges report every second; who waits need not wait another one.
const EVERY: Duration = Duration::from_millis(250);

/// Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    configuration: watch::Receiver<Arc<Configuration>>,
    watch: Watch,
    store: Store,
    commands: mpsc::Sender<Command>,
    sightings: Sightings,
}

/// Whoever waits for news of an instance.
type Waiting = HashMap<(ShopId, InstanceName), watch::Sender<Option<Seen>>>;

/// What the edge reports of instances, for those who wait for a change.
#[derive(Debug, Clone, Default)]
pub(super) struct Sightings {
    waiting: Arc<Mutex<Waiting>>,
}

impl Pools {
    pub(super) fn new(
        configuration: watch::Receiver<Arc<Configuration>>,
        watch: Watch,
        store: Store,
        commands: mpsc::Sender<Command>,
    ) -> Self {
        Self { configuration, watch, store, commands, sightings: Sightings::default() }
    }

    /// What has to follow the edge's reports.
    pub(super) fn sightings(&self) -> Sightings {
        self.sightings.clone()
    }
}

impl Sightings {
    /// Tells those who wait, until `stop` is true.
    pub(super) async fn follow(self, watch: Watch, mut stop: watch::Receiver<bool>) {
        let mut seconds = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = seconds.tick() => self.renew(&watch),
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Tells those who wait what the newest report says. Whoever has left is forgotten.
    fn renew(&self, watch: &Watch) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, told| told.receiver_count() > 0);
        for ((shop, instance), told) in waiting.iter() {
            let seen = look(watch, shop, instance);
            told.send_if_modified(|before| {
                let is_news = *before != seen;
                *before = seen;
                is_news
            });
        }
    }
}

fn look(watch: &Watch, shop: &ShopId, instance: &InstanceName) -> Option<Seen> {
    let report = watch.with(|live| live.report(shop, instance))?;
    Some(Seen {
        health: report.health,
        health_since_ms: report.health_since_ms,
        in_flight: report.in_flight,
        at_ms: report.at_ms,
    })
}

impl Fleet for Pools {
    fn configuration(&self) -> Arc<Configuration> {
        self.configuration.borrow().clone()
    }

    fn drain<'a>(
        &'a self,
        shop: &'a ShopId,
        instance: &'a InstanceName,
        drain: Option<RunId>,
    ) -> Pending<'a, Result<(), String>> {
        Box::pin(async move {
            let gone = || "control is ending".to_owned();
            let (answer, answered) = oneshot::channel();
            let (shop, instance) = (shop.clone(), instance.clone());
            let drain = drain.map(|run| Drain::of_run(run, super::now_ms()));
            let command = Command::Drain { shop, instance, drain, answer };
            self.commands.send(command).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        })
    }

    fn is_drained<'a>(
        &'a self,
        shop: &'a ShopId,
        instance: &'a InstanceName,
    ) -> Pending<'a, Result<bool, String>> {
        Box::pin(async move {
            let drains = self.store.drains().await.map_err(|error| error.to_string())?;
            Ok(drains.contains_key(&(shop.clone(), instance.clone())))
        })
    }

    fn seen(&self, shop: &ShopId, instance: &InstanceName) -> watch::Receiver<Option<Seen>> {
        let mut waiting = self.sightings.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = look(&self.watch, shop, instance);
        let told = waiting
            .entry((shop.clone(), instance.clone()))
            .or_insert_with(|| watch::Sender::new(seen));
        told.subscribe()
    }

    fn requests_per_second(&self, shop: &ShopId) -> Option<f64> {
        self.watch.with(|live| live.requests_per_second(shop))
    }
}
