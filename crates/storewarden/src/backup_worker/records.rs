//! Our own records in a backup: what another machine needs to go on where this one was
//! (docs/formats/recovery.md).

use super::{Records, Trouble};
use crate::stream::JOURNAL_KEY;
use kernel::ShopId;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};
use store::{FILE_NAME, KEY_FILE, StoreError};
use vault::backup::Stream;

/// Where our records lie in a snapshot.
pub(crate) const RECORDS: &str = "/storewarden";

/// What another machine must know of the one that was backed up, and that no file of it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notes {
    pub(crate) format: u32,
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) shop: ShopId,
    pub(crate) program: String,
    /// The configuration file.
    pub(crate) file: PathBuf,
    /// What was in force, with all that it includes.
    pub(crate) configuration: String,
    pub(crate) state: PathBuf,
    /// What the configuration took from its environment and from systemd: name and value.
    pub(crate) environment: BTreeMap<String, String>,
    /// What belongs to this machine's shops and lies at its own place.
    pub(crate) places: Vec<PathBuf>,
    /// What the machine itself was set up by; another one is another.
    pub(crate) machine: Vec<PathBuf>,
}

impl Notes {
    /// The newest that this program writes and understands.
    pub(crate) const FORMAT: u32 = 1;
    /// The name of their file.
    pub(crate) const FILE: &str = "notes.json";
}

/// Files of the state directory that are taken as they are, where they are there.
const SMALL: [&str; 2] = ["ledger.key", "ledger.pub"];

/// # Errors
/// When they cannot be copied as of one moment, or the keys cannot be read.
pub(super) fn streams(records: &Records, shop: &ShopId) -> Result<Vec<Stream>, Box<Trouble>> {
    let notes = serde_json::to_vec_pretty(&records.notes);
    let notes = notes.expect("invariant: our own types are JSON");
    let mut streams = vec![text(Notes::FILE, notes)];
    let keys = fs::read(&records.keys).map_err(|error| unread(&records.keys, &error))?;
    streams.push(text(KEY_FILE, keys));
    for name in SMALL {
        let path = records.state.join(name);
        match fs::read(&path) {
            Ok(bytes) => streams.push(text(name, bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unread(&path, &error)),
        }
    }
    // Whoever opens the repository opens what lies elsewhere of the journal.
    let key = vault::journal::Place::of(&records.state, shop).key_file();
    match fs::read(&key) {
        Ok(bytes) => streams.push(text(JOURNAL_KEY, bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unread(&key, &error)),
    }
    streams.push(store(&records.state, shop)?);
    Ok(streams)
}

/// A copy of one moment that nobody else sees, and that is gone with whoever reads it.
fn store(state: &Path, shop: &ShopId) -> Result<Stream, Box<Trouble>> {
    let copy = state.join(format!("backup-of-{shop}.sqlite"));
    // A worker that was killed has left it.
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unread(&copy, &error)),
        _ => {}
    }
    let opened = store::copy(state, &copy).map_err(|error| uncopied(&error)).and_then(|()| {
        let opened = File::open(&copy).and_then(|file| Ok((file.metadata()?.len(), file)));
        opened.map_err(|error| unread(&copy, &error))
    });
    let removed = fs::remove_file(&copy);
    let (bytes, file) = opened?;
    removed.map_err(|error| unread(&copy, &error))?;
    Ok(stream(FILE_NAME, Box::new(file), bytes))
}

fn text(name: &str, bytes: Vec<u8>) -> Stream {
    let length = bytes.len() as u64;
    stream(name, Box::new(Cursor::new(bytes)), length)
}

fn stream(name: &str, content: Box<dyn Read + Send>, length: u64) -> Stream {
    let is_whole = move |came: u64| {
        let cut = || format!("{came} bytes came instead of {length}");
        (came == length).then_some(()).ok_or_else(cut)
    };
    Stream { path: Path::new(RECORDS).join(name), content, is_whole: Box::new(is_whole) }
}

fn unread(path: &Path, error: &io::Error) -> Box<Trouble> {
    records_uncopied(&format!("{}: {error}", path.display()))
}

fn uncopied(error: &StoreError) -> Box<Trouble> {
    records_uncopied(&super::story(error))
}

fn records_uncopied(why: &str) -> Box<Trouble> {
    let message = format!("copy our own records: {why}");
    Box::new(Trouble::new("records_uncopied", [("error", why.into())], message))
}
