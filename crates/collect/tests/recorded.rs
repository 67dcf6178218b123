//! Answers of real servers, replayed.

use crate::server::{Answer, Server, check, collector, recorded, told};
use collect::{CollectError, Login, StatusPage, Target};

/// Says `info` to `INFO` once it was given a password, when it wants one.
async fn redis(info: String, password: Option<&'static str>) -> Server {
    Server::start(move |heard| {
        let text = String::from_utf8_lossy(heard);
        let auth = password
            .map(|password| format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n", password.len()));
        if auth.is_some_and(|auth| text == auth) {
            return Answer::of("+OK\r\n");
        }
        if text.starts_with("*2\r\n$4\r\nAUTH") {
            return Answer::of(
                "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            );
        }
        let info = info.replace('\n', "\r\n");
        (text == "*1\r\n$4\r\nINFO\r\n")
            .then(|| Answer::of(format!("${}\r\n{info}\r\n", info.len())))?
    })
    .await
}

#[tokio::test]
async fn redis_as_primary_and_as_replica() {
    let server = redis(recorded("redis-7.0-primary.txt"), None).await;
    let mut collector = collector(Target::Redis { place: server.place(), login: None });
    let (outcome, readings) = told(&mut collector).await;
    outcome.unwrap();
    check(
        &readings,
        r#"
        redis_up 1
        redis_instance_info{maxmemory_policy="noeviction",redis_mode="standalone",redis_version="7.0.15",role="master"} 1
        redis_max_clients 10000
        redis_keyspace_hits_total 1
        redis_keyspace_misses_total 1
        redis_evicted_keys_total 0
        redis_rejected_connections_total 0
        redis_rdb_last_bgsave_status 1
        redis_aof_last_write_status 1
        redis_connected_slaves 1
        redis_connected_slave_lag_seconds{slave_ip="127.0.0.1",slave_port="26380",slave_state="online"} 1
        redis_connected_slave_offset_bytes{slave_ip="127.0.0.1",slave_port="26380",slave_state="online"} 157
        redis_db_keys{db="db0"} 2
        redis_db_keys_expiring{db="db0"} 1
        redis_db_keys{db="db3"} 1
        "#,
    );
    let instance = [("instance", server.address.as_str())];
    assert!(readings.value("redis_memory_used_bytes", &instance).unwrap() > 1e5);
    assert_eq!(readings.value("redis_master_link_up", &instance), None, "a primary has no primary");

    let server = redis(recorded("redis-7.0-replica.txt"), None).await;
    let mut collector =
        crate::server::collector(Target::Redis { place: server.place(), login: None });
    let (outcome, readings) = told(&mut collector).await;
    outcome.unwrap();
    check(
        &readings,
        "redis_master_link_up 1\nredis_master_last_io_seconds_ago 3\nredis_connected_slaves 0",
    );
}

#[tokio::test]
async fn redis_with_a_password() {
    let server = redis(recorded("redis-7.0-primary.txt"), Some("open sesame")).await;
    let target = |password: &str| {
        let login = Login { user: String::new(), password: password.into() };
        Target::Redis { place: server.place(), login: Some(login) }
    };
    let (outcome, _) = told(&mut collector(target("open sesame"))).await;
    outcome.unwrap();
    let (outcome, readings) = told(&mut collector(target("guess"))).await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, CollectError::Refused { said, .. } if said.starts_with("WRONGPASS")),
        "{error:?}"
    );
    assert!(!format!("{:?}{error:?}{error}", target("guess")).contains("guess"));
    check(&readings, "redis_up 0");
    assert_eq!(readings.len(), 2, "{readings:?}");
}

