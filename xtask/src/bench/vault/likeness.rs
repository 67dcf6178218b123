//! Whether what was restored is what was there: every name, byte, mode and time.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context, ensure};

/// # Errors
/// The first place where they differ.
pub(super) fn expect(original: &Path, restored: &Path) -> anyhow::Result<()> {
    let look = |path: &Path| {
        fs::symlink_metadata(path).with_context(|| format!("look at {}", path.display()))
    };
    let (before, after) = (look(original)?, look(restored)?);
    ensure!(traits(&before) == traits(&after), "{} has another mode or time", restored.display());
    if before.is_dir() {
        let names = names(original)?;
        ensure!(names == self::names(restored)?, "{} holds other names", restored.display());
        return names
            .iter()
            .try_for_each(|name| expect(&original.join(name), &restored.join(name)));
    }
    let read = |path: &Path| fs::read(path).with_context(|| format!("read {}", path.display()));
    ensure!(read(original)? == read(restored)?, "{} has another content", restored.display());
    Ok(())
}

fn traits(metadata: &Metadata) -> (u32, u32, u32, i64, i64) {
    let (mode, times) = (metadata.mode(), (metadata.mtime(), metadata.mtime_nsec()));
    (mode, metadata.uid(), metadata.gid(), times.0, times.1)
}

fn names(folder: &Path) -> anyhow::Result<BTreeSet<OsString>> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect();
    let listed: std::io::Result<_> = list();
    listed.with_context(|| format!("list {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_one() {
        let scratch = crate::process::Scratch::new("likeness-test").unwrap();
        let (original, restored) = (scratch.path().join("a"), scratch.path().join("b"));
        let copy = || {
            let mut copy = crate::process::command("cp", &["-a", "--"]);
            crate::process::run(copy.args([&original, &restored])).unwrap();
        };
        fs::create_dir_all(original.join("folder")).unwrap();
        fs::write(original.join("folder/file"), "lamp").unwrap();
        let check = |spoil: &dyn Fn(&Path)| {
            copy();
            expect(&original, &restored).unwrap();
            spoil(&restored);
            assert!(expect(&original, &restored).is_err());
            fs::remove_dir_all(&restored).unwrap();
        };
        check(&|folder| fs::remove_file(folder.join("folder/file")).unwrap());
        check(&|folder| fs::write(folder.join("folder/more"), "").unwrap());
        check(&|folder| {
            let times = fs::metadata(folder.join("folder/file")).unwrap().modified().unwrap();
            fs::write(folder.join("folder/file"), "lump").unwrap();
            let file = fs::File::options().write(true).open(folder.join("folder/file")).unwrap();
            file.set_modified(times).unwrap();
        });
        check(&|folder| {
            let file = fs::File::options().write(true).open(folder.join("folder/file")).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        });
    }
}
