//! A recovery sheet that is tried before it is needed, and a folder of a backup that is too long for one
//! page.

use crate::{
    trade::{LONG, program},
    warden::Warden,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{fs, path::Path};
use testkit::process::{Spawn, run_to_end};

/// With three folders beside them three more than one answer tells.
const FILES: usize = 5_000;
const FOLDERS: [&str; 3] = ["a-day", "m-day", "z-day"];

fn fill(media: &Path) -> Result<()> {
    fs::create_dir(media)?;
    for name in FOLDERS {
        fs::create_dir(media.join(name))?;
        fs::write(media.join(name).join("lamp.svg"), "<svg/>")?;
    }
    for number in 0..FILES {
        fs::write(media.join(format!("{number:05}.txt")), number.to_string())?;
    }
    Ok(())
}

async fn open(folder: &Path) -> Result<Warden> {
    let media = folder.join("media");
    fill(&media)?;
    let shop = format!(
        "hosts = \"lamps.example\"\nmedia = {media:?}\nbackup = {{ to = {:?}, every = \"1d\", \
         drill = \"365d\", drill_in = {:?} }}\n",
        folder.join("repository"),
        folder.join("drills"),
    );
    let warden = Warden::start(&shop, "").await?;
    let is_tried = |all: &Value| {
        let shop = &all["shops"][0];
        let is_done = |drills: &Vec<Value>| drills.len() == 1;
        shop["running"].is_null() && shop["drills"].as_array().is_some_and(is_done)
    };
    // The first one is tried by itself.
    warden.until("a first drill", "/backups", is_tried).await;
    Ok(warden)
}

/// What the command line says, or how it fails.
async fn backup(warden: &Warden, words: &[&str]) -> Result<Result<String, String>> {
    let spawn = warden.command(&[&["backup"], words].concat())?;
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
    let output = output.map_err(|error| error.to_string());
    Ok(output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn names(folder: &Value) -> Result<Vec<String>> {
    let entries = folder["entries"].as_array().context("a folder has entries")?;
    let name = |entry: &Value| Some(entry["name"].as_str()?.to_owned());
    entries.iter().map(|entry| name(entry).context("an entry has a name")).collect()
}

/// Page after page, in an order that does not change from one to the next.
async fn pages_are_one_folder(warden: &Warden, media: &Path) -> Result<()> {
    let path = format!("/shops/lamps/backups/latest/files?path={}", media.display());
    let page = async |skip: usize| warden.get(&format!("{path}&skip={skip}")).await;
    let all = FILES + FOLDERS.len();
    let expect: Vec<String> = FOLDERS
        .iter()
        .map(|name| (*name).to_owned())
        .chain((0..FILES).map(|number| format!("{number:05}.txt")))
        .collect();
    for (skip, count) in [(0, 5_000), (5_000, 3), (2_500, 2_503), (all, 0), (all + 9, 0)] {
        let found = page(skip).await?;
        ensure!(found["total"] == all, "{}", found["total"]);
        let found = names(&found)?;
        let wanted = expect.get(skip..).unwrap_or_default();
        ensure!(found.len() == count, "{} from {skip} on", found.len());
        ensure!(found == wanted[..count], "another order from {skip} on");
    }
    // The command line puts the pages together.
    let path = media.display().to_string();
    let said = backup(warden, &["browse", "--json", &path]).await?.map_err(anyhow::Error::msg)?;
    ensure!(
        names(&serde_json::from_str(&said)?)? == expect,
        "the command line tells another folder"
    );
    Ok(())
}

/// The same with one letter of the phrase another.
fn mistyped(phrase: &str) -> String {
    let first = if phrase.starts_with('0') { '1' } else { '0' };
    phrase.chars().enumerate().map(|(at, letter)| if at == 0 { first } else { letter }).collect()
}

/// Whether a text stands in any file below a folder.
fn stands_in(folder: &Path, text: &str) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let found = if kind.is_dir() {
            stands_in(&entry.path(), text)?
        } else {
            let wanted = text.as_bytes();
            kind.is_file()
                && fs::read(entry.path())?.windows(wanted.len()).any(|bytes| bytes == wanted)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_sheet_is_tried_and_a_long_folder_is_told_in_pages() -> Result<()> {
    let folder = testkit::folder();
    let warden = open(folder.path()).await?;
    pages_are_one_folder(&warden, &folder.path().join("media")).await?;

    let sheet = backup(&warden, &["sheet", "--json"]).await?.map_err(anyhow::Error::msg)?;
    let sheet: Value = serde_json::from_str(&sheet)?;
    let phrase = sheet["phrase"].as_str().context("a sheet has a phrase")?;
    let path = folder.path().join("sheet.txt");
    let file = path.display().to_string();
    let drills = async || -> Result<Vec<Value>> {
        let standing = warden.get("/backups").await?;
        Ok(standing["shops"][0]["drills"].as_array().context("a list of drills")?.clone())
    };

    // Typed wrong, it opens nothing, and no drill has been.
    fs::write(&path, mistyped(phrase))?;
    let wrong = backup(&warden, &["drill", "--sheet", &file]).await?;
    ensure!(wrong.is_err(), "a phrase that was typed wrong opens it: {wrong:?}");
    let last = warden.get("/runs?limit=1").await?;
    ensure!(last["runs"][0]["kind"] == "drill_backup", "{last}");
    ensure!(last["runs"][0]["state"] == "failed", "{last}");
    ensure!(drills().await?.len() == 1, "it counts as a drill");
    // Half of one is none at all, which is said before anything begins.
    fs::write(&path, &phrase[..11])?;
    let half = backup(&warden, &["drill", "--sheet", &file]).await?;
    ensure!(half.is_err(), "{half:?}");

    fs::write(&path, phrase)?;
    backup(&warden, &["drill", "--sheet", &file]).await?.map_err(anyhow::Error::msg)?;
    let found = drills().await?;
    ensure!(found.len() == 2, "{} drills", found.len());
    let newest = &found[0];
    ensure!(newest["by_sheet"] == true && newest["verdict"] == "good", "{newest}");
    ensure!(found[1]["by_sheet"] == false, "{}", found[1]);
    // A command without anybody at it reads the sheet from its input.
    let spawn = Spawn::new("/bin/sh").args(["-c", "exec \"$0\" \"$@\" < \"$SHEET\""]);
    let spawn = spawn.arg(program("storewarden")?);
    let spawn = spawn.args(["backup", "drill", "--sheet", "-", "--state"]);
    let spawn = spawn.arg(warden.path("state")).env("SHEET", &file);
    tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    ensure!(drills().await?.len() == 3, "the sheet from standard input was not tried");

    ensure!(!stands_in(&warden.path("state"), phrase)?, "the phrase stands in the state directory");
    ensure!(
        !fs::read_to_string(warden.path("log"))?.contains(phrase),
        "the phrase stands in the log"
    );
    Ok(())
}
