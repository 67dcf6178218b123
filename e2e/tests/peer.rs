//! Two Storewardens that watch each other, by real https: one dies, its control alone, the line
//! between them, and each tells its own people.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use testkit::{
    process::{Signal, signal},
    wait_until,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

const FILES: &str = "hosts = [\"127.0.0.1\"]\n\
    certificate = { chain = \"FOLDER/chain.pem\", key = \"FOLDER/key.pem\" }";

/// What a person is told when something begins: for the first time, or once more within minutes.
const BEGINS: &[&str] = &["opened", "repeated"];
const ENDS: &[&str] = &["resolved"];

/// Somebody who is told, by a webhook.
struct Person {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Value>>>,
    listening: JoinSet<()>,
}

impl Person {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, told) = (listener.local_addr()?, Arc::<Mutex<Vec<Value>>>::default());
        let mut listening = JoinSet::new();
        let kept = Arc::clone(&told);
        listening.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    loop {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                        if let Ok(notice) = serde_json::from_str(body) {
                            kept.lock().unwrap().push(notice);
                            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                            let _left = stream.write_all(answer).await;
                            return;
                        }
                        // Who only opens a connection sees whether somebody is here.
                        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { address, told, listening })
    }

    /// Waits until told of this, and forgets all that came before.
    async fn hears(&self, events: &[&str], words: &str) {
        wait_until(words, LONG, async || {
            let mut told = self.told.lock().unwrap();
            let is_it = |notice: &Value| {
                let title = notice["title"].as_str().unwrap_or_default();
                events.iter().any(|event| notice["event"] == *event) && title.contains(words)
            };
            let found = told.iter().position(is_it).ok_or_else(|| format!("{told:#?}"))?;
            told.drain(..=found);
            Ok::<_, String>(())
        })
        .await;
    }
}

/// What one is told of the other, and whom it tells.
fn settings(own: &Warden, other: &Warden, person: &Person) -> String {
    let (https, root) = (other.https, other.path("chain.pem"));
    let rule = |code: &str| format!("[[rule]]\non = \"{code}\"\nfor = \"0s\"\nkeep = \"1s\"\n");
    let codes = ["peer_silent", "peer_refuses", "nothing_reachable", "page_unreachable"];
    format!(
        "[[peer]]\nname = \"other\"\nurl = \"https://{https}\"\ntoken = \"${{file:{}}}\"\n\
         root = {root:?}\nevery = \"1s\"\nsilent_after = \"3s\"\nlook_at = [\"https://{https}/\"]\n\
         [[notify]]\nname = \"owner\"\nwebhook = \"http://{}/\"\n{}",
        own.path("peer-token").display(),
        person.address,
        codes.map(rule).concat(),
    )
}

/// Who may be watched, and watches nobody yet.
async fn warden() -> Result<Warden> {
    Warden::start(FILES, "[[peer]]\nname = \"other\"\n").await
}

/// A token that `of` made, as a file of `for_whom`.
async fn give_token(of: &Warden, for_whom: &Warden) -> Result<()> {
    let wish = json!({ "name": "other", "permissions": ["peer"] });
    let made = of.ask("POST", "/tokens", Some(&wish)).await?;
    let token = made["token"].as_str().context("a token was made")?;
    Ok(fs::write(for_whom.path("peer-token"), token)?)
}

/// Waits until the one peer and its one page are so.
async fn stands(warden: &Warden, peer: &str, page: &str) -> Value {
    let is = |all: &Value| {
        let one = &all["peers"][0];
        one["state"] == peer && one["pages"][0]["state"] == page
    };
    warden.until(&format!("{peer} and {page}"), "/peers", is).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_two_notices_that_the_other_is_silent_and_tells_its_own_people() -> Result<()> {
    let (mut one, mut other) = (warden().await?, warden().await?);
    let (mut person, elsewhere) = (Person::start().await?, Person::start().await?);
    give_token(&one, &other).await?;
    give_token(&other, &one).await?;
    one.change(settings(&one, &other, &person)).await?;
    other.change(settings(&other, &one, &elsewhere)).await?;
    for warden in [&one, &other] {
        let seen = stands(warden, "ok", "ok").await;
        let peer = &seen["peers"][0];
        ensure!(peer["version"].is_string() && peer["edge_connected"] == true, "{peer:#}");
        ensure!(peer["token_ends_ms"].is_i64() && peer["incidents_open"].is_u64(), "{peer:#}");
    }

    // The other machine is gone, and comes back.
    other.kill().await?;
    stands(&one, "silent", "silent").await;
    person.hears(BEGINS, "Storewarden other has been silent").await;
    other.up().await?;
    stands(&one, "ok", "ok").await;
    person.hears(ENDS, "Storewarden other has been silent").await;
    stands(&other, "ok", "ok").await;

    // Its control hangs; its edge and its shop go on.
    let control = other.pid("control")?;
    signal(control, Signal::Stop)?;
    stands(&one, "silent", "ok").await;
    person.hears(BEGINS, "Storewarden other has been silent").await;
    signal(control, Signal::Continue)?;
    stands(&one, "ok", "ok").await;
    person.hears(ENDS, "Storewarden other has been silent").await;
    // Its control dies: its supervisor starts another.
    signal(control, Signal::Kill)?;
    wait_until("another control", LONG, async || match other.pid("control") {
        Ok(pid) if pid != control => other.get("/peers").await.map_err(|error| error.to_string()),
        pid => Err(format!("{pid:?}")),
    })
    .await;
    stands(&one, "ok", "ok").await;

    // A token that is good no more is a mistake, and no silence.
    other.ask("DELETE", "/tokens/other", None).await?;
    stands(&one, "refuses", "ok").await;
    person.hears(BEGINS, "does not let us ask").await;

    // Neither the other nor anybody else can be reached: nobody is called dead.
    person.listening.shutdown().await;
    other.kill().await?;
    let seen = stands(&one, "unknown", "unknown").await;
    ensure!(seen["cut_off_since_ms"].is_i64(), "{seen:#}");
    let is_open = |all: &Value| {
        let all = all["incidents"].as_array();
        all.is_some_and(|all| all.iter().any(|one| one["code"] == "nothing_reachable"))
    };
    one.until("an incident of ours", "/incidents?state=open", is_open).await;
    one.stop().await?;
    Ok(())
}
