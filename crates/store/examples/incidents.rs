//! Fills a store with incidents of the last year, evenly over it, as twenty shops would have had them.
//!
//! `cargo run --release -p store --example incidents FOLDER COUNT`. Each has one finding and five entries in
//! its timeline; the newest ten are open.

use kernel::{
    Actor, FindingState, Incident, IncidentFinding, IncidentState, Level, Params, ShopId,
    TimelineEntry, TimelineKind,
};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use store::{IncidentChanges, IncidentRecord, Store};

const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;
const SHOPS: i64 = 20;
const OPEN: i64 = 10;
/// Written at once.
const BATCH: usize = 500;
/// Each with what it is made of: its code, its cause.
const KINDS: [(&str, &str); 4] = [
    ("instance_down", "instances"),
    ("slow", "speed"),
    ("errors_up", "errors"),
    ("orders_stopped", "orders"),
];
const ENTRIES: [TimelineKind; 5] = [
    TimelineKind::Opened,
    TimelineKind::Notified,
    TimelineKind::Acknowledged,
    TimelineKind::Note,
    TimelineKind::Resolved,
];

fn incident(id: i64, count: i64, now_ms: i64) -> Incident {
    let shop: ShopId = format!("shop-{}", id % SHOPS).parse().expect("a shop's name");
    let (code, cause) = KINDS[usize::try_from(id).unwrap_or(0) % KINDS.len()];
    let opened_ms = now_ms - YEAR_MS + YEAR_MS / count * id;
    let is_open = id > count - OPEN;
    let params = Params::from([
        ("instance".to_owned(), "app-1".into()),
        ("since_ms".to_owned(), opened_ms.into()),
    ]);
    Incident {
        id,
        shop: Some(shop.clone()),
        cause: cause.to_owned(),
        state: if is_open { IncidentState::Open } else { IncidentState::Resolved },
        level: Level::Broken,
        code: code.to_owned(),
        params: params.clone(),
        opened_ms,
        resolved_ms: (!is_open).then_some(opened_ms + 600_000),
        owner: Some("anna".to_owned()),
        acknowledged: None,
        resolution: (!is_open).then(|| "restarted, and the cause found in the log".to_owned()),
        lost: None,
        findings: vec![IncidentFinding {
            shop: Some(shop),
            id: format!("{code}:app-1"),
            code: code.to_owned(),
            level: Level::Broken,
            params,
            since_ms: opened_ms,
            state: if is_open { FindingState::Firing } else { FindingState::Gone },
        }],
    }
}

fn entries(incident: &Incident) -> impl Iterator<Item = (i64, TimelineEntry)> {
    (0..).zip(ENTRIES).map(|(number, kind)| {
        let at_ms = incident.opened_ms + number * 60_000;
        let params = Params::from([("text".to_owned(), "looked into it".into())]);
        (incident.id, TimelineEntry { at_ms, actor: Actor::Storewarden, kind, params })
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let count: i64 = arguments.next().and_then(|text| text.parse().ok()).expect("a number");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let store = Store::open(Path::new(&folder)).expect("a store");
    let ids: Vec<i64> = (1..=count).collect();
    for batch in ids.chunks(BATCH) {
        let all: Vec<Incident> = batch.iter().map(|id| incident(*id, count, now_ms)).collect();
        let changes = IncidentChanges {
            entries: all.iter().flat_map(entries).collect(),
            incidents: all
                .into_iter()
                .map(|incident| IncidentRecord { incident, memory: "{}".to_owned() })
                .collect(),
            ..IncidentChanges::default()
        };
        store.record_incidents(changes).await.expect("it is written");
    }
}
