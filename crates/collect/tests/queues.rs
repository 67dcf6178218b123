//! Queues of shops, in tables built after the platforms' own.

use crate::{
    databases::value,
    server::{check, collector, told},
};
use collect::{QueueQuery, Target};
use kernel::config::{DatabaseKind, DatabaseUrl};

pub(crate) struct Shop {
    /// Its database has the same name.
    pub(crate) platform: &'static str,
    pub(crate) setup: &'static [&'static str],
    /// Readings that must be there.
    expect: &'static str,
    /// Metric, queue, and the least seconds; none is a quarter of an hour more.
    ages: &'static [(&'static str, &'static str, f64)],
}

const WAITING: &str = "storewarden_queue_oldest_waiting_seconds";
const RUNNING: &str = "storewarden_queue_oldest_running_seconds";

pub(crate) const VENDURE_ON_POSTGRES: Shop = Shop {
    platform: "vendure",
    setup: &[
        r#"CREATE TABLE job_record ("createdAt" timestamp NOT NULL DEFAULT now(), "updatedAt" timestamp NOT NULL DEFAULT now(),
          "queueName" character varying NOT NULL, data text, state character varying NOT NULL, progress integer NOT NULL,
          result text, error character varying, "startedAt" timestamp(6), "settledAt" timestamp(6),
          "isSettled" boolean NOT NULL, retries integer NOT NULL, attempts integer NOT NULL, id serial PRIMARY KEY)"#,
        r#"INSERT INTO job_record ("queueName", state, progress, "createdAt", "startedAt", "settledAt", "isSettled", retries, attempts) VALUES
          ('send-email', 'PENDING', 0, now() - interval '2 hours', NULL, NULL, false, 5, 0),
          ('send-email', 'RETRYING', 0, now() - interval '1 hour', now(), NULL, false, 5, 1),
          ('send-email', 'RUNNING', 0, now() - interval '3 hours', now() - interval '30 minutes', NULL, false, 5, 1),
          ('send-email', 'FAILED', 0, now() - interval '3 hours', now(), now() - interval '5 minutes', true, 0, 1),
          ('send-email', 'FAILED', 0, now() - interval '3 hours', now(), now() - interval '2 hours', true, 0, 1),
          ('update-search-index', 'COMPLETED', 100, now() - interval '1 day', now(), now(), true, 0, 1)"#,
    ],
    expect: VENDURE,
    ages: &[(WAITING, "send-email", 7200.0), (RUNNING, "send-email", 1800.0)],
};

const VENDURE: &str = r#"
    storewarden_queue_up 1
    storewarden_queue_readable{platform="vendure",queue="job_record"} 1
    storewarden_queue_waiting{platform="vendure",queue="send-email"} 2
    storewarden_queue_running{platform="vendure",queue="send-email"} 1
    storewarden_queue_failed{platform="vendure",queue="send-email"} 1
    storewarden_queue_waiting{platform="vendure",queue="update-search-index"} 0
    storewarden_queue_oldest_waiting_seconds{platform="vendure",queue="update-search-index"} 0"#;

