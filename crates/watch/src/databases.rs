//! How it stands with the databases of shops, as they were last looked at.
//!
//! Who looks tells it here. What could not be looked at is unknown, and nothing older stands for it.

mod own;

pub use own::OwnReplica;

use crate::{backups::Trouble, history::Grown};
use databases::care::{self, Examination, Glance, Mend, Weight};
use kernel::{Params, ShopId, Value};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use utoipa::ToSchema;

/// What a glance sees anew; the rest is seen when all is looked at.
const OF_THE_MOMENT: [&str; 5] =
    ["connections_scarce", "idle_transaction", "blocked", "replica_behind", "slot_keeps_log"];

/// A smaller table may grow as it likes.
const LARGE_BYTES: u64 = 256 << 20;
const MONTH_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// A handle on how they stand; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Databases(Arc<Mutex<BTreeMap<ShopId, ShopDatabase>>>);

/// The database of one shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShopDatabase {
    #[schema(value_type = String)]
    pub shop: ShopId,
    /// `postgres`, `mysql` or `sqlite`; null: the configuration names none, or nobody has looked yet.
    pub kind: Option<String>,
    pub state: DatabaseState,
    /// When all of it was looked at.
    pub looked_ms: Option<i64>,
    /// When it was last seen who waits.
    pub glanced_ms: Option<i64>,
    /// Looks that failed, one after the other, until now.
    pub failed: u32,
    /// Why it could not be looked at the last time.
    pub trouble: Option<Trouble>,
    /// What was seen; null: nothing yet, or not the last time.
    pub look: Option<DatabaseLook>,
    /// The second server of Storewarden's; null: the configuration names none, or nobody has looked yet.
    pub replica: Option<OwnReplica>,
}

/// What is known of a database. Unknown is no kind of well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseState {
    /// The configuration names none.
    Off,
    /// It was not looked at yet, or could not be.
    Unknown,
    Well,
    /// Something could be better.
    Advice,
    /// Customers wait, or will.
    Warning,
    /// Orders are lost, or will be.
    Danger,
}

/// A database as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseLook {
    /// Name and version: `PostgreSQL 15.14`.
    pub server: String,
    pub size_bytes: u64,
    /// Null where there are none (SQLite).
    pub connections: Option<u64>,
    pub connections_most: Option<u64>,
    /// The share of reads that needed no disk, 0..1; null before the first.
    pub cache_share: Option<f64>,
    pub up_s: Option<u64>,
    /// For how long its counters have counted.
    pub counted_s: Option<u64>,
    /// The worst first.
    pub findings: Vec<DatabaseFinding>,
    /// What could not be looked at.
    pub blind: Vec<DatabaseBlind>,
    /// Those that took the most time together first.
    pub queries: Vec<DatabaseQuery>,
    /// The largest first.
    pub tables: Vec<DatabaseTable>,
    pub replicas: Vec<DatabaseReplica>,
}

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseFinding {
    /// `missing_index:public.customer(email)`: by it a plan to mend it is asked for.
    pub id: String,
    /// Names the message.
    pub code: String,
    /// `danger`, `warning` or `advice`.
    pub weight: String,
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub params: Params,
    /// What mends it, as a person would run it.
    pub statement: Option<String>,
    /// What takes that back.
    pub back: Option<String>,
    /// Whether it holds only after a restart of the server.
    pub restart: bool,
    /// Whether a plan can mend it (`mend_database`).
    pub by_plan: bool,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseBlind {
    /// `queries`, `sessions`, `index_use` or `replication`.
    pub what: String,
    /// What would open the eyes.
    pub mend: String,
}

/// Statements of one form, whatever their values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseQuery {
    pub text: String,
    pub calls: u64,
    pub total_ms: f64,
    pub mean_ms: f64,
    /// As the server explains it for values that it does not know; null: it cannot.
    pub plan: Option<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseTable {
    pub table: String,
    /// As the server estimates.
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub index_bytes: Option<u64>,
    /// By how much it has grown since `grown_since_ms`, indexes and all; null: that is not known yet.
    pub grown_bytes: Option<i64>,
    pub grown_since_ms: Option<i64>,
}

/// A server that follows this one, or that this one follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseReplica {
    pub name: String,
    /// In the server's words.
    pub state: String,
    pub behind_bytes: Option<u64>,
    pub behind_ms: Option<u64>,
}

