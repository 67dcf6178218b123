//! Checks from outside and jobs that report, as programs and the command line meet them.

use super::running::{Running, TOKEN};
use kernel::config::parse;
use std::{sync::Arc, time::Duration};
use testkit::wait_until;

const LONG: Duration = Duration::from_secs(30);
const CONFIGURATION: &str = r#"
version = 1
[edge]
listen = ["http://127.0.0.1:8080"]
[shop.lamps]
platform = "sample"
hosts = ["lamps.example"]
app = "127.0.0.1:3001"
[[check]]
name = "nightly export"
shop = "lamps"
heartbeat = "1d"
every = "5s"
[[check]]
name = "nobody"
tcp = "127.0.0.1:1"
every = "5s"
within = "2s"
"#;

/// An API whose checks are tried.
async fn running() -> (Running, tokio::sync::watch::Sender<bool>) {
    let running = Running::start().await;
    let configuration = parse(CONFIGURATION, shops::known(&|_| None)).unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (checks, watch) = (running.state.checks.clone(), running.state.watch.clone());
    tokio::spawn(async move {
        let (_kept, known) = tokio::sync::watch::channel(Arc::new(configuration));
        checks.run(watch, known, stopped).await;
    });
    (running, stop)
}

/// The check of that name, once it has this state.
async fn check_in(running: &Running, name: &str, state: &str) -> serde_json::Value {
    wait_until(&format!("{name} to be {state}"), LONG, async || {
        let all = running.ask_as_machine("GET", "/api/v1/checks").await.json();
        let checks = all["checks"].as_array().cloned().unwrap_or_default();
        let found = checks.into_iter().find(|check| check["name"] == name);
        found.filter(|check| check["state"] == state && !check["tried_ms"].is_null()).ok_or(all)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_reports_is_known_and_one_that_fails_is_found() {
    let (running, _stop) = running().await;
    let export = check_in(&running, "nightly export", "unknown").await;
    assert_eq!(export["reason"]["code"], "heartbeat_never_seen");
    let report = async |end: &str| {
        let path = format!("/api/v1/heartbeats/nightly%20export{end}");
        running.ask_as_machine("POST", &path).await.status
    };
    assert_eq!(report("").await, 204);
    assert_eq!(report("/nonsense").await, 404);
    check_in(&running, "nightly export", "ok").await;
    assert_eq!(report("/3").await, 204);
    let failing = check_in(&running, "nightly export", "failing").await;
    assert_eq!(failing["reason"]["params"]["exit_code"], 3);
    let kept = running.state.store.heartbeats().await.unwrap();
    assert_eq!((kept[0].name.as_str(), kept[0].exit_code), ("nightly export", Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_says_why_and_a_name_that_nobody_has_is_refused() {
    let (running, _stop) = running().await;
    let nobody = check_in(&running, "nobody", "failing").await;
    assert_eq!(nobody["reason"]["code"], "connection_refused");
    assert_eq!((&nobody["kind"], &nobody["place"]), (&"tcp".into(), &"127.0.0.1:1".into()));
    assert!(nobody["recent"].as_array().is_some_and(|recent| !recent.is_empty()));
    let token = ("authorization", &*format!("Bearer {TOKEN}"));
    for name in ["nobody", "else"] {
        let path = format!("/api/v1/heartbeats/{name}");
        let answer = running.ask("POST", &path, &[token]).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "not_found"), "{name}");
    }
}