#[tokio::test]
async fn nginx_and_php_fpm_by_http() {
    let server = Server::start(|heard| {
        let text = String::from_utf8_lossy(heard);
        match text.lines().next()? {
            "GET /nginx_status HTTP/1.1" => {
                Answer::http("200 OK", &recorded("nginx-1.22-stub-status.txt"))
            }
            "GET /status?json HTTP/1.1" => {
                Answer::http("200 OK", &recorded("php-fpm-8.2-status.json"))
            }
            _ => Answer::http("404 Not Found", "no such page"),
        }
    })
    .await;
    let (outcome, readings) =
        told(&mut collector(Target::Nginx { url: server.url("/nginx_status") })).await;
    outcome.unwrap();
    check(
        &readings,
        "nginx_up 1
        nginx_connections_active 1
        nginx_connections_accepted 4
        nginx_connections_handled 4
        nginx_http_requests_total 4
        nginx_connections_writing 1
        nginx_connections_waiting 0",
    );
    let page = StatusPage::Http { url: server.url("/status") };
    let (outcome, readings) = told(&mut collector(Target::PhpFpm(page))).await;
    outcome.unwrap();
    check(
        &readings,
        r#"phpfpm_up 1
        phpfpm_accepted_connections{pool="shop"} 1
        phpfpm_listen_queue{pool="shop"} 0
        phpfpm_active_processes{pool="shop"} 1
        phpfpm_total_processes{pool="shop"} 2
        phpfpm_max_children_reached{pool="shop"} 0"#,
    );
    let (outcome, readings) =
        told(&mut collector(Target::Nginx { url: server.url("/other") })).await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, CollectError::Refused { said, .. } if said == "404 no such page"),
        "{error:?}"
    );
    check(&readings, "nginx_up 0");
}

/// A record of FastCGI.
pub(crate) fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut bytes = vec![1, kind, 0, 1, high, low, padding, 0];
    bytes.extend(content);
    bytes.extend(vec![0; usize::from(padding)]);
    bytes
}

#[tokio::test]
async fn php_fpm_by_fastcgi_in_pieces() {
    let server = Server::start(|heard| {
        // The empty record of standard input ends the request.
        heard.ends_with(&record(5, &[], 0)).then_some(())?;
        let found = heard.windows(7).any(|bytes| bytes == b"/status");
        let head = if found { "" } else { "Status: 404 Not Found\r\n" };
        let body =
            if found { recorded("php-fpm-8.2-status.json") } else { "File not found.\n".into() };
        let text = format!("{head}Content-type: application/json\r\n\r\n{body}");
        let (first, second) = text.as_bytes().split_at(20);
        let mut answer = record(6, first, 3);
        answer.extend(record(7, b"a word for the log", 0));
        answer.extend(record(6, second, 0));
        answer.extend(record(3, &[0; 8], 0));
        Answer::last(answer)
    })
    .await;
    let page = |path: &str| {
        Target::PhpFpm(StatusPage::FastCgi { place: server.place(), path: path.into() })
    };
    let (outcome, readings) = told(&mut collector(page("/status"))).await;
    outcome.unwrap();
    check(&readings, "phpfpm_up 1\nphpfpm_total_processes{pool=\"shop\"} 2");
    let (outcome, _) = told(&mut collector(page("/other"))).await;
    let error = outcome.unwrap_err();
    let expected = "404 Not Found File not found.";
    assert!(matches!(&error, CollectError::Refused { said, .. } if said == expected), "{error:?}");
}

/// Wants `guest` and their password `guest`.
async fn rabbitmq() -> Server {
    Server::start(|heard| {
        let text = String::from_utf8_lossy(heard);
        text.ends_with("\r\n\r\n").then_some(())?;
        if !text.to_ascii_lowercase().contains("authorization: basic z3vlc3q6z3vlc3q=\r\n") {
            return Answer::http(
                "401 Unauthorized",
                r#"{"error":"not_authorized","reason":"Login failed"}"#,
            );
        }
        let path = text.split(' ').nth(1)?.split('?').next()?;
        match path {
            "/api/overview" => Answer::http("200 OK", &recorded("rabbitmq-3.10-overview.json")),
            "/api/nodes" => Answer::http("200 OK", &recorded("rabbitmq-3.10-nodes.json")),
            "/api/queues" => Answer::http("200 OK", &recorded("rabbitmq-3.10-queues.json")),
            _ => Answer::http("404 Not Found", "no such page"),
        }
    })
    .await
}

