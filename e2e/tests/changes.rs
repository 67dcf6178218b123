//! Changes under customers: every plan, and control killed at every moment of each, forwards and
//! back. Each run ends as it should, and no customer notices.

use crate::trade::{GRACE, LONG, check_books, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use demo::{
    customers::Trouble,
    stage::{SHOP, Stage, StageOptions, has_postgres},
};
use serde_json::{Value, json};
use testkit::wait_until;

/// Before an act, inside it (its effect is there, nothing of that is written down), after it.
const POINTS: [&str; 3] = ["after_intent", "after_effect", "after_record"];

/// Every moment of these steps, in their order: control dies at each of them, again and again.
fn every_moment(steps: impl IntoIterator<Item = usize>, undo: &str) -> String {
    let steps = steps.into_iter();
    let moments = steps.flat_map(|step| POINTS.map(|point| format!("{step}:{point}{undo}\n")));
    moments.collect()
}

async fn open() -> Result<Option<Stage>> {
    open_with("").await
}

async fn open_with(shop_settings: &str) -> Result<Option<Stage>> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(None);
    }
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        per_minute: 600,
        pace: 0.05,
        shop_settings: format!(
            "check = {{ interval = \"250ms\", timeout = \"500ms\" }}\n{shop_settings}"
        ),
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    all_well(&stage).await;
    Ok(Some(stage))
}

/// Waits until every instance is known to be well: before that, a plan leads nobody around one, for it
/// does not know that another serves.
pub(crate) async fn all_well(stage: &Stage) {
    wait_until("every instance to be well", LONG, async || {
        let shop = ask(stage, "GET", &format!("/shops/{SHOP}"), None).await;
        let shop = shop.map_err(|error| format!("{error:#}"))?;
        let instances = shop["instances"].as_array().cloned().unwrap_or_default();
        let is_well = |instance: &Value| {
            let (health, drained) = (&instance["health"], &instance["drained"]);
            (health == "up" || health == "slow_start") && drained.is_null()
        };
        let all = instances.len() > 1 && instances.iter().all(is_well);
        if all { Ok(()) } else { Err(shop["instances"].to_string()) }
    })
    .await;
}

/// Two releases, of which the first runs: what each does is the same.
struct Releases(tempfile::TempDir);

impl Releases {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for release in ["1", "2"] {
            std::fs::create_dir_all(folder.path().join("releases").join(release))?;
        }
        std::os::unix::fs::symlink("releases/1", folder.path().join("current"))?;
        Ok(Self(folder))
    }

    fn settings(&self) -> String {
        let folder = self.0.path().display();
        format!("deploy = {{ releases = \"{folder}/releases\", current = \"{folder}/current\" }}\n")
    }

    /// The one that runs.
    fn current(&self) -> Result<String> {
        let target = std::fs::read_link(self.0.path().join("current"))?;
        Ok(target.file_name().context("a link to a release")?.to_string_lossy().into_owned())
    }
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
    let before = newest_run(stage).await?;
    let run = match ask(stage, "POST", "/runs", Some(&body)).await {
        Ok(run) => run,
        // Control may die of it before it answers; what was begun stands in its store.
        Err(error) if error.is::<Trouble>() => another_run(stage, &before).await,
        Err(error) => return Err(error),
    };
    let path = format!("/runs/{}", run["id"].as_str().context("a run has an id")?);
    if run["state"] == "awaiting_approval" {
        // Control may die of it before it answers.
        storewarden(stage)?.api("POST", &format!("{path}/approve")).await.ok();
    }
    Ok(path)
}

async fn newest_run(stage: &Stage) -> Result<Value> {
    Ok(ask(stage, "GET", "/runs?limit=1", None).await?["runs"][0].clone())
}

