//! Asking services how they are: the databases of shops, those that the configuration names, and those that are found on the machine.
//!
//! Each is asked every ten seconds, by a session of its own where it has any; queues every minute, for counting jobs costs the shop
//! something. The machine is looked through now and then, beside the asking.

use super::{
    ServiceStanding, ServiceState, Services, ServicesStanding, ShopQueues,
    board::{numbers, queues},
};
use crate::orders::now_ms;
use collect::{Collector, Found, Login, Place, QueueQuery, Service, StatusPage, Target, discover};
use futures_util::future::join_all;
use kernel::{
    ShopId,
    config::{
        Configuration, DatabaseKind, DatabaseUrl, ServiceKind, ServiceSettings, ShopSettings,
    },
    readings::Readings,
};
use outbound::http::{Client, ClientOptions};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch::Receiver, task::JoinSet};

/// How long one may take; it is asked again in the next round.
const DEADLINE: Duration = Duration::from_secs(5);
/// Queues are asked in every so many rounds.
const QUEUES_EVERY: i64 = 6;
/// The machine is looked through in every so many rounds: five minutes.
const LOOK_EVERY: u64 = 30;
const PROC: &str = "/proc";
const PASSWD: &str = "/etc/passwd";

/// What was said by one of them, or that nothing was.
#[derive(Debug)]
pub(crate) struct Told {
    /// Which it is, as long as it is followed.
    pub(crate) key: String,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) readings: Readings,
}

/// A round of asking.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) told: Vec<Told>,
    /// All that there are, asked in this round or not.
    pub(crate) keys: Vec<String>,
}

impl Round {
    /// Adds what others were told in the meantime.
    pub(crate) fn add(&mut self, told: Vec<Told>) {
        self.keys.extend(told.iter().map(|one| one.key.clone()));
        self.told.extend(told);
    }
}

/// All services that are followed.
#[derive(Debug)]
pub(crate) struct Asking {
    configuration: Receiver<Arc<Configuration>>,
    /// `None`: the roots of this machine cannot be read, which is in the log.
    client: Option<Client>,
    all: Vec<Followed>,
    /// Of the last look through the machine.
    found: Vec<Found>,
    looking: JoinSet<Option<Vec<Found>>>,
    looked_ms: Option<i64>,
    rounds: u64,
    board: Services,
}

#[derive(Debug)]
struct Followed {
    key: String,
    shop: Option<ShopId>,
    is_found: bool,
    collector: Collector,
    standing: ServiceStanding,
}

/// Who is to be asked, and whose it is.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    shop: Option<ShopId>,
    target: Target,
    is_found: bool,
}

impl Asking {
    pub(crate) fn new(mut configuration: Receiver<Arc<Configuration>>, board: Services) -> Self {
        configuration.mark_changed();
        let client = Client::new(&ClientOptions::default());
        let client = client.inspect_err(|error| tracing::error!(%error, "services are not asked"));
        Self {
            configuration,
            client: client.ok(),
            all: Vec::new(),
            found: Vec::new(),
            looking: JoinSet::new(),
            looked_ms: None,
            rounds: 0,
            board,
        }
    }

    /// Asks all that are due, at the same time, and tells how it stands.
    pub(crate) async fn round(&mut self, number: i64) -> Round {
        self.look();
        self.configure();
        let is_due = |one: &&mut Followed| {
            let is_queue = one.collector.target().service() == Service::Queues;
            !is_queue || number % QUEUES_EVERY == 0 || one.standing.asked_ms.is_none()
        };
        let told = join_all(self.all.iter_mut().filter(is_due).map(Followed::ask)).await;
        let seen = self.all.iter().map(|one| one.standing.clone());
        let services = seen.chain(self.unasked()).collect();
        self.board.put(ServicesStanding { services, looked_ms: self.looked_ms });
        Round { told, keys: self.all.iter().map(|one| one.key.clone()).collect() }
    }

    /// The queues of each shop that has any.
    pub(crate) fn queues(&self) -> BTreeMap<ShopId, ShopQueues> {
        let mut all: BTreeMap<ShopId, ShopQueues> = BTreeMap::new();
        for one in &self.all {
            let Some(shop) = one.shop.as_ref().filter(|_| one.standing.service == "queues") else {
                continue;
            };
            let queues = all.entry(shop.clone()).or_default();
            queues.unread |= one.standing.state != ServiceState::Up;
            queues.queues.extend(one.standing.queues.iter().cloned());
        }
        all
    }

