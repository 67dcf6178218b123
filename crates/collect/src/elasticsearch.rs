//! Elasticsearch and OpenSearch: the cluster's health, and what the node that is asked has used. Metrics are named as by
//! elasticsearch_exporter.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-cluster-health>,
//! <https://docs.opensearch.org/latest/api-reference/nodes-apis/nodes-stats/>

use crate::{
    CollectError, Login,
    field::{Field, gauge},
    json::{document, put_fields, text},
};
use kernel::readings::{Family, Readings};
use outbound::http::Client;
use serde_json::Value;
use std::time::Duration;

const HEALTH: &[Field] = &[
    Field::gauge(
        "timed_out",
        "elasticsearch_cluster_health_timed_out",
        "1: the cluster did not answer itself in time.",
    ),
    Field::gauge("number_of_nodes", "elasticsearch_cluster_health_number_of_nodes", "Nodes."),
    Field::gauge(
        "number_of_data_nodes",
        "elasticsearch_cluster_health_number_of_data_nodes",
        "Nodes with data.",
    ),
    Field::gauge(
        "active_primary_shards",
        "elasticsearch_cluster_health_active_primary_shards",
        "Primary shards that are there.",
    ),
    Field::gauge(
        "active_shards",
        "elasticsearch_cluster_health_active_shards",
        "Shards that are there.",
    ),
    Field::gauge(
        "relocating_shards",
        "elasticsearch_cluster_health_relocating_shards",
        "Shards on their way to another node.",
    ),
    Field::gauge(
        "initializing_shards",
        "elasticsearch_cluster_health_initializing_shards",
        "Shards that are being made.",
    ),
    Field::gauge(
        "unassigned_shards",
        "elasticsearch_cluster_health_unassigned_shards",
        "Shards that are nowhere.",
    ),
    Field::gauge(
        "delayed_unassigned_shards",
        "elasticsearch_cluster_health_delayed_unassigned_shards",
        "Shards that are nowhere, and are waited for.",
    ),
    Field::gauge(
        "number_of_pending_tasks",
        "elasticsearch_cluster_health_number_of_pending_tasks",
        "Changes of the cluster that wait.",
    ),
    Field::gauge(
        "task_max_waiting_in_queue_millis",
        "elasticsearch_cluster_health_task_max_waiting_in_queue_millis",
        "For how long the oldest of them has waited, in milliseconds.",
    ),
];
const NODE: &[Field] = &[
    Field::gauge(
        "process.open_file_descriptors",
        "elasticsearch_process_open_files_count",
        "Files that are open.",
    ),
    Field::gauge(
        "process.max_file_descriptors",
        "elasticsearch_process_max_files_descriptors",
        "So many may be open.",
    ),
    Field::gauge(
        "fs.total.total_in_bytes",
        "elasticsearch_filesystem_data_size_bytes",
        "Size of the file systems with data.",
    ),
    Field::gauge(
        "fs.total.available_in_bytes",
        "elasticsearch_filesystem_data_available_bytes",
        "What is left of them.",
    ),
    Field::counter(
        "indices.search.query_total",
        "elasticsearch_indices_search_query_total",
        "Searches.",
    ),
    Field::counter(
        "indices.search.query_time_in_millis",
        "elasticsearch_indices_search_query_time_seconds",
        "Time of searches.",
    )
    .in_units(1e-3),
    Field::counter(
        "indices.indexing.index_total",
        "elasticsearch_indices_indexing_index_total",
        "Documents indexed.",
    ),
    Field::gauge("indices.docs.count", "elasticsearch_indices_docs", "Documents."),
    Field::gauge(
        "indices.store.size_in_bytes",
        "elasticsearch_indices_store_size_bytes",
        "Data on disk.",
    ),
    Field::counter(
        "breakers.parent.tripped",
        "elasticsearch_breakers_tripped",
        "Requests refused for want of memory (circuit breaker `parent`).",
    ),
];
const HEAP_USED: Family =
    gauge("elasticsearch_jvm_memory_used_bytes", "Memory of the Java machine.");
