//! Backups of a shop that sells: taken, killed, read by restic, restored, and found damaged.

use crate::trade::{GRACE, LONG, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use demo::stage::{Stage, StageOptions};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use testkit::{
    process::{Output, Signal, Spawn, by_command, run_to_end, signal},
    wait_until,
};

const PROGRAM: &str = "storewarden";
const PASSWORD: &str = "of the paper in the drawer";
/// Few enough bytes a second that a worker can be met at its work.
const SETTINGS: &str = "every = \"1h\", bandwidth = \"4MiB\", memory = \"512MiB\", drill = \"30d\"";
const FILES: u8 = 12;
const FILE_BYTES: usize = 200_000;
const MORE_BYTES: usize = 4_000_000;

struct Play {
    stage: Stage,
    media: PathBuf,
    repository: PathBuf,
    /// Goes last.
    _folder: tempfile::TempDir,
}

/// Bytes that nothing compresses, another row for each seed.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}

fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        found.insert(path.clone(), fs::read(path)?);
    }
    Ok(found)
}

impl Play {
    async fn begin() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (media, repository) = (folder.path().join("media"), folder.path().join("repository"));
        fs::create_dir(&media)?;
        for seed in 0..FILES {
            let path = media.join(format!("{seed}.jpg"));
            fs::write(path, bytes(seed.into(), FILE_BYTES))?;
        }
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        let backup = format!(
            "media = {media:?}\nbackup = {{ to = {repository:?}, password = \"${{file:{}}}\", {SETTINGS} }}\n",
            password.display()
        );
        let options = StageOptions {
            storewarden: Some(program(PROGRAM)?),
            shop_settings: backup,
            per_minute: 300,
            pace: 0.05,
            ..StageOptions::new(program("demo")?)
        };
        let stage = Stage::start(options).await?;
        Ok(Self { stage, media, repository, _folder: folder })
    }

    /// Runs the command line beside the play.
    async fn backup(&self, arguments: &[&str]) -> Result<Result<Output, String>> {
        let state = storewarden(&self.stage)?.state_dir().to_owned();
        let spawn = Spawn::new(program(PROGRAM)?).arg("backup").args(arguments);
        let spawn = spawn.arg("--state").arg(state);
        let run = move || run_to_end(spawn, LONG).map_err(|error| error.to_string());
        Ok(tokio::task::spawn_blocking(run).await?)
    }

    async fn standing(&self) -> Result<Value> {
        let answer = storewarden(&self.stage)?.api("GET", "/backups").await?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(serde_json::from_slice::<Value>(&answer.body)?["shops"][0].clone())
    }

    async fn await_standing(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait_until(what, LONG, async || match self.standing().await {
            Ok(standing) if holds(&standing) => Ok(standing),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// The worker that takes a backup, and no other play's.
    async fn worker(&self) -> Result<u32> {
        let takes = |words: &[String]| words.iter().any(|word| word == "back_up");
        let state = storewarden(&self.stage)?.state_dir().display().to_string();
        let is_ours = |pid: u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&state)
        };
        let found = wait_until("a worker", LONG, async || match by_command(PROGRAM, takes) {
            Ok(Some(found)) if is_ours(found.identity.pid) => Ok(found.identity.pid),
            other => Err(format!("{other:?}")),
        });
        Ok(found.await)
    }

    fn restic(&self, password: &str, arguments: &[&str]) -> Result<Option<String>> {
        if !Path::new("/usr/bin/restic").exists() {
            println!("skipped: restic is not installed");
            return Ok(None);
        }
        let spawn = Spawn::new("/usr/bin/restic").arg("--no-cache").arg("-r").arg(&self.repository);
        let output = run_to_end(spawn.args(arguments).env("RESTIC_PASSWORD", password), LONG)?;
        Ok(Some(String::from_utf8(output.stdout)?))
    }
}