impl Databases {
    /// How a shop's database stands; `None` before anybody has said.
    #[must_use]
    pub fn of(&self, shop: &ShopId) -> Option<ShopDatabase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(shop).cloned()
    }

    /// Changes how one stands.
    pub fn tell(&self, database: ShopDatabase) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(database.shop.clone(), database);
    }

    /// Forgets those of shops that are gone.
    pub fn keep(&self, shops: &[ShopId]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|shop, _| shops.contains(shop));
    }
}

impl ShopDatabase {
    /// Of which nothing is known yet.
    #[must_use]
    pub fn unseen(shop: ShopId, kind: Option<&str>) -> Self {
        Self {
            shop,
            kind: kind.map(str::to_owned),
            state: if kind.is_some() { DatabaseState::Unknown } else { DatabaseState::Off },
            looked_ms: None,
            glanced_ms: None,
            failed: 0,
            trouble: None,
            look: None,
            replica: None,
        }
    }

    /// At which nobody has looked since control began.
    #[must_use]
    pub fn untold(shop: ShopId) -> Self {
        Self { state: DatabaseState::Unknown, ..Self::unseen(shop, None) }
    }

    /// All of it was looked at.
    pub fn examined(&mut self, seen: Examination, now_ms: i64) {
        (self.looked_ms, self.glanced_ms) = (Some(now_ms), Some(now_ms));
        self.seen(DatabaseLook::from(seen));
    }

    /// It was seen who waits. Of a database that was never looked at whole, nothing is concluded.
    pub fn glanced(&mut self, seen: Glance, now_ms: i64) {
        let Some(mut look) = self.look.take() else { return };
        self.glanced_ms = Some(now_ms);
        look.connections = seen.connections.map(|all| all.used);
        look.connections_most = seen.connections.map(|all| all.most);
        look.replicas = seen.replicas.into_iter().map(DatabaseReplica::from).collect();
        look.findings.retain(|finding| !OF_THE_MOMENT.contains(&&*finding.code));
        look.findings.extend(seen.findings.into_iter().map(DatabaseFinding::from));
        look.findings.sort_by_key(|finding| (rank(&finding.weight), finding.id.clone()));
        self.seen(look);
    }

    /// How its tables have grown until `now_ms`.
    pub fn grown(&mut self, tables: Vec<Grown>, now_ms: i64) {
        let Some(mut look) = self.look.take() else { return };
        for grown in tables {
            let Some(table) = look.tables.iter_mut().find(|one| one.table == grown.table) else {
                continue;
            };
            table.grown_bytes = Some(grown.grown_bytes);
            table.grown_since_ms = Some(grown.since_ms);
            look.findings.extend(too_fast(&grown, now_ms));
        }
        look.findings.sort_by_key(|finding| (rank(&finding.weight), finding.id.clone()));
        self.seen(look);
    }

    fn seen(&mut self, look: DatabaseLook) {
        self.state = match look.findings.first().map(|worst| rank(&worst.weight)) {
            None => DatabaseState::Well,
            Some(0) => DatabaseState::Danger,
            Some(1) => DatabaseState::Warning,
            Some(_) => DatabaseState::Advice,
        };
        (self.failed, self.trouble, self.look) = (0, None, Some(look));
    }

    /// It could not be looked at: what was seen before is of the past.
    pub fn unseen_because(&mut self, trouble: Trouble) {
        self.state = DatabaseState::Unknown;
        self.failed = self.failed.saturating_add(1);
        (self.trouble, self.look) = (Some(trouble), None);
    }
}

