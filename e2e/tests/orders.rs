//! Orders that were deleted with all their rows come back, one by one, while Storewarden is killed: under
//! their own numbers, once, and nothing else of the shop is another.

use crate::trade::{GRACE, LONG, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use databases::dump::{Dump, Folder, Options, Reader, Side, compare};
use demo::{
    customers::Client,
    stage::{SHOP, Stage, StageOptions},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use testkit::{
    process::{Spawn, run_to_end},
    wait_until,
};

const PROGRAM: &str = "storewarden";

/// Runs `storewarden order` beside the stage; its exit code and what it said.
pub(crate) async fn order(stage: &Stage, arguments: &[&str]) -> Result<Value> {
    let state = storewarden(stage)?.state_dir().to_owned();
    let spawn = Spawn::new(program(PROGRAM)?).arg("order").args(arguments).arg("--json");
    let spawn = spawn.arg("--state").arg(state);
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).with_context(|| format!("{arguments:?}: {text}"))
}

/// The newest run that brings an order back, once it is over.
pub(crate) async fn over(stage: &Stage, count: usize) -> Result<Value> {
    let warden = storewarden(stage)?;
    let found = wait_until("a run to end", LONG, async || {
        let answer = warden.api("GET", "/runs").await.map_err(|error| format!("{error:#}"))?;
        let runs: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let ours: Vec<Value> =
            runs.into_iter().filter(|run| run["kind"] == "restore_order").collect();
        let is_over = |run: &&Value| {
            ["done", "failed", "undone", "stuck"].iter().any(|state| run["state"] == *state)
        };
        match ours.first().filter(is_over) {
            Some(run) if ours.len() == count => Ok(run.clone()),
            other => Err(format!("{} {other:?}", ours.len())),
        }
    });
    Ok(found.await)
}

/// All tables of the shop, as of now, in a folder.
pub(crate) async fn dump(stage: &Stage, folder: &Path) -> Result<Reader<Folder>> {
    let (url, files) = (stage.database().await?, Folder::at(folder));
    let taken = tokio::task::spawn_blocking(move || {
        files.take(Dump::begin(&url, Options::new(0))?)?;
        Reader::open(files)
    });
    Ok(taken.await??)
}

/// The tables that are another than they were.
pub(crate) async fn others(stage: &Stage, then: Reader<Folder>) -> Result<Vec<String>> {
    let url = stage.database().await?;
    let compared = tokio::task::spawn_blocking(move || {
        let found = compare(&Side::Dump(&then), &Side::<Folder>::Live(&url), None)?;
        Ok::<_, anyhow::Error>(found.into_iter().map(|table| table.table).collect())
    });
    compared.await?
}

/// What the shop says when somebody looks at their order.
async fn page(stage: &Stage, number: &str, key: &str) -> Result<u16> {
    let mut client = Client::new(stage.entrance(), "127.0.0.1");
    let path = format!("/order/{number}?key={key}");
    let answer = client.request("GET", &path, None).await;
    Ok(answer.map_err(|trouble| anyhow::anyhow!("{trouble:?}"))?.status)
}

pub(crate) fn numbers(deleted: &Value) -> BTreeSet<String> {
    let orders = deleted["orders"].as_array().into_iter().flatten();
    orders.filter_map(|order| order["numbers"][0].as_str().map(str::to_owned)).collect()
}

/// A value of the order's own row, as it was.
fn then(look: &Value, column: &str) -> String {
    let rows = look["orders"][0]["rows"].as_array().into_iter().flatten();
    let root = rows.filter(|row| row["role"] == "root");
    let fields = root.flat_map(|row| row["fields"].as_array().into_iter().flatten());
    let field = fields.into_iter().find(|field| field["column"] == column);
    field.and_then(|field| field["then"].as_str()).unwrap_or_default().to_owned()
}

/// Takes all of them back, the last first.
pub(crate) async fn take_back(stage: &Stage, count: usize) -> Result<()> {
    let warden = storewarden(stage)?;
    let last = over(stage, count).await?["id"].as_str().and_then(|id| id.parse::<usize>().ok());
    let last = last.context("a run's id")?;
    for id in (last + 1 - count..=last).rev() {
        let undo = warden.api_with("POST", &format!("/runs/{id}/undo"), Some("{}")).await?;
        ensure!(undo.status == 200, "{}", undo.text());
        let run = warden.run_reaches(&id.to_string(), |run| run["state"] == "undone").await?;
        ensure!(run["state"] == "undone", "{run}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_orders_come_back_over_deaths_and_go_again() -> Result<()> {
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let options = StageOptions {
        storewarden: Some(program(PROGRAM)?),
        backs_up: true,
        backup_settings: "every = \"1h\", drill = \"30d\"".to_owned(),
        per_minute: 300,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    sell(&stage, 8).await;
    stage.customers().set_rate(0);
    wait_until("everybody to go", LONG, async || {
        let figures = stage.customers().ledger().figures();
        if figures.inside == 0 { Ok(()) } else { Err(figures) }
    })
    .await;
    let run = storewarden(&stage)?.begin_backup().await?;
    let done = storewarden(&stage)?.run_reaches(&run, |run| run["state"] == "done").await?;
    ensure!(done["state"] == "done", "{done}");
    let before = dump(&stage, &stage.directory().join("before")).await?;
    ensure!(numbers(&order(&stage, &["deleted", SHOP]).await?).is_empty(), "one is gone");

    // Somebody deletes some of them, and knows none of their numbers.
    let rows = stage.rows().await?;
    let gone: Vec<&str> = rows.iter().rev().step_by(2).take(3).map(|row| &*row.number).collect();
    for number in &gone {
        stage.delete_order(number).await?;
    }
    let after = dump(&stage, &stage.directory().join("after")).await?;
    let listed = numbers(&order(&stage, &["deleted", SHOP]).await?);
    ensure!(listed == gone.iter().map(ToString::to_string).collect(), "{listed:?}, not {gone:?}");

    // One by one, and control dies before and after its rows are there.
    let deaths = ["", "0:after_intent\n", "0:after_effect\n"];
    for (at, (number, death)) in gone.iter().zip(deaths).enumerate() {
        let look = order(&stage, &["show", SHOP, number]).await?;
        ensure!(look["orders"][0]["state"] == "gone", "{look}");
        let key = then(&look, "access_key");
        ensure!(page(&stage, number, &key).await? == 404, "the shop still has {number}");
        let file = storewarden(&stage)?.state_directory().join("die-at");
        if !death.is_empty() {
            fs::write(&file, death)?;
        }
        // Control may die before it has answered.
        drop(order(&stage, &["restore", SHOP, number, "--yes", "--detach"]).await);
        let run = over(&stage, at + 1).await?;
        ensure!(run["state"] == "done" && !file.exists(), "{death:?}: {run}");
        ensure!(page(&stage, number, &key).await? == 200, "the shop does not show {number}");
    }
    let other = others(&stage, before).await?;
    ensure!(other.is_empty(), "these are another than they were: {other:?}");
    ensure!(numbers(&order(&stage, &["deleted", SHOP]).await?).is_empty(), "one is still gone");
    let email = rows.iter().find(|row| row.number == gone[0]).map(|row| row.email.as_str());
    let look = order(&stage, &["show", SHOP, email.context("a buyer")?]).await?;
    ensure!(look["orders"][0]["numbers"][0] == gone[0], "{look}");
    ensure!(look["orders"][0]["state"] == "same", "{look}");

    take_back(&stage, gone.len()).await?;
    let other = others(&stage, after).await?;
    ensure!(other.is_empty(), "these are another than before: {other:?}");
    stage.shutdown(GRACE).await
}
