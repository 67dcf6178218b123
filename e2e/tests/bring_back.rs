//! A bucket that somebody with the shop's own keys has emptied and written over: `storewarden backup
//! bring-back` makes it what it was, and the backups in it are whole.

use crate::{
    trade::{LONG, program},
    warden::Warden,
};
use anyhow::{Context, Result, ensure};
use kernel::config::{S3Settings, Secret};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use testkit::{
    Credentials, Seaweed,
    process::{Spawn, run_to_end},
    wait_until,
};
use vault::storage::{FileKind, FileName, Objects, Storage as _};

const PLACE: &str = "s3://lamps/shop";
const PICTURES: u8 = 6;
const PICTURE_BYTES: usize = 300_000;

fn objects(server: &Seaweed) -> Result<Objects> {
    let settings = S3Settings {
        endpoint: server.endpoint().to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "lamps".to_owned(),
        prefix: "shop".to_owned(),
        key_id: Secret::new(Seaweed::OWNER.key_id.to_owned()),
        secret: Secret::new(Seaweed::OWNER.secret.to_owned()),
    };
    Ok(Objects::new(settings, None, Vec::new())?)
}

/// Bytes that are no other picture's, and that nothing compresses.
fn picture(seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..PICTURE_BYTES).map(|_| next()).collect()
}

/// Of a server that tells times of versions in seconds: one that all that was has been written before,
/// and all that will be is written after.
async fn a_second_between() -> Result<String> {
    let now_s = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let moment_s = now_s() + 1;
    wait_until("another second", LONG, async || {
        if now_s() > moment_s + 1 { Ok(()) } else { Err("not yet") }
    })
    .await;
    let moment_s = i64::try_from(moment_s)?;
    let select = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch')";
    Ok(Connection::open_in_memory()?.query_row(select, [moment_s], |row| row.get(0))?)
}

/// Whoever has the keys hides every other file, and writes over the rest.
fn attack(objects: &Objects) -> Result<(u64, u64)> {
    let (mut hidden, mut overwritten) = (0, 1);
    for kind in FileKind::NAMED.into_iter().filter(|kind| *kind != FileKind::Lock) {
        for (number, listed) in objects.list(kind)?.into_iter().enumerate() {
            let file = FileName::new(kind, listed.id);
            if number % 2 == 0 {
                objects.remove(file)?;
                hidden += 1;
            } else {
                objects.write(file, b"rubbish".to_vec().into())?;
                overwritten += 1;
            }
        }
    }
    objects.write(FileName::CONFIG, b"rubbish".to_vec().into())?;
    Ok((hidden, overwritten))
}

/// The command line on another machine, which knows nothing of the shop's.
async fn bring_back(
    server: &Seaweed,
    keys: Credentials,
    words: &[&str],
) -> Result<Result<String, String>> {
    let spawn = Spawn::new(program("storewarden")?)
        .args(["backup", "bring-back", PLACE, "--endpoint", server.endpoint()])
        .args(words)
        .env("AWS_ACCESS_KEY_ID", keys.key_id)
        .env("AWS_SECRET_ACCESS_KEY", keys.secret);
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
    let output = output.map_err(|error| error.to_string());
    Ok(output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()))
}

async fn backup(warden: &Warden, words: &[&str]) -> Result<Result<(), String>> {
    let spawn = warden.command(&[&["backup"], words].concat())?;
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
    Ok(output.map(drop).map_err(|error| error.to_string()))
}

fn object(seed: u8) -> String {
    format!("pictures/shop/{seed}.jpg")
}

/// Media of another bucket, of which some are gone and one is another by now.
async fn objects_come_back(server: &Seaweed, warden: &Warden) -> Result<()> {
    let same = async |seed: u8| server.file(&object(seed)).await == Some(picture(seed));
    for seed in [0, 1] {
        server.delete_file(&object(seed)).await;
    }
    server.put_file(&object(2), b"somebody's own").await;
    let restore = |to| ["restore", "--path", "/buckets/pictures/shop", "--to", to, "--yes"];
    let elsewhere = backup(warden, &restore("s3://lamps/shop")).await?;
    let is_refused = |said: &String| said.contains("names no media");
    ensure!(elsewhere.as_ref().is_err_and(is_refused), "{elsewhere:?}");
    backup(warden, &restore("s3://pictures/shop")).await?.map_err(anyhow::Error::msg)?;
    for seed in [0, 1, 3, 4, 5] {
        ensure!(same(seed).await, "object {seed} is not as it was");
    }
    ensure!(server.file(&object(2)).await.as_deref() == Some(b"somebody's own"), "it did not stay");

    let runs = warden.get("/runs").await?;
    let mut all = runs["runs"].as_array().into_iter().flatten();
    let run = all.find(|run| run["kind"] == "restore_backup").context("a restore")?;
    let run = run["id"].as_str().context("its id")?.to_owned();
    let undo = warden.command(&["runs", "undo", &run])?;
    tokio::task::spawn_blocking(move || run_to_end(undo, LONG)).await??;
    let path = format!("/runs/{run}");
    warden.until("it to be taken back", &path, |run| run["state"] == "undone").await;
    let (first, third) = (server.file(&object(0)).await, same(3).await);
    ensure!(first.is_none() && third, "taken back, it is {:?}", first.map(|it| it.len()));
    backup(warden, &restore("s3://pictures/shop")).await?.map_err(anyhow::Error::msg)?;
    ensure!(same(0).await && same(1).await, "they are not back the second time");
    Ok(())
}

