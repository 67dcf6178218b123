//! Our own records from a backup: brought back, made fit for another machine, and put into their place.

use crate::{backup_worker::Notes, control::now_ms};
use anyhow::{Context as _, anyhow, bail};
use kernel::{Actor, LedgerEntry, Params, Role};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};
use store::{FILE_NAME, KEY_FILE, LedgerFile, LeftBehind, SealKeys, Store};

/// In the order in which they come into their place: with the store, all of them are there.
const FILES: [&str; 4] = [KEY_FILE, "ledger.key", "ledger.pub", FILE_NAME];
/// What SQLite keeps beside a database, by the ends of their names.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];
/// More copies than anybody keeps.
const MOST: u32 = 1000;

/// What was found in them, and what became of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) people: usize,
    pub(crate) owners: usize,
    pub(crate) ledger_records: u64,
    pub(crate) left: LeftBehind,
    pub(crate) runs: usize,
}

/// # Errors
/// When they are of a newer program, or none.
pub(super) fn understand(bytes: &[u8]) -> anyhow::Result<Notes> {
    let value: serde_json::Value = serde_json::from_slice(bytes).context("understand the notes")?;
    let format = value["format"].as_u64().unwrap_or(0);
    if format > u64::from(Notes::FORMAT) {
        bail!("the backup was made by a newer Storewarden ({}): install that", value["program"]);
    }
    serde_json::from_value(value).context("understand the notes")
}

/// Whoever reads a folder of restored records that another attempt may have touched wants none of
/// what that one left.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn clear(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context(format!("clear `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Makes the store in a folder of restored records fit for this machine: nobody is signed in, no run
/// goes on, and the ledger says where it comes from.
///
/// # Errors
/// When it is damaged, its keys do not open it, or its ledger does not hold.
pub(crate) fn prepare(folder: &Path, origin: Params) -> anyhow::Result<Found> {
    let keys = SealKeys::read(&folder.join(KEY_FILE))?;
    let store = Store::open_with(folder, keys).context("open our own records")?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let found = runtime.block_on(async {
        let now_ms = now_ms();
        let left = store.leave_behind().await?;
        let runs = plan::leave_runs_behind(&store, now_ms).await?;
        let entry = LedgerEntry {
            at_ms: now_ms,
            actor: Actor::CommandLine,
            shop: None,
            kind: "machine_recovered".to_owned(),
            subject: None,
            params: origin,
        };
        let record = store.append_to_ledger(entry).await?;
        let people = store.people().await?;
        let mut owners = 0;
        for person in &people {
            // What seals their second factor opens it.
            store.credentials(person.id.as_str()).await?;
            owners += usize::from(person.grants.iter().any(|grant| grant.role == Role::Owner));
        }
        let found =
            Found { owners, people: people.len(), ledger_records: record.sequence, left, runs };
        store.settle().await?;
        Ok::<_, anyhow::Error>(found)
    })?;
    drop(store);
    // Whatever was not brought into the file by its end is gone with its companions.
    drop(runtime);
    let verified = LedgerFile::open(folder)?.verify(&[], &[])?;
    if !verified.holds() {
        bail!("the ledger in the backup does not hold: `storewarden ledger verify` says where");
    }
    Ok(found)
}

/// Puts prepared records into the state directory, as its owner's. What is there is in nobody's way:
/// it was asked about before.
///
/// # Errors
/// When they cannot be moved. With the store, which comes last, all of them are there.
pub(super) fn place(folder: &Path, state: &Path) -> anyhow::Result<()> {
    let owner = fs::metadata(state).with_context(|| format!("look at `{}`", state.display()))?;
    for name in FILES {
        let from = folder.join(name);
        if !from.exists() {
            continue;
        }
        let moved = || -> io::Result<()> {
            let mode = if name.ends_with(".pub") { 0o644 } else { 0o600 };
            fs::set_permissions(&from, Permissions::from_mode(mode))?;
            if host::users::is_root() {
                chown(&from, Some(owner.uid()), Some(owner.gid()))?;
            }
            File::open(&from)?.sync_all()?;
            fs::rename(&from, state.join(name))
        };
        moved().with_context(|| format!("put `{name}` into `{}`", state.display()))?;
    }
    File::open(state)?.sync_all().with_context(|| format!("sync `{}`", state.display()))
}

/// Moves what stands in the way of records to `before-recovery` in the state directory; where it went.
///
/// # Errors
/// When it cannot be moved.
pub(super) fn set_aside(state: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !state.join(FILE_NAME).exists() {
        return Ok(None);
    }
    let aside = free(&state.join("before-recovery"))?;
    let move_all = || -> io::Result<()> {
        fs::create_dir(&aside)?;
        fs::set_permissions(&aside, Permissions::from_mode(0o700))?;
        let companions = COMPANIONS.map(|end| format!("{FILE_NAME}{end}"));
        for name in FILES.iter().map(|name| (*name).to_owned()).chain(companions) {
            match fs::rename(state.join(&name), aside.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    };
    move_all().with_context(|| format!("set aside what is in `{}`", state.display()))?;
    Ok(Some(aside))
}

/// The name, or one with a number behind it where that is taken.
///
/// # Errors
/// When there are a thousand of them.
pub(super) fn free(path: &Path) -> anyhow::Result<PathBuf> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        if number > 1 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    let mut names = (1..MOST).map(numbered);
    let is_free = |name: &PathBuf| name.symlink_metadata().is_err();
    names.find(is_free).ok_or_else(|| anyhow!("there are too many `{}`", path.display()))
}