    /// Looks through the machine now and then, beside the asking.
    fn look(&mut self) {
        while let Some(done) = self.looking.try_join_next() {
            // A panic there is our own bug; a survey that failed is in the log. What was found before stays.
            if let Ok(Some(found)) = done {
                self.found = found;
                self.looked_ms = Some(now_ms());
                self.configuration.mark_changed();
            }
        }
        let configuration = Arc::clone(&self.configuration.borrow());
        if !configuration.control.discover_services {
            if self.looked_ms.take().is_some() {
                self.found.clear();
                self.configuration.mark_changed();
            }
            return;
        }
        if let Some(client) = self.client.clone()
            && self.looking.is_empty()
            && self.rounds.is_multiple_of(LOOK_EVERY)
        {
            self.looking.spawn(found_on_machine(configuration, client));
        }
        self.rounds += 1;
    }

    /// What was found, and cannot be asked.
    fn unasked(&self) -> impl Iterator<Item = ServiceStanding> {
        let mute = self.found.iter().filter(|found| found.target.is_none());
        // One that the configuration names is asked as it says.
        let is_named = |found: &&Found| {
            let same = |one: &Followed| {
                one.standing.service == found.service.name()
                    && one.standing.place == place_without_path(&found.place)
            };
            self.all.iter().any(same)
        };
        let since_ms = self.looked_ms.unwrap_or_default();
        mute.filter(move |found| !is_named(found)).map(move |found| ServiceStanding {
            found: true,
            wants: found.wants.map(Into::into),
            ..ServiceStanding::untold(found.service, found.place.clone(), None, since_ms)
        })
    }

    /// Follows the configuration and what was found: what stays the same keeps its session.
    fn configure(&mut self) {
        if !self.configuration.has_changed().unwrap_or(false) {
            return;
        }
        let configuration = Arc::clone(&self.configuration.borrow_and_update());
        let Some(client) = &self.client else { return };
        let mut before: Vec<Followed> = std::mem::take(&mut self.all);
        for wanted in wanted(&configuration, &self.found) {
            let place = before.iter().position(|one| one.is(&wanted));
            self.all.push(match place {
                Some(at) => before.swap_remove(at),
                None => Followed::new(wanted, client.clone()),
            });
        }
    }
}

/// What the machine runs; `None` when that cannot be seen.
async fn found_on_machine(configuration: Arc<Configuration>, client: Client) -> Option<Vec<Found>> {
    let look = || host::survey::survey(Path::new(PROC), Path::new(PASSWD));
    let survey = tokio::task::spawn_blocking(look).await.ok()?;
    let survey =
        survey.inspect_err(|error| tracing::warn!(%error, "services cannot be looked for"));
    let mut survey = survey.ok()?;
    // Our own doors are none of them, also where it may not be seen whose they are.
    let is_own = |port: u16| {
        let edge = configuration.edge.listen.iter().map(|listen| listen.address.port());
        edge.chain([configuration.control.listen.port()]).any(|own| own == port)
    };
    survey.listening.retain(|listening| !is_own(listening.address.port()));
    // The question for its page would stand in the logs by which such a shop is watched.
    if configuration.shops.iter().any(|shop| shop.beside.is_some()) {
        let is_nginx = |name: &str| name == "nginx";
        survey.listening.retain(|listening| {
            let owner = listening.owner.as_ref();
            !owner.is_none_or(|owner| owner.name.as_deref().is_some_and(is_nginx))
        });
    }
    let known: Vec<DatabaseUrl> =
        configuration.shops.iter().filter_map(|shop| shop.database.clone()).collect();
    Some(discover(&survey, Path::new("/"), &known, &client, DEADLINE).await)
}

/// All who are to be asked, each once: shops' databases and queues, then what is named, then what was found.
fn wanted(configuration: &Configuration, found: &[Found]) -> Vec<Wanted> {
    let of_shops = configuration.shops.iter().flat_map(|shop| {
        let shop_id = Some(shop.id.clone());
        targets(shop).map(move |target| Wanted { shop: shop_id.clone(), target, is_found: false })
    });
    let named = configuration.services.iter().flat_map(|settings| {
        let shop = settings.shop.clone();
        named(settings, configuration).into_iter().map(move |target| Wanted {
            shop: shop.clone(),
            target,
            is_found: false,
        })
    });
    let found = found.iter().filter_map(|found| found.target.clone());
    let found = found.map(|target| Wanted { shop: None, target, is_found: true });
    let mut all: Vec<Wanted> = of_shops.collect();
    for one in named.chain(found) {
        let same = |other: &Wanted| {
            other.target.service() == one.target.service()
                && other.target.instance() == one.target.instance()
        };
        // Two shops may share a server, but what is found is that very server.
        if !(one.is_found && all.iter().any(same)) {
            all.push(one);
        }
    }
    all
}

