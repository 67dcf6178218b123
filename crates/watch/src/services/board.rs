//! How it stands with services: what the API shows, and judgement looks at.

use collect::{Service, Want};
use kernel::{ShopId, readings::Readings};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// A handle on how it stands with every service, as of the last ten seconds; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Services(Arc<Mutex<ServicesStanding>>);

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServicesStanding {
    pub services: Vec<ServiceStanding>,
    /// When the machine was last looked through for services; null: it was not yet, or is not to be.
    pub looked_ms: Option<i64>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStanding {
    /// `redis`, `nginx`, `php-fpm`, `postgres`, `mysql`, `rabbitmq`, `elasticsearch` or `queues`.
    pub service: String,
    /// Host and port, or the path of a socket.
    pub place: String,
    /// Whose it is; null: the machine's.
    #[schema(value_type = Option<String>)]
    pub shop: Option<ShopId>,
    /// Found on the machine, and not named by the configuration.
    pub found: bool,
    pub state: ServiceState,
    pub since_ms: i64,
    /// When it was last asked; null: never.
    pub asked_ms: Option<i64>,
    pub took_ms: Option<f64>,
    /// Why it did not answer.
    pub error: Option<String>,
    /// What would help to ask it.
    pub wants: Option<ServiceWant>,
    /// What says most of how it is; all is in the history.
    pub numbers: Vec<ServiceNumber>,
    /// Of `queues`.
    pub queues: Vec<QueueStanding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// It was not asked yet, or may not be.
    Unknown,
    Up,
    /// It did not answer, or not whole.
    Down,
}

/// What is missing to ask a service that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceWant {
    /// A user, or a password.
    Login,
    /// A page that tells its status.
    StatusPage,
    /// The right to connect to its socket.
    Access,
}

/// A metric of a service, the sum of its series: docs/formats/service-readings.md.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceNumber {
    pub metric: String,
    pub value: f64,
}

/// A queue of a shop, or one of its cron's jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueStanding {
    pub queue: String,
    /// Due, and not begun.
    pub waiting: Option<f64>,
    pub running: Option<f64>,
    /// Within the last hour.
    pub failed: Option<f64>,
    /// Since the oldest of those that wait was due; 0 without one.
    pub oldest_waiting_ms: Option<i64>,
    pub oldest_running_ms: Option<i64>,
}

/// The queues of one shop.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ShopQueues {
    /// Whoever has them did not answer: what is with them is not known.
    pub(crate) unread: bool,
    pub(crate) queues: Vec<QueueStanding>,
}

