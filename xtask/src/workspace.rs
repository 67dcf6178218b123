//! Where things are: the root of the checkout, the target folder, the programs that cargo built.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The checkout this workshop was compiled in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// What cargo writes to: `CARGO_TARGET_DIR`, else `target/` in the root.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout: cargo says where this package is, the root is its parent.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("the workshop has no folder above it")?.to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) if Path::new(&folder).is_absolute() => PathBuf::from(folder),
            Some(folder) => {
                std::env::current_dir().context("find the current folder")?.join(folder)
            }
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A program that cargo built, by the name of its profile's folder (`debug`, `demo`, `release`).
    pub(crate) fn program(&self, profile_folder: &str, name: &str) -> PathBuf {
        self.target.join(profile_folder).join(name)
    }

    /// Where the workshop remembers what it need not do again.
    pub(crate) fn notes(&self) -> anyhow::Result<PathBuf> {
        let folder = self.target.join("xtask");
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(folder)
    }
}

/// Every file below `folder`, sorted, without what is built, fetched or git's own.
pub(crate) fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    const NOT_OURS: [&str; 5] = [".git", "target", "node_modules", "dist", "bench-results"];
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?
        {
            let entry = entry.with_context(|| format!("list {}", folder.display()))?;
            let kind =
                entry.file_type().with_context(|| format!("look at {}", entry.path().display()))?;
            if kind.is_dir() {
                if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                    waiting.push(entry.path());
                }
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
