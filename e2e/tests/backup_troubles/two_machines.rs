//! Two machines with the same shop back it up into one repository, which neither of them has made yet,
//! at the same moments; what is kept no longer goes, and room is freed, by both.

use super::{
    Clock, HOUR_S, PASSWORD, PICTURE_BYTES, await_standing, backup, bytes, faketime, is_well,
    restic, restic_checks, standing,
};
use crate::{trade::LONG, warden::Warden};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use testkit::{process::Spawn, wait_until};
use tokio::join;

/// Of one another as two machines are; only root may name a machine.
const NAMED: [&str; 6] =
    ["unshare", "--uts", "sh", "-c", "hostname elsewhere && exec \"$@\"", "sh"];
const DAYS: u64 = 2;
const DAY_S: i64 = 26 * HOUR_S;
const KEPT_MS: i64 = 48 * HOUR_S * 1000;
/// After a failure the next try has come by then.
const AGAIN_S: i64 = 120;

/// One of the two.
struct Machine {
    warden: Warden,
    clock: Clock,
}

impl Machine {
    async fn start(folder: &Path, name: &str, wrapper: &[&str], faketime: &Path) -> Result<Self> {
        let at = |name: &str| folder.join(name);
        let clock = Clock::at(at(name))?;
        let shop = format!(
            "hosts = \"lamps.example\"\nmedia = {:?}\nbackup = {{ to = {:?}, password = \"${{file:{}}}\", \
             every = \"1d\", keep = \"2d\", drill = \"365d\", drill_in = {:?} }}\n",
            at("media"),
            at("repository"),
            at("password").display(),
            at(&format!("{name}-drills")),
        );
        let warden = Warden::start_in(clock.setting(faketime, wrapper), &shop, "").await?;
        Ok(Self { warden, clock })
    }

    /// Waits until there is a backup that is no older, by whomever; its own that was held up by the other
    /// one's lock comes when the next try is due, and that is at once.
    async fn is_backed_up(&mut self, since_ms: i64) -> Result<()> {
        let (warden, clock) = (&self.warden, &mut self.clock);
        let mut seen = Value::Null;
        wait_until("another backup", LONG, async || {
            let standing = standing(warden, "lamps").await.map_err(|error| error.to_string())?;
            if is_well(&standing) && newest_ms(&standing) > since_ms {
                return Ok(());
            }
            let last = &standing["last_run"];
            let is_locked = last["trouble"]["code"] == "repository_locked";
            if is_locked && standing["running"].is_null() && last["run"] != seen {
                seen = last["run"].clone();
                clock.turn(AGAIN_S).map_err(|error| error.to_string())?;
            }
            Err(format!("{standing:#}"))
        })
        .await;
        Ok(())
    }

    /// When each backup was made that it knows of, by its id.
    async fn backups(&self) -> Result<BTreeMap<String, i64>> {
        let there = self.warden.get("/shops/lamps/backups").await?;
        let there = there["snapshots"].as_array().context("a list of backups")?;
        let one = |row: &Value| Some((row["id"].as_str()?.to_owned(), row["at_ms"].as_i64()?));
        there.iter().map(|row| one(row).context("a backup has an id and a time")).collect()
    }
}

fn newest_ms(standing: &Value) -> i64 {
    standing["newest"]["at_ms"].as_i64().unwrap_or_default()
}

/// The pictures of a day: one is new, and the one of the day before is gone.
fn change(media: &Path, day: u64) -> Result<()> {
    fs::write(media.join(format!("{day}.jpg")), bytes(day, PICTURE_BYTES))?;
    if let Some(before) = day.checked_sub(1) {
        fs::remove_file(media.join(format!("{before}.jpg")))?;
    }
    Ok(())
}

fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        found.insert(path.file_name().context("a file has a name")?.into(), fs::read(&path)?);
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_machines_share_a_repository_and_nothing_is_lost() -> Result<()> {
    let Some(faketime) = faketime() else {
        println!("skipped: this machine has no faketime");
        return Ok(());
    };
    let folder = testkit::folder();
    let folder = folder.path();
    let media = folder.join("media");
    fs::create_dir(&media)?;
    fs::write(media.join("always.jpg"), bytes(1_000, PICTURE_BYTES))?;
    change(&media, 0)?;
    fs::write(folder.join("password"), PASSWORD)?;
    let wrapper: &[&str] = if testkit::is_root() { &NAMED } else { &[] };
    let (one, other) = join!(
        Machine::start(folder, "here", &[], &faketime),
        Machine::start(folder, "elsewhere", wrapper, &faketime)
    );
    let (mut one, mut other) = (one?, other?);
    let (first, second) = join!(one.is_backed_up(0), other.is_backed_up(0));
    first.and(second)?;
    // Both at once, and somebody waits for each.
    let (first, second) = join!(backup(&one.warden, &["now"]), backup(&other.warden, &["now"]));
    first.and(second)?;

    let mut seen = BTreeMap::new();
    for day in 1..=DAYS {
        let before = await_standing(&one.warden, "lamps", "rest", is_well).await;
        seen.extend(one.backups().await?);
        change(&media, day)?;
        one.clock.turn(DAY_S)?;
        other.clock.turn(DAY_S)?;
        let since_ms = newest_ms(&before) + HOUR_S * 1000;
        let (first, second) = join!(one.is_backed_up(since_ms), other.is_backed_up(since_ms));
        first.and(second)?;
    }
    is_whole(folder, &one, &other, seen).await?;
    other.warden.stop().await?;
    one.warden.stop().await
}

/// What is to be kept is there, for both, and for another program; what is not is gone.
async fn is_whole(
    folder: &Path,
    one: &Machine,
    other: &Machine,
    mut seen: BTreeMap<String, i64>,
) -> Result<()> {
    for machine in [one, other] {
        await_standing(&machine.warden, "lamps", "rest", is_well).await;
    }
    backup(&other.warden, &["verify", "--all"]).await?;
    let there = one.backups().await?;
    seen.extend(there.clone());
    let newest_ms = seen.values().max().copied().context("there are backups")?;
    seen.retain(|_, at_ms| *at_ms >= newest_ms - KEPT_MS);
    ensure!(there == seen, "kept is {there:?}, and should be {seen:?}");
    println!("{} backups of two machines are kept", there.len());
    if let Some(restic) = restic() {
        restic_checks(Spawn::new(restic), &folder.join("repository").display().to_string())?;
    }
    let back = folder.join("back");
    let (media, to) = (folder.join("media"), back.display().to_string());
    let path = media.display().to_string();
    backup(&other.warden, &["restore", "--path", &path, "--to", &to, "--yes"]).await?;
    ensure!(contents(&back)? == contents(&media)?, "the newest is not as it was");
    Ok(())
}
