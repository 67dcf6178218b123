//! A folder that was full and is empty: a disk that is not mounted, sooner than a shop without pictures.

use super::{Job, Trouble};
use std::{fs, path::PathBuf};
use vault::{Repository, Snapshot, VaultError};

/// Looks at what is to be backed up before anything of it is read. A backup of nothing would look good,
/// and outlive the last one that has something.
///
/// # Errors
/// `source_empty`, of a folder without anything in it, of which the newest backup has something.
pub(super) fn refuse(
    job: &Job,
    repository: &Repository,
    newest: Option<&Snapshot>,
    paths: &[PathBuf],
) -> Result<(), Box<Trouble>> {
    let is_empty =
        |path: &&PathBuf| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let empty: Vec<&PathBuf> = paths.iter().filter(is_empty).collect();
    let Some(newest) = newest.filter(|_| !empty.is_empty()) else { return Ok(()) };
    let trouble = |error| job.at.trouble(error);
    let reader = repository.reader().map_err(trouble)?;
    for path in empty {
        let before = match reader.node(newest, path) {
            Ok(node) => node.subtree,
            Err(VaultError::NoSuchPath { .. }) => None,
            Err(error) => return Err(trouble(error)),
        };
        let Some(before) = before else { continue };
        let count = reader.folder(before).map_err(trouble)?.len() as u64;
        if count > 0 {
            let path = path.display().to_string();
            let said = [("path", path.as_str().into()), ("count", count.into())];
            let message = format!(
                "`{path}` is empty, and the newest backup has {count} entries of it: is its disk \
                 mounted? If it is empty on purpose, leave a file in it, or take it out of the \
                 configuration"
            );
            return Err(Box::new(Trouble::new("source_empty", said, message)));
        }
    }
    Ok(())
}
