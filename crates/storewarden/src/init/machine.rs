//! The machine we run on, for whoever concludes what it means: its listeners and its files.

use anyhow::Context as _;
use host::{
    survey::{Listening, survey, variables},
    users,
};
use shops::detect::{Files, Listener, Machine};
use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

const PROC: &str = "/proc";
const USERS: &str = "/etc/passwd";
/// Nobody's configuration is longer.
const LONGEST_FILE: u64 = 4 * 1024 * 1024;
/// Most entries of one folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// Gives the machine as it is now to `conclude`.
///
/// # Errors
/// When not even the sockets can be listed.
pub(crate) fn with<T>(conclude: impl FnOnce(&Machine<'_>) -> T) -> anyhow::Result<T> {
    let proc = Path::new(PROC);
    let found = survey(proc, Path::new(USERS)).context("see who listens on this machine")?;
    let environment = |pid: u32, names: &[&str]| variables(proc, pid, names);
    let machine = Machine {
        listeners: found.listening.into_iter().map(listener).collect(),
        files: Files { text: &text, exists: &|path| path.exists(), list: &list },
        variables: &environment,
        low_ports: users::is_root(),
        time_zone: time_zone(),
    };
    Ok(conclude(&machine))
}

/// The zone of the machine's clock (localtime(5)): `/etc/localtime` leads into the time zone database.
/// `None` where it is a copy, or of a name that we do not know.
fn time_zone() -> Option<String> {
    let to = fs::read_link("/etc/localtime").ok()?;
    let (_, name) = to.to_str()?.split_once("zoneinfo/")?;
    jiff::tz::TimeZone::get(name).is_ok().then(|| name.to_owned())
}

fn listener(listening: Listening) -> Listener {
    let address = Some(listening.address);
    let Some(owner) = listening.owner else { return Listener { address, ..Listener::default() } };
    Listener {
        address,
        pid: Some(owner.pid),
        name: owner.name,
        command: owner.command.unwrap_or_default(),
        directory: owner.directory,
        user: owner.user,
        unit: owner.unit,
    }
}

/// Ordinary files alone: what else stands there might never end.
fn text(path: &Path) -> Result<Option<String>, String> {
    let absent = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    };
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Ok(None),
        Ok(found) if found.len() > LONGEST_FILE => return Err("it is too long".to_owned()),
        Ok(_) => {}
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    }
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.take(MOST_ENTRIES).filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
