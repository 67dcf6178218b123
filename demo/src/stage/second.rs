//! A second sample shop beside the one on the stage, from what Storewarden restored: files in another
//! folder, another database of the same server, a port of its own.

use std::path::Path;

use anyhow::{Context as _, Result};
use kernel::config::CommandSettings;

use super::{
    Instance, backup,
    play::{Keeping, Play, STOP_GRACE_MS},
    ports::free_ports,
};

/// Starts it. `database` is the name of the restored one.
///
/// # Errors
/// When it does not start from what is there.
pub(super) async fn begin(
    play: &Play,
    demo: &Path,
    directory: &Path,
    (restored, database): (&Path, &str),
) -> Result<Instance> {
    let port = free_ports(1)?[0];
    let media = backup::media(directory);
    let pictures = restored.join(media.strip_prefix("/").unwrap_or(&media));
    let command = vec![
        demo.to_str().context("the demo's path is text")?.to_owned(),
        "shop".to_owned(),
        format!("--stop-with={}", std::process::id()),
        format!("--port={port}"),
        "--name=again".to_owned(),
        format!("--database={}", play.url_of(database)),
        format!("--pictures={}", pictures.display()),
    ];
    let settings = CommandSettings {
        command,
        directory: None,
        user: None,
        environment_file: None,
        stop_grace_ms: STOP_GRACE_MS,
    };
    let keeping = Keeping::apart(restored, demo);
    let shop = keeping.instance("again".to_owned(), port, "/health", settings);
    shop.start().await?;
    Ok(shop)
}
