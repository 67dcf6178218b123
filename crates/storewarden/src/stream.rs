//! The process that follows the changes of every shop's database that asks for it, a thread a shop
//! (docs/stream.md). It reads the configuration that is in force, asks nobody, and goes on when control
//! ends: what it says lies in files beside the journals.

mod fetch;
mod raw;
mod standing;

pub(crate) use standing::SILENT_MS;

use crate::{
    backup_worker::{self, Limits},
    cli::{Exit, State},
    configuration,
    control::{ACCEPTED_FILE, now_ms},
    handover,
};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use host::{
    announcement::{Announcement, announce},
    descriptors,
};
use kernel::{
    ShopId,
    config::{Configuration, DatabaseKind, RepositorySettings, Secret, ShopSettings},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use vault::{VaultError, journal::Place, storage::Storage, stream, wal};

/// The name in a backup of what opens the journal of the shop's changes, and its copies.
pub(crate) const JOURNAL_KEY: &str = "journal.key";
/// Of whoever is no backup's worker.
pub(crate) const UNLIMITED: Limits =
    Limits { bandwidth: None, memory_bytes: u64::MAX, cpu_percent: None };
/// How often it is looked whether another configuration is in force.
const LOOK: Duration = Duration::from_secs(1);
/// The supervisor sends its message before it starts us.
const SUPERVISOR_WITHIN: Duration = Duration::from_secs(5);

/// What to do with the streams of changes.
#[derive(Debug, Subcommand)]
pub(crate) enum StreamCommand {
    /// Say how far the changes of each shop's database are followed; works without control
    Show {
        /// This shop only
        shop: Option<String>,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: crate::cli::Json,
    },
    /// Bring a shop's journal of changes back from one of its copies
    ///
    /// From the places that the configuration in force names, by the key that lies here; or with nothing
    /// but a recovery sheet.
    Fetch(fetch::Arguments),
    /// Write a MariaDB's binary log into files again, out of the journal here
    ///
    /// As the server wrote it: mariadb-binlog reads them.
    Raw(raw::Arguments),
    /// Have another journal of a shop's changes begun, where the one that is there cannot go on
    ///
    /// What changes between the two is in neither: a backup is to be taken afterwards.
    BeginAnew {
        /// The shop's id
        shop: String,
        #[command(flatten)]
        state: State,
    },
    /// Follows; started by `up`, or as a service of its own
    #[command(hide = true)]
    Run(Arguments),
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// What holds while control has accepted nothing yet
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

/// # Errors
/// When what was asked for cannot be done, and why.
pub(crate) fn run(command: StreamCommand) -> anyhow::Result<Exit> {
    match command {
        StreamCommand::Show { shop, state, json } => {
            standing::show(&state.directory, shop.as_deref(), json.json)
        }
        StreamCommand::Fetch(arguments) => fetch::run(&arguments),
        StreamCommand::Raw(arguments) => raw::run(&arguments),
        StreamCommand::BeginAnew { shop, state } => {
            let shop: ShopId = shop.parse().context("understand the shop's id")?;
            let place = Place::of(&state.directory, &shop);
            if stream::Standing::read(&place)?.is_none() {
                bail!("the changes of a shop `{shop}` are not followed here");
            }
            stream::begin_anew(&place)?;
            let said = format!(
                "Another journal begins. Take a backup: storewarden backup now --shop {shop}\n"
            );
            crate::remote::print(said.as_bytes())?;
            Ok(Exit::Fine)
        }
        StreamCommand::Run(arguments) => {
            crate::log_to_stderr();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(follow(&arguments))?;
            Ok(Exit::Fine)
        }
    }
}

/// Follows until it is told to end, or its supervisor is gone.
async fn follow(arguments: &Arguments) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut parent = Parent::adopt()?;
    let program = Program::ours();
    let mut streams = Streams {
        config: arguments.config.clone(),
        state: arguments.state.clone(),
        text: None,
        wanted: BTreeMap::new(),
        running: BTreeMap::new(),
    };
    streams.look();
    parent.say_ready().await?;
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => streams.look(),
            _ = signals.reload.recv() => streams.look(),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            () = parent.gone() => break,
        }
        // A service of its own is started anew by systemd, as the program that is installed by now.
        if parent.0.is_none() && program.as_ref().is_some_and(Program::was_replaced) {
            tracing::info!("another program is installed; this one ends to be started anew");
            break;
        }
    }
    streams.end();
    tracing::info!("changes are followed no longer");
    Ok(())
}

struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// The supervisor, or nobody when a service manager started us.
struct Parent(Option<UnixStream>);

impl Parent {
    fn adopt() -> anyhow::Result<Self> {
        let Ok(stream) = descriptors::from_stdin() else { return Ok(Self(None)) };
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(SUPERVISOR_WITHIN))?;
        // It hands over nothing to us, and says so.
        descriptors::receive(&stream, handover::MAX_SOCKETS).context("hear the supervisor")?;
        stream.set_read_timeout(None)?;
        stream.set_nonblocking(true)?;
        Ok(Self(Some(UnixStream::from_std(stream)?)))
    }

    async fn say_ready(&mut self) -> anyhow::Result<()> {
        announce(&Announcement::Ready("following")).context("tell the service manager")?;
        if let Some(stream) = &mut self.0 {
            stream.write_all(handover::READY).await.context("tell the supervisor")?;
        }
        Ok(())
    }

    /// Returns when the supervisor has gone; without one, never.
    async fn gone(&mut self) {
        let Some(stream) = &mut self.0 else { return std::future::pending().await };
        let mut ignored = [0; 64];
        while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
        tracing::info!("the supervisor has gone");
    }
}

/// The file that this process was started from.
struct Program {
    path: PathBuf,
    file: (u64, u64),
}

impl Program {
    fn ours() -> Option<Self> {
        let path = std::env::current_exe().ok()?;
        let file = file_of(&path)?;
        Some(Self { path, file })
    }

    fn was_replaced(&self) -> bool {
        file_of(&self.path).is_some_and(|file| file != self.file)
    }
}

fn file_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// All shops that are followed.
struct Streams {
    config: PathBuf,
    state: PathBuf,
    /// Of the configuration that was looked at last.
    text: Option<String>,
    wanted: BTreeMap<Name, Wanted>,
    running: BTreeMap<Name, Running>,
}

/// What of which shop.
type Name = (ShopId, Part);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Changes,
    /// The server's own log, where another program receives it.
    Log,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Changes(stream::Settings),
    Log(wal::Settings),
}

struct Running {
    settings: Wanted,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<(), VaultError>>,
}

impl Streams {
    /// Makes it so that exactly those are followed that are to be.
    fn look(&mut self) {
        self.read();
        let ends = |name: &Name, running: &Running| {
            running.thread.is_finished() || self.wanted.get(name) != Some(&running.settings)
        };
        let ending = self.running.iter().filter(|(name, running)| ends(name, running));
        let ending: Vec<Name> = ending.map(|(name, _)| name.clone()).collect();
        for name in ending {
            if let Some(running) = self.running.remove(&name) {
                running.end(&name);
            }
        }
        for (name, settings) in &self.wanted {
            if self.running.contains_key(name) {
                continue;
            }
            match Running::start(&self.state, &name.0, settings) {
                Ok(running) => drop(self.running.insert(name.clone(), running)),
                Err(error) => {
                    let (shop, part) = name;
                    tracing::error!(%shop, ?part, %error, "changes cannot be followed");
                }
            }
        }
    }

    /// Looks whether another configuration is in force. One that is not understood changes nothing.
    fn read(&mut self) {
        let accepted = self.state.join(ACCEPTED_FILE);
        let (text, meaning) = match fs::read_to_string(&accepted) {
            Ok(text) if self.text.as_ref() == Some(&text) => return,
            Ok(text) => {
                let meaning = configuration::understand(&text, &accepted);
                (text, meaning)
            }
            // Control has not begun yet, on this machine.
            Err(_) if self.text.is_some() => return,
            Err(_) => match configuration::load(&self.config) {
                Ok(loaded) => (loaded.text, loaded.meaning),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the configuration is not read");
                    return;
                }
            },
        };
        match meaning {
            Ok(configuration) => self.wanted = wanted(&configuration),
            Err(mistakes) => {
                let details = mistakes.details.join("\n");
                tracing::error!(
                    details,
                    "the configuration is not valid here; all stays as it was"
                );
            }
        }
        self.text = Some(text);
    }

    fn end(self) {
        for running in self.running.values() {
            running.stop.send_replace(true);
        }
        for (name, running) in self.running {
            running.end(&name);
        }
    }
}

