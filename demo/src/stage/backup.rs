//! What there is to back up beside the database, where backups go, and how to spoil one.

use crate::shop::pictures;
use anyhow::{Context as _, Result};
use host::users;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The pictures of the shop, as files.
pub(super) fn media(directory: &Path) -> PathBuf {
    directory.join("pictures")
}

fn repository(directory: &Path) -> PathBuf {
    directory.join("backups")
}

/// Where pictures come back to, beside those that are there.
pub(super) fn restored(directory: &Path) -> PathBuf {
    directory.join("pictures-restored")
}

/// Gives what the configuration says of backups. `files` are the shop's code and the folder of its
/// pictures; a shop without has pictures written as files.
pub(super) fn prepare(
    directory: &Path,
    files: Option<(Vec<PathBuf>, PathBuf)>,
    settings: &str,
) -> Result<String> {
    let repository = repository(directory);
    let (code, media) = match files {
        Some(files) => files,
        None => (Vec::new(), write_pictures(directory)?),
    };
    // No list is written where nothing stands in it.
    let code = if code.is_empty() { String::new() } else { format!("code = {code:?}\n") };
    Ok(format!("media = {media:?}\n{code}backup = {{ to = {repository:?}, {settings} }}\n"))
}

/// How a drill starts the sample shop: on the restored database, with the restored pictures.
pub(super) fn boot(demo: &Path, directory: &Path) -> String {
    let pictures = format!("--pictures={{files}}{}", media(directory).display());
    let demo = demo.display().to_string();
    let words =
        [&demo, "shop", "--name=drill", "--port={port}", "--database={database}", &pictures];
    format!(", boot = {{ command = {words:?}{} }}", user())
}

/// How a drill starts a shop that is told all by its environment, in the folder of its restored files.
pub(super) fn boot_in(
    directory: &Path,
    command: &[String],
    environment: &[(&'static str, String)],
    probe: &str,
) -> String {
    let lines: Vec<String> =
        environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        ", boot = {{ command = {command:?}, directory = {directory:?}, environment = {lines:?}, \
         path = {probe:?}{} }}",
        user()
    )
}

/// As whom the living shop runs: its programs may lie where nobody else can look.
fn user() -> &'static str {
    if users::is_root() { ", user = \"root\"" } else { "" }
}

/// Where a drill has restored a folder to.
pub(super) fn in_drill(path: &Path) -> String {
    format!("{{files}}{}", path.display())
}

fn write_pictures(directory: &Path) -> Result<PathBuf> {
    let media = media(directory);
    fs::create_dir_all(&media).with_context(|| format!("make {}", media.display()))?;
    for (name, picture) in pictures() {
        fs::write(media.join(format!("{name}.svg")), picture).context("write a picture")?;
    }
    Ok(media)
}

/// Turns one bit around in the longest file of data, as a disk does that grows old.
pub(super) fn damage(directory: &Path) -> Result<()> {
    let mut packs = Vec::new();
    for folder in
        fs::read_dir(repository(directory).join("data")).context("there is no backup yet")?
    {
        for pack in fs::read_dir(folder?.path())? {
            let pack = pack?;
            packs.push((pack.metadata()?.len(), pack.path()));
        }
    }
    let (length, pack) = packs.into_iter().max().context("there is no backup yet")?;
    let mut bytes = fs::read(&pack)?;
    bytes[usize::try_from(length / 2)?] ^= 1;
    // Packs are read-only; a new file takes the place of the old one.
    let new = pack.with_extension("new");
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, &pack));
    written.map_err(|error: io::Error| error).with_context(|| format!("spoil {}", pack.display()))
}
