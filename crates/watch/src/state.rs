//! What the world is told about shops: the values of the HTTP API, plain and serialisable.
//!
//! `None` is unknown: it is shown as unknown, never as zero and never as good. Times are unix
//! milliseconds, money is minor units of the shop's currency, shares are 0..=1. Knows no HTTP.

pub(crate) mod schema;

use kernel::{Drain, Finding, InstanceName, Params, RouteClass, ShopId, Verdict, facts::Health};
use serde::{Deserialize, Serialize};
use std::path::Path;
use utoipa::ToSchema;

/// A shop as it is now, without its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShopNow {
    #[schema(value_type = String)]
    pub id: ShopId,
    pub name: String,
    pub platform: String,
    /// ISO 4217.
    pub currency: String,
    /// An IANA name.
    pub time_zone: String,
    pub hosts: Vec<String>,
    /// Where the edge listens, as URLs.
    pub addresses: Vec<String>,
    pub at_ms: i64,
    /// Grows by one with every tick of a shop.
    pub sequence: u64,
    #[schema(value_type = schema::Verdict)]
    pub verdict: Verdict,
    /// The most urgent first.
    #[schema(value_type = Vec<schema::Finding>)]
    pub findings: Vec<Finding>,
    pub orders: Orders,
    /// What the last three hours and the one under way usually bring, the oldest first; hours of which too little is known are left out.
    pub usual: Vec<UsualHour>,
    /// What happened, the oldest first.
    pub marks: Vec<Mark>,
    pub instances: Vec<Instance>,
    /// Null while Storewarden is beside the shop: nothing waits with it.
    pub hold: Option<Hold>,
    pub edge: Edge,
    pub host: Host,
    /// The last seconds by route class; classes nobody asked for are left out.
    pub classes: Vec<RouteClassNow>,
    /// Null while Storewarden is beside the shop: nothing is kept.
    pub cache: Option<Cache>,
    /// What is known of a shop that another web server stands before, and what is not; null when
    /// Storewarden stands before it.
    pub beside: Option<Beside>,
    /// What visitors by https are shown; null for one of our own making, for trying out.
    pub certificate: Option<ShopCertificate>,
}

/// What a part of an hour usually brings, by the same hours of past weeks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsualHour {
    pub from_ms: i64,
    pub until_ms: i64,
    /// Of 95 of 100 minutes: at least so many, at most so many.
    pub orders_a_minute: f64,
    pub orders_a_minute_low: f64,
    pub orders_a_minute_high: f64,
    pub revenue_minor_a_minute: f64,
}

/// A shop's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShopCertificate {
    /// The first name that it is for.
    pub host: String,
    /// As browsers show it, `0a:1b:…`; null while the first one is awaited.
    pub serial: Option<String>,
    pub ends_ms: Option<i64>,
    /// Renewed by us; else somebody must bring a new one.
    pub renews: bool,
    /// Why the last order failed.
    pub error: Option<String>,
}

/// A shop whole, with its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShopState {
    #[serde(flatten)]
    pub now: ShopNow,
    /// The last 180 minutes, the oldest first.
    pub minutes: Vec<Minute>,
    /// The last 600 seconds, the oldest first; seconds without facts from the edge are missing.
    pub points: Vec<Point>,
}

/// A second of news about a shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tick {
    #[serde(flatten)]
    pub now: ShopNow,
    /// The last two minutes, the oldest first.
    pub minutes: Vec<Minute>,
    /// Null while the edge does not report.
    pub point: Option<Point>,
}

/// A shop in the list of shops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShopSummary {
    #[schema(value_type = String)]
    pub id: ShopId,
    pub name: String,
    pub platform: String,
    #[schema(value_type = schema::Verdict)]
    pub verdict: Verdict,
}

/// The machine as a whole: what `storewarden status` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub version: String,
    pub shops: Vec<ShopStatus>,
    pub edge: Edge,
    pub host: Host,
    /// What concerns the machine rather than one shop; every shop repeats it.
    #[schema(value_type = Vec<schema::Finding>)]
    pub findings: Vec<Finding>,
}

/// A shop in [`Status`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShopStatus {
    #[serde(flatten)]
    pub now: ShopNow,
    pub minutes: Vec<Minute>,
}

/// One second of a shop's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    pub at_ms: i64,
    pub requests_per_second: f64,
    /// Answers with status 500 and above, and answers that broke off.
    pub errors_per_second: f64,
    /// Time to the first byte over the last ten seconds, images and files aside.
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Of all requests of the last ten seconds, the share answered from the cache.
    pub cache_share: Option<f64>,
    /// Distinct visitors of the last five minutes, estimated within a few percent.
    pub visitors: Option<u64>,
    pub in_flight: Option<u64>,
    pub queued: Option<u64>,
    pub held: Option<u64>,
    /// Requests of the classes checkout and payment.
    pub checkouts_per_second: Option<f64>,
    pub cpu_share: Option<f64>,
    pub memory_share: Option<f64>,
}

/// One minute of a shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Minute {
    /// The minute's start.
    pub at_ms: i64,
    pub orders: Option<u64>,
    pub revenue_minor: Option<i64>,
    pub requests: Option<u64>,
    pub errors: Option<u64>,
}

/// Something that happened, to stand on every chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    pub at_ms: i64,
    pub kind: MarkKind,
    #[schema(value_type = schema::Params)]
    pub params: Params,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    Reload,
    InstanceDown,
    InstanceUp,
    Drain,
    Undrain,
    EdgeStarted,
    ControlStarted,
    Certificate,
    HoldStart,
    HoldEnd,
}

