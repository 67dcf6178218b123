//! A fleet without an edge: what it would report is said by the test.

use apps::{Fleet, Seen};
use kernel::{
    InstanceName, ShopId,
    config::{Configuration, Known, KnownPlatform, parse},
    facts::Health,
    plan::{Pending, RunId},
    snapshot::Check,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// Cheap to clone: the performer and the test hold the same one.
#[derive(Clone)]
pub(crate) struct SimulatedFleet(Arc<Inner>);

struct Inner {
    configuration: Arc<Configuration>,
    drains: Mutex<HashSet<InstanceName>>,
    reports: HashMap<InstanceName, watch::Sender<Option<Seen>>>,
}

impl SimulatedFleet {
    /// Of a file with one shop, whose checks are quick.
    pub(crate) fn new(file: &str) -> Self {
        let check = Check { interval_ms: 100, timeout_ms: 10, fall: 1, ..Check::default() };
        let platforms = [KnownPlatform { name: "sample".to_owned(), check }];
        let known = Known { platforms: &platforms, environment: &|_| None, time_zone: &|_| Ok(()) };
        let configuration = parse(file, known).unwrap_or_else(|errors| panic!("{:#?}", errors.0));
        let names = configuration.shops[0].instances.iter().map(|instance| instance.name.clone());
        let reports = names.map(|name| (name, watch::Sender::new(None))).collect();
        let (configuration, drains) = (Arc::new(configuration), Mutex::default());
        Self(Arc::new(Inner { configuration, drains, reports }))
    }

    pub(crate) fn report(&self, instance: &str, health: Health, in_flight: u64, at_ms: i64) {
        let seen = Seen { health, health_since_ms: 1, in_flight, at_ms };
        self.0.reports[&instance.parse::<InstanceName>().unwrap()].send_replace(Some(seen));
    }
}

impl Fleet for SimulatedFleet {
    fn configuration(&self) -> Arc<Configuration> {
        self.0.configuration.clone()
    }

    fn drain<'a>(
        &'a self,
        _: &'a ShopId,
        instance: &'a InstanceName,
        drain: Option<RunId>,
    ) -> Pending<'a, Result<(), String>> {
        let mut drains = self.0.drains.lock().unwrap();
        if drain.is_some() {
            drains.insert(instance.clone());
        } else {
            drains.remove(instance);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_drained<'a>(
        &'a self,
        _: &'a ShopId,
        instance: &'a InstanceName,
    ) -> Pending<'a, Result<bool, String>> {
        let drained = self.0.drains.lock().unwrap().contains(instance);
        Box::pin(std::future::ready(Ok(drained)))
    }

    fn seen(&self, _: &ShopId, instance: &InstanceName) -> watch::Receiver<Option<Seen>> {
        self.0.reports[instance].subscribe()
    }

    fn requests_per_second(&self, _: &ShopId) -> Option<f64> {
        None
    }
}