pub(crate) const SHOPS: &[Shop] = &[
    Shop {
        platform: "vendure",
        setup: &[
            "CREATE TABLE job_record (createdAt datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), queueName varchar(255) NOT NULL, data text,
              state varchar(255) NOT NULL, progress int NOT NULL, startedAt datetime(6) NULL, settledAt datetime(6) NULL,
              isSettled tinyint NOT NULL, retries int NOT NULL, attempts int NOT NULL, id int AUTO_INCREMENT PRIMARY KEY)",
            "INSERT INTO job_record (queueName, state, progress, createdAt, startedAt, settledAt, isSettled, retries, attempts) VALUES
              ('send-email', 'PENDING', 0, now() - interval 2 hour, NULL, NULL, 0, 5, 0),
              ('send-email', 'RETRYING', 0, now() - interval 1 hour, now(), NULL, 0, 5, 1),
              ('send-email', 'RUNNING', 0, now() - interval 3 hour, now() - interval 30 minute, NULL, 0, 5, 1),
              ('send-email', 'FAILED', 0, now() - interval 3 hour, now(), now() - interval 5 minute, 1, 0, 1),
              ('send-email', 'FAILED', 0, now() - interval 3 hour, now(), now() - interval 2 hour, 1, 0, 1),
              ('update-search-index', 'COMPLETED', 100, now() - interval 1 day, now(), now(), 1, 0, 1)",
        ],
        expect: VENDURE,
        ages: &[(WAITING, "send-email", 7200.0), (RUNNING, "send-email", 1800.0)],
    },
    Shop {
        platform: "magento",
        setup: &[
            "CREATE TABLE m2_cron_schedule (schedule_id int unsigned AUTO_INCREMENT PRIMARY KEY, job_code varchar(255) NOT NULL DEFAULT '0',
              status varchar(7) NOT NULL DEFAULT 'pending', messages text, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
              scheduled_at timestamp NULL, executed_at timestamp NULL, finished_at timestamp NULL)",
            "INSERT INTO m2_cron_schedule (job_code, status, scheduled_at, executed_at, finished_at) VALUES
              ('a', 'pending', now() + interval 10 minute, NULL, NULL),
              ('b', 'pending', now() - interval 20 minute, NULL, NULL),
              ('c', 'pending', now() - interval 5 minute, NULL, NULL),
              ('d', 'running', now() - interval 5 hour, now() - interval 5 hour, NULL),
              ('e', 'missed', now() - interval 10 minute, NULL, NULL),
              ('f', 'error', now() - interval 3 hour, now() - interval 3 hour, now() - interval 30 minute),
              ('g', 'error', now() - interval 3 hour, now() - interval 3 hour, now() - interval 2 hour),
              ('h', 'success', now() - interval 3 minute, now(), now())",
            "CREATE TABLE m2_queue (id int unsigned PRIMARY KEY, name varchar(255))",
            "CREATE TABLE m2_queue_message_status (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, queue_id int unsigned NOT NULL, message_id bigint,
              updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, status smallint unsigned NOT NULL, number_of_trials smallint NOT NULL DEFAULT 0)",
            "INSERT INTO m2_queue VALUES (1, 'async.operations.all'), (2, 'product_action_attribute.update')",
            "INSERT INTO m2_queue_message_status (queue_id, status, updated_at) VALUES (1, 2, now() - interval 40 minute), (1, 5, now()), (1, 3, now()),
              (1, 6, now()), (1, 6, now() - interval 3 hour), (2, 4, now())",
        ],
        expect: r#"
            storewarden_queue_readable{platform="magento",queue="cron"} 1
            storewarden_queue_waiting{platform="magento",queue="cron"} 2
            storewarden_queue_running{platform="magento",queue="cron"} 1
            storewarden_queue_failed{platform="magento",queue="cron"} 2
            storewarden_queue_waiting{platform="magento",queue="async.operations.all"} 2
            storewarden_queue_running{platform="magento",queue="async.operations.all"} 1
            storewarden_queue_failed{platform="magento",queue="async.operations.all"} 1
            storewarden_queue_waiting{platform="magento",queue="product_action_attribute.update"} 0"#,
        ages: &[(WAITING, "cron", 1200.0), (RUNNING, "cron", 18_000.0), (WAITING, "async.operations.all", 2400.0)],
    },
    Shop {
        platform: "woocommerce",
        setup: &[
            "CREATE TABLE wp7_actionscheduler_actions (action_id bigint unsigned AUTO_INCREMENT PRIMARY KEY, hook varchar(191) NOT NULL,
              status varchar(20) NOT NULL, scheduled_date_gmt datetime NULL, last_attempt_gmt datetime NULL,
              KEY status_scheduled_date_gmt (status, scheduled_date_gmt))",
            "INSERT INTO wp7_actionscheduler_actions (hook, status, scheduled_date_gmt, last_attempt_gmt) VALUES
              ('a', 'pending', utc_timestamp() + interval 1 hour, NULL),
              ('b', 'pending', utc_timestamp() - interval 2 hour, NULL),
              ('c', 'in-progress', utc_timestamp() - interval 2 hour, utc_timestamp() - interval 45 minute),
              ('d', 'failed', utc_timestamp() - interval 2 hour, utc_timestamp() - interval 45 minute),
              ('e', 'failed', utc_timestamp() - interval 9 hour, utc_timestamp() - interval 8 hour),
              ('f', 'complete', utc_timestamp() - interval 9 hour, utc_timestamp() - interval 8 hour)",
        ],
        expect: r#"
            storewarden_queue_readable{platform="woocommerce",queue="action_scheduler"} 1
            storewarden_queue_waiting{platform="woocommerce",queue="action_scheduler"} 1
            storewarden_queue_running{platform="woocommerce",queue="action_scheduler"} 1
            storewarden_queue_failed{platform="woocommerce",queue="action_scheduler"} 1"#,
        ages: &[(WAITING, "action_scheduler", 7200.0), (RUNNING, "action_scheduler", 2700.0)],
    },
    Shop {
        platform: "shopware",
        setup: &[
            "CREATE TABLE messenger_messages (id bigint AUTO_INCREMENT PRIMARY KEY, body longtext NOT NULL, headers longtext NOT NULL,
              queue_name varchar(190) NOT NULL, created_at datetime NOT NULL, available_at datetime NOT NULL, delivered_at datetime NULL)",
            "INSERT INTO messenger_messages (body, headers, queue_name, created_at, available_at, delivered_at) VALUES
              ('', '', 'async', utc_timestamp(), utc_timestamp() - interval 25 minute, NULL),
              ('', '', 'async', utc_timestamp(), utc_timestamp() + interval 25 minute, NULL),
              ('', '', 'async', utc_timestamp(), utc_timestamp(), utc_timestamp() - interval 20 minute),
              ('', '', 'failed', utc_timestamp(), utc_timestamp(), NULL),
              ('', '', 'failed', utc_timestamp() - interval 3 hour, utc_timestamp(), NULL)",
            "CREATE TABLE scheduled_task (id binary(16) PRIMARY KEY, name varchar(255) NOT NULL, run_interval int NOT NULL, status varchar(255) NOT NULL,
              last_execution_time datetime(3) NULL, next_execution_time datetime(3) NOT NULL, created_at datetime(3) NOT NULL, updated_at datetime(3) NULL)",
            "INSERT INTO scheduled_task VALUES
              ('1', 'a', 60, 'scheduled', NULL, utc_timestamp() - interval 50 minute, utc_timestamp(), NULL),
              ('2', 'b', 60, 'scheduled', NULL, utc_timestamp() + interval 50 minute, utc_timestamp(), NULL),
              ('3', 'c', 60, 'running', NULL, utc_timestamp(), utc_timestamp(), utc_timestamp() - interval 40 minute),
              ('4', 'd', 60, 'failed', NULL, utc_timestamp(), utc_timestamp(), NULL),
              ('5', 'e', 60, 'inactive', NULL, utc_timestamp() - interval 50 minute, utc_timestamp(), NULL)",
        ],
        expect: r#"
            storewarden_queue_readable{platform="shopware",queue="messenger"} 1
            storewarden_queue_readable{platform="shopware",queue="scheduled_task"} 1
            storewarden_queue_waiting{platform="shopware",queue="scheduled_task"} 1
            storewarden_queue_running{platform="shopware",queue="scheduled_task"} 1
            storewarden_queue_failed{platform="shopware",queue="scheduled_task"} 1
            storewarden_queue_waiting{platform="shopware",queue="async"} 1
            storewarden_queue_running{platform="shopware",queue="async"} 1
            storewarden_queue_failed{platform="shopware",queue="async"} 0
            storewarden_queue_waiting{platform="shopware",queue="failed"} 0
            storewarden_queue_failed{platform="shopware",queue="failed"} 1"#,
        ages: &[(WAITING, "async", 1500.0), (RUNNING, "async", 1200.0), (WAITING, "scheduled_task", 3000.0), (RUNNING, "scheduled_task", 2400.0)],
    },
];

