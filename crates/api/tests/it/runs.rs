//! Changes: previewed, started, approved, told live, refused.

use super::running::{Answer, Running, TOKEN};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
};

async fn post(running: &Running, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    running.tell("POST", path, &[("authorization", &bearer)], body).await
}

/// Who watches all runs.
struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    async fn open(running: &Running) -> Self {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("authorization", bearer.as_str())];
        let stream = running.send("GET", "/api/v1/runs/events", &headers).await;
        let mut lines = BufReader::new(stream).lines();
        while lines.next_line().await.unwrap().expect("an answer") != "retry: 1000" {}
        Self(lines)
    }

    /// The next event's name and data.
    async fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let line = self.0.next_line().await.unwrap().expect("a stream without an end");
            match line.split_once(": ") {
                Some(("event", text)) => name = text.to_owned(),
                Some(("data", text)) => return (name, serde_json::from_str(text).unwrap()),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_plan_waits_for_the_window_that_is_named_and_begins_at_once_with_a_reason() {
    let running = Running::start().await;
    std::fs::write(running.done_file(), "old").unwrap();
    let plan = async |window: &str| {
        let wish = json!({ "kind": "clean_up", "window": window });
        post(&running, "/api/v1/plans", &wish).await
    };
    let unknown = plan("nigthly").await;
    assert_eq!((unknown.status, unknown.error_code().as_str()), (422, "refused"));
    let error = &unknown.json()["error"];
    assert_eq!(error["reason"]["code"], "no_window");
    assert!(error["message"].as_str().unwrap().ends_with("is `nightly` meant?"), "{error}");

    let waiting = plan("nightly").await.json();
    assert_eq!(
        (&waiting["window"], &waiting["waits_for"][1]["code"]),
        (&json!("nightly"), &json!("window"))
    );
    assert_eq!(waiting["windows"][0]["name"], "nightly");
    assert_eq!(waiting["windows"][0]["begins_ms"], waiting["begins_ms"]);
    assert!(waiting["begins_ms"].as_i64() > waiting["made_at_ms"].as_i64());

    // Where nothing holds it back, no reason is needed.
    let now = plan("now").await.json();
    assert_eq!((&now["hurries_past"], &now["window"]), (&json!([]), &Value::Null));

    let wish = json!({ "kind": "rolling_restart", "shop": "lamps" });
    let as_rules_say = post(&running, "/api/v1/plans", &wish).await.json();
    assert_eq!(as_rules_say["window"], "nightly", "{as_rules_say:#}");
    let wish = json!({ "kind": "rolling_restart", "shop": "lamps", "window": "now" });
    let now = post(&running, "/api/v1/plans", &wish).await.json();
    assert_eq!(now["hurries_past"][0]["code"], "window");
    let start = async |reason: Value| {
        post(&running, "/api/v1/runs", &json!({ "preview": now["id"], "reason": reason })).await
    };
    let refused = start(json!(" ")).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["error"]["reason"]["code"], "reason_needed");
    let run = start(json!("the shop is down")).await.json();
    assert_eq!(run["state"], "awaiting_approval");
}

#[tokio::test]
async fn a_plan_is_previewed_started_approved_and_done() {
    let running = Running::start().await;
    std::fs::write(running.done_file(), "old").unwrap();
    let mut events = Events::open(&running).await;

    let preview = post(&running, "/api/v1/plans", &json!({ "kind": "clean_up" })).await;
    assert_eq!(preview.status, 200, "{preview:?}");
    let preview = preview.json();
    assert_eq!(preview["steps"][0]["act"]["code"], "remove_old_data");
    assert_eq!(preview["steps"][0]["conditions"][0]["holds"], "yes");
    assert_eq!(preview["steps"][0]["undo"]["reason"], "data_is_gone");
    assert_eq!(preview["waits_for"][0]["code"], "approval");
    assert_eq!(preview["warnings"][0]["code"], "cannot_be_undone");
    let text = preview["text"].as_str().unwrap();
    assert!(preview["may_start"] == true && text.starts_with("Remove old records"), "{text}");
    assert!(running.done_file().exists(), "a preview does nothing");

    let body = json!({ "preview": preview["id"] });
    let run = post(&running, "/api/v1/runs", &body).await.json();
    assert_eq!(run["state"], "awaiting_approval");
    assert_eq!(run["may"], json!(["approve", "cancel"]));
    let again = post(&running, "/api/v1/runs", &body).await;
    assert_eq!(again.status, 404, "a preview starts one run");

    let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    let early = post(&running, &format!("{path}/undo"), &json!({})).await;
    assert_eq!((early.status, early.error_code().as_str()), (409, "not_now"));
    assert_eq!(post(&running, &format!("{path}/approve"), &json!({})).await.status, 200);

    let mut told = Vec::new();
    while told.last().is_none_or(|state| state != "done") {
        let (event, data) = events.next().await;
        if event == "run" {
            told.push(data["state"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(told[0], "awaiting_approval");
    assert!(told.contains(&"running".to_owned()), "{told:?}");
    assert!(!running.done_file().exists());

    let run = running.ask_as_machine("GET", &path).await.json();
    assert_eq!(
        (run["state"].as_str(), run["approved_by"].as_str()),
        (Some("done"), Some("command-line"))
    );
    assert_eq!(run["may"], json!([]), "what is gone is gone");
    let log = running.ask_as_machine("GET", &format!("{path}/log")).await.json();
    assert!(log["text"].as_str().unwrap().contains("removing the file"), "{log}");
    let list = running.ask_as_machine("GET", "/api/v1/runs?state=done").await.json();
    assert_eq!((&list["runs"][0]["id"], &list["next"]), (&run["id"], &Value::Null));
    let open = running.ask_as_machine("GET", "/api/v1/runs?state=open").await.json();
    assert_eq!(open["runs"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_planned_says_why() {
    let running = Running::start().await;
    let check = async |body: Value, status: u16, code: &str| {
        let answer = post(&running, "/api/v1/plans", &body).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{body}");
        answer.json()["error"].clone()
    };
    check(json!({ "kind": "restart_instance" }), 422, "refused").await;
    check(json!({ "kind": "launch_rocket" }), 404, "not_found").await;
    let refused =
        check(json!({ "kind": "apply_configuration", "text": "x" }), 422, "refused").await;
    assert_eq!(refused["details"][0], "shop.toml:1:1: that is no configuration");
    // Nothing to remove: shown, and not begun.
    let preview = post(&running, "/api/v1/plans", &json!({ "kind": "clean_up" })).await.json();
    assert_eq!(preview["may_start"], false);
    assert_eq!(running.ask_as_machine("GET", "/api/v1/runs/7").await.status, 404);
    assert_eq!(running.ask_as_machine("GET", "/api/v1/runs?state=odd").await.status, 404);
}
