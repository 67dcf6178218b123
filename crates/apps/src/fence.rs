//! Which life of the engine acted on an instance last: kept beside the instance, so that a deed of
//! an older life, which comes late, is refused.

use crate::AppsError;
use kernel::plan::Fence;
use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

/// Notes whose deed comes now, durably.
///
/// # Errors
/// [`AppsError::Fenced`] when a later life of the same run was here before.
pub(crate) fn pass(folder: &Path, fence: Fence) -> Result<(), AppsError> {
    let path = folder.join("fence.json");
    let last: Option<Fence> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| AppsError::Malformed { path: path.clone(), source })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(AppsError::Read { path, source }),
    };
    match last {
        Some(last) if last == fence => return Ok(()),
        Some(last) if last.run == fence.run && last.epoch > fence.epoch => {
            return Err(AppsError::Fenced { epoch: fence.epoch, last: last.epoch });
        }
        _ => {}
    }
    let text = serde_json::to_vec(&fence).expect("invariant: two numbers are JSON");
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let new = folder.join("fence.json.new");
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| AppsError::Write { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::plan::RunId;

    #[test]
    fn an_older_life_of_the_same_run_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("lamps/a");
        let check = |run: i64, epoch: u64, expect: bool| {
            let passed = pass(&folder, Fence { run: RunId(run), epoch });
            assert_eq!(passed.is_ok(), expect, "{run} {epoch}: {passed:?}");
        };
        check(7, 1, true);
        check(7, 1, true);
        check(7, 2, true);
        check(7, 1, false);
        check(8, 1, true);
        check(7, 2, true);
    }
}
