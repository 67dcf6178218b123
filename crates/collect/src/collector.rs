//! Asks one service and says what it said, or that it said nothing.

use crate::{
    CollectError, Login, Place, QueueQuery, bullmq, elasticsearch, field::gauge, mysql, nginx,
    php_fpm, php_fpm::StatusPage, postgres, queues, rabbitmq, redis,
};
use databases::statistics::Statistics;
use futures_util::future::join_all;
use kernel::{
    config::DatabaseUrl,
    readings::{Family, Readings},
};
use outbound::http;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

const SECONDS: Family = gauge(
    "storewarden_collector_seconds",
    "How long a service was asked, whether it answered or not.",
);

/// A service that tells more, of thousands of databases or queues, would flood whoever keeps them.
const MOST_READINGS: usize = 10_000;

/// A kind of program that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Redis,
    Nginx,
    PhpFpm,
    Postgres,
    /// MariaDB too.
    MySql,
    RabbitMq,
    /// OpenSearch too.
    Elasticsearch,
    /// Queues and cron of a shop, in its database.
    Queues,
}

impl Service {
    pub const ALL: [Self; 8] = [
        Self::Redis,
        Self::Nginx,
        Self::PhpFpm,
        Self::Postgres,
        Self::MySql,
        Self::RabbitMq,
        Self::Elasticsearch,
        Self::Queues,
    ];

    /// As in the label `service`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Nginx => "nginx",
            Self::PhpFpm => "php-fpm",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::RabbitMq => "rabbitmq",
            Self::Elasticsearch => "elasticsearch",
            Self::Queues => "queues",
        }
    }

    /// 1 while it answers, else 0: told even when nothing else is.
    #[must_use]
    pub fn up(self) -> Family {
        match self {
            Self::Redis => gauge("redis_up", "Whether Redis answers."),
            Self::Nginx => gauge("nginx_up", "Whether nginx answers."),
            Self::PhpFpm => gauge("phpfpm_up", "Whether PHP-FPM answers."),
            Self::Postgres => gauge("pg_up", "Whether PostgreSQL answers."),
            Self::MySql => gauge("mysql_up", "Whether MariaDB or MySQL answers."),
            Self::RabbitMq => gauge("rabbitmq_up", "Whether RabbitMQ answers."),
            Self::Elasticsearch => gauge(
                "elasticsearch_cluster_health_up",
                "Whether Elasticsearch or OpenSearch answers.",
            ),
            Self::Queues => gauge(
                "storewarden_queue_up",
                "Whether the database, or the Redis, with the queues answers.",
            ),
        }
    }

    fn told(self) -> Vec<Family> {
        match self {
            Self::Redis => redis::families(),
            Self::Nginx => nginx::families(),
            Self::PhpFpm => php_fpm::families(),
            Self::Postgres => postgres::families(),
            Self::MySql => mysql::families(),
            Self::RabbitMq => rabbitmq::families(),
            Self::Elasticsearch => elasticsearch::families(),
            Self::Queues => queues::families(),
        }
    }
}

/// Whom to ask, where, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Redis or Valkey.
    Redis {
        place: Place,
        login: Option<Login>,
    },
    /// The page of nginx' module `stub_status`.
    Nginx {
        url: String,
    },
    PhpFpm(StatusPage),
    Postgres(DatabaseUrl),
    /// MariaDB or MySQL.
    MySql(DatabaseUrl),
    /// The address of the management plugin: `http://127.0.0.1:15672`.
    RabbitMq {
        url: String,
        login: Option<Login>,
    },
    /// Elasticsearch or OpenSearch: `http://127.0.0.1:9200`.
    Elasticsearch {
        url: String,
        login: Option<Login>,
    },
    /// Queues and cron of a shop, in its PostgreSQL, MariaDB or MySQL.
    Queues {
        platform: String,
        url: DatabaseUrl,
        queries: Vec<QueueQuery>,
    },
    /// Queues of BullMQ in a Redis or Valkey, by their keys: `bull:mails`.
    BullMq {
        platform: String,
        place: Place,
        login: Option<Login>,
        queues: Vec<String>,
    },
}

impl Target {
    #[must_use]
    pub fn service(&self) -> Service {
        match self {
            Self::Redis { .. } => Service::Redis,
            Self::Nginx { .. } => Service::Nginx,
            Self::PhpFpm(_) => Service::PhpFpm,
            Self::Postgres(_) => Service::Postgres,
            Self::MySql(_) => Service::MySql,
            Self::RabbitMq { .. } => Service::RabbitMq,
            Self::Elasticsearch { .. } => Service::Elasticsearch,
            Self::Queues { .. } | Self::BullMq { .. } => Service::Queues,
        }
    }

    /// Where it is, without anything secret: the label `instance`.
    #[must_use]
    pub fn instance(&self) -> String {
        let host = |url: &str| {
            let place = http::place(url).unwrap_or_default();
            place.split_once("://").map_or_else(String::new, |(_, host)| host.to_owned())
        };
        match self {
            Self::Redis { place, .. }
            | Self::BullMq { place, .. }
            | Self::PhpFpm(StatusPage::FastCgi { place, .. }) => place.to_string(),
            Self::Nginx { url }
            | Self::PhpFpm(StatusPage::Http { url })
            | Self::RabbitMq { url, .. }
            | Self::Elasticsearch { url, .. } => host(url),
            Self::Postgres(url) | Self::MySql(url) => host_of_database(&url.to_string()),
            // A server may hold several shops.
            Self::Queues { url, .. } => place_of_database(&url.to_string()).to_owned(),
        }
    }
}