/// What `[[service]]` says, as the collectors want it.
fn named(settings: &ServiceSettings, configuration: &Configuration) -> Vec<Target> {
    let password = settings.password.as_ref().map(|secret| secret.reveal().to_owned());
    let login = password.map(|password| Login { user: settings.user.clone(), password });
    let at = settings.at.clone();
    match settings.kind {
        ServiceKind::Redis => {
            let place = if at.starts_with('/') { Place::Unix(at.into()) } else { Place::Tcp(at) };
            let platform = settings.shop.as_ref().and_then(|id| {
                let shop = configuration.shops.iter().find(|shop| shop.id == *id);
                shop.map(|shop| shop.platform.clone())
            });
            let queues = (!settings.queues.is_empty()).then(|| Target::BullMq {
                platform: platform.unwrap_or_else(|| "bullmq".to_owned()),
                place: place.clone(),
                login: login.clone(),
                queues: settings.queues.clone(),
            });
            std::iter::once(Target::Redis { place, login }).chain(queues).collect()
        }
        ServiceKind::Nginx => vec![Target::Nginx { url: at }],
        ServiceKind::PhpFpm => vec![Target::PhpFpm(StatusPage::Http { url: at })],
        ServiceKind::RabbitMq => vec![Target::RabbitMq { url: at, login }],
        ServiceKind::Elasticsearch => vec![Target::Elasticsearch { url: at, login }],
    }
}

fn place_without_path(place: &str) -> &str {
    place.split_once("://").map_or(place, |(_, host)| host)
}

impl ServiceStanding {
    fn untold(service: Service, place: String, shop: Option<ShopId>, since_ms: i64) -> Self {
        Self {
            service: service.name().to_owned(),
            place,
            shop,
            found: false,
            state: ServiceState::Unknown,
            since_ms,
            asked_ms: None,
            took_ms: None,
            error: None,
            wants: None,
            numbers: Vec::new(),
            queues: Vec::new(),
        }
    }
}

impl Followed {
    fn new(wanted: Wanted, client: Client) -> Self {
        let Wanted { shop, target, is_found } = wanted;
        let service = target.service();
        let owner = shop.as_ref().map_or("machine", ShopId::as_str);
        let key = format!("{owner} {} {}", service.name(), target.instance());
        let mut standing =
            ServiceStanding::untold(service, target.instance(), shop.clone(), now_ms());
        standing.found = is_found;
        Self { key, shop, is_found, collector: Collector::new(target, client), standing }
    }

    fn is(&self, wanted: &Wanted) -> bool {
        self.shop == wanted.shop
            && self.is_found == wanted.is_found
            && *self.collector.target() == wanted.target
    }

    async fn ask(&mut self) -> Told {
        let service = self.collector.target().service();
        let mut readings = Readings::new();
        let begun = std::time::Instant::now();
        let error = self.collector.collect(DEADLINE, &mut readings).await.err();
        let error = error.map(|error| error.to_string());
        let standing = &mut self.standing;
        if error != standing.error {
            match &error {
                Some(error) => {
                    tracing::warn!(service = self.key, error, "a service does not say how it is");
                }
                None => tracing::info!(service = self.key, "a service says again how it is"),
            }
        }
        let state = if error.is_none() { ServiceState::Up } else { ServiceState::Down };
        let now_ms = now_ms();
        if state != standing.state {
            (standing.state, standing.since_ms) = (state, now_ms);
        }
        standing.asked_ms = Some(now_ms);
        standing.took_ms = Some((begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0);
        standing.error = error;
        // Without an answer neither has anything: no last good value is shown.
        standing.numbers = numbers(service, &readings);
        standing.queues = queues(&readings);
        let mut labels = vec![("job", service.name().to_owned())];
        labels.extend(self.shop.as_ref().map(|shop| ("shop", shop.to_string())));
        Told { key: self.key.clone(), labels, readings }
    }
}

/// Whom to ask of a shop.
fn targets(shop: &ShopSettings) -> impl Iterator<Item = Target> {
    let url = shop.database.as_ref();
    let server = url.and_then(|url| match url.kind {
        DatabaseKind::Postgres => Some(Target::Postgres(url.clone())),
        DatabaseKind::MySql => Some(Target::MySql(url.clone())),
        // It has no server that could be asked.
        DatabaseKind::Sqlite => None,
    });
    let queues = url.and_then(|url| queues_of(&shop.platform, url));
    server.into_iter().chain(queues)
}

fn queues_of(platform: &str, url: &DatabaseUrl) -> Option<Target> {
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
