//! RabbitMQ: the HTTP API of its management plugin. Metrics are named as by rabbitmq_exporter.
//!
//! <https://www.rabbitmq.com/docs/http-api-reference>

use crate::{
    CollectError, Login,
    field::{Field, gauge},
    json::{document, put_fields, text},
};
use kernel::readings::{Family, Readings};
use outbound::http::Client;
use serde_json::Value;
use std::time::Duration;

/// As many queues are told one by one; of more the sums remain.
const MOST_QUEUES: usize = 500;

const OVERVIEW: &[Field] = &[
    Field::gauge("object_totals.connections", "rabbitmq_connections", "Connections."),
    Field::gauge("object_totals.channels", "rabbitmq_channels", "Channels."),
    Field::gauge("object_totals.consumers", "rabbitmq_consumers", "Consumers."),
    Field::gauge("object_totals.queues", "rabbitmq_queues", "Queues."),
    Field::gauge(
        "queue_totals.messages",
        "rabbitmq_queue_messages_global",
        "Messages in all queues.",
    ),
    Field::gauge(
        "queue_totals.messages_ready",
        "rabbitmq_queue_messages_ready_global",
        "Messages that wait for a consumer.",
    ),
    Field::gauge(
        "queue_totals.messages_unacknowledged",
        "rabbitmq_queue_messages_unacknowledged_global",
        "Messages that a consumer has, and has not acknowledged.",
    ),
];
const NODE: &[Field] = &[
    Field::gauge("running", "rabbitmq_running", "1: the node runs."),
    Field::gauge("mem_used", "rabbitmq_node_mem_used", "Memory of the node, in bytes."),
    Field::gauge(
        "mem_limit",
        "rabbitmq_node_mem_limit",
        "Beyond this nobody may publish, in bytes.",
    ),
    Field::gauge(
        "mem_alarm",
        "rabbitmq_node_mem_alarm",
        "1: nobody may publish, for want of memory.",
    ),
    Field::gauge("disk_free", "rabbitmq_node_disk_free", "Free space, in bytes."),
    Field::gauge(
        "disk_free_limit",
        "rabbitmq_node_disk_free_limit",
        "With less nobody may publish, in bytes.",
    ),
    Field::gauge(
        "disk_free_alarm",
        "rabbitmq_node_disk_free_alarm",
        "1: nobody may publish, for want of space.",
    ),
    Field::gauge("fd_used", "rabbitmq_fd_used", "Files and sockets that are open."),
    Field::gauge("fd_total", "rabbitmq_fd_available", "So many may be open."),
    Field::gauge("sockets_used", "rabbitmq_sockets_used", "Sockets that are open."),
    Field::gauge("uptime", "rabbitmq_uptime", "Milliseconds since the node was started."),
];
const QUEUE: &[Field] = &[
    Field::gauge("messages", "rabbitmq_queue_messages", "Messages of a queue."),
    Field::gauge(
        "messages_ready",
        "rabbitmq_queue_messages_ready",
        "Messages of a queue that wait for a consumer.",
    ),
    Field::gauge(
        "messages_unacknowledged",
        "rabbitmq_queue_messages_unacknowledged",
        "Messages of a queue that a consumer has, and has not acknowledged.",
    ),
    Field::gauge("consumers", "rabbitmq_queue_consumers", "Consumers of a queue."),
];
const PARTITIONS: Family = gauge("rabbitmq_partitions", "Nodes that this one does not see.");
const VERSION: Family = gauge("rabbitmq_version_info", "1, with the versions.");

pub(crate) fn families() -> Vec<Family> {
    let fields = OVERVIEW.iter().chain(NODE).chain(QUEUE).map(|field| field.family);
    fields.chain([PARTITIONS, VERSION]).collect()
}

pub(crate) async fn ask(
    client: &Client,
    url: &str,
    login: Option<&Login>,
    deadline: Duration,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let overview = document(client, url, "/api/overview", login, deadline).await?;
    if text(&overview, "rabbitmq_version").is_empty() {
        return Err(CollectError::odd(&url, "it names no version of RabbitMQ"));
    }
    put_fields(OVERVIEW, &overview, &[], readings);
    let versions = [
        ("rabbitmq", text(&overview, "rabbitmq_version")),
        ("erlang", text(&overview, "erlang_version")),
        ("cluster", text(&overview, "cluster_name")),
    ];
    readings.put(VERSION.name, &versions, 1.0);
    let nodes = document(client, url, "/api/nodes", login, deadline).await?;
    for node in nodes.as_array().ok_or_else(|| CollectError::odd(&url, "no list of nodes"))? {
        let labels = [("node", text(node, "name"))];
        put_fields(NODE, node, &labels, readings);
        if let Some(partitions) = node.get("partitions").and_then(Value::as_array) {
            let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
            readings.put(PARTITIONS.name, &labels, f64::from(count));
        }
    }
    let path = format!(
        "/api/queues?page=1&page_size={MOST_QUEUES}&sort=messages&sort_reverse=true\
         &columns=name,vhost,messages,messages_ready,messages_unacknowledged,consumers"
    );
    let queues = document(client, url, &path, login, deadline).await?;
    let queues = queues.get("items").and_then(Value::as_array);
    for queue in queues.ok_or_else(|| CollectError::odd(&url, "no list of queues"))? {
        let labels = [("vhost", text(queue, "vhost")), ("queue", text(queue, "name"))];
        put_fields(QUEUE, queue, &labels, readings);
    }
    Ok(())
}