/// The first run after this one, from a control that may be just starting.
async fn another_run(stage: &Stage, before: &Value) -> Value {
    let mut found = Value::Null;
    wait_until("the run that was begun", LONG, async || match newest_run(stage).await {
        Ok(run) if run["id"] != before["id"] => {
            found = run;
            Ok(())
        }
        other => Err(format!("{other:?}")),
    })
    .await;
    found
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

/// Does something that control dies of at this moment, or at several, a line each.
async fn dying(
    stage: &Stage,
    moment: &str,
    deed: impl AsyncFnOnce() -> Result<String>,
) -> Result<String> {
    let file = storewarden(stage)?.state_directory().join("die-at");
    std::fs::write(&file, moment)?;
    let path = deed().await?;
    wait_until("control to die", LONG, async || {
        let Ok(left) = std::fs::read_to_string(&file) else { return Ok(()) };
        let run = ask(stage, "GET", &path, None).await.map(|run| {
            let states = run["steps"].as_array().into_iter().flatten();
            let states: Vec<_> = states.map(|step| step["state"].clone()).collect();
            format!("{} {states:?} {}", run["state"], run["cause"])
        });
        Err((left, run.unwrap_or_else(|error| format!("{error:#}"))))
    })
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
    let all = json!({ "kind": "rolling_restart", "shop": SHOP });
    let run = begin(&stage, &all).await?;
    let done = ends(&stage, &run, "done").await;
    ensure!(!done["may"].to_string().contains("undo"), "a restart has nothing to take back");
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
    let pid = stage.instances()[0].presence().await;
    let moments = every_moment(0..4, "");
    let run = dying(&stage, &moments, async || begin(&stage, &restart()).await).await?;
    ends(&stage, &run, "done").await;
    ensure!(stage.instances()[0].presence().await != pid, "not restarted");
    sell(&stage, 5).await;
    check_books(&stage, "restarted through twelve deaths").await?;
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redeploy_outlives_every_death_of_control_forwards_and_back() -> Result<()> {
    let releases = Releases::new()?;
    let Some(stage) = open_with(&releases.settings()).await? else { return Ok(()) };
    let pids = async || {
        let mut pids = Vec::new();
        for instance in stage.instances() {
            pids.push(instance.presence().await);
        }
        pids
    };
    let first = pids().await;
    let redeploy = json!({ "kind": "rolling_redeploy", "shop": SHOP, "release": "2" });
    let moments = every_moment(0..8, "");
    let run = dying(&stage, &moments, async || begin(&stage, &redeploy).await).await?;
    ends(&stage, &run, "done").await;
    let second = pids().await;
    ensure!(first.iter().zip(&second).all(|(before, now)| before != now), "not restarted");
    ensure!(releases.current()? == "2", "the other release does not run");
    sell(&stage, 5).await;
    // Back: what was taken out and given back is taken out and given back once more. Waiting for an
    // instance has nothing to take back.
    let undo = format!("{run}/undo");
    let back = async || {
        // Control may die of it before it answers.
        storewarden(&stage)?.api("POST", &undo).await.ok();
        Ok(run.clone())
    };
    dying(&stage, &every_moment([7, 5, 4, 3, 1, 0], ":undo"), back).await?;
    ends(&stage, &run, "undone").await;
    let third = pids().await;
    ensure!(second.iter().zip(&third).all(|(before, now)| before != now), "not restarted back");
    ensure!(releases.current()? == "1", "the release before does not run");
    sell(&stage, 5).await;
    check_books(&stage, "redeployed and back").await?;
    stage.shutdown(GRACE).await
}

/// Has a second file included, and read as `systemctl reload` has it done. That is a run, with its
/// entry in the ledger.
async fn include_another(stage: &Stage) -> Result<()> {
    let file = storewarden(stage)?.configuration_file();
    // Its last line is not ended, and comes back so.
    let window = "[[plan.window]]\nname = \"night\"\nwhen = \"03:00-05:00\"";
    std::fs::write(file.with_file_name("more.toml"), window)?;
    let text = std::fs::read_to_string(file)?;
    let text = text.replace("version = 1\n", "version = 1\ninclude = [\"more.toml\"]\n");
    std::fs::write(file, &text)?;
    storewarden(stage)?.hang_up()?;
    wait_until("the run that takes the file over", LONG, async || {
        let runs = ask(stage, "GET", "/runs?limit=1", None).await.map_err(|e| format!("{e:#}"))?;
        let run = &runs["runs"][0];
        let is_it = run["kind"] == "apply_configuration" && run["actor"] == "command-line";
        if is_it && run["state"] == "done" { Ok(()) } else { Err(format!("{runs:#}")) }
    })
    .await;
    let ledger = ask(stage, "GET", "/ledger?kind=run_ended", None).await?;
    ensure!(ledger["records"].as_array().is_some_and(|all| !all.is_empty()), "{ledger:#}");
    Ok(())
}

/// What stands in both files.
fn files(stage: &Stage) -> Result<[String; 2]> {
    let file = storewarden(stage)?.configuration_file();
    Ok([std::fs::read_to_string(file)?, std::fs::read_to_string(file.with_file_name("more.toml"))?])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_and_a_clean_up_outlive_every_death_of_control() -> Result<()> {
    let Some(stage) = open().await? else { return Ok(()) };
    include_another(&stage).await?;
    let before = files(&stage)?;
    for point in POINTS {
        let mut wish = renamed(&stage).await?;
        let text = wish["text"].as_str().context("a text")?.replace("03:00", "04:00");
        wish["text"] = text.into();
        let moment = format!("0:{point}");
        let run = dying(&stage, &moment, async || begin(&stage, &wish).await).await?;
        ends(&stage, &run, "done").await;
        let now = ask(&stage, "GET", "/configuration", None).await?;
        ensure!(now["text"] == wish["text"], "{moment}: another configuration is in force");
        let after = files(&stage)?;
        ensure!(after[0] != before[0] && after[1] != before[1], "{moment}: not both are changed");
        let undo = format!("{run}/undo");
        let back = async || {
            storewarden(&stage)?.api("POST", &undo).await.ok();
            Ok(run.clone())
        };
        dying(&stage, &format!("{moment}:undo"), back).await?;
        ends(&stage, &run, "undone").await;
        ensure!(files(&stage)? == before, "{moment}: not every byte was put back");
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
