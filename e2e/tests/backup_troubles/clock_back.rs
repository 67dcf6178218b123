//! The machine's clock goes back: a little, and the backup says so; by a day, and none is made that
//! would look older than the one before. Nothing is forgotten for it, no drill is tried over and over,
//! and when the clock is right again the next backup comes by itself.

use super::{
    Clock, HOUR_S, PASSWORD, PICTURE_BYTES, SOON_S, await_standing, backup, bytes, faketime,
    is_told, is_well, restic, restic_checks,
};
use crate::warden::Warden;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use testkit::process::Spawn;

const BEHIND: &str = "clock_behind";
/// Within what clocks of machines differ.
const LITTLE_S: i64 = HOUR_S / 2;
const DAY_S: i64 = 26 * HOUR_S;
/// So long a sheet must not lie untried here, and some more.
const SHEET_S: i64 = 73 * HOUR_S;

fn newest(standing: &Value) -> &Value {
    &standing["newest"]["id"]
}

fn drills(standing: &Value) -> usize {
    standing["drills"].as_array().map_or(0, Vec::len)
}

async fn start(folder: &Path, clock: &Clock, faketime: &Path) -> Result<Warden> {
    let at = |name: &str| folder.join(name);
    fs::create_dir(at("media"))?;
    fs::write(at("media/a.jpg"), bytes(1, PICTURE_BYTES))?;
    fs::write(at("password"), PASSWORD)?;
    let shop = format!(
        "hosts = \"lamps.example\"\nmedia = {:?}\nbackup = {{ to = {:?}, password = \"${{file:{}}}\", \
         every = \"1h\", keep = {{ last = 3 }}, drill = \"1d\", drill_sheet = \"3d\", drill_in = {:?} }}\n",
        at("media"),
        at("repository"),
        at("password").display(),
        at("drills"),
    );
    Warden::start_in(clock.setting(faketime, &[]), &shop, "").await
}

async fn ids(warden: &Warden) -> Result<BTreeSet<String>> {
    let there = warden.get("/shops/lamps/backups").await?;
    let there = there["snapshots"].as_array().context("a list of backups")?;
    let id = |row: &Value| row["id"].as_str().map(str::to_owned).context("a backup has an id");
    there.iter().map(id).collect()
}

/// It is found when its time is over, and no more once somebody has opened the backups by it.
async fn a_sheet_that_nobody_tries_is_told(
    warden: &Warden,
    clock: &mut Clock,
    folder: &Path,
) -> Result<()> {
    let sheet: Value = serde_json::from_str(&backup(warden, &["sheet", "--json"]).await?)?;
    let phrase = sheet["phrase"].as_str().context("a sheet has a phrase")?;
    let is_told = |state: &Value| state["findings"].to_string().contains("sheet_untried");
    let state = warden.get("/shops/lamps").await?;
    ensure!(!is_told(&state), "a sheet of now is told: {state}");
    clock.turn(SHEET_S)?;
    warden.until("a sheet that nobody tried", "/shops/lamps", is_told).await;
    let file = folder.join("sheet.txt");
    fs::write(&file, phrase)?;
    let file = file.to_str().context("a path of letters")?;
    backup(warden, &["drill", "--sheet", file]).await?;
    warden.until("the sheet to be good", "/shops/lamps", |state: &Value| !is_told(state)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_goes_back_is_told_and_makes_no_backup_older_than_the_last() -> Result<()> {
    let Some(faketime) = faketime() else {
        println!("skipped: this machine has no faketime");
        return Ok(());
    };
    let folder = testkit::folder();
    let mut clock = Clock::at(folder.path().join("clock"))?;
    let mut warden = start(folder.path(), &clock, &faketime).await?;
    let is_tried = |standing: &Value| is_well(standing) && drills(standing) == 1;
    await_standing(&warden, "lamps", "a first backup and its drill", is_tried).await;

    clock.turn(-LITTLE_S)?;
    let has_jumped = |state: &Value| state["findings"].to_string().contains("clock_off");
    warden.until("control to see the clock", "/shops/lamps", has_jumped).await;
    backup(&warden, &["now"]).await?;
    // It is not known how old the last drill is, when it is of a time to come; one more tells.
    let is_tried = |standing: &Value| is_well(standing) && drills(standing) == 2;
    let little = await_standing(&warden, "lamps", "another drill", is_tried).await;
    let run = little["last_run"]["run"].as_str().context("it was a run")?;
    let log = warden.get(&format!("/runs/{run}/log")).await?.to_string();
    ensure!(log.contains("the clock is behind"), "not a word of the clock: {log}");

    clock.turn(LITTLE_S + DAY_S)?;
    let is_another = |standing: &Value| {
        is_well(standing) && newest(standing) != newest(&little) && drills(standing) == 3
    };
    let tomorrow =
        await_standing(&warden, "lamps", "tomorrow's backup and drill", is_another).await;
    let before = ids(&warden).await?;
    ensure!(before.len() == 3, "{before:?}");

    // By a day: no backup, and the page does not say that all is well.
    clock.turn(-DAY_S)?;
    let is_behind = |standing: &Value| is_told(standing, BEHIND) && standing["state"] == "failing";
    await_standing(&warden, "lamps", "a clock that went back", is_behind).await;
    let is_found = |state: &Value| state["findings"].to_string().contains(BEHIND);
    warden.until("the finding", "/shops/lamps", is_found).await;
    // One more drill, and that is enough.
    let is_tried = |standing: &Value| drills(standing) == 4 && standing["running"].is_null();
    let tried = await_standing(&warden, "lamps", "one more drill", is_tried).await;
    clock.turn(SOON_S)?;
    let failed_again = |standing: &Value| {
        is_told(standing, BEHIND) && standing["last_run"]["run"] != tried["last_run"]["run"]
    };
    let later = await_standing(&warden, "lamps", "another try", failed_again).await;
    ensure!(drills(&later) == 4, "it tries drill after drill");
    ensure!(newest(&later) == newest(&tomorrow), "one is newer than the newest");
    ensure!(ids(&warden).await? == before, "backups were lost, or made");

    clock.turn(DAY_S)?;
    let is_right = |standing: &Value| is_well(standing) && newest(standing) != newest(&tomorrow);
    let right = await_standing(&warden, "lamps", "a backup by the right clock", is_right).await;
    let (now, newest) = (ids(&warden).await?, newest(&right).as_str().context("it has an id")?);
    ensure!(now.len() == 3 && now.contains(newest), "{now:?}");
    ensure!(
        now.intersection(&before).count() == 2,
        "not the newest of {before:?} are kept: {now:?}"
    );
    a_sheet_that_nobody_tries_is_told(&warden, &mut clock, folder.path()).await?;
    warden.stop().await?;
    if let Some(restic) = restic() {
        let repository = folder.path().join("repository").display().to_string();
        restic_checks(Spawn::new(restic), &repository)?;
    }
    Ok(())
}
