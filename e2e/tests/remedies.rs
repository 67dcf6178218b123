//! Remedies under customers: an instance that hangs is found and restarted without anybody, one
//! that cannot be restarted and one that hangs too often are left to people. And without customers: our
//! old records go when the disk fills, and people are asked when that frees nothing.

use crate::{
    disk_full::on_a_disk_of,
    trade::{GRACE, LONG, check_books, program, sell, storewarden},
    warden::Warden,
};
use anyhow::{Context, Result, ensure};
use demo::stage::{Presence, SHOP, Stage, StageOptions};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};
use testkit::{
    process::{Signal, Spawn, run_to_end, signal},
    wait_until,
};

const SHOP_SETTINGS: &str = r#"
check = { interval = "250ms", timeout = "500ms" }
slow_start = "500ms"
"#;
const SETTINGS: &str = r#"
[[rule]]
on = "instance_hung"
for = "1s"
keep = "2s"

[[rule]]
on = "instance_down"
for = "1s"
keep = "2s"

[[remedy]]
on = "instance_hung"
do = "restart_instance"
at_most = "2 in 1h"
verify = "1m"
"#;

const FREE_DISK: &str = r#"
[[rule]]
on = "disk_nearly_full"
for = "0s"
keep = "0s"

[[remedy]]
on = "disk_nearly_full"
do = "free_disk"
verify = "10s"
"#;
const ON_A_DISK: &str = "remedies::old_records_go_when_the_disk_fills_and_else_people_are_asked";
const DISK: &str = "128m";
/// A disk is nearly full with less than a twentieth left, and is not with more than a fourteenth.
const LEFT_BYTES: u64 = 5 << 20;
const OLD_BYTES: u64 = 12 << 20;

async fn open() -> Result<Stage> {
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        per_minute: 600,
        pace: 0.05,
        edge_settings: "drain = \"1s\"".to_owned(),
        shop_settings: SHOP_SETTINGS.to_owned(),
        more_settings: SETTINGS.to_owned(),
        ..StageOptions::new(program("demo")?)
    };
    Stage::start(options).await
}

async fn get(stage: &Stage, path: &str) -> Result<Value> {
    let answer = storewarden(stage)?.api("GET", path).await?;
    ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, answer.text());
    Ok(serde_json::from_slice(&answer.body)?)
}

