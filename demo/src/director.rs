//! The director: sets the stage, tells the person at the terminal where to look, and clears
//! everything away when they have seen enough.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    customers::{Client, Kind},
    guide::{Addresses, Guide},
    stage::{Stage, StageOptions},
};

/// Where the guide's address is written, in the stage's folder.
const GUIDE_FILE: &str = "guide-url";
/// How long customers may finish what they are at when the demonstration ends.
const LAST_CALL: Duration = Duration::from_millis(500);

/// Runs the demonstration until Ctrl-C or SIGTERM.
///
/// # Errors
/// When something does not start; whatever had started is ended.
#[expect(clippy::print_stdout, reason = "talks to the person who started it")]
pub async fn run(options: StageOptions) -> Result<()> {
    let began = Instant::now();
    let mut end = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    println!("Setting the stage …");
    let stage = tokio::select! {
        stage = Stage::start(options) => Arc::new(stage?),
        _ = end.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let played = play(&stage, began, async move {
        tokio::select! { _ = end.recv() => {}, _ = interrupt.recv() => {} }
    });
    let played = played.await;
    println!("\nClearing away …");
    let cleared = stage.shutdown(LAST_CALL).await;
    played.and(cleared)?;
    // The temporary folder goes with it.
    drop(stage);
    println!("Everything has ended.");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "talks to the person who started it")]
async fn play(stage: &Arc<Stage>, began: Instant, curtain: impl Future<Output = ()>) -> Result<()> {
    let (storewarden, sign_in) = match stage.storewarden() {
        Some(storewarden) => (
            Some(format!("http://{}", storewarden.control())),
            Some(storewarden.sign_in_link().await?),
        ),
        None => (None, None),
    };
    let entrance = format!("http://{}", stage.entrance());
    let (pages, entrance) = match stage.shop() {
        Kind::Sample | Kind::Oscar => (Some(entrance.clone()), entrance),
        Kind::Vendure => (None, format!("{entrance}/shop-api   (GraphQL: no pages)")),
    };
    let name = stage.title();
    let addresses = Addresses { shop: pages, storewarden };
    let guide = Guide::start(Arc::clone(stage), addresses).await?;
    let url = guide.url();
    std::fs::write(stage.directory().join(GUIDE_FILE), &url)
        .context("write the guide's address")?;
    if let Err(error) = remember(stage.directory()) {
        println!("note: `cargo xtask demo customers 300` will not find this one: {error:#}");
    }

    let rate = stage.customers().rate();
    println!(
        "\n  {name} is open: {} instances on {}, {rate} customers a minute.\n",
        stage.instances().len(),
        stage.database_name(),
    );
    println!("  The shop         {entrance}");
    if let Some(link) = sign_in {
        println!("  Storewarden      {link}   (signs you in, once)");
    }
    println!("  Things to try    {url}");
    println!("\n  More customers   cargo xtask demo customers 300");
    println!("  Its files        {}", stage.directory().display());
    println!("  The end          Ctrl-C");
    println!("\n  Set in {:.1} s.", began.elapsed().as_secs_f64());
    curtain.await;
    guide.stop().await;
    Ok(())
}

/// Asks the demonstration that runs for one of the things of its guide: a word, and a number for
/// those that want one. Returns what it says.
///
/// # Errors
/// When none runs, or it can't do that.
pub async fn ask(guide: Option<&str>, act: &str, value: Option<u64>) -> Result<String> {
    let url = match guide {
        Some(url) => url.to_owned(),
        None => newest_guide()?,
    };
    let host = url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/');
    let address = host.replace("localhost", "127.0.0.1");
    let address = address.parse().with_context(|| format!("read the guide's address {url}"))?;
    let mut client = Client::new(address, host);
    let body = json!({ "act": act, "value": value }).to_string();
    let answer = client
        .request_once("POST", "/do", Some(&body))
        .await
        .with_context(|| format!("ask the demonstration at {url}. Does it still run?"))?;
    let said: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("read what it says: {}", answer.text()))?;
    let said = said["said"].as_str().unwrap_or_default().to_owned();
    if answer.status != 200 {
        bail!(said);
    }
    Ok(said)
}

/// Where the demonstration keeps what it need not make twice: `$STOREWARDEN_CACHE`, else a folder
/// in the user's cache.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("STOREWARDEN_CACHE") {
        return Ok(folder.into());
    }
    let caches = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let home = std::env::var_os("HOME").context("find the user's cache without $HOME")?;
            Path::new(&home).join(".cache")
        }
    };
    Ok(caches.join("storewarden"))
}

/// Writes down the folder of this demonstration as the newest.
fn remember(directory: &Path) -> Result<()> {
    let cache = cache_folder()?;
    std::fs::create_dir_all(&cache)?;
    let directory = directory.to_str().context("the folder's name is not text")?;
    std::fs::write(cache.join("newest-demo"), directory)?;
    Ok(())
}

fn newest_guide() -> Result<String> {
    let none = "no demonstration runs. Start one with `cargo xtask demo`";
    let directory = std::fs::read_to_string(cache_folder()?.join("newest-demo")).context(none)?;
    std::fs::read_to_string(Path::new(&directory).join(GUIDE_FILE)).context(none)
}
