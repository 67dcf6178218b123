//! Incidents over the API: seen, acknowledged, noted, resolved; silences; a route that is tested.

use super::running::{Running, TOKEN, now_ms};
use kernel::{Incident, IncidentState, Level, Params};
use serde_json::{Value, json};
use store::{IncidentChanges, IncidentRecord};

fn record(id: i64, shop: Option<&str>) -> IncidentRecord {
    let incident = Incident {
        id,
        shop: shop.map(|shop| shop.parse().unwrap()),
        cause: "errors".into(),
        state: IncidentState::Open,
        level: Level::Broken,
        code: "checkout_errors".into(),
        params: Params::from([("failed".to_owned(), 7_u64.into())]),
        opened_ms: now_ms(),
        resolved_ms: None,
        owner: None,
        acknowledged: None,
        resolution: None,
        lost: None,
        findings: vec![],
    };
    IncidentRecord { incident, memory: "{}".into() }
}

async fn with_incidents() -> Running {
    let running = Running::start().await;
    let incidents = (1..=5).map(|id| record(id, (id != 3).then_some("lamps"))).collect();
    let changes = IncidentChanges { incidents, ..Default::default() };
    running.state.store.record_incidents(changes).await.unwrap();
    running
}

async fn post(running: &Running, path: &str, body: Value) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let answer = running.tell("POST", path, &headers, &body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn incidents_come_by_pages_and_one_with_its_timeline() {
    let running = with_incidents().await;
    let ids = async |query: &str| {
        let path = format!("/api/v1/incidents{query}");
        let page = running.ask_as_machine("GET", &path).await.json();
        let ids = page["incidents"].as_array().unwrap().iter().map(|i| i["id"].as_i64().unwrap());
        (ids.collect::<Vec<_>>(), page["next"].as_i64())
    };
    assert_eq!(ids("").await, (vec![5, 4, 3, 2, 1], None));
    assert_eq!(ids("?limit=2").await, (vec![5, 4], Some(4)));
    assert_eq!(ids("?limit=2&before=4").await, (vec![3, 2], Some(2)));
    assert_eq!(ids("?shop=lamps&state=open").await, (vec![5, 4, 2, 1], None));
    assert_eq!(ids("?state=resolved").await, (vec![], None));
    let answer = running.ask_as_machine("GET", "/api/v1/incidents?state=sad").await;
    assert_eq!(answer.status, 422);
    for missing in ["/api/v1/incidents/9", "/api/v1/incidents/x"] {
        assert_eq!(running.ask_as_machine("GET", missing).await.status, 404);
    }
}

#[tokio::test]
async fn what_people_do_is_in_the_timeline_with_who_did_it() {
    let running = with_incidents().await;
    let deed = async |deed: &str, body: Value| {
        post(&running, &format!("/api/v1/incidents/2/{deed}"), body).await
    };
    let until_ms = now_ms() + 60_000;
    let (status, incident) = deed("acknowledge", json!({ "until_ms": until_ms })).await;
    assert_eq!((status, &incident["state"]), (200, &json!("acknowledged")));
    assert_eq!(incident["acknowledged"]["by"], "command-line");
    assert_eq!(deed("own", json!({ "owner": " Anna " })).await.1["owner"], "Anna");
    assert_eq!(deed("note", json!({ "text": " " })).await.0, 422);
    assert_eq!(deed("note", json!({ "text": "the bank is away" })).await.0, 200);
    assert_eq!(deed("reopen", json!({})).await.0, 409);
    let (_, resolved) = deed("resolve", json!({ "text": "the bank is back" })).await;
    assert_eq!(
        (&resolved["state"], &resolved["resolution"]),
        (&json!("resolved"), &json!("the bank is back"))
    );
    assert_eq!(deed("acknowledge", json!({})).await.0, 409);
    assert_eq!(deed("reopen", json!({})).await.1["state"], "open");
    let whole = running.ask_as_machine("GET", "/api/v1/incidents/2").await.json();
    let timeline = whole["timeline"].as_array().unwrap();
    let kinds: Vec<&str> = timeline.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["acknowledged", "owned", "note", "resolved", "reopened"]);
    assert_eq!(
        (&timeline[2]["by"], &timeline[2]["params"]["text"]),
        (&json!("command-line"), &json!("the bank is away"))
    );
}

#[tokio::test]
async fn silences_are_made_seen_and_ended() {
    let running = Running::start().await;
    let until_ms = now_ms() + 3_600_000;
    for (body, status) in [
        (json!({ "until_ms": 5 }), 422),
        (json!({ "until_ms": until_ms * 2 }), 422),
        (json!({ "shop": "no shop", "until_ms": until_ms }), 404),
        (json!({ "shop": "lamps", "code": "slow", "until_ms": until_ms, "comment": "sale" }), 200),
    ] {
        assert_eq!(post(&running, "/api/v1/silences", body.clone()).await.0, status, "{body}");
    }
    let list = running.ask_as_machine("GET", "/api/v1/silences").await.json();
    assert_eq!(
        (&list["silences"][0]["code"], &list["silences"][0]["by"]),
        (&json!("slow"), &json!("command-line"))
    );
    let path = format!("/api/v1/silences/{}", list["silences"][0]["id"]);
    let left = running.ask_as_machine("DELETE", &path).await.json();
    assert_eq!(left["silences"], json!([]));
    assert_eq!(running.ask_as_machine("DELETE", &path).await.status, 404);
}

#[tokio::test]
async fn a_route_that_is_not_there_cannot_be_tested() {
    let running = Running::start().await;
    let routes = running.ask_as_machine("GET", "/api/v1/notify").await.json();
    assert_eq!(routes, json!({ "routes": [] }));
    let (status, error) = post(&running, "/api/v1/notify/test", json!({ "route": "owner" })).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("not_found")));
}
