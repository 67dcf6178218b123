//! Files that a recovery writes itself.

use super::records;
use anyhow::Context as _;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

/// Writes a file whole, for whom its folder belongs to; another one that is there is set aside.
pub(super) fn write_file(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        if host::users::is_root() {
            let owner = fs::metadata(folder)?;
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.sync_all()?;
        if path.symlink_metadata().is_ok() {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".before-recovery");
            let aside = records::free(Path::new(&aside)).map_err(io::Error::other)?;
            fs::rename(path, aside)?;
        }
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("write `{}`", path.display()))
}