/// A large table that would be half as large again in a month.
fn too_fast(grown: &Grown, now_ms: i64) -> Option<DatabaseFinding> {
    let grown_bytes = u64::try_from(grown.grown_bytes).ok()?;
    let over_ms = u64::try_from(now_ms - grown.since_ms).ok().filter(|over_ms| *over_ms > 0)?;
    let in_a_month = u128::from(grown_bytes) * u128::from(MONTH_MS) / u128::from(over_ms);
    if grown.bytes < LARGE_BYTES || in_a_month < u128::from(grown.bytes / 2) {
        return None;
    }
    Some(DatabaseFinding {
        id: format!("table_grows:{}", grown.table),
        code: "table_grows".to_owned(),
        weight: "advice".to_owned(),
        params: Params::from([
            ("table".to_owned(), grown.table.as_str().into()),
            ("bytes".to_owned(), grown.bytes.into()),
            ("grown_bytes".to_owned(), grown_bytes.into()),
            ("over_ms".to_owned(), over_ms.into()),
        ]),
        statement: None,
        back: None,
        restart: false,
        by_plan: false,
    })
}

fn rank(weight: &str) -> u8 {
    match weight {
        "danger" => 0,
        "warning" => 1,
        _ => 2,
    }
}

impl From<Examination> for DatabaseLook {
    fn from(seen: Examination) -> Self {
        let figures = seen.figures;
        let query = |one: care::Query| DatabaseQuery {
            text: one.text,
            calls: one.calls,
            total_ms: one.total_ms,
            mean_ms: one.mean_ms,
            plan: one.plan,
        };
        let table = |one: care::TableSize| DatabaseTable {
            table: one.table,
            rows: one.rows,
            bytes: one.bytes,
            index_bytes: one.index_bytes,
            grown_bytes: None,
            grown_since_ms: None,
        };
        Self {
            server: seen.server,
            size_bytes: figures.size_bytes,
            connections: figures.connections.map(|all| all.used),
            connections_most: figures.connections.map(|all| all.most),
            cache_share: figures.cache_hits,
            up_s: figures.up_s,
            counted_s: figures.counted_s,
            findings: seen.findings.into_iter().map(DatabaseFinding::from).collect(),
            blind: seen.blind.into_iter().map(DatabaseBlind::from).collect(),
            queries: seen.queries.into_iter().map(query).collect(),
            tables: seen.tables.into_iter().map(table).collect(),
            replicas: seen.replicas.into_iter().map(DatabaseReplica::from).collect(),
        }
    }
}

impl From<care::Finding> for DatabaseFinding {
    fn from(finding: care::Finding) -> Self {
        let back = finding.mend.as_ref().and_then(Mend::back).map(str::to_owned);
        let weight = match finding.trouble.weight() {
            Weight::Danger => "danger",
            Weight::Warning => "warning",
            Weight::Advice => "advice",
        };
        let by_plan = finding.mend.as_ref().is_some_and(Mend::is_ours);
        Self {
            id: finding.id(),
            code: finding.trouble.code().to_owned(),
            weight: weight.to_owned(),
            params: params(&finding.trouble),
            statement: finding.mend.as_ref().map(|mend| mend.statement().to_owned()),
            back,
            restart: finding.mend.as_ref().is_some_and(Mend::restarts),
            by_plan,
        }
    }
}

impl From<care::Blind> for DatabaseBlind {
    fn from(blind: care::Blind) -> Self {
        let what = match blind.what {
            care::Sight::Queries => "queries",
            care::Sight::Sessions => "sessions",
            care::Sight::IndexUse => "index_use",
            care::Sight::Replication => "replication",
        };
        Self { what: what.to_owned(), mend: blind.mend }
    }
}

impl From<care::Replica> for DatabaseReplica {
    fn from(replica: care::Replica) -> Self {
        let care::Replica { name, state, behind_bytes, behind_ms } = replica;
        Self { name, state, behind_bytes, behind_ms }
    }
}