/// Asks one service, again and again.
#[derive(Debug)]
pub struct Collector {
    target: Target,
    instance: String,
    http: http::Client,
    /// To a database's server; gone after anything went wrong.
    session: Option<Statistics>,
    /// What is being said, until it is all said.
    heard: Readings,
    /// So long it was asked last.
    took: Duration,
}

impl Collector {
    /// Asks nothing yet. Those that speak HTTP share the client.
    #[must_use]
    pub fn new(target: Target, http: http::Client) -> Self {
        let instance = target.instance();
        Self { target, instance, http, session: None, heard: Readings::new(), took: Duration::ZERO }
    }

    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Adds what the service says of itself. Every reading has the label `instance`.
    ///
    /// # Errors
    /// When it does not answer in time, whole, and in a way we understand. Then only that it is not
    /// up was added, and how long it was asked.
    pub async fn collect(
        &mut self,
        deadline: Duration,
        readings: &mut Readings,
    ) -> Result<(), CollectError> {
        let outcome = self.hear(deadline).await;
        self.tell(outcome.is_ok(), readings);
        outcome
    }

    async fn hear(&mut self, deadline: Duration) -> Result<(), CollectError> {
        let began = Instant::now();
        self.heard.clear();
        let asked = tokio::time::timeout(deadline, self.ask(deadline)).await;
        self.took = began.elapsed();
        let outcome = asked.unwrap_or_else(|_| {
            Err(CollectError::Deadline { place: self.instance.clone(), deadline })
        });
        outcome.and_then(|()| match fault(&self.heard) {
            Some(reason) => Err(CollectError::odd(&self.instance, reason)),
            None => Ok(()),
        })
    }

    fn tell(&self, answered: bool, readings: &mut Readings) {
        let service = self.target.service();
        let instance = ("instance", self.instance.as_str());
        readings.put(service.up().name, &[instance], if answered { 1.0 } else { 0.0 });
        if answered {
            self.heard.each(|reading| {
                let mut labels = reading.labels.to_vec();
                labels.push(instance);
                readings.put(reading.name, &labels, reading.value);
            });
        }
        let labels = [("service", service.name()), instance];
        readings.put(SECONDS.name, &labels, self.took.as_secs_f64());
    }

    async fn ask(&mut self, deadline: Duration) -> Result<(), CollectError> {
        let Self { target, http, heard, instance, session, took: _ } = self;
        match target {
            Target::Redis { place, login } => redis::ask(place, login.as_ref(), heard).await,
            Target::BullMq { platform, place, login, queues } => {
                bullmq::ask(place, login.as_ref(), platform, queues, heard).await
            }
            Target::Nginx { url } => nginx::ask(http, url, deadline, heard).await,
            Target::PhpFpm(page) => php_fpm::ask(http, page, deadline, heard).await,
            Target::RabbitMq { url, login } => {
                rabbitmq::ask(http, url, login.as_ref(), deadline, heard).await
            }
            Target::Elasticsearch { url, login } => {
                elasticsearch::ask(http, url, login.as_ref(), deadline, heard).await
            }
            Target::Postgres(url) | Target::MySql(url) | Target::Queues { url, .. } => {
                // Taken out, so that a session that failed us, or whose answer was not awaited, is gone.
                let mut statistics = match session.take() {
                    Some(statistics) => statistics,
                    None => connect(instance, url).await?,
                };
                match target {
                    Target::Queues { platform, queries, .. } => {
                        queues::ask(instance, &mut statistics, platform, queries, heard).await?;
                    }
                    Target::Postgres(_) => postgres::ask(instance, &mut statistics, heard).await?,
                    _ => mysql::ask(instance, &mut statistics, heard).await?,
                }
                *session = Some(statistics);
                Ok(())
            }
        }
    }
}

/// Why what was heard is not to be believed: too much of it, or one thing said twice.
fn fault(heard: &Readings) -> Option<String> {
    if heard.len() > MOST_READINGS {
        return Some(format!(
            "it tells {} readings, and at most {MOST_READINGS} are taken",
            heard.len()
        ));
    }
    let mut known = HashSet::new();
    let mut twice = None;
    heard.each(|reading| {
        let key = format!("{} {:?}", reading.name, reading.labels);
        if twice.is_none() && known.contains(&key) {
            twice = Some(format!("it says `{key}` twice"));
        }
        known.insert(key);
    });
    twice
}

/// Asks all of them at once, so that none waits for one that does not answer, and adds what they say in their order. Each
/// has an outcome as of [`Collector::collect`].
pub async fn collect_all(
    collectors: &mut [Collector],
    deadline: Duration,
    readings: &mut Readings,
) -> Vec<Result<(), CollectError>> {
    let outcomes = join_all(collectors.iter_mut().map(|collector| collector.hear(deadline))).await;
    for (collector, outcome) in collectors.iter().zip(&outcomes) {
        collector.tell(outcome.is_ok(), readings);
    }
    outcomes
}

async fn connect(place: &str, url: &DatabaseUrl) -> Result<Statistics, CollectError> {
    let connected = Statistics::connect(url).await;
    connected.map_err(|source| CollectError::Database { place: place.to_owned(), source })
}

/// `host:port/name` of `postgres://user@host:port/name`.
fn place_of_database(shown: &str) -> &str {
    let rest = shown.split_once("://").map_or(shown, |(_, rest)| rest);
    rest.rsplit_once('@').map_or(rest, |(_, rest)| rest)
}

fn host_of_database(shown: &str) -> String {
    place_of_database(shown).split('/').next().unwrap_or_default().to_owned()
}

/// Every metric that a collector may tell, by service.
#[must_use]
pub fn families() -> Vec<Family> {
    let mut families = vec![SECONDS];
    for service in Service::ALL {
        families.push(service.up());
        families.extend(service.told());
    }
    families
}
