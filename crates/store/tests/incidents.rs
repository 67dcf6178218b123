//! Incidents, messages and silences, written down and found again; a year of them, by pages.

use kernel::{
    Actor, Incident, IncidentState, Level, Params, ShopId, Silence, TimelineEntry, TimelineKind,
};
use std::time::{Duration, Instant};
use store::{IncidentChanges, IncidentFilter, IncidentRecord, NoticeOutcome, NoticeRecord, Store};

fn incident(id: i64, shop: Option<&str>, state: IncidentState) -> IncidentRecord {
    let incident = Incident {
        id,
        shop: shop.map(|shop| shop.parse().unwrap()),
        cause: "instances".into(),
        state,
        level: Level::Attention,
        code: "instance_down".into(),
        params: Params::from([("instance".to_owned(), "app-1".into())]),
        opened_ms: id * 1_000,
        resolved_ms: (state == IncidentState::Resolved).then_some(id * 1_000 + 500),
        owner: None,
        acknowledged: None,
        resolution: None,
        lost: None,
        findings: Vec::new(),
    };
    IncidentRecord { incident, memory: format!("{{\"of\":{id}}}") }
}

fn entry(at_ms: i64, kind: TimelineKind) -> TimelineEntry {
    let params = Params::from([("text".to_owned(), "all's well".into())]);
    TimelineEntry { at_ms, actor: Actor::Person("anna".into()), kind, params }
}

fn notice(dedup: &str) -> NoticeRecord {
    NoticeRecord {
        dedup: dedup.into(),
        route: "owner".into(),
        incident: Some(1),
        message: "{}".into(),
        queued_ms: 5,
        attempts: 0,
        error: None,
        outcome: None,
    }
}

#[tokio::test]
async fn what_happened_is_there_after_a_restart() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(
        (store.last_incident().await.unwrap(), store.rules_state().await.unwrap()),
        (0, None)
    );
    let by = Actor::CommandLine;
    let silence = Silence {
        id: store.next_silence().await.unwrap(),
        shop: None,
        code: Some("slow".into()),
        from_ms: 0,
        until_ms: 100,
        comment: "sale".into(),
        by,
    };
    let changes = IncidentChanges {
        rules: Some("[1]".into()),
        incidents: vec![incident(1, Some("lamps"), IncidentState::Open)],
        entries: vec![(1, entry(1, TimelineKind::Opened)), (1, entry(2, TimelineKind::Note))],
        notices: vec![notice("1:owner:opened"), notice("1:owner:opened"), notice("1:owner:again")],
        silences: vec![silence.clone()],
        silences_ended: vec![],
    };
    store.record_incidents(changes).await.unwrap();
    let sent = NoticeOutcome { sent: true, at_ms: 9 };
    let done = NoticeRecord { attempts: 1, outcome: Some(sent), ..notice("1:owner:opened") };
    let resolved = incident(1, Some("lamps"), IncidentState::Resolved);
    let changes = IncidentChanges {
        incidents: vec![resolved.clone()],
        notices: vec![done.clone()],
        ..Default::default()
    };
    store.record_incidents(changes).await.unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let (record, timeline) = store.incident(1).await.unwrap().unwrap();
    assert_eq!(record, resolved);
    assert_eq!(timeline, [entry(1, TimelineKind::Opened), entry(2, TimelineKind::Note)]);
    assert_eq!(store.incident(2).await.unwrap(), None);
    assert_eq!(store.waiting_notices().await.unwrap(), [notice("1:owner:again")]);
    assert_eq!(store.last_notice("owner").await.unwrap(), Some(done));
    assert_eq!(store.silences(99).await.unwrap(), [silence]);
    assert!(store.silences(100).await.unwrap().is_empty());
    assert_eq!(store.rules_state().await.unwrap().as_deref(), Some("[1]"));
    assert_eq!(store.standing_incidents(1_500).await.unwrap(), [resolved]);
    assert!(store.standing_incidents(1_501).await.unwrap().is_empty());
    assert_eq!(store.prune_incidents(i64::MAX, i64::MAX).await.unwrap(), 2);
    assert_eq!(store.incident(1).await.unwrap(), None);
}

#[tokio::test]
async fn any_page_of_a_year_comes_at_once() {
    const YEAR: i64 = 50_000;
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let shops = ["lamps", "tea", "books"];
    let all = (1..=YEAR).map(|id| {
        let shop = shops.get(usize::try_from(id % 4).unwrap()).copied();
        let open = if id % 1_000 == 0 { IncidentState::Open } else { IncidentState::Resolved };
        incident(id, shop, open)
    });
    let changes = IncidentChanges { incidents: all.collect(), ..Default::default() };
    store.record_incidents(changes).await.unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let lamps: Option<ShopId> = Some("lamps".parse().unwrap());
    let open = Some(IncidentState::Open);
    for (filter, first, count) in [
        (IncidentFilter::default(), YEAR, 50),
        (IncidentFilter { before: Some(40), ..Default::default() }, 39, 39),
        (
            IncidentFilter { shop: lamps.clone(), before: Some(25_000), ..Default::default() },
            24_996,
            50,
        ),
        (IncidentFilter { state: open, ..Default::default() }, YEAR, 50),
        (IncidentFilter { shop: lamps, state: open, before: Some(9_000) }, 8_000, 8),
    ] {
        // The quickest of a few, so that a busy machine fails nobody's tests.
        let mut took = Duration::MAX;
        let mut page = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            page = store.incidents(filter.clone(), 50).await.unwrap();
            took = took.min(began.elapsed());
        }
        println!("{} of {YEAR} incidents in {took:?}: {filter:?}", page.len());
        assert_eq!((page[0].id, page.len()), (first, count));
        assert!(page.is_sorted_by(|a, b| a.id > b.id));
        assert!(took.as_millis() < 100, "{took:?}");
    }
}