/// What a platform's file says.
fn target(platform: &str, kind: DatabaseKind, secret: String) -> Target {
    let path = format!("{}/../shops/platforms/{platform}.toml", env!("CARGO_MANIFEST_DIR"));
    let file: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let select = if kind == DatabaseKind::Postgres { "postgres" } else { "mysql" };
    let query = |queue: &toml::Value| {
        Some(QueueQuery {
            name: queue["name"].as_str().unwrap().to_owned(),
            table: queue["reads"][0].as_str().unwrap().to_owned(),
            prefixed: queue.get("prefixed").is_some_and(|prefixed| prefixed.as_bool().unwrap()),
            select: queue.get(select)?.as_str().unwrap().to_owned(),
        })
    };
    let queries = file["queue"].as_array().unwrap().iter().filter_map(query).collect();
    Target::Queues { platform: platform.to_owned(), url: DatabaseUrl { kind, secret }, queries }
}

pub(crate) async fn check_shop(shop: &Shop, kind: DatabaseKind, secret: String) {
    let (outcome, readings) = told(&mut collector(target(shop.platform, kind, secret))).await;
    outcome.unwrap_or_else(|error| panic!("{}: {error:?}", shop.platform));
    check(&readings, shop.expect);
    for (name, queue, least) in shop.ages {
        let age = value(&readings, name, Some(("queue", queue))).unwrap();
        assert!((*least..*least + 900.0).contains(&age), "{name} of {queue}: {age}");
    }
}

/// Nothing is told of its queues, and that.
pub(crate) async fn check_unreadable(platform: &str, kind: DatabaseKind, secret: String) {
    let target = target(platform, kind, secret);
    let Target::Queues { queries, .. } = &target else { unreachable!() };
    let count = queries.len();
    let (outcome, readings) = told(&mut collector(target)).await;
    outcome.unwrap();
    let mut unreadable = 0;
    readings.each(|reading| {
        let is_unreadable = reading.name == "storewarden_queue_readable" && reading.value == 0.0;
        unreadable += usize::from(is_unreadable);
    });
    assert_eq!(unreadable, count, "{readings:?}");
    assert_eq!(readings.len(), 2 + count, "{readings:?}");
}
