//! Changes under customers: every plan, and control killed at every moment of each, forwards and
//! back. Each run ends as it should, and no customer notices.

use crate::trade::{GRACE, LONG, check_books, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use demo::stage::{SHOP, Stage, StageOptions, has_postgres};
use serde_json::{Value, json};
use testkit::wait_until;

/// Before an act, inside it (its effect is there, nothing of that is written down), after it.
const POINTS: [&str; 3] = ["after_intent", "after_effect", "after_record"];

async fn open() -> Result<Option<Stage>> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(None);
    }
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        per_minute: 600,
        pace: 0.05,
        shop_settings: "check = { interval = \"250ms\", timeout = \"500ms\" }".to_owned(),
        ..StageOptions::new(program("demo")?)
    };
    Stage::start(options).await.map(Some)
}

pub(crate) async fn ask(
    stage: &Stage,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let body = body.map(Value::to_string);
    let answer = storewarden(stage)?.api_with(method, path, body.as_deref()).await?;
    ensure!(answer.status == 200, "{method} {path}: {} {}", answer.status, answer.text());
    Ok(serde_json::from_slice(&answer.body)?)
}

/// Previews a plan, starts it, and says yes when it must be said; its run's path.
pub(crate) async fn begin(stage: &Stage, wish: &Value) -> Result<String> {
    let preview = ask(stage, "POST", "/plans", Some(wish)).await?;
    ensure!(preview["may_start"] == true, "{preview:#}");
    let body = json!({ "preview": preview["id"] });
    let run = ask(stage, "POST", "/runs", Some(&body)).await?;
    let path = format!("/runs/{}", run["id"].as_str().context("a run has an id")?);
    if run["state"] == "awaiting_approval" {
        // Control may die of it before it answers.
        storewarden(stage)?.api("POST", &format!("{path}/approve")).await.ok();
    }
    Ok(path)
}

