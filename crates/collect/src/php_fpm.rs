//! PHP-FPM: the status page of a pool, by HTTP or from the pool itself. Metrics are named as by php-fpm_exporter.
//!
//! <https://www.php.net/manual/en/fpm.status.php>

use crate::{
    CollectError, Place,
    error::said,
    fastcgi,
    field::{Field, gauge},
    nginx::page,
};
use kernel::readings::{Family, Readings};
use outbound::http::{self, HeaderMap};
use serde_json::Value;
use std::time::Duration;

const FIELDS: &[Field] = &[
    Field::counter("start since", "phpfpm_start_since", "Seconds since the pool was started."),
    Field::counter(
        "accepted conn",
        "phpfpm_accepted_connections",
        "Requests accepted by the pool.",
    ),
    Field::gauge("listen queue", "phpfpm_listen_queue", "Requests that wait for a worker."),
    Field::counter(
        "max listen queue",
        "phpfpm_max_listen_queue",
        "The most that ever waited for a worker.",
    ),
    Field::gauge("listen queue len", "phpfpm_listen_queue_length", "So many may wait."),
    Field::gauge("idle processes", "phpfpm_idle_processes", "Workers without a request."),
    Field::gauge("active processes", "phpfpm_active_processes", "Workers with a request."),
    Field::gauge("total processes", "phpfpm_total_processes", "Workers."),
    Field::counter(
        "max active processes",
        "phpfpm_max_active_processes",
        "The most workers that ever had a request at once.",
    ),
    Field::counter(
        "max children reached",
        "phpfpm_max_children_reached",
        "How often there could be no more workers.",
    ),
    Field::counter(
        "slow requests",
        "phpfpm_slow_requests",
        "Requests longer than the pool's limit for slow ones.",
    ),
];
const MEMORY_PEAK: Family = gauge(
    "storewarden_phpfpm_memory_peak_bytes",
    "The most memory that a request took; since PHP 8.4.",
);

/// Where a pool tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusPage {
    /// Without its query: `http://127.0.0.1/status`.
    Http { url: String },
    /// From the pool itself, with what its `pm.status_path` says.
    FastCgi { place: Place, path: String },
}

pub(crate) fn families() -> Vec<Family> {
    FIELDS.iter().map(|field| field.family).chain([MEMORY_PEAK]).collect()
}

pub(crate) async fn ask(
    client: &http::Client,
    status: &StatusPage,
    deadline: Duration,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let (place, body) = match status {
        StatusPage::Http { url } => {
            let body = page(client, &format!("{url}?json"), HeaderMap::new(), deadline).await?;
            (http::place(url).unwrap_or_default(), body.to_vec())
        }
        StatusPage::FastCgi { place, path } => {
            (place.to_string(), fastcgi::get(place, path, "json").await?)
        }
    };
    read(&place, &body, readings)
}

fn read(place: &str, body: &[u8], readings: &mut Readings) -> Result<(), CollectError> {
    let place = place.to_owned();
    let odd = || CollectError::odd(&place, format!("`{}` is no status of PHP-FPM", said(body)));
    let status: Value = serde_json::from_slice(body).map_err(|_| odd())?;
    let pool = status.get("pool").and_then(Value::as_str).ok_or_else(odd)?;
    let labels = [("pool", pool)];
    for field in FIELDS {
        if let Some(value) = status.get(field.from).and_then(Value::as_f64) {
            field.put(readings, &labels, value);
        }
    }
    if let Some(bytes) = status.get("memory peak").and_then(Value::as_f64) {
        readings.put(MEMORY_PEAK.name, &labels, bytes);
    }
    Ok(())
}
