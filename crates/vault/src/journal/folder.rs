//! The files of a journal by their names.

use super::seal::failed;
use crate::{Id, VaultError};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What lies in the folder; a log whose segment is there counts as gone.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) segments: BTreeMap<u64, (PathBuf, Id)>,
    pub(super) logs: BTreeMap<u64, PathBuf>,
    /// Logs that became segments, and half-made segments.
    pub(super) left_over: Vec<PathBuf>,
}

pub(super) fn list(folder: &Path) -> Result<Listing, VaultError> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let path = entry.map_err(failed("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".new") {
            listing.left_over.push(path);
        } else if let Some(number) = name.strip_suffix(".log").and_then(number) {
            listing.logs.insert(number, path);
        } else if let Some((number, id)) = segment(name) {
            listing.segments.insert(number, (path, id));
        }
    }
    let is_sealed = |number: &u64| listing.segments.contains_key(number);
    let sealed: Vec<u64> = listing.logs.keys().copied().filter(is_sealed).collect();
    let sealed = sealed.iter().filter_map(|number| listing.logs.remove(number));
    listing.left_over.extend(sealed);
    Ok(listing)
}

fn number(text: &str) -> Option<u64> {
    (text.len() == 20).then(|| text.parse().ok()).flatten()
}

fn segment(name: &str) -> Option<(u64, Id)> {
    let (digits, id) = name.strip_suffix(".segment")?.split_once('-')?;
    Some((number(digits)?, id.parse().ok()?))
}

pub(super) fn log_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.log"))
}

pub(super) fn segment_path(folder: &Path, number: u64, id: &Id) -> PathBuf {
    folder.join(format!("{number:020}-{id}.segment"))
}

/// Makes names in it durable.
pub(super) fn sync(folder: &Path) -> Result<(), VaultError> {
    let opened = fs::File::open(folder).and_then(|folder| folder.sync_all());
    opened.map_err(failed("sync", folder))
}
