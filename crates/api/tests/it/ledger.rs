//! The ledger as people read it: who did what, whether that holds, and where its copies lie.

use super::{
    endpoints::hash,
    running::{Running, now_ms},
};
use kernel::{
    Actor, LedgerEntry, Params, Personal, ShopId,
    config::{DestinationSettings, LedgerSettings},
};
use outbound::http::{Client, ClientOptions};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};
use store::{LedgerKey, LedgerPaging, TokenRecord};
use watch::ledger_keeper::LedgerKeeper;

const LEDGER: &str = "/api/v1/ledger";

async fn append(running: &Running, actor: Actor, shop: Option<&str>, kind: &str, params: Params) {
    let shop = shop.map(|shop| shop.parse::<ShopId>().unwrap());
    let (at_ms, kind, subject) = (now_ms(), kind.to_owned(), None);
    let entry = LedgerEntry { at_ms, actor, shop, kind, subject, params };
    running.state.store.append_to_ledger(entry).await.unwrap();
}

/// Has everything looked through and sent, as control does.
async fn keep(running: &Running, to: Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let key = Arc::new(LedgerKey::open(folder.path()).unwrap());
    let client = Client::new(&ClientOptions::default()).unwrap();
    let to = to.into_iter().map(DestinationSettings::Folder).collect();
    let settings = LedgerSettings { checkpoint_ms: 60_000, to };
    let mut keeper = LedgerKeeper::new(running.state.store.clone(), key, client, &settings);
    keeper.turn(now_ms()).await;
    let standing = keeper.standing().borrow().clone();
    running.state.watch.with(|live| live.ledger(standing));
}

