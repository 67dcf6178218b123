//! What the services of shops say of themselves: their databases, and the queues in them.
//!
//! Each is asked by a read-only session of its own, every ten seconds; queues every minute, for counting jobs costs the shop something.

use collect::{Collector, QueueQuery, Service, Target};
use futures_util::future::join_all;
use kernel::{
    config::{Configuration, DatabaseKind, DatabaseUrl, ShopSettings},
    readings::Readings,
};
use outbound::http::{Client, ClientOptions};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch::Receiver;

/// How long one may take; it is asked again in the next round.
const DEADLINE: Duration = Duration::from_secs(5);
/// Queues are asked in every so many rounds.
const QUEUES_EVERY: i64 = 6;

/// What was said by one of them, or that nothing was.
#[derive(Debug)]
pub(crate) struct Told {
    /// Which it is, as long as the configuration names it.
    pub(crate) key: String,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) readings: Readings,
}

/// A round of asking.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) told: Vec<Told>,
    /// All that there are, asked in this round or not.
    pub(super) keys: Vec<String>,
}

impl Round {
    /// Adds what others were told in the meantime.
    pub(super) fn add(&mut self, told: Vec<Told>) {
        self.keys.extend(told.iter().map(|one| one.key.clone()));
        self.told.extend(told);
    }
}

/// All services that the configuration names.
#[derive(Debug)]
pub(super) struct Services {
    configuration: Receiver<Arc<Configuration>>,
    /// `None`: the roots of this machine cannot be read, which is in the log.
    client: Option<Client>,
    all: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    key: String,
    labels: Vec<(&'static str, String)>,
    collector: Collector,
    /// What stood in the way the last time.
    trouble: Option<String>,
}

impl Services {
    pub(super) fn new(mut configuration: Receiver<Arc<Configuration>>) -> Self {
        configuration.mark_changed();
        let client = Client::new(&ClientOptions::default());
        let client = client.inspect_err(|error| tracing::error!(%error, "services are not asked"));
        Self { configuration, client: client.ok(), all: Vec::new() }
    }

    /// Asks all that are due, at the same time.
    pub(super) async fn round(&mut self, number: i64) -> Round {
        self.configure();
        let is_due = |one: &&mut Followed| {
            one.collector.target().service() != Service::Queues || number % QUEUES_EVERY == 0
        };
        let told = join_all(self.all.iter_mut().filter(is_due).map(Followed::ask)).await;
        Round { told, keys: self.all.iter().map(|one| one.key.clone()).collect() }
    }

    /// Follows the configuration: what stays the same keeps its session.
    fn configure(&mut self) {
        if !self.configuration.has_changed().unwrap_or(false) {
            return;
        }
        let configuration = Arc::clone(&self.configuration.borrow_and_update());
        let Some(client) = &self.client else { return };
        let mut before: Vec<Followed> = std::mem::take(&mut self.all);
        for (shop, target) in configuration.shops.iter().flat_map(targets) {
            let place = before.iter().position(|one| one.is(shop, &target));
            self.all.push(match place {
                Some(at) => before.swap_remove(at),
                None => Followed::new(shop, target, client.clone()),
            });
        }
    }
}

impl Followed {
    fn new(shop: &ShopSettings, target: Target, client: Client) -> Self {
        let service = target.service();
        let labels = vec![("shop", shop.id.to_string()), ("job", service.name().to_owned())];
        let key = format!("{} {} {}", shop.id, service.name(), target.instance());
        Self { key, labels, collector: Collector::new(target, client), trouble: None }
    }

    fn is(&self, shop: &ShopSettings, target: &Target) -> bool {
        self.labels[0].1 == shop.id.as_str() && self.collector.target() == target
    }

    async fn ask(&mut self) -> Told {
        let mut readings = Readings::new();
        let trouble = self.collector.collect(DEADLINE, &mut readings).await.err();
        let trouble = trouble.map(|error| error.to_string());
        if trouble != self.trouble {
            match &trouble {
                Some(error) => {
                    tracing::warn!(service = self.key, error, "a service does not say how it is");
                }
                None => tracing::info!(service = self.key, "a service says again how it is"),
            }
            self.trouble = trouble;
        }
        Told { key: self.key.clone(), labels: self.labels.clone(), readings }
    }
}

/// Whom to ask of a shop.
fn targets(shop: &ShopSettings) -> impl Iterator<Item = (&ShopSettings, Target)> {
    let url = shop.database.as_ref();
    let server = url.and_then(|url| match url.kind {
        DatabaseKind::Postgres => Some(Target::Postgres(url.clone())),
        DatabaseKind::MySql => Some(Target::MySql(url.clone())),
        // It has no server that could be asked.
        DatabaseKind::Sqlite => None,
    });
    let queues = url.and_then(|url| queues(&shop.platform, url));
    server.into_iter().chain(queues).map(move |target| (shop, target))
}

fn queues(platform: &str, url: &DatabaseUrl) -> Option<Target> {
    let known = &shops::platform(platform)?.queues;
    let query = |table: &shops::QueueTable| {
        Some(QueueQuery {
            name: table.name.clone(),
            table: table.reads.first()?.clone(),
            prefixed: table.prefixed,
            select: table.select(url.kind)?.to_owned(),
        })
    };
    let queries: Vec<QueueQuery> = known.iter().filter_map(query).collect();
    let is_any = !queries.is_empty();
    is_any.then(|| Target::Queues { platform: platform.to_owned(), url: url.clone(), queries })
}