impl Running {
    fn start(state: &Path, shop: &ShopId, settings: &Wanted) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (place, wanted) = (Place::of(state, shop), settings.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let open: stream::Open = Arc::new(open);
        let work = move || match &wanted {
            Wanted::Changes(wanted) => {
                runtime.block_on(stream::follow(&place, wanted, &open, now_ms, stopped))
            }
            Wanted::Log(wanted) => {
                runtime.block_on(wal::receive(&place, wanted, &open, now_ms, stopped))
            }
        };
        let thread = thread::Builder::new().name("stream".to_owned()).spawn(work)?;
        Ok(Self { settings: settings.clone(), stop, thread })
    }

    fn end(self, (shop, part): &Name) {
        self.stop.send_replace(true);
        match self.thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = error.story();
                tracing::error!(%shop, ?part, error, "changes are not followed for now");
            }
            Err(_) => {
                tracing::error!(%shop, ?part, "following the changes panicked; it is begun again");
            }
        }
    }
}

/// Where a copy goes. It is sealed by the journal's own key: nobody needs the repository's password here.
pub(crate) fn open(to: &RepositorySettings) -> Result<Arc<dyn Storage>, VaultError> {
    let place = backup_worker::Place::new(to, &Secret::new(String::new()), true);
    place.storage(UNLIMITED)
}

/// Changes are kept for twice as long again as may lie between two dumps: what is to be seen as it was a
/// whole `keep` ago is seen from the dump before.
pub(crate) fn keep_ms(shop: &ShopSettings, asked_ms: u64) -> u64 {
    let gap_ms = shop
        .backup
        .as_ref()
        .map_or(0, |backup| backup.schedule.longest_gap_ms().max(backup.database_every_ms));
    asked_ms.saturating_add(2 * gap_ms)
}

/// What the configuration asks for.
fn wanted(configuration: &Configuration) -> BTreeMap<Name, Wanted> {
    let mut wanted = BTreeMap::new();
    for shop in &configuration.shops {
        let Some(asked) = &shop.stream else { continue };
        let Some(database) = asked.follow_as.as_ref().or(shop.database.as_ref()) else { continue };
        let has_wal = database.kind == DatabaseKind::Postgres;
        if asked.raw && has_wal {
            let (database, copies) = (database.clone(), asked.copies.clone());
            let settings = wal::Settings { database, copies };
            wanted.insert((shop.id.clone(), Part::Log), Wanted::Log(settings));
        }
        let platform = shops::platform(&shop.platform);
        let graphs = platform.map_or_else(Vec::new, |platform| platform.graphs.clone());
        let settings = stream::Settings {
            database: database.clone(),
            leave_out: asked.leave_out.clone(),
            keep_ms: keep_ms(shop, asked.keep_ms),
            graphs,
            raw: asked.raw && !has_wal,
            copies: asked.copies.clone(),
        };
        wanted.insert((shop.id.clone(), Part::Changes), Wanted::Changes(settings));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shops_are_followed_as_the_configuration_says() {
        let text = "version = 1\n[shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\n\
                    app = \"127.0.0.1:3001\"\ndatabase = \"postgres://me@h/lamps\"\n\
                    stream = { leave_out = \"public.session\", keep = \"2d\" }\n\
                    [shop.tables]\nplatform = \"sample\"\nhosts = \"tables.example\"\n\
                    app = \"127.0.0.1:3002\"\n";
        let configuration = configuration::understand(text, Path::new("c.toml")).unwrap();
        let wanted = wanted(&configuration);
        assert_eq!(wanted.len(), 1);
        let Wanted::Changes(settings) = &wanted[&("lamps".parse().unwrap(), Part::Changes)] else {
            panic!("{wanted:?}")
        };
        assert_eq!(settings.leave_out, ["public.session"]);
        assert_eq!(settings.keep_ms, 2 * 24 * 60 * 60 * 1000);
        assert!(!settings.graphs.is_empty());
    }
}