impl MarkKind {
    const ALL: [Self; 10] = [
        Self::Reload,
        Self::InstanceDown,
        Self::InstanceUp,
        Self::Drain,
        Self::Undrain,
        Self::EdgeStarted,
        Self::ControlStarted,
        Self::Certificate,
        Self::HoldStart,
        Self::HoldEnd,
    ];

    /// The name under which it is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::InstanceDown => "instance_down",
            Self::InstanceUp => "instance_up",
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::EdgeStarted => "edge_started",
            Self::ControlStarted => "control_started",
            Self::Certificate => "certificate",
            Self::HoldStart => "hold_start",
            Self::HoldEnd => "hold_end",
        }
    }

    /// The kind of that name; `None` for one that this version does not know.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One running copy of the shop's application. While the edge is away its numbers are the last
/// known ones, its health is `unknown` and its timings are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    #[schema(value_type = String)]
    pub name: InstanceName,
    pub address: String,
    #[schema(value_type = schema::Health)]
    pub health: Health,
    /// Since when its health is what it is.
    pub since_ms: i64,
    /// Null where Storewarden is beside the shop.
    pub in_flight: Option<u64>,
    /// Most requests at once; null where Storewarden is beside the shop.
    pub limit: Option<u64>,
    /// Null where a log does not say who answered.
    pub requests_per_second: Option<f64>,
    pub errors_per_second: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub connect_p95_ms: Option<f64>,
    /// Since the edge started; null where Storewarden is beside the shop.
    pub requests_total: Option<u64>,
    pub last_error: Option<String>,
    pub weight: u32,
    /// It gets no new requests, because somebody or a run wants it so.
    pub drained: Option<Drained>,
}

/// Who took an instance out, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drained {
    /// `null`: not known, as of an older program.
    pub since_ms: Option<i64>,
    /// Who did it by hand; `null`: a run did, or it is not known.
    pub by: Option<String>,
    /// The run that will give it requests again.
    pub run: Option<String>,
}

impl From<&Drain> for Drained {
    fn from(drain: &Drain) -> Self {
        let Drain { since_ms, by, run } = drain;
        let (by, run) = (by.as_ref().map(ToString::to_string), run.map(|run| run.to_string()));
        Self { since_ms: *since_ms, by, run }
    }
}

/// Requests that wait: held while no instance is healthy, queued while none has a free place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    pub held: u64,
    pub queued: u64,
    pub limit: u64,
    pub max_wait_ms: u64,
    pub oldest_wait_ms: Option<u64>,
    pub checkout: u64,
    pub cart: u64,
    pub other: u64,
    pub released_total: u64,
    pub expired_total: u64,
    pub refused_total: u64,
}

/// A shop that another web server stands before, as far as that one's access logs tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Beside {
    pub logs: Vec<LogState>,
    /// What its timings are times of: `first_byte` of the application's answer, the `application`'s
    /// whole answer, or the `whole` answer until the visitor had it; null when its lines have none.
    pub timing: Option<String>,
    /// Whether its lines say who came.
    pub visitors: bool,
    /// Whether checkouts can be told from other requests: some shops say only in a request's body
    /// what it is for, and no log has that.
    pub checkouts: bool,
    /// Lines read since control started, and those that do not fit the format.
    pub lines: u64,
    pub broken: u64,
}

/// One access log that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogState {
    pub path: String,
    /// When it was last looked at without an error.
    pub read_at_ms: Option<i64>,
    /// Why it cannot be read.
    pub error: Option<String>,
    /// What is there and was not read yet.
    pub behind_bytes: u64,
}

impl LogState {
    pub(crate) fn unread(path: &Path) -> Self {
        let path = path.display().to_string();
        Self { path, read_at_ms: None, error: None, behind_bytes: 0 }
    }
}

/// The data plane as control sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Edge {
    pub connected: bool,
    pub facts_at_ms: Option<i64>,
    pub snapshot_version: Option<u64>,
    pub wanted_version: u64,
    pub started_ms: Option<i64>,
    pub connections: Option<u64>,
    pub pids: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// Placed in the last 60 seconds.
    pub last_minute: Option<u64>,
    /// Placed in the last 60 minutes, the running one included.
    pub last_hour: Option<u64>,
    /// Since midnight in the shop's time zone.
    pub today: Option<u64>,
    pub revenue_last_hour_minor: Option<i64>,
    pub revenue_today_minor: Option<i64>,
    /// When the shop's database was last read without an error.
    pub read_at_ms: Option<i64>,
    pub last_order_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Host {
    pub cpu_share: Option<f64>,
    pub memory_used_bytes: Option<u64>,
    pub memory_total_bytes: Option<u64>,
    pub disks: Vec<Disk>,
    pub network_received_bytes_per_second: Option<f64>,
    pub network_sent_bytes_per_second: Option<f64>,
    pub load_1: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disk {
    pub path: String,
    pub free_bytes: u64,
    pub total_bytes: u64,
}

/// One route class over the last ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RouteClass)]
pub struct RouteClassNow {
    #[schema(value_type = String)]
    pub class: RouteClass,
    pub requests_per_second: f64,
    pub errors_per_second: f64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Cache {
    pub hits_per_second: f64,
    /// Of all requests.
    pub share: Option<f64>,
    pub entries: Option<u64>,
    pub bytes: Option<u64>,
}
