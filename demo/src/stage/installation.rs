//! Shops that are not ours, on this machine: each is installed once into the user's cache, its
//! database filled once, and then copied for every demonstration.
//!
//! Knows no shop.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};
use host::process::{Spawn, run_to_end};
use tokio::task::spawn_blocking;

use super::database::{Home, Server, ServerKind};

const COPY_WAIT: Duration = Duration::from_secs(120);

/// Files that the program carries, so that it needs no checkout around it: their names and contents.
pub(super) type Carried = [(&'static str, &'static str)];

/// Writes the files into a folder.
pub(super) fn write(files: &Carried, folder: &Path) -> Result<()> {
    for (name, content) in files {
        let path = folder.join(name);
        let parent = path.parent().context("a file lies in a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Changes when one of these files does.
pub(super) fn fingerprint(files: &Carried, names: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    for file in files.iter().filter(|(name, _)| names.contains(name)) {
        file.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Two demonstrations at once must neither install into one folder nor fill one database.
pub(super) async fn lock(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join("lock")).context("make the installation's lock")?;
    Ok(spawn_blocking(move || lock.lock().map(|()| lock)).await??)
}

/// Starts the database: the one that is there, else a copy of the filled one that `folder` keeps,
/// else it is made, filled by `fill` and kept for the next time. `filled_by` changes when what fills
/// it does.
pub(super) async fn start_database(
    folder: &Path,
    kind: ServerKind,
    home: &Home,
    filled_by: &str,
    fill: impl AsyncFnOnce(&Server) -> Result<()>,
) -> Result<Server> {
    if !home.has_data() {
        let template =
            folder.join(format!("{}-{}-{filled_by}", kind.word(), kind.version().await?));
        let lock = lock(folder).await?;
        if template.exists() {
            drop(lock);
            copy(&template, &home.data()).await?;
        } else {
            let server = Server::start(kind, home).await?;
            server.create_database().await?;
            fill(&server).await?;
            // Files of a server that has ended in order are whole.
            server.stop().await?;
            keep(&home.data(), &template).await?;
            drop(lock);
        }
    }
    Server::start(kind, home).await
}

/// Keeps a copy of a server's files; under its name when it is whole.
async fn keep(data: &Path, template: &Path) -> Result<()> {
    let unfinished = template.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    copy(data, &unfinished).await?;
    fs::rename(&unfinished, template).context("keep the filled database")
}

/// Copies a folder with its owners and rights.
pub(super) async fn copy(from: &Path, to: &Path) -> Result<()> {
    let copy = Spawn::new("cp").arg("-a").arg(from).arg(to);
    run(copy, COPY_WAIT).await.with_context(|| format!("copy {}", from.display()))
}

pub(super) async fn run(spawn: Spawn, limit: Duration) -> Result<()> {
    spawn_blocking(move || run_to_end(spawn, limit)).await??;
    Ok(())
}