/// Waits until a run is in this state; whoever reads may meet a control that is just starting.
pub(crate) async fn ends(stage: &Stage, path: &str, state: &str) -> Value {
    let mut last = Value::Null;
    wait_until("the run to end", LONG, async || match ask(stage, "GET", path, None).await {
        Ok(run) if run["state"] == state => {
            last = run;
            Ok(())
        }
        Ok(run) => Err(format!("{run:#}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await;
    last
}

/// Does something that control dies of at this moment.
async fn dying(
    stage: &Stage,
    moment: &str,
    deed: impl AsyncFnOnce() -> Result<String>,
) -> Result<String> {
    let file = storewarden(stage)?.state_directory().join("die-at");
    std::fs::write(&file, moment)?;
    let path = deed().await?;
    wait_until(
        "control to die",
        LONG,
        async || {
            if file.exists() { Err("it lives") } else { Ok(()) }
        },
    )
    .await;
    Ok(path)
}

pub(crate) fn restart() -> Value {
    json!({ "kind": "restart_instance", "shop": SHOP, "instance": "app-1" })
}

/// Another configuration than the one in force, of which customers notice nothing.
pub(crate) async fn renamed(stage: &Stage) -> Result<Value> {
    let now = ask(stage, "GET", "/configuration", None).await?;
    let text = now["text"].as_str().context("the configuration has a text")?;
    let name = if text.contains("contact") { "" } else { "contact = \"help@shop.example\"\n" };
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("contact"))
        .map(|line| format!("{line}\n"))
        .collect();
    let text = text.replace("platform = ", &format!("{name}platform = "));
    Ok(json!({ "kind": "apply_configuration", "text": text }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_is_carried_out_and_taken_back_unnoticed() -> Result<()> {
    let Some(stage) = open().await? else { return Ok(()) };
    sell(&stage, 5).await;
    let run = begin(&stage, &restart()).await?;
    ends(&stage, &run, "done").await;
    let redeploy = json!({ "kind": "rolling_redeploy", "shop": SHOP });
    let run = begin(&stage, &redeploy).await?;
    ends(&stage, &run, "done").await;
    check_books(&stage, "restarted").await?;

    let before = ask(&stage, "GET", "/configuration", None).await?;
    let run = begin(&stage, &renamed(&stage).await?).await?;
    let done = ends(&stage, &run, "done").await;
    ensure!(done["difference"].as_str().is_some_and(|text| text.contains("+contact")), "{done:#}");
    let after = ask(&stage, "GET", "/configuration", None).await?;
    ensure!(after["text"] != before["text"], "the configuration was not changed");
    ask(&stage, "POST", &format!("{run}/undo"), Some(&json!({}))).await?;
    ends(&stage, &run, "undone").await;
    let back = ask(&stage, "GET", "/configuration", None).await?;
    ensure!(back["text"] == before["text"], "the configuration was not put back");

    let run = begin(&stage, &json!({ "kind": "clean_up" })).await?;
    ends(&stage, &run, "done").await;
    sell(&stage, 5).await;
    stage.customers().stop(GRACE).await;
    check_books(&stage, "at the end").await?;
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_outlives_every_death_of_control() -> Result<()> {
    let Some(stage) = open().await? else { return Ok(()) };
    for step in 0..4 {
        for point in POINTS {
            let pid = stage.instances()[0].presence().await;
            let moment = format!("{step}:{point}");
            let run = dying(&stage, &moment, async || begin(&stage, &restart()).await).await?;
            ends(&stage, &run, "done").await;
            ensure!(stage.instances()[0].presence().await != pid, "{moment}: not restarted");
        }
    }
    sell(&stage, 5).await;
    check_books(&stage, "restarted twelve times").await?;
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redeploy_outlives_deaths_of_control_inside_every_step_and_back() -> Result<()> {
    let Some(stage) = open().await? else { return Ok(()) };
    let redeploy = json!({ "kind": "rolling_redeploy", "shop": SHOP });
    for step in 0..8 {
        let moment = format!("{step}:after_effect");
        let run = dying(&stage, &moment, async || begin(&stage, &redeploy).await).await?;
        ends(&stage, &run, "done").await;
    }
    // Back: what was taken out and given back is taken out and given back once more.
    for step in [7, 4, 3, 0] {
        for point in POINTS {
            let run = begin(&stage, &redeploy).await?;
            ends(&stage, &run, "done").await;
            let moment = format!("{step}:{point}:undo");
            let undo = format!("{run}/undo");
            let back = async || {
                // Control may die of it before it answers.
                storewarden(&stage)?.api("POST", &undo).await.ok();
                Ok(run.clone())
            };
            dying(&stage, &moment, back).await?;
            ends(&stage, &run, "undone").await;
        }
    }
    sell(&stage, 5).await;
    check_books(&stage, "redeployed and back").await?;
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_and_a_clean_up_outlive_every_death_of_control() -> Result<()> {
    let Some(stage) = open().await? else { return Ok(()) };
    for point in POINTS {
        let wish = renamed(&stage).await?;
        let moment = format!("0:{point}");
        let run = dying(&stage, &moment, async || begin(&stage, &wish).await).await?;
        ends(&stage, &run, "done").await;
        let now = ask(&stage, "GET", "/configuration", None).await?;
        ensure!(now["text"] == wish["text"], "{moment}: another configuration is in force");
        let undo = format!("{run}/undo");
        let back = async || {
            storewarden(&stage)?.api("POST", &undo).await.ok();
            Ok(run.clone())
        };
        dying(&stage, &format!("{moment}:undo"), back).await?;
        ends(&stage, &run, "undone").await;
        let now = ask(&stage, "GET", "/configuration", None).await?;
        ensure!(now["text"] != wish["text"], "{moment}: the configuration was not put back");
        for step in 0..2 {
            let wish = json!({ "kind": "clean_up" });
            let moment = format!("{step}:{point}");
            let run = dying(&stage, &moment, async || begin(&stage, &wish).await).await?;
            ends(&stage, &run, "done").await;
        }
    }
    sell(&stage, 5).await;
    check_books(&stage, "configured and cleaned").await?;
    stage.shutdown(GRACE).await
}