/// The fields of a trouble as a message takes them: lists as one text, what is not known left out.
fn params(trouble: &care::Trouble) -> Params {
    let told = serde_json::to_value(trouble).expect("invariant: a trouble is plain data");
    let fields = told.as_object().expect("invariant: a trouble has fields").clone();
    let value = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(Value::Text(text)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(Value::Integer(whole)),
            None => number.as_f64().map(Value::Number),
        },
        serde_json::Value::Bool(is) => Some(Value::Integer(i64::from(is))),
        serde_json::Value::Array(all) => {
            let all: Vec<&str> = all.iter().filter_map(serde_json::Value::as_str).collect();
            Some(Value::Text(all.join(", ")))
        }
        _ => None,
    };
    fields
        .into_iter()
        .filter(|(name, _)| name != "code")
        .filter_map(|(name, of)| Some((name, value(of)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use databases::care::{Finding, Trouble as Ailment};

    fn finding(trouble: Ailment) -> Finding {
        Finding { trouble, mend: None }
    }

    fn examination(findings: Vec<Finding>) -> Examination {
        let figures = care::Figures {
            size_bytes: 1,
            connections: None,
            cache_hits: None,
            up_s: None,
            counted_s: None,
        };
        Examination {
            server: "PostgreSQL 15".to_owned(),
            figures,
            tables: Vec::new(),
            queries: Vec::new(),
            replicas: Vec::new(),
            findings,
            blind: Vec::new(),
        }
    }

    fn blocked() -> Finding {
        finding(Ailment::Blocked {
            session: "7".to_owned(),
            program: "shop".to_owned(),
            by: None,
            by_program: None,
            waits_ms: 90_000,
        })
    }

    fn missing() -> Finding {
        finding(Ailment::MissingIndex {
            table: "a".to_owned(),
            columns: vec!["b".to_owned(), "c".to_owned()],
            rows: 9,
            calls: 1,
            mean_ms: 2.5,
            query: "SELECT 1".to_owned(),
        })
    }

    #[test]
    fn a_glance_renews_what_is_of_the_moment_and_a_look_that_fails_leaves_nothing_standing() {
        let mut of = ShopDatabase::unseen("lamps".parse().unwrap(), Some("postgres"));
        let said = |of: &ShopDatabase| {
            let look = of.look.iter().flat_map(|look| &look.findings);
            (of.state, look.map(|finding| finding.id.clone()).collect::<Vec<_>>().join(" "))
        };
        of.glanced(Glance { findings: vec![blocked()], ..Glance::default() }, 1);
        assert_eq!(said(&of), (DatabaseState::Unknown, String::new()));
        of.examined(examination(vec![missing()]), 2);
        assert_eq!(said(&of), (DatabaseState::Warning, "missing_index:a(b, c)".to_owned()));
        of.glanced(Glance { findings: vec![blocked()], ..Glance::default() }, 3);
        assert_eq!(said(&of).1, "blocked:7 missing_index:a(b, c)");
        of.glanced(Glance::default(), 4);
        assert_eq!(said(&of).1, "missing_index:a(b, c)");
        let trouble = |message: &str| Trouble {
            code: "database_unanswered".to_owned(),
            params: Params::new(),
            message: message.to_owned(),
        };
        of.unseen_because(trouble("away"));
        of.unseen_because(trouble("away"));
        assert_eq!((of.failed, said(&of)), (2, (DatabaseState::Unknown, String::new())));
        of.examined(examination(Vec::new()), 5);
        assert_eq!((of.failed, of.state), (0, DatabaseState::Well));
    }

    #[test]
    fn evidence_is_told_as_parameters_and_what_is_not_known_is_left_out() {
        let told = |finding: Finding| {
            let told = DatabaseFinding::from(finding).params;
            serde_json::to_string(&told).unwrap()
        };
        assert_eq!(told(blocked()), r#"{"program":"shop","session":"7","waits_ms":90000}"#);
        let expect =
            r#"{"calls":1,"columns":"b, c","mean_ms":2.5,"query":"SELECT 1","rows":9,"table":"a"}"#;
        assert_eq!(told(missing()), expect);
    }
}
