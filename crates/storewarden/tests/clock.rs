//! The machine's clock jumps under a whole Storewarden, back by an hour and forward by a day: nothing is
//! stuck, and nothing is believed for longer than it should be.
//!
//! The program's clock is set by libfaketime (github.com/wolfcw/libfaketime), which Debian has; ours has
//! no seam for it. Time that only grows is left alone, as when a person sets a machine's clock.

use crate::stand::{LIMIT, Stand, Visitors, get, program};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use testkit::{Answer, process::run_to_end};

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// A second instance of the shop, where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

/// The library, in the folder of the machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let mut found = folders.filter_map(|entry| Some(entry.ok()?.path().join(LIBRARY)));
    found.find(|path| path.exists())
}

/// A Storewarden with a clock of its own.
struct Jumping {
    stand: Stand,
    clock: PathBuf,
    jumps: usize,
}

impl Jumping {
    async fn up(library: PathBuf) -> Self {
        let folder = testkit::folder();
        // Kept: the program reads it as long as it lives.
        let clock = folder.keep().join("clock");
        fs::write(&clock, "+0").unwrap();
        let rules = "[[rule]]\non = \"instance_down\"\nfor = \"1s\"\n";
        let environment = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let stand = Stand::up_with(rules, &environment).await;
        testkit::wait_until("control's answer", LIMIT, async || {
            get(stand.control, "/api/v1/health").await.map_err(|error| (error, stand.log()))
        })
        .await;
        Self { stand, clock, jumps: 0 }
    }

    /// Sets the clock, and waits until Storewarden has seen it.
    async fn set(&mut self, offset: &str) {
        fs::write(&self.clock, offset).unwrap();
        self.jumps += 1;
        testkit::wait_until("the jump to be seen", LIMIT, async || {
            let log = self.stand.log();
            if log.matches("the machine's clock jumped").count() >= self.jumps {
                Ok(())
            } else {
                Err(log)
            }
        })
        .await;
    }

    fn machine(&self) -> String {
        let file = self.stand.folder.path().join("state").join("api-token");
        format!("authorization: Bearer {}\r\n", fs::read_to_string(file).unwrap().trim())
    }

    async fn send(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\n{who}sec-fetch-site: same-origin\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.stand.control,
            body.len()
        );
        testkit::exchange(self.stand.control, request, LIMIT).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.send(&self.machine(), method, path, &body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null).await
    }

    /// Signs a person in: the header of the session.
    async fn sign_in(&self, name: &str) -> String {
        let state = self.stand.folder.path().join("state");
        let add = program().args(["user", "add", name, "--role", "owner", "--state"]).arg(state);
        let said = run_to_end(add, LIMIT).unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let token = said.trim().split_once('#').unwrap().1;
        let wish = json!({ "token": token, "password": "a long enough password" });
        let accepted = self.send("", "POST", "/invitations/accept", &wish).await;
        assert_eq!(accepted.status, 200, "{}", accepted.text());
        let cookie = accepted.header("set-cookie").unwrap().split(';').next().unwrap();
        format!("cookie: {cookie}\r\n")
    }

    async fn is_signed_in(&self, session: &str) -> bool {
        self.send(session, "GET", "/me", &Value::Null).await.status == 200
    }

    /// Previews a plan and starts it: the path of its run.
    async fn begin(&self, wish: Value) -> String {
        let preview = self.ask("POST", "/plans", wish).await;
        let run = self.ask("POST", "/runs", json!({ "preview": preview["id"] })).await;
        format!("/runs/{}", run["id"].as_str().unwrap())
    }

    async fn until_done(&self, run: &str) {
        testkit::wait_until("the run to be done", LIMIT, async || {
            let run = self.get(run).await;
            if run["state"] == "done" { Ok(()) } else { Err(run) }
        })
        .await;
    }

    /// Waits until there is an open incident.
    async fn until_open(&self) {
        testkit::wait_until("the incident", LIMIT, async || {
            let open = self.get("/incidents?state=open&shop=a").await;
            let is_open = open["incidents"].as_array().is_some_and(|all| !all.is_empty());
            if is_open { Ok(()) } else { Err((open, self.stand.log())) }
        })
        .await;
    }

    /// What must hold whatever the clock says: runs end, measurements are kept, drains come and go.
    async fn is_sane(&self) {
        let run = self.begin(json!({ "kind": "clean_up" })).await;
        self.until_done(&run).await;
        let shop = self.get("/shops/a").await;
        let name = shop["instances"][0]["name"].as_str().unwrap().to_owned();
        for deed in ["drain", "undrain"] {
            self.ask("POST", &format!("/shops/a/instances/{name}/{deed}"), json!({})).await;
        }
        let now_ms = shop["at_ms"].as_i64().unwrap();
        testkit::wait_until("something measured by this clock", LIMIT, async || {
            let path = format!("/shops/a/history?from_ms={now_ms}&points=9");
            let history = self.send(&self.machine(), "GET", &path, &Value::Null).await;
            let known = serde_json::from_slice::<Value>(&history.body).unwrap_or_default();
            let visitors = &known["series"][0];
            if visitors.to_string().chars().any(|c| c.is_ascii_digit()) {
                Ok(())
            } else {
                Err(known)
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_clock_that_jumps_leaves_nothing_stuck() {
    let Some(library) = library() else {
        println!("skipped: this machine has no faketime");
        return;
    };
    let mut it = Jumping::up(library).await;
    let visitors = Visitors::come(it.stand.edge);
    let session = it.sign_in("anna").await;
    let configuration = it.get("/configuration").await;
    let text = configuration["text"].as_str().unwrap();
    let with_nobody = text.replacen("app = [", &format!("app = [\"{NOBODY}\", "), 1);
    let wish = json!({ "kind": "apply_configuration", "text": with_nobody });
    let run = it.begin(wish).await;

    it.set("-1h").await;
    assert!(it.is_signed_in(&session).await, "a session outlives that");
    it.ask("POST", &format!("{run}/approve"), json!({})).await;
    it.until_done(&run).await;
    it.until_open().await;
    it.is_sane().await;

    it.set("+1d").await;
    assert!(!it.is_signed_in(&session).await, "a day is longer than a session");
    let session = it.sign_in("berta").await;
    assert!(it.is_signed_in(&session).await);
    it.until_open().await;
    it.is_sane().await;
    let run = it.begin(json!({ "kind": "apply_configuration", "text": text })).await;
    it.ask("POST", &format!("{run}/approve"), json!({})).await;
    it.until_done(&run).await;

    it.set("+0").await;
    testkit::wait_until("the findings of now", LIMIT, async || {
        let shop = it.get("/shops/a").await;
        let findings = shop["findings"].to_string();
        let is_so = findings.contains("clock_off") && !findings.contains("instance_down");
        let instances = shop["instances"].to_string();
        if is_so { Ok(()) } else { Err((findings, instances, it.stand.log())) }
    })
    .await;
    it.is_sane().await;
    visitors.were_all_served().await;
}