#[tokio::test]
async fn rabbitmq_with_a_password_and_without() {
    let server = rabbitmq().await;
    let login = Login { user: "guest".into(), password: "guest".into() };
    let target = |login| Target::RabbitMq { url: server.url("/"), login };
    let (outcome, readings) = told(&mut collector(target(Some(login)))).await;
    outcome.unwrap();
    check(
        &readings,
        r#"rabbitmq_up 1
        rabbitmq_version_info{cluster="rabbit@vm",erlang="25.2.3",rabbitmq="3.10.8"} 1
        rabbitmq_queues 1
        rabbitmq_queue_messages_ready_global 3
        rabbitmq_queue_messages{queue="orders",vhost="/"} 3
        rabbitmq_queue_messages_ready{queue="orders",vhost="/"} 3
        rabbitmq_queue_consumers{queue="orders",vhost="/"} 0
        rabbitmq_running{node="rabbit@localhost"} 1
        rabbitmq_node_mem_alarm{node="rabbit@localhost"} 0
        rabbitmq_node_disk_free_limit{node="rabbit@localhost"} 50000000
        rabbitmq_partitions{node="rabbit@localhost"} 0"#,
    );
    let (outcome, readings) = told(&mut collector(target(None))).await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, CollectError::Refused { said, .. } if said.starts_with("401")),
        "{error:?}"
    );
    check(&readings, "rabbitmq_up 0");
    assert_eq!(readings.len(), 2, "{readings:?}");
}

/// Both answers have the shape that Elasticsearch's reference shows; they were not recorded.
#[tokio::test]
async fn elasticsearch() {
    let server = Server::start(|heard| {
        let text = String::from_utf8_lossy(heard);
        text.ends_with("\r\n\r\n").then_some(())?;
        match text.split(' ').nth(1)?.split('?').next()? {
            "/_cluster/health" => Answer::http("200 OK", &recorded("elasticsearch-8-health.json")),
            path if path.starts_with("/_nodes/_local/stats/") => {
                Answer::http("200 OK", &recorded("elasticsearch-8-nodes-stats.json"))
            }
            _ => Answer::http("404 Not Found", "no such page"),
        }
    })
    .await;
    let target = Target::Elasticsearch { url: server.url(""), login: None };
    let (outcome, readings) = told(&mut collector(target)).await;
    outcome.unwrap();
    check(
        &readings,
        r#"elasticsearch_cluster_health_up 1
        elasticsearch_cluster_health_status{cluster="shop",color="green"} 0
        elasticsearch_cluster_health_status{cluster="shop",color="yellow"} 1
        elasticsearch_cluster_health_unassigned_shards{cluster="shop"} 3
        elasticsearch_cluster_health_timed_out{cluster="shop"} 0
        elasticsearch_jvm_memory_used_bytes{area="heap",cluster="shop",node="node-1"} 268435456
        elasticsearch_jvm_gc_collection_seconds_sum{cluster="shop",gc="young",node="node-1"} 0.34
        elasticsearch_indices_search_query_time_seconds{cluster="shop",node="node-1"} 1.5
        elasticsearch_thread_pool_rejected_count{cluster="shop",node="node-1",type="search"} 5
        elasticsearch_breakers_tripped{cluster="shop",node="node-1"} 4"#,
    );
    // Something that answers with JSON and is another service.
    let other = Server::start(|_| Answer::http("200 OK", r#"{"status":"ok"}"#)).await;
    let (outcome, _) =
        told(&mut collector(Target::Elasticsearch { url: other.url(""), login: None })).await;
    assert!(matches!(outcome, Err(CollectError::Odd { .. })), "{outcome:?}");
}
