//! A shop's database comes back from a backup: beside the live one, in its place and out of it again,
//! and whole as a second shop, while Storewarden is killed at each step.

use crate::trade::{GRACE, LONG, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use demo::stage::{OrderRow, Stage, StageOptions};
use serde_json::Value;
use std::{collections::BTreeSet, fs};
use testkit::{
    process::{Spawn, run_to_end},
    wait_until,
};

const PROGRAM: &str = "storewarden";
/// Each line is a death; control comes back after each.
const DEATHS: &str = "0:after_intent\n0:after_effect\n1:after_intent\n1:after_effect\n";

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

/// The newest run of a kind, once it is over.
async fn over(stage: &Stage, kind: &str) -> Result<Value> {
    let warden = storewarden(stage)?;
    let found = wait_until("a run to end", LONG, async || {
        let answer = warden.api("GET", "/runs").await.map_err(|error| format!("{error:#}"))?;
        let runs: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let newest = runs.into_iter().find(|run| run["kind"] == kind);
        match newest {
            Some(run)
                if ["done", "failed", "undone", "stuck"].iter().any(|s| run["state"] == *s) =>
            {
                Ok(run)
            }
            other => Err(format!("{other:?}")),
        }
    });
    Ok(found.await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_comes_back_in_place_over_deaths_and_goes_again() -> Result<()> {
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
    sell(&stage, 5).await;
    let then = quiet(&stage).await?;
    cli(&stage, &["backup", "now"]).await?;
    stage.customers().set_rate(300);
    sell(&stage, 5).await;
    let now = quiet(&stage).await?;
    ensure!(now.len() > then.len() && now.is_superset(&then), "{} {}", now.len(), then.len());

    // What would happen is said before; nothing happens by it.
    let preview = ["backup", "restore", "--database", "--in-place", "--preview"];
    let said = cli(&stage, &preview).await?;
    ensure!(said.contains("its sessions end") && said.contains("undone by"), "{said}");
    ensure!(quiet(&stage).await? == now, "a preview has changed something");

    // Control dies at each step, and the one after it goes on.
    let file = storewarden(&stage)?.state_directory().join("die-at");
    fs::write(&file, DEATHS)?;
    let restore = ["backup", "restore", "--database", "--in-place", "--yes", "--detach"];
    // It may die before it has answered.
    drop(cli(&stage, &restore).await);
    let run = over(&stage, "restore_database").await?;
    ensure!(run["state"] == "done" && !file.exists(), "{run}");
    ensure!(quiet(&stage).await? == then, "it is not as it was then");
    // The shop sells on from there.
    stage.customers().set_rate(300);
    sell(&stage, 3).await;
    quiet(&stage).await?;

    // Taken back: what the shop had is there again.
    let id = run["id"].as_str().map(str::to_owned).unwrap_or_else(|| run["id"].to_string());
    let undo =
        storewarden(&stage)?.api_with("POST", &format!("/runs/{id}/undo"), Some("{}")).await?;
    ensure!(undo.status == 200, "{}", undo.text());
    let is_undone = |run: &Value| run["state"] == "undone";
    let run = storewarden(&stage)?.run_reaches(&id, is_undone).await?;
    ensure!(run["state"] == "undone", "{run}");
    ensure!(quiet(&stage).await? == now, "what the shop had did not come back");

    // All of it beside the live one, and a second shop from it.
    let (folder, database) = stage.beside(1);
    let target = folder.to_str().context("a path of text")?;
    let whole = ["backup", "restore", "--whole", "--to", target, "--as", &database, "--yes"];
    cli(&stage, &whole).await?;
    stage.start_second(&folder, &database).await?;
    let taken = ["backup", "restore", "--database", "--as", &database, "--preview"];
    let refused = cli(&stage, &taken).await;
    let said = format!("{refused:?}");
    ensure!(said.contains("DOES NOT HOLD: there is nothing called"), "{said}");
    stage.customers().set_rate(300);
    sell(&stage, 3).await;
    quiet(&stage).await?;
    ensure!(stage.rows().await?.len() > now.len(), "the live one does not sell");
    stage.shutdown(GRACE).await
}