fn snapshots(standing: &Value) -> u64 {
    standing["places"][0]["snapshots"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_backed_up_killed_restored_and_damage_is_named() -> Result<()> {
    let play = Play::begin().await?;
    // The first one begins by itself.
    let first = play.await_standing("a first backup", |standing| standing["state"] == "ok").await;
    let tables = &first["newest"]["databases"][0]["tables"];
    ensure!(tables.as_u64().is_some_and(|tables| tables > 0), "no database: {first}");
    sell(&play.stage, 3).await;

    // The worker is killed, and the run goes on all the same.
    fs::write(play.media.join("new-1.jpg"), bytes(1_000, MORE_BYTES))?;
    let before = snapshots(&play.standing().await?);
    play.backup(&["now", "--detach"]).await?.map_err(anyhow::Error::msg)?;
    let worker = play.worker().await?;
    signal(worker, Signal::Kill)?;
    let is_more =
        move |standing: &Value| snapshots(standing) > before && standing["running"].is_null();
    play.await_standing("a backup past a killed worker", is_more).await;

    // Control and worker are killed.
    fs::write(play.media.join("new-2.jpg"), bytes(2_000, MORE_BYTES))?;
    let before = snapshots(&play.standing().await?);
    play.backup(&["now", "--detach"]).await?.map_err(anyhow::Error::msg)?;
    let worker = play.worker().await?;
    storewarden(&play.stage)?.kill_control()?;
    // One that has heard of it already is gone.
    signal(worker, Signal::Kill).ok();
    let is_more =
        move |standing: &Value| snapshots(standing) > before && standing["running"].is_null();
    let standing = play.await_standing("a backup past a killed control", is_more).await;
    ensure!(snapshots(&standing) == before + 1, "one run, one backup: {standing}");

    if let Some(listed) = play.restic(PASSWORD, &["snapshots", "--json"])? {
        let listed: Vec<Value> = serde_json::from_str(&listed)?;
        ensure!(listed.len() as u64 == snapshots(&standing), "restic lists {listed:?}");
        // A drill may be reading meanwhile, and restic wants to be alone; nothing is deleted yet.
        play.restic(PASSWORD, &["check", "--read-data", "--no-lock"])?;
    }

    // The phrase of a recovery sheet opens it too, and stands nowhere else.
    let sheet = play.backup(&["sheet", "--json"]).await?.map_err(anyhow::Error::msg)?;
    let sheet: Value = serde_json::from_slice(&sheet.stdout)?;
    let phrase = sheet["phrase"].as_str().context("a sheet has a phrase")?;
    if let Some(listed) = play.restic(phrase, &["snapshots", "--json"])? {
        let listed: Vec<Value> = serde_json::from_str(&listed)?;
        ensure!(listed.len() as u64 == snapshots(&standing), "by the sheet: {listed:?}");
    }
    let ledger = storewarden(&play.stage)?.api("GET", "/ledger?kind=recovery_sheet_made").await?;
    let said = ledger.text();
    ensure!(said.contains("recovery_sheet_made") && !said.contains(phrase), "{said}");

    // All pictures are gone, and come back byte for byte.
    let wanted = contents(&play.media)?;
    fs::remove_dir_all(&play.media)?;
    let media = play.media.display().to_string();
    let restored = play.backup(&["restore", "--path", &media, "--to", &media, "--yes"]).await?;
    restored.map_err(anyhow::Error::msg)?;
    ensure!(contents(&play.media)? == wanted, "pictures are not as they were");

    // One bit in what no table of the repository covers.
    flip(&play.repository)?;
    let verified = play.backup(&["verify", "--all"]).await?;
    let said = verified.err().context("nobody has noticed the damage")?;
    ensure!(said.contains("damaged") && said.contains(".jpg"), "it names no file: {said}");
    let standing = play.standing().await?;
    ensure!(standing["places"][0]["damaged"].as_u64() > Some(0), "{standing}");
    play.stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_started_from_its_backup_or_says_what_it_lacks() -> Result<()> {
    let options = StageOptions {
        storewarden: Some(program(PROGRAM)?),
        backs_up: true,
        per_minute: 300,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    let (media, _) = stage.pictures();
    let play = Play { stage, media, repository: PathBuf::new(), _folder: tempfile::tempdir()? };
    // The first drill follows the first backup by itself.
    let is_tried = |standing: &Value| !standing["drills"][0].is_null();
    let standing = play.await_standing("a first drill", is_tried).await;
    let booted = boot_of(&standing)?;
    ensure!(booted["code"] == "boot_answers" && booted["outcome"] == "passed", "{standing}");
    ensure!(standing["drills"][0]["verdict"] == "good", "{standing}");

    // The backup lacks a picture that the shop must have.
    let gone = fs::read_dir(&play.media)?.next().context("a picture")??;
    fs::remove_file(gone.path())?;
    play.backup(&["now"]).await?.map_err(anyhow::Error::msg)?;
    let drilled = play.backup(&["drill"]).await?;
    let said = drilled.err().context("nobody has noticed that the shop does not start")?;
    let name = gone.file_name().to_string_lossy().into_owned();
    ensure!(said.contains("boot ended") && said.contains(&name), "{said}");
    let standing = play.standing().await?;
    let booted = boot_of(&standing)?;
    ensure!(booted["outcome"] == "failed", "{standing}");
    ensure!(booted["params"]["said"].as_str().is_some_and(|said| said.contains(&name)), "{booted}");
    ensure!(standing["drills"][0]["verdict"] == "broken", "{standing}");
    play.stage.shutdown(GRACE).await
}

fn boot_of(standing: &Value) -> Result<Value> {
    let checks = standing["drills"][0]["checks"].as_array().context("a drill has checks")?;
    let found = checks.iter().find(|check| check["check"] == "boot");
    found.cloned().with_context(|| format!("no boot among {checks:?}"))
}

/// The longest pack has contents of files in it.
fn flip(repository: &Path) -> Result<()> {
    let mut packs = Vec::new();
    for folder in fs::read_dir(repository.join("data"))? {
        for pack in fs::read_dir(folder?.path())? {
            let pack = pack?;
            packs.push((pack.metadata()?.len(), pack.path()));
        }
    }
    let (length, pack) = packs.into_iter().max().context("a repository has packs")?;
    let mut bytes = fs::read(&pack)?;
    let middle = usize::try_from(length / 2)?;
    bytes[middle] ^= 1;
    let mut permissions = fs::metadata(&pack)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&pack, permissions)?;
    Ok(fs::write(&pack, bytes)?)
}
