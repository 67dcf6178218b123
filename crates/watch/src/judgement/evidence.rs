//! All that judgement looks at: plain numbers of the last seconds, made by `live`.

use crate::{
    backups::ShopBackups, checks::CheckStanding, databases::ShopDatabase,
    ledger_keeper::LedgerStanding, peers::PeersStanding, services::QueueStanding,
};
use kernel::{Drain, InstanceName, ShopId, facts::Health};

/// One shop at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Unix milliseconds.
    pub now_ms: i64,
    pub edge: EdgeEvidence,
    /// Of a shop that Storewarden is beside: the edge says nothing of its visitors, its logs do.
    pub logs: Option<LogEvidence>,
    pub instances: Vec<InstanceEvidence>,
    pub hold: HoldEvidence,
    pub traffic: TrafficEvidence,
    pub checkout: CheckoutEvidence,
    pub orders: OrdersEvidence,
    /// What visitors wrote in the last hour.
    pub reports: Option<ReportEvidence>,
    /// `None` when nobody has said yet.
    pub backups: Option<ShopBackups>,
    /// `None` when nobody has looked yet.
    pub database: Option<ShopDatabase>,
    /// What is tried of it from outside.
    pub checks: Vec<CheckStanding>,
    pub queues: Vec<QueueStanding>,
    /// A job that is due for longer is one that nobody does.
    pub queue_waits_at_most_ms: i64,
    pub machine: MachineEvidence,
    /// ISO 4217.
    pub currency: String,
}

impl Evidence {
    /// Whether anybody tells of what visitors do now.
    pub(super) fn tells_of_visitors(&self) -> bool {
        match &self.logs {
            Some(logs) => logs.unread.is_none(),
            None => self.edge == EdgeEvidence::Reporting,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeEvidence {
    Reporting,
    /// No edge is connected, or its last facts are too old.
    Away {
        since_ms: i64,
    },
}

/// How far a shop's access logs can be believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEvidence {
    /// Since when and why they tell nothing of now.
    pub unread: Option<(i64, String)>,
    /// Lines of the last 60 seconds, and those that do not fit the format.
    pub lines_long: u64,
    pub broken_long: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceEvidence {
    pub name: InstanceName,
    pub health: Health,
    pub health_since_ms: i64,
    pub last_error: Option<String>,
    /// Somebody asked for it, or a run needs it.
    pub drained: Option<Drain>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HoldEvidence {
    pub held: u64,
    pub queued: u64,
    /// The longest wait before a visitor is turned away.
    pub max_wait_ms: u64,
    /// Turned away in the last ten seconds: waited too long, or too many waited.
    pub turned_away: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TrafficEvidence {
    /// In the last 30 seconds.
    pub requests_short: u64,
    pub errors_short: u64,
    /// In the last 60 seconds.
    pub requests_long: u64,
    pub errors_long: u64,
    /// In the last ten seconds, images and files aside.
    pub pages: u64,
    pub p95_ms: Option<f64>,
    /// Over the last minute; `None` with too few pages to say.
    pub p95_minute_ms: Option<f64>,
    /// Over the minutes before; `None` until enough were seen.
    pub p95_usual_ms: Option<f64>,
    /// Whether any request was seen since the edge started.
    pub any_ever: bool,
}

/// Requests of the classes checkout and payment. Failed: answered 500 and above, or broken off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckoutEvidence {
    /// Since the judgement before.
    pub failed_now: u64,
    pub total_now: u64,
    /// Since the first of the failures that follow each other closely; none now when zero failed.
    pub streak: Streak,
    /// In the last 30 seconds.
    pub failed_short: u64,
    pub total_short: u64,
    /// In the last 60 seconds.
    pub failed_long: u64,
    pub total_long: u64,
    /// Good ones since the last that failed.
    pub good_since_failure: u64,
    pub last_failure_ms: Option<i64>,
}

/// Failures with few good ones between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streak {
    pub since_ms: i64,
    pub failed: u64,
    /// The good ones between included.
    pub total: u64,
}

/// Where a shop's orders are read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrdersSource {
    /// The configuration names a database and the platform knows how to ask it.
    #[default]
    Database,
    /// The configuration names no database.
    NoDatabase,
    /// The platform has no query for this kind of database.
    NoQuery,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrdersEvidence {
    pub source: OrdersSource,
    /// Why the last reading failed.
    pub error: Option<String>,
    /// `None` until the first reading.
    pub last_hour: Option<u64>,
    /// `None` when no order was ever seen.
    pub last_order_ms: Option<i64>,
    /// Of the last day.
    pub mean_minor: Option<i64>,
    /// Time between two orders over the last day.
    pub mean_gap_ms: Option<i64>,
    /// Orders to be expected since the last one, by how many of the requests before became orders.
    pub expected_by_traffic: Option<f64>,
    /// The same by the hours of past weeks; `None` without enough of them.
    pub expected_by_history: Option<f64>,
    /// Revenue that this hour usually brings a minute, in minor units: by past weeks, else by the last day.
    pub usual_minor_a_minute: Option<f64>,
}

/// The newest report of a visitor, and how many came. Free text from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEvidence {
    pub count: u64,
    pub at_ms: i64,
    pub reference: String,
    pub what: String,
}

/// What concerns all shops of the machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MachineEvidence {
    /// Path, free bytes, total bytes.
    pub disks: Vec<(String, u64, u64)>,
    /// Why our own records cannot be written.
    pub store_error: Option<String>,
    /// Lines that the access log lost in the last minute.
    pub log_lines_dropped: u64,
    /// Why the configuration file was not taken over.
    pub configuration_error: Option<String>,
    pub certificates: Vec<CertificateEvidence>,
    /// How long until the memory is full, when it only grows.
    pub memory_full_in_ms: Option<i64>,
    /// By how much the clock jumped, and when, by the clock after it.
    pub clock_jump: Option<(i64, i64)>,
    /// A route that cannot be told of incidents, and why.
    pub notify_failing: Option<(String, String)>,
    /// An upgrade of ours that took itself back.
    pub upgrade_taken_back: Option<UpgradeEvidence>,
    pub ledger: LedgerStanding,
    pub peers: PeersStanding,
    /// What is tried from outside, and concerns no shop.
    pub checks: Vec<CheckStanding>,
}

/// An upgrade whose program did not become healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeEvidence {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The version that did not come up.
    pub version: String,
    /// The one that runs again.
    pub runs: String,
    pub error: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEvidence {
    pub shop: ShopId,
    pub host: String,
    /// Of the one in force that was ordered or brought; `None` while another one stands in.
    pub serial: Option<String>,
    /// `None` when there is none yet.
    pub ends_ms: Option<i64>,
    /// Why the last order failed.
    pub error: Option<String>,
    /// Renewed by us; else somebody must bring a new one.
    pub renews: bool,
}
