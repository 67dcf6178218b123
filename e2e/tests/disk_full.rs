//! A full disk under the state directory: shop traffic goes on, even while the configuration is
//! reloaded, the edge replaced and control killed; the interface says what is wrong; and with room
//! everything is as before.
//!
//! The play runs in a process of its own, with a small file system that only it sees.

use crate::{
    changes::{all_well, ask, begin, restart},
    trade::{GRACE, LONG, another_edge, check_books, kill_control, program, sell, storewarden},
};
use anyhow::{Context, Result, ensure};
use demo::stage::{SHOP, Stage, StageOptions, Storewarden};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use testkit::{
    process::{Spawn, run_to_end},
    wait_until,
};

const TEST: &str = "disk_full::shop_traffic_goes_on_while_our_disk_is_full";
/// Mounts a file system of the size `$1` at `$2`, and becomes what follows.
const ON_A_SMALL_DISK: &str =
    r#"mount -t tmpfs -o "size=$1,mode=0711" tmpfs "$2" && shift 2 && exec "$@""#;
const RELOADS: usize = 20;
/// Of the whole play; each of its waits is shorter.
const PLAY: Duration = Duration::from_secs(500);

/// A command that runs with a mount table of its own.
fn alone(script: &str) -> Spawn {
    Spawn::new("unshare").args(["--mount", "sh", "-c", script, "sh"])
}

/// A command line to be put before that of this test program, by which it sees a small disk at a place;
/// `None`, and said so: this machine lets us mount nothing.
pub(crate) fn on_a_disk_of(size: &str, place: &Path) -> Option<Spawn> {
    let limit = Duration::from_secs(60);
    if !testkit::is_root() || run_to_end(alone("mount -t tmpfs tmpfs /tmp"), limit).is_err() {
        // Root of a user namespace may mount, but cannot become the database's user.
        println!("skipped: this machine lets us mount nothing");
        return None;
    }
    Some(alone(ON_A_SMALL_DISK).arg(size).arg(place).arg(testkit::program()))
}

#[tokio::test(flavor = "multi_thread")]
async fn shop_traffic_goes_on_while_our_disk_is_full() -> Result<()> {
    if let Some(folder) = testkit::role() {
        return play(Path::new(&folder)).await;
    }
    let folder = testkit::folder();
    let disk = folder.path().join("state");
    fs::create_dir(&disk)?;
    let Some(wrapper) = on_a_disk_of("16m", &disk) else { return Ok(()) };
    let role = folder.path().to_str().context("a path of letters")?;
    let play = testkit::this_test_below(wrapper, TEST, role);
    let output = tokio::task::spawn_blocking(move || run_to_end(play, PLAY)).await??;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

async fn play(folder: &Path) -> Result<()> {
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        directory: Some(folder.to_owned()),
        per_minute: 1200,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    let storewarden = storewarden(&stage)?;
    let log = keep_the_log_there(storewarden).await?;
    sell(&stage, 5).await;
    all_well(&stage).await;
    let run = begin(&stage, &restart()).await?;
    let ballast = fill(storewarden.state_dir())?;
    sell(&stage, 5).await;
    for _ in 0..RELOADS {
        storewarden.reload().await?;
    }
    let told = ["store_read_only", "access_log_lossy", "disk_nearly_full"];
    findings(storewarden, "the findings of a full disk", |all| {
        told.iter().all(|code| all.contains(code))
    })
    .await;
    let before = storewarden.pid("edge")?;
    storewarden.replace_edge()?;
    another_edge(storewarden, before).await;
    sell(&stage, 5).await;
    kill_control(&stage).await?;
    findings(storewarden, "the findings of a full disk, from a new control", |all| {
        told.iter().all(|code| all.contains(code))
    })
    .await;
    sell(&stage, 5).await;
    check_books(&stage, "while the disk was full").await?;

    fs::remove_file(ballast)?;
    // What could not be written down meanwhile is gone on with, or taken back.
    wait_until("the run to come to rest", LONG, async || {
        let run = ask(&stage, "GET", &run, None).await.map_err(|error| format!("{error:#}"))?;
        let is_over = ["done", "undone", "failed"].iter().any(|state| run["state"] == *state);
        if is_over { Ok(()) } else { Err(format!("{run:#}")) }
    })
    .await;
    all_well(&stage).await;
    let length = log.metadata()?.len();
    findings(storewarden, "a shop without findings", |all| {
        told.iter().all(|code| !all.contains(code))
    })
    .await;
    ensure!(log.metadata()?.len() > length, "the access log is written again");
    let version = number_after(&state(storewarden).await?, "\"snapshot_version\":")?;
    let saved = fs::read_to_string(storewarden.state_dir().join("edge/snapshot.json"))?;
    ensure!(number_after(&saved, "\"version\":")? == version, "the newest snapshot is on disk");
    stage.customers().stop(GRACE).await;
    check_books(&stage, "at the end").await?;
    stage.shutdown(GRACE).await
}

/// Has the access log written to the state directory's disk, by a change of the configuration.
async fn keep_the_log_there(storewarden: &Storewarden) -> Result<PathBuf> {
    let log = storewarden.state_dir().join("access.log");
    let file = storewarden.configuration_file();
    let written = fs::read_to_string(file)?;
    let mut lines: Vec<&str> = written.lines().collect();
    let setting = format!("access_log = \"{}\"", log.display());
    let there = lines.iter_mut().find(|line| line.starts_with("access_log"));
    *there.context("the stage has an access log")? = &setting;
    fs::write(file, lines.join("\n"))?;
    let before = storewarden.pid("edge")?;
    storewarden.reload().await?;
    another_edge(storewarden, before).await;
    Ok(log)
}

/// Fills the disk to its last byte; the file is what to remove to make room.
pub(crate) fn fill(disk: &Path) -> Result<PathBuf> {
    let path = disk.join("ballast");
    let mut file = File::create(&path)?;
    for piece in [64 * 1024, 4096, 1] {
        let piece = vec![0; piece];
        loop {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error).context("fill the disk"),
            }
        }
    }
    Ok(path)
}

async fn state(storewarden: &Storewarden) -> Result<String> {
    let answer = storewarden.api("GET", &format!("/shops/{SHOP}")).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(answer.text().to_owned())
}

/// Waits until what the shop's page shows as findings is as it should be.
async fn findings(storewarden: &Storewarden, what: &str, are: impl Fn(&str) -> bool) {
    wait_until(what, LONG, async || {
        let state = state(storewarden).await?;
        let all = state.split("\"findings\":").nth(1).context("a shop has findings")?;
        let all = all.split("\"orders\":").next().unwrap_or(all);
        if are(all) { Ok(()) } else { Err(anyhow::anyhow!("{all}")) }
    })
    .await;
}

fn number_after(text: &str, name: &str) -> Result<u64> {
    let rest = text.split(name).nth(1).with_context(|| format!("find {name}"))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}