impl Services {
    /// How it stands now.
    #[must_use]
    pub fn standing(&self) -> ServicesStanding {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn put(&self, standing: ServicesStanding) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl From<Want> for ServiceWant {
    fn from(want: Want) -> Self {
        match want {
            Want::Login => Self::Login,
            Want::StatusPage => Self::StatusPage,
            Want::Access => Self::Access,
        }
    }
}

/// The metrics that say most of a service.
fn foremost(service: Service) -> &'static [&'static str] {
    match service {
        Service::Redis => &[
            "redis_memory_used_bytes",
            "redis_memory_max_bytes",
            "redis_connected_clients",
            "redis_keyspace_hits_total",
            "redis_keyspace_misses_total",
            "redis_evicted_keys_total",
        ],
        Service::Nginx => &["nginx_connections_active", "nginx_connections_waiting"],
        Service::PhpFpm => &[
            "phpfpm_active_processes",
            "phpfpm_total_processes",
            "phpfpm_listen_queue",
            "phpfpm_max_children_reached",
        ],
        Service::Postgres => &["pg_stat_database_numbackends", "pg_settings_max_connections"],
        Service::MySql => &[
            "mysql_global_status_threads_connected",
            "mysql_global_variables_max_connections",
            "mysql_global_status_slow_queries",
        ],
        Service::RabbitMq => {
            &["rabbitmq_queue_messages_ready_global", "rabbitmq_consumers", "rabbitmq_connections"]
        }
        Service::Elasticsearch => &[
            "elasticsearch_cluster_health_unassigned_shards",
            "elasticsearch_jvm_memory_used_bytes",
            "elasticsearch_jvm_memory_max_bytes",
        ],
        Service::Queues => &[],
    }
}

/// Of those that were told; of the others nothing is known.
pub(super) fn numbers(service: Service, readings: &Readings) -> Vec<ServiceNumber> {
    let sum = |metric: &&str| {
        let mut sum: Option<f64> = None;
        readings.each(|reading| {
            if reading.name == *metric {
                *sum.get_or_insert(0.0) += reading.value;
            }
        });
        sum.map(|value| ServiceNumber { metric: (*metric).to_owned(), value })
    };
    foremost(service).iter().filter_map(sum).collect()
}

/// The queues that were told, by name.
pub(super) fn queues(readings: &Readings) -> Vec<QueueStanding> {
    let mut queues: Vec<QueueStanding> = Vec::new();
    readings.each(|reading| {
        let Some(number) = reading.name.strip_prefix("storewarden_queue_") else { return };
        let name = reading.labels.iter().find(|(label, _)| *label == "queue");
        let Some((_, name)) = name else { return };
        // That there is one says nothing of how it is: its jobs do.
        if number == "readable" && reading.value > 0.0 {
            return;
        }
        let place = queues.iter().position(|queue| queue.queue == *name).unwrap_or_else(|| {
            queues.push(QueueStanding::unread(name));
            queues.len() - 1
        });
        let queue = &mut queues[place];
        #[expect(clippy::cast_possible_truncation, reason = "ages of jobs are far below 2⁵³ ms")]
        let age_ms = (reading.value * 1_000.0) as i64;
        match number {
            "waiting" => queue.waiting = Some(reading.value),
            "running" => queue.running = Some(reading.value),
            "failed" => queue.failed = Some(reading.value),
            "oldest_waiting_seconds" => queue.oldest_waiting_ms = Some(age_ms),
            "oldest_running_seconds" => queue.oldest_running_ms = Some(age_ms),
            _ => {}
        }
    });
    queues.sort_by(|a, b| a.queue.cmp(&b.queue));
    queues
}

impl QueueStanding {
    fn unread(name: &str) -> Self {
        Self {
            queue: name.to_owned(),
            waiting: None,
            running: None,
            failed: None,
            oldest_waiting_ms: None,
            oldest_running_ms: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_put_together_by_name_and_what_is_not_told_stays_unknown() {
        let mut readings = Readings::new();
        let put = |readings: &mut Readings, name: &str, queue: &str, value| {
            readings.put(name, &[("platform", "sample"), ("queue", queue)], value);
        };
        put(&mut readings, "storewarden_queue_waiting", "mails", 3.0);
        put(&mut readings, "storewarden_queue_oldest_waiting_seconds", "mails", 61.5);
        put(&mut readings, "storewarden_queue_readable", "cron", 0.0);
        put(&mut readings, "storewarden_queue_readable", "job", 1.0);
        readings.put("storewarden_queue_up", &[], 1.0);
        let [cron, mails] = queues(&readings).try_into().expect("two queues");
        assert_eq!(cron, QueueStanding::unread("cron"));
        assert_eq!((mails.waiting, mails.oldest_waiting_ms), (Some(3.0), Some(61_500)));
        assert_eq!((mails.running, mails.failed), (None, None));
    }

    #[test]
    fn the_foremost_metrics_are_ones_that_the_collectors_tell() {
        let told: Vec<&str> = collect::families().iter().map(|family| family.name).collect();
        for service in Service::ALL {
            for metric in foremost(service) {
                assert!(told.contains(metric), "{metric}");
            }
        }
    }

    #[test]
    fn a_number_is_the_sum_of_its_series() {
        let mut readings = Readings::new();
        readings.put("pg_stat_database_numbackends", &[("datname", "a")], 3.0);
        readings.put("pg_stat_database_numbackends", &[("datname", "b")], 4.0);
        let told = numbers(Service::Postgres, &readings);
        let expect =
            ServiceNumber { metric: "pg_stat_database_numbackends".to_owned(), value: 7.0 };
        assert_eq!(told, [expect], "what was not told is not there");
    }
}