const HEAP_MOST: Family = gauge("elasticsearch_jvm_memory_max_bytes", "The most that it may take.");
const COLLECTOR: &[Field] = &[
    Field::counter(
        "collection_count",
        "elasticsearch_jvm_gc_collection_seconds_count",
        "Garbage collections.",
    ),
    Field::counter(
        "collection_time_in_millis",
        "elasticsearch_jvm_gc_collection_seconds_sum",
        "Time of garbage collections.",
    )
    .in_units(1e-3),
];
const POOL: &[Field] = &[
    Field::gauge(
        "queue",
        "elasticsearch_thread_pool_queue_count",
        "Requests that wait for a thread.",
    ),
    Field::counter(
        "rejected",
        "elasticsearch_thread_pool_rejected_count",
        "Requests refused because too many wait.",
    ),
];
const STATUS: Family =
    gauge("elasticsearch_cluster_health_status", "1 for the colour that it is; 0 for the others.");
const COLOURS: [&str; 3] = ["green", "yellow", "red"];
/// The pools that a shop's search and its changes go through.
const POOLS: [&str; 3] = ["search", "write", "get"];

pub(crate) fn families() -> Vec<Family> {
    let fields = HEALTH.iter().chain(NODE).chain(COLLECTOR).chain(POOL).map(|field| field.family);
    fields.chain([STATUS, HEAP_USED, HEAP_MOST]).collect()
}

pub(crate) async fn ask(
    client: &Client,
    url: &str,
    login: Option<&Login>,
    deadline: Duration,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let health = document(client, url, "/_cluster/health", login, deadline).await?;
    let status = text(&health, "status");
    if !COLOURS.contains(&status) {
        return Err(CollectError::odd(&url, format!("the cluster's status is `{status}`")));
    }
    let cluster = text(&health, "cluster_name");
    for colour in COLOURS {
        let is = if colour == status { 1.0 } else { 0.0 };
        readings.put(STATUS.name, &[("cluster", cluster), ("color", colour)], is);
    }
    put_fields(HEALTH, &health, &[("cluster", cluster)], readings);
    let path = "/_nodes/_local/stats/jvm,fs,process,indices,breaker,thread_pool?filter_path=\
        nodes.*.name,nodes.*.jvm.mem.heap*,nodes.*.jvm.gc,nodes.*.fs.total,nodes.*.process,nodes.*.breakers.parent,\
        nodes.*.indices.search,nodes.*.indices.indexing,nodes.*.indices.docs,nodes.*.indices.store,nodes.*.thread_pool";
    let stats = document(client, url, path, login, deadline).await?;
    let nodes = stats.get("nodes").and_then(Value::as_object);
    for node in nodes.ok_or_else(|| CollectError::odd(&url, "no list of nodes"))?.values() {
        put_node(cluster, node, readings);
    }
    Ok(())
}

fn put_node(cluster: &str, node: &Value, readings: &mut Readings) {
    let labels = [("cluster", cluster), ("node", text(node, "name"))];
    put_fields(NODE, node, &labels, readings);
    let with = |name, value| [labels[0], labels[1], (name, value)];
    for (family, name) in [(HEAP_USED, "heap_used_in_bytes"), (HEAP_MOST, "heap_max_in_bytes")] {
        if let Some(bytes) = node.pointer(&format!("/jvm/mem/{name}")).and_then(Value::as_f64) {
            readings.put(family.name, &with("area", "heap"), bytes);
        }
    }
    let collectors = node.pointer("/jvm/gc/collectors").and_then(Value::as_object);
    for (name, collector) in collectors.into_iter().flatten() {
        put_fields(COLLECTOR, collector, &with("gc", name), readings);
    }
    for name in POOLS {
        if let Some(pool) = node.pointer(&format!("/thread_pool/{name}")) {
            put_fields(POOL, pool, &with("type", name), readings);
        }
    }
}
