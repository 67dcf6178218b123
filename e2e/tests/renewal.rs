//! A certificate of a real authority, renewed by runs: the schedule's first one, a person's, one
//! that control dies in at every moment, and the way back. A handshake shows what visitors get.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use testkit::{Pebble, wait_until};

const SHOP: &str = "hosts = [\"shop.test\", \"www.shop.test\"]\ncertificate = \"acme\"";
/// Before an act, inside it (its effect is there, nothing of that is written down), after it.
const POINTS: [&str; 3] = ["after_intent", "after_effect", "after_record"];

fn settings(pebble: &Pebble) -> String {
    format!(
        "[acme]\ndirectory = \"{}\"\nroot = {:?}\ncontact = [\"owner@shop.test\"]\n",
        pebble.directory(),
        pebble.root(),
    )
}

/// Waits until the newest renewal is in this state; it.
async fn newest(warden: &Warden, state: &str, more_than: usize) -> Result<Value> {
    let is = |page: &Value| {
        let runs = page["runs"].as_array().map_or(&[][..], Vec::as_slice);
        runs.len() > more_than && runs[0]["state"] == state
    };
    let page = warden.until(state, "/runs?shop=lamps", is).await;
    let id = page["runs"][0]["id"].as_str().context("a run has an id")?;
    warden.get(&format!("/runs/{id}")).await
}

/// The serial that the run's second step saw served.
fn serial(run: &Value) -> Result<String> {
    let serial = run["steps"][1]["evidence"]["serial"].as_str();
    Ok(serial.with_context(|| format!("a handshake showed it: {run:#}"))?.to_owned())
}

/// Previews and starts a renewal; its id.
async fn renew(warden: &Warden) -> Result<String> {
    let wish = json!({ "kind": "renew_certificate", "shop": "lamps" });
    let preview = warden.ask("POST", "/plans", Some(&wish)).await?;
    ensure!(preview["may_start"] == true, "{preview:#}");
    let run = warden.ask("POST", "/runs", Some(&json!({ "preview": preview["id"] }))).await?;
    Ok(run["id"].as_str().context("a run has an id")?.to_owned())
}

async fn ends(warden: &Warden, run: &str, state: &str) -> Value {
    let path = format!("/runs/{run}");
    warden.until(&format!("run {run} to be {state}"), &path, |run| run["state"] == state).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_by_runs_that_outlive_control_and_can_be_taken_back() -> Result<()>
{
    if !Pebble::is_installed() {
        return Ok(());
    }
    let mut warden = Warden::start("hosts = [\"shop.test\"]", "").await?;
    let environment = [("PEBBLE_WFE_NONCEREJECT", "0")];
    let pebble = Pebble::start(warden.http.port(), &environment).await;
    warden.shop = SHOP.to_owned();
    warden.change(settings(&pebble)).await?;

    // The schedule gets the first one by itself.
    let first = newest(&warden, "done", 0).await?;
    ensure!(first["actor"] == "storewarden" && first["kind"] == "renew_certificate", "{first:#}");
    let first = serial(&first)?;

    // A person gets another, and takes it back: the first one is served again.
    let run = renew(&warden).await?;
    let second = serial(&ends(&warden, &run, "done").await)?;
    ensure!(second != first, "the same certificate as before");
    warden.ask("POST", &format!("/runs/{run}/undo"), Some(&json!({}))).await?;
    ends(&warden, &run, "undone").await;
    let state = warden.get("/shops/lamps").await?;
    ensure!(state["certificate"]["serial"] == first.as_str(), "{:#}", state["certificate"]);

    // Control dies at every moment of it; no certificate is ordered twice for it.
    let die_at = warden.path("state").join("die-at");
    let mut served = first;
    for step in 0..2 {
        for point in POINTS {
            let moment = format!("{step}:{point}");
            fs::write(&die_at, &moment)?;
            let run = renew(&warden).await?;
            let died = async || if die_at.exists() { Err("it lives") } else { Ok(()) };
            wait_until("control to die", LONG, died).await;
            let now = serial(&ends(&warden, &run, "done").await)?;
            ensure!(now != served, "{moment}: the certificate is the one of before");
            served = now;
        }
    }
    let state = warden.get("/shops/lamps").await?;
    ensure!(state["certificate"]["serial"] == served.as_str(), "{:#}", state["certificate"]);

    // And on the way back.
    let run = renew(&warden).await?;
    ends(&warden, &run, "done").await;
    fs::write(&die_at, "1:after_effect:undo")?;
    // Control may die of it before it answers.
    warden.ask("POST", &format!("/runs/{run}/undo"), Some(&json!({}))).await.ok();
    ends(&warden, &run, "undone").await;
    let is = |state: &Value| state["certificate"]["serial"] == served.as_str();
    warden.until("the one of before", "/shops/lamps", is).await;
    warden.stop().await
}