async fn read(running: &Running, query: &str) -> Value {
    let answer = running.ask_as_machine("GET", &format!("{LEDGER}{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn sequences(page: &Value) -> Vec<u64> {
    page["records"].as_array().unwrap().iter().map(|r| r["sequence"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn records_come_page_by_page_and_by_what_is_asked_for() {
    let running = Running::start().await;
    let anna = || Actor::Person("anna".into());
    let by = Params::from([("with".to_owned(), Personal::Mail("a@lamps.example".into()).into())]);
    append(&running, anna(), None, "signed_in", Params::new()).await;
    append(&running, anna(), Some("lamps"), "run_started", by).await;
    append(&running, Actor::Token("deploy".into()), Some("lamps"), "run_ended", Params::new())
        .await;
    append(&running, Actor::Storewarden, None, "run_started", Params::new()).await;
    let first = read(&running, "?limit=3").await;
    assert_eq!((sequences(&first), &first["next"]), (vec![4, 3, 2], &json!("2")));
    let record = &first["records"][2];
    assert_eq!(record["actor"], "person:anna");
    assert_eq!(record["params"], json!({ "with": "mail:a@lamps.example" }));
    assert_eq!(record["hash"].as_str().unwrap().len(), 64);
    let rest = read(&running, "?limit=3&before=2").await;
    assert_eq!((sequences(&rest), &rest["next"]), (vec![1], &Value::Null));
    let check = async |query: &str, expect: &[u64]| {
        assert_eq!(sequences(&read(&running, query).await), expect, "{query}");
    };
    check("?limit=4", &[4, 3, 2, 1]).await;
    check("?shop=lamps", &[3, 2]).await;
    check("?kind=run_started", &[4, 2]).await;
    check("?actor=person%3Aanna&kind=signed_in", &[1]).await;
    check("?actor=person%23none", &[]).await;
    let wrong = running.ask_as_machine("GET", &format!("{LEDGER}?before=soon")).await;
    assert_eq!(wrong.status, 400, "{}", wrong.body);
}

#[tokio::test]
async fn it_says_whether_it_holds_and_where_copies_lie() {
    let running = Running::start().await;
    append(&running, Actor::CommandLine, None, "tried", Params::new()).await;
    let before = read(&running, "").await;
    assert_eq!(before["verified"]["ok"], Value::Null);
    assert_eq!(before["verified"]["message"], json!({ "code": "unknown", "params": {} }));
    assert_eq!(before["checkpoints"], json!([]));
    let usb = tempfile::tempdir().unwrap();
    let away = usb.path().join("away");
    keep(&running, vec![usb.path().to_owned(), away.clone()]).await;
    let after = read(&running, "").await;
    let verified = &after["verified"];
    assert_eq!((&verified["ok"], &verified["through_sequence"]), (&json!(true), &json!(1)));
    assert!(verified["checked_ms"].is_i64(), "{verified}");
    let since = &verified["message"]["params"]["since_ms"];
    assert_eq!(since, &after["records"][0]["at_ms"]);
    let [checkpoint] = after["checkpoints"].as_array().unwrap().as_slice() else {
        panic!("{after}")
    };
    assert_eq!(checkpoint["hash"], after["records"][0]["hash"]);
    let sent = checkpoint["sent"].as_array().unwrap();
    assert_eq!(sent[0]["to"], usb.path().display().to_string());
    assert!(sent[0]["at_ms"].is_i64() && sent[0]["error"].is_null(), "{sent:?}");
    assert_eq!(sent[1]["to"], away.display().to_string());
    assert!(sent[1]["at_ms"].is_null() && sent[1]["error"].is_string(), "{sent:?}");
}

#[tokio::test]
async fn whoever_may_read_of_one_shop_reads_of_that_shop() {
    let running = Running::start().await;
    append(&running, Actor::Storewarden, Some("lamps"), "tried", Params::new()).await;
    append(&running, Actor::Storewarden, Some("other"), "tried", Params::new()).await;
    append(&running, Actor::Storewarden, None, "tried", Params::new()).await;
    let secret = "a-token-of-one-shop";
    let shop: ShopId = "lamps".parse().unwrap();
    let scope = kernel::Scope {
        shops: Some([shop].into()),
        permissions: [kernel::Permission::See, kernel::Permission::ReadLedger].into(),
    };
    let token = TokenRecord {
        name: "reader".parse().unwrap(),
        scope,
        made_by: Actor::CommandLine,
        created_ms: now_ms(),
        expires_ms: now_ms() + 60_000,
        used_ms: None,
    };
    running.state.store.add_token(token, hash(secret)).await.unwrap();
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", bearer.as_str())];
    let own = running.ask("GET", LEDGER, &headers).await;
    assert_eq!(sequences(&own.json()), [1], "{}", own.body);
    let other = running.ask("GET", &format!("{LEDGER}?shop=other"), &headers).await;
    assert_eq!(other.status, 404, "{}", other.body);
    let next = running.ask("GET", &format!("{LEDGER}?limit=1"), &headers).await.json();
    assert_eq!((sequences(&next), &next["next"]), (vec![1], &Value::Null));
}

#[tokio::test]
async fn who_was_removed_is_unreadable_and_the_chain_holds() {
    let running = Running::start().await;
    let owner = running.sign_in().await;
    let headers = [("cookie", owner.as_str()), ("sec-fetch-site", "same-origin")];
    let wish = json!({ "id": "carl", "email": "carl@lamps.example", "grants": [] });
    let added = running.tell("POST", "/api/v1/people", &headers, &wish).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let mail = Params::from([("to".to_owned(), "carl@lamps.example".into())]);
    append(&running, Actor::Person("carl".into()), None, "signed_in", mail).await;
    let before = running.ask_as_machine("GET", LEDGER).await.body;
    assert!(before.contains("person:carl") && before.contains("mail:carl@lamps.example"));
    let removed = running.ask("DELETE", "/api/v1/people/carl", &headers).await;
    assert_eq!(removed.status, 204, "{}", removed.body);
    let after = running.ask_as_machine("GET", LEDGER).await;
    assert!(!after.body.contains("carl"), "{}", after.body);
    let after = after.json();
    let newest = &after["records"][0];
    assert_eq!(
        (&newest["kind"], &newest["actor"]),
        (&json!("person_removed"), &json!("person:owner"))
    );
    let keyed = newest["subject"].as_str().unwrap();
    assert!(keyed.starts_with("person#"), "{keyed}");
    assert_eq!(after["records"][1]["actor"], keyed, "one and the same, whoever it was");
    keep(&running, Vec::new()).await;
    assert_eq!(read(&running, "").await["verified"]["ok"], true);
    let newest = LedgerPaging::NewestFirst { before: None };
    let page =
        running.state.store.ledger(newest, 100, store::LedgerFilter::default()).await.unwrap();
    assert!(page.names.values().all(|name| !name.to_string().contains("carl")));
}
