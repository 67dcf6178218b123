//! A shop goes back in time and keeps the orders that it has taken since, while Storewarden is killed;
//! and where they were not kept, it says which ones are missing.

use crate::trade::{GRACE, LONG, check_books, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use demo::stage::{DatabaseKind, OrderRow, SHOP, Stage, StageOptions};
use serde_json::Value;
use std::{collections::BTreeSet, fs};
use testkit::{
    process::{Spawn, run_to_end},
    wait_until,
};

const PROGRAM: &str = "storewarden";
/// Control dies around both times that orders are carried; the one after it goes on.
const DEATHS: &str = "1:after_intent\n1:after_effect\n3:after_intent\n3:after_effect\n";

/// Runs the command line beside the stage; what it said.
async fn cli(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let state = storewarden(stage)?.state_dir().to_owned();
    let spawn = Spawn::new(program(PROGRAM)?).args(arguments).arg("--state").arg(state);
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Every order, once nobody is at the till any more.
async fn quiet(stage: &Stage) -> Result<BTreeSet<OrderRow>> {
    stage.customers().set_rate(0);
    wait_until("everybody to go", LONG, async || {
        let figures = stage.customers().ledger().figures();
        if figures.inside == 0 { Ok(()) } else { Err(figures) }
    })
    .await;
    Ok(stage.rows().await?.into_iter().collect())
}

/// The newest change, by its kind, once it is over.
async fn over(stage: &Stage, kind: &str) -> Result<Value> {
    let warden = storewarden(stage)?;
    let id = wait_until("a change to begin", LONG, async || {
        let answer = warden.api("GET", "/runs").await.map_err(|error| format!("{error:#}"))?;
        let runs: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let newest = runs.into_iter().find(|run| run["kind"] == kind);
        newest.and_then(|run| id_of(&run)).ok_or("none yet".to_owned())
    });
    let id = id.await;
    let is_over = |run: &Value| {
        ["done", "failed", "undone", "stuck"].iter().any(|state| run["state"] == *state)
    };
    warden.run_reaches(&id, is_over).await
}

fn id_of(run: &Value) -> Option<String> {
    run["id"].as_str().map(str::to_owned)
}

/// The numbers of confirmed orders that the database lacks.
async fn missing(stage: &Stage) -> Result<BTreeSet<String>> {
    let path = format!("/shops/{SHOP}/orders/missing");
    let answer = storewarden(stage)?.api_with("POST", &path, Some("{}")).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let told: Value = serde_json::from_slice(&answer.body)?;
    let orders = told["orders"].as_array().context("a list of orders")?;
    Ok(orders.iter().filter_map(|order| order["number"].as_str()).map(str::to_owned).collect())
}

fn numbers(orders: &BTreeSet<OrderRow>) -> BTreeSet<String> {
    orders.iter().map(|order| order.number.clone()).collect()
}

async fn newer_orders_stay(database: DatabaseKind) -> Result<()> {
    let options = StageOptions {
        storewarden: Some(program(PROGRAM)?),
        database,
        backs_up: true,
        backup_settings: "every = \"1h\", drill = \"30d\"".to_owned(),
        per_minute: 300,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    sell(&stage, 4).await;
    let then = quiet(&stage).await?;
    cli(&stage, &["backup", "now"]).await?;
    stage.customers().set_rate(300);
    sell(&stage, 5).await;
    let all = quiet(&stage).await?;
    let newer: BTreeSet<OrderRow> = all.difference(&then).cloned().collect();
    ensure!(newer.len() >= 5 && missing(&stage).await?.is_empty(), "{} newer", newer.len());

    // Something goes wrong: an order of before the backup is lost.
    let lost = then.first().context("an order of before the backup")?.clone();
    stage.delete_order(&lost.number).await?;
    ensure!(missing(&stage).await? == numbers(&BTreeSet::from([lost.clone()])), "it is not missed");

    // Back in time with the newer orders, over deaths.
    let restore = ["backup", "restore", "--database", "--in-place", "--keep-newer-orders"];
    let said = cli(&stage, &[&restore[..], &["--preview"]].concat()).await?;
    let count = format!("{} orders are newer than the backup", newer.len());
    ensure!(said.contains(&count), "{said}");
    let file = storewarden(&stage)?.state_directory().join("die-at");
    fs::write(&file, DEATHS)?;
    // It may die before it has answered.
    drop(cli(&stage, &[&restore[..], &["--yes", "--detach"]].concat()).await);
    let run = over(&stage, "restore_database").await?;
    ensure!(run["state"] == "done" && !file.exists(), "{run}");
    ensure!(quiet(&stage).await? == all, "orders were lost, or are others");
    ensure!(missing(&stage).await?.is_empty(), "something is missing");
    // The shop sells on, and gives nobody a number that somebody has.
    stage.customers().set_rate(300);
    sell(&stage, 3).await;
    let sold = quiet(&stage).await?;
    ensure!(sold.is_superset(&all) && sold.len() >= all.len() + 3, "{} orders", sold.len());
    check_books(&stage, "newer orders kept").await?;

    // Without them, it is said which ones are missing.
    let plain = ["backup", "restore", "--database", "--in-place", "--yes"];
    cli(&stage, &plain).await?;
    ensure!(quiet(&stage).await? == then, "it is not as it was then");
    let lacking: BTreeSet<OrderRow> = sold.difference(&then).cloned().collect();
    ensure!(missing(&stage).await? == numbers(&lacking), "{:?}", missing(&stage).await?);
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_orders_stay_when_a_shop_goes_back_in_time() -> Result<()> {
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    newer_orders_stay(DatabaseKind::Postgres).await
}
