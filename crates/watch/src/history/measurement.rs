//! What is measured: by which name and unit in the API, and by which in the metrics store. The table
//! for people is docs/formats/history.md, held against this one by a test.

use super::STEP_MS;
use kernel::ShopId;
use serde::Serialize;
use series::{Labels, SeriesError};
use utoipa::ToSchema;

/// The label with the shop's id.
pub(super) const SHOP: &str = "shop";
/// The label with the path of a file system.
pub(super) const PATH: &str = "path";
/// The label with a table of a shop's database.
pub(super) const TABLE: &str = "table";
/// The label that tells a summary's quantiles apart, as in Prometheus.
const QUANTILE: &str = "quantile";

/// Something that is measured of every shop, or of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measurement {
    RequestsPerSecond,
    ErrorsPerSecond,
    P50,
    P95,
    P99,
    CacheShare,
    Visitors,
    InFlight,
    Held,
    Orders,
    Revenue,
    StreamLag,
    StreamCopyLag,
    ReplicaLag,
    TableBytes,
    CpuShare,
    MemoryShare,
    DiskFree,
}

/// What the numbers of a series count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    PerSecond,
    Ms,
    /// 0..=1.
    Share,
    Count,
    /// Minor units of the shop's currency.
    Minor,
    Bytes,
}

/// How a measurement is called, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// In the API.
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// In the metrics store.
    pub(super) metric: &'static str,
    pub(super) quantile: &'static str,
    /// What a value of the store is multiplied by for the API.
    pub(super) scale: f64,
}

impl Measurement {
    pub(super) const ALL: [Self; 18] = [
        Self::RequestsPerSecond,
        Self::ErrorsPerSecond,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::CacheShare,
        Self::Visitors,
        Self::InFlight,
        Self::Held,
        Self::Orders,
        Self::Revenue,
        Self::StreamLag,
        Self::StreamCopyLag,
        Self::ReplicaLag,
        Self::TableBytes,
        Self::CpuShare,
        Self::MemoryShare,
        Self::DiskFree,
    ];

    pub(super) fn row(self) -> Row {
        let row = |name, unit, metric| Row { name, unit, metric, quantile: "", scale: 1.0 };
        let first_byte = |name, quantile| Row {
            name,
            unit: Unit::Ms,
            metric: "storewarden_shop_time_to_first_byte_seconds",
            quantile,
            scale: 1_000.0,
        };
        match self {
            Self::RequestsPerSecond => {
                row("requests_per_second", Unit::PerSecond, "storewarden_shop_requests_per_second")
            }
            Self::ErrorsPerSecond => {
                row("errors_per_second", Unit::PerSecond, "storewarden_shop_errors_per_second")
            }
            Self::P50 => first_byte("p50_ms", "0.5"),
            Self::P95 => first_byte("p95_ms", "0.95"),
            Self::P99 => first_byte("p99_ms", "0.99"),
            Self::CacheShare => row("cache_share", Unit::Share, "storewarden_shop_cache_ratio"),
            Self::Visitors => row("visitors", Unit::Count, "storewarden_shop_visitors"),
            Self::InFlight => row("in_flight", Unit::Count, "storewarden_shop_requests_in_flight"),
            Self::Held => row("held", Unit::Count, "storewarden_shop_requests_held"),
            Self::Orders => row("orders", Unit::Count, "storewarden_shop_last_minute_orders"),
            Self::Revenue => {
                row("revenue_minor", Unit::Minor, "storewarden_shop_last_minute_revenue_minor")
            }
            Self::StreamLag => Row {
                name: "stream_lag_ms",
                unit: Unit::Ms,
                metric: "storewarden_shop_stream_lag_seconds",
                quantile: "",
                scale: 1_000.0,
            },
            Self::StreamCopyLag => Row {
                name: "stream_copy_lag_ms",
                unit: Unit::Ms,
                metric: "storewarden_shop_stream_copy_lag_seconds",
                quantile: "",
                scale: 1_000.0,
            },
            Self::ReplicaLag => Row {
                name: "replica_lag_ms",
                unit: Unit::Ms,
                metric: "storewarden_shop_replica_lag_seconds",
                quantile: "",
                scale: 1_000.0,
            },
            Self::TableBytes => row("table_bytes", Unit::Bytes, "storewarden_shop_table_bytes"),
            Self::CpuShare => row("cpu_share", Unit::Share, "storewarden_machine_cpu_ratio"),
            Self::MemoryShare => {
                row("memory_share", Unit::Share, "storewarden_machine_memory_ratio")
            }
            Self::DiskFree => {
                row("disk_free_bytes", Unit::Bytes, "storewarden_machine_disk_free_bytes")
            }
        }
    }

    /// The label that says of what it is measured; `None`: of the machine as a whole.
    pub(super) fn about(self) -> Option<&'static str> {
        match self {
            Self::CpuShare | Self::MemoryShare => None,
            Self::DiskFree => Some(PATH),
            _ => Some(SHOP),
        }
    }

    /// The label that says which of several in one shop it is; `None`: there is one.
    pub(super) fn part(self) -> Option<&'static str> {
        (self == Self::TableBytes).then_some(TABLE)
    }

    /// Which one a series of the store is; `None`: none that this version knows.
    pub(super) fn of(labels: &Labels) -> Option<Self> {
        let is_it = |one: &Self| {
            let row = one.row();
            row.metric == labels.metric() && row.quantile == labels.get(QUANTILE)
        };
        Self::ALL.into_iter().find(is_it)
    }
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub what: Measurement,
    /// A shop's id, or a disk's path; empty for the machine.
    pub subject: String,
    /// Which of several in it: a table's label; empty where there is one.
    pub part: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// In the store's unit: seconds, bytes, minor units, shares.
    pub value: f64,
}

impl Measured {
    /// A value of a shop; times are given in milliseconds, as everywhere, and kept in seconds.
    #[must_use]
    pub fn of_shop(shop: &ShopId, what: Measurement, at_ms: i64, value: f64) -> Self {
        let value = value / what.row().scale;
        Self { what, subject: shop.to_string(), part: String::new(), at_ms, value }
    }

    /// What a table of a shop's database takes with its indexes, in the ten seconds around `at_ms`.
    #[must_use]
    pub fn of_table(shop: &ShopId, table: &str, at_ms: i64, bytes: u64) -> Self {
        let part = table.to_owned();
        let at_ms = at_ms.div_euclid(STEP_MS) * STEP_MS;
        Self { part, ..Self::of_shop(shop, Measurement::TableBytes, at_ms, bytes as f64) }
    }

    /// The shop that it is of; `None`: of the machine.
    #[must_use]
    pub fn shop(&self) -> Option<&str> {
        (self.what.about() == Some(SHOP)).then_some(self.subject.as_str())
    }

    pub(super) fn labels(&self) -> Result<Labels, SeriesError> {
        let row = self.what.row();
        let about = self.what.about().map(|label| (label, self.subject.as_str()));
        let part = self.what.part().map(|label| (label, self.part.as_str()));
        let quantile = [(QUANTILE, row.quantile)];
        Labels::new(row.metric, about.into_iter().chain(part).chain(quantile))
    }
}