/// Waits until an answer is as wanted.
async fn until(stage: &Stage, what: &str, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    wait_until(what, LONG, async || match get(stage, path).await {
        Ok(answer) if is(&answer) => Ok(answer),
        Ok(answer) => Err(format!("{answer:#}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await
}

/// Stops an instance's process where it stands, as one that waits for ever; its pid.
async fn hang(stage: &Stage, index: usize) -> Result<u32> {
    let Presence::Running { pid } = stage.instances()[index].presence().await else {
        anyhow::bail!("app-{} does not run", index + 1);
    };
    signal(pid, Signal::Stop)?;
    Ok(pid)
}

fn entries<'a>(incident: &'a Value, kind: &str) -> Vec<&'a Value> {
    let timeline = incident["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    timeline.iter().filter(|entry| entry["kind"] == kind).collect()
}

/// Waits until the newest incident has so many entries of a kind.
async fn timeline(stage: &Stage, kind: &str, count: usize) -> Result<Value> {
    let is_there = |page: &Value| page["incidents"][0]["id"].is_i64();
    let page = until(stage, "an incident", "/incidents", is_there).await;
    let path = format!("/incidents/{}", page["incidents"][0]["id"]);
    let has = |incident: &Value| entries(incident, kind).len() >= count;
    Ok(until(stage, kind, &path, has).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_restarted_by_itself_as_often_as_it_may() -> Result<()> {
    let stage = open().await?;
    sell(&stage, 5).await;

    // Found, restarted, well again, over: and nobody did anything.
    let pid = hang(&stage, 0).await?;
    let over = timeline(&stage, "resolved", 1).await?;
    let ended = entries(&over, "remedy_ended");
    let run = ended.first().context("the remedy ended")?["params"]["run"].clone();
    let run = run.as_str().with_context(|| format!("the run is named: {over:#}"))?;
    ensure!(entries(&over, "remedy_runs")[0]["params"]["run"] == run, "{over:#}");
    let run = get(&stage, &format!("/runs/{run}")).await?;
    ensure!(run["state"] == "done" && run["actor"] == "storewarden", "{run:#}");
    let Presence::Running { pid: now } = stage.instances()[0].presence().await else {
        anyhow::bail!("app-1 does not run after its restart");
    };
    ensure!(now != pid, "app-1 was not restarted");
    let ledger = get(&stage, "/ledger").await?.to_string();
    for kind in ["remedy_started", "run_started", "run_ended", "remedy_ended"] {
        ensure!(ledger.contains(&format!("\"{kind}\"")), "{kind} is not in the ledger");
    }
    sell(&stage, 5).await;
    check_books(&stage, "restarted by itself").await?;

    // One that cannot be started again is a person's: its program is gone.
    let file = storewarden(&stage)?.configuration_file();
    let text = fs::read_to_string(file)?;
    let (before, second) = text.split_once("name = \"app-2\"").context("there is app-2")?;
    let broken = second.replacen("command = [\"", "command = [\"/nowhere", 1);
    fs::write(file, format!("{before}name = \"app-2\"{broken}"))?;
    storewarden(&stage)?.reload().await?;
    hang(&stage, 1).await?;
    let failed = timeline(&stage, "remedy_failed", 1).await?;
    ensure!(!entries(&failed, "escalated").is_empty(), "nobody was asked: {failed:#}");
    let error = &entries(&failed, "remedy_failed")[0]["params"]["error"];
    ensure!(error.as_str().is_some_and(|why| !why.is_empty()), "{failed:#}");
    fs::write(file, text)?;
    storewarden(&stage)?.reload().await?;
    // What was wanted last of it is that it runs.
    let path = format!("/shops/{SHOP}");
    let is_up = |shop: &Value| shop["instances"][1]["health"] == "up";
    until(&stage, "app-2 to be up", &path, is_up).await;

    // As often as it may be in an hour, and not once more.
    let pid = hang(&stage, 0).await?;
    let limited = timeline(&stage, "remedy_limited", 1).await?;
    ensure!(entries(&limited, "remedy_started").len() <= 2, "{limited:#}");
    // A person ends it, and its keeper starts it again.
    signal(pid, Signal::Kill)?;
    stage.customers().stop(GRACE).await;
    check_books(&stage, "at the end").await?;
    let runs = get(&stage, &format!("/runs?shop={SHOP}")).await?;
    let all = runs["runs"].as_array().context("runs are listed")?;
    ensure!(all.len() == 2, "restarted twice and no more: {runs:#}");
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn old_records_go_when_the_disk_fills_and_else_people_are_asked() -> Result<()> {
    if testkit::role().is_some() {
        return on_a_small_disk().await;
    }
    let folder = testkit::folder();
    let Some(wrapper) = on_a_disk_of(DISK, folder.path()) else { return Ok(()) };
    // Temporary folders of the play are on that disk.
    let play = testkit::this_test_below(wrapper, ON_A_DISK, "play").env("TMPDIR", folder.path());
    let output = tokio::task::spawn_blocking(move || run_to_end(play, 2 * LONG)).await??;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

async fn on_a_small_disk() -> Result<()> {
    let mut warden = Warden::start("hosts = [\"shop.test\"]", FREE_DISK).await?;
    let old = warden.path("state/runs/of-last-spring.log");
    grow(&old, OLD_BYTES)?;
    File::options()
        .append(true)
        .open(&old)?
        .set_modified(SystemTime::now() - Duration::from_secs(100 * 24 * 60 * 60))?;

    // What fills it is not ours; what makes room is.
    fill(&warden.path("pictures"))?;
    let over = incident_with(&warden, "resolved").await;
    ensure!(!old.exists(), "the old log is there: {over:#}");
    let ended = entries(&over, "remedy_ended");
    let run = ended.first().context("the remedy ended")?["params"]["run"].clone();
    let run = warden.get(&format!("/runs/{}", run.as_str().context("the run is named")?)).await?;
    ensure!(run["state"] == "done" && run["kind"] == "clean_up", "{run:#}");

    // There is nothing left of ours to be removed.
    fill(&warden.path("films"))?;
    let failed = incident_with(&warden, "remedy_failed").await;
    ensure!(!entries(&failed, "escalated").is_empty(), "nobody was asked: {failed:#}");
    let why = &entries(&failed, "remedy_failed")[0]["params"]["error"];
    ensure!(why == "still_there", "{failed:#}");
    let ledger = warden.get("/ledger").await?.to_string();
    for kind in ["remedy_started", "run_started", "run_ended", "remedy_ended", "remedy_failed"] {
        ensure!(ledger.contains(&format!("\"{kind}\"")), "{kind} is not in the ledger");
    }
    warden.stop().await
}

/// Waits until the newest incident is of a disk and has an entry of this kind.
async fn incident_with(warden: &Warden, kind: &str) -> Value {
    let newest = async || -> Result<Value> {
        let page = warden.get("/incidents").await?;
        let incident = &page["incidents"][0];
        ensure!(incident["cause"] == "disk", "{page:#}");
        warden.get(&format!("/incidents/{}", incident["id"])).await
    };
    wait_until(kind, LONG, async || match newest().await {
        Ok(incident) if !entries(&incident, kind).is_empty() => Ok(incident),
        Ok(incident) => Err(format!("{incident:#}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await
}

/// Writes a file until its disk is nearly full.
fn fill(path: &Path) -> Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    let free = Spawn::new("df").args(["--output=avail", "--block-size=1"]).arg(folder);
    let said = String::from_utf8(run_to_end(free, LONG)?.stdout)?;
    let free: u64 = said.lines().last().context("df says how much is free")?.trim().parse()?;
    grow(path, free.saturating_sub(LEFT_BYTES))
}

/// Real bytes: a file with holes fills nothing.
fn grow(path: &Path, bytes: u64) -> Result<()> {
    Ok(fs::write(path, vec![0; usize::try_from(bytes)?])?)
}
