//! The shop once more, beside the one that lives: from files that came out of a backup, and on a
//! server of its own that the backup's dump is loaded into.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use databases::dump::{Folder, Reader, load};
use kernel::config::DatabaseUrl;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{
    Instance,
    database::{Home, Server},
    passable_folder,
    play::{Keeping, Play},
    ports::free_ports,
};

/// Where the dumps of a backup lie in it, a folder each.
const DUMPS: &str = "databases";

/// A shop that came back. [`Revival::stop`] ends it in order; dropped, its processes are killed.
#[derive(Debug)]
pub struct Revival {
    // In this order: what is dropped first depends on what is dropped later.
    instance: Instance,
    server: Server,
    _folder: TempDir,
}

impl Revival {
    /// Loads the dump, starts an instance from the files, and waits until it is well.
    pub(super) async fn begin(play: &Play, keeper: &Path, restored: &Path) -> Result<Self> {
        let folder = passable_folder()?;
        let home = Home::in_reach(&folder.path().join("database"))?;
        let kind = play.server_kind().context("only the database of a server is loaded anew")?;
        let server = Server::start(kind, &home).await?;
        server.create_database().await?;
        let (dump, into) = (dump_in(restored)?, server.address());
        let load = move || load(&Reader::open(Folder::at(dump))?, &into, None, &|_| {});
        spawn_blocking(load).await?.context("load the dump")?;
        let keeping = Keeping::apart(folder.path(), keeper);
        let instance = play.revived(restored, &server, free_ports(1)?[0], &keeping)?;
        instance.start().await?;
        Ok(Self { instance, server, _folder: folder })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.instance.address()
    }

    /// Its database, for a user who may do everything.
    #[must_use]
    pub fn database(&self) -> DatabaseUrl {
        self.server.address()
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// The first thing that did not end well; the rest is ended all the same.
    pub async fn stop(self) -> Result<()> {
        let stopped = self.instance.stop().await;
        stopped.and(self.server.stop().await)
    }
}

/// The folder of the one dump in a restored backup.
pub(super) fn dump_in(restored: &Path) -> Result<PathBuf> {
    let dumps = restored.join(DUMPS);
    let mut entries = fs::read_dir(&dumps).with_context(|| format!("read {}", dumps.display()))?;
    Ok(entries.next().context("the backup has no dump")??.path())
}

/// Where a file lies in a restored backup.
pub(super) fn in_backup(restored: &Path, path: &Path) -> PathBuf {
    restored.join(path.strip_prefix("/").unwrap_or(path))
}