/// A Storewarden whose pictures and keys lie in this folder.
async fn open(server: &Seaweed, folder: &Path) -> Result<Warden> {
    fs::create_dir(folder.join("media"))?;
    for seed in 0..PICTURES {
        fs::write(folder.join(format!("media/{seed}.jpg")), picture(seed))?;
    }
    fs::write(folder.join("id"), Seaweed::HOST.key_id)?;
    fs::write(folder.join("secret"), Seaweed::HOST.secret)?;
    let (endpoint, folder) = (server.endpoint(), folder.display());
    let shop = format!(
        "hosts = \"lamps.example\"\nmedia = [\"{folder}/media\", {{ s3 = \"s3://pictures/shop\", \
         endpoint = \"{endpoint}\", key_id = \"${{file:{folder}/id}}\", secret = \
         \"${{file:{folder}/secret}}\" }}]\nbackup = {{ every = \"1d\", drill = \"365d\", to = [{{ s3 = \"{PLACE}\", endpoint = \"{endpoint}\", locked_for = \"1d\", \
         key_id = \"${{file:{folder}/id}}\", secret = \"${{file:{folder}/secret}}\" }}] }}\n"
    );
    Warden::start(&shop, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_was_emptied_and_written_over_is_brought_back() -> Result<()> {
    let Some(server) = Seaweed::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else {
        return Ok(());
    };
    let owner = objects(&server)?;
    wait_until("a bucket with object lock", LONG, async || {
        tokio::task::block_in_place(|| owner.make_bucket(true)).map_err(|error| error.story())
    })
    .await;
    server.make_bucket("pictures").await;
    for seed in 0..PICTURES {
        server.put_file(&object(seed), &picture(seed)).await;
    }
    let folder = testkit::folder();
    let warden = open(&server, folder.path()).await?;
    let is_there = |all: &Value| {
        let shop = &all["shops"][0];
        shop["state"] == "ok" && shop["running"].is_null()
    };
    warden.until("a first backup", "/backups", is_there).await;
    let moment = a_second_between().await?;
    let (hidden, overwritten) = tokio::task::block_in_place(|| attack(&owner))?;
    ensure!(hidden >= 3 && overwritten >= 1, "{hidden} hidden, {overwritten} written over");
    let broken = backup(&warden, &["verify", "--all"]).await?;
    ensure!(broken.is_err(), "nobody noticed that the repository is gone");

    // A time that is still to come, and one at which there was nothing.
    let ahead = bring_back(&server, Seaweed::OWNER, &["--to", "2126-01-01", "--preview"]).await?;
    ensure!(ahead.as_ref().is_err_and(|said| said.contains("still to come")), "{ahead:?}");
    let before = bring_back(&server, Seaweed::OWNER, &["--to", "400d", "--preview"]).await?;
    ensure!(before.is_err(), "{before:?}");
    // Nobody is there to say yes, and then somebody who may only read.
    let unasked = bring_back(&server, Seaweed::OWNER, &["--to", &moment]).await?;
    ensure!(unasked.as_ref().is_err_and(|said| said.contains("--yes")), "{unasked:?}");
    let reader = bring_back(&server, Seaweed::READER, &["--to", &moment, "--yes"]).await?;
    ensure!(reader.is_err(), "{reader:?}");

    let expect = format!("{hidden} are hidden and {overwritten} are written over");
    let preview = bring_back(&server, Seaweed::OWNER, &["--to", &moment, "--preview"]).await?;
    let preview = preview.map_err(anyhow::Error::msg).context("a preview")?;
    ensure!(preview.contains(&expect), "{preview}");
    let words = ["--to", &moment, "--yes", "--lock-days", "1"];
    let said = bring_back(&server, Seaweed::OWNER, &words).await?.map_err(anyhow::Error::msg)?;
    let all = hidden + overwritten;
    ensure!(said.contains(&format!("{all} files are there again")), "{said}");
    let again = bring_back(&server, Seaweed::OWNER, &words).await?.map_err(anyhow::Error::msg)?;
    ensure!(again.contains(&format!("All {all} files")), "{again}");

    backup(&warden, &["verify", "--all"]).await?.map_err(anyhow::Error::msg)?;
    let (from, to) = (folder.path().join("media"), folder.path().join("back"));
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let restore = ["restore", "--path", &from, "--to", &to, "--yes"];
    backup(&warden, &restore).await?.map_err(anyhow::Error::msg)?;
    for seed in 0..PICTURES {
        let back = fs::read(folder.path().join("back").join(format!("{seed}.jpg")))?;
        ensure!(back == picture(seed), "picture {seed} is another one");
    }
    objects_come_back(&server, &warden).await?;
    // And the next one builds upon what was brought back.
    backup(&warden, &["now"]).await?.map_err(anyhow::Error::msg)
}
