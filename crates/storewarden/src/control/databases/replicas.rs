//! The replicas that Storewarden keeps of shops' databases: made, kept running, looked at, removed.
//!
//! A server of a replica has a keeper as instances have: it goes on when control does not. One that is
//! not whole is never started but by the plan that makes it.

use super::{Databases, performer::unanswered};
use crate::{
    backup_worker::story,
    database::{BANDWIDTH, replica_of},
};
use ::databases::{
    DatabaseError,
    replica::{Made, Prospect, Replica, Standing, State},
};
use ::watch::databases::{OwnReplica, ShopDatabase};
use apps::{AppsError, Driver, KeeperProgram, ProcessDriver};
use kernel::{
    Params, ShopId,
    config::{CommandSettings, ShopSettings},
    plan::{Condition, Failed, Holds, Probe, Progress},
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep, timeout},
};

/// A new replica has followed by then, or says why not.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(500);
pub(super) const LOOK_LIMIT: Duration = Duration::from_secs(15);
const STOP_GRACE_MS: u64 = 60_000;
/// Of what its server said.
const LAST_LINES: usize = 5;

/// What replicas are kept with.
#[derive(Debug, Clone)]
pub(in crate::control) struct Keeping {
    /// Where the keepers' folders are, one a shop.
    folder: PathBuf,
    keeper: KeeperProgram,
    /// One is made or removed at a time: whoever was told to stop may copy still.
    alone: Arc<Mutex<()>>,
}

impl Keeping {
    pub(in crate::control) fn new(folder: PathBuf, keeper: KeeperProgram) -> Self {
        Self { folder, keeper, alone: Arc::default() }
    }

    /// What starts and stops its server; `words` are empty where only its end matters.
    fn driver(
        &self,
        shop: &ShopId,
        replica: &Replica,
        command: Vec<String>,
        user: Option<String>,
    ) -> Driver {
        let settings = CommandSettings {
            command,
            directory: None,
            user,
            environment_file: None,
            stop_grace_ms: STOP_GRACE_MS,
        };
        let folder = self.folder.join(shop.as_str());
        let keeper = self.keeper.clone();
        Driver::Process(ProcessDriver::new(&folder, replica.address, settings, keeper))
    }

    fn starter(&self, shop: &ShopId, replica: &Replica) -> Result<Driver, DatabaseError> {
        let command = replica.command()?;
        Ok(self.driver(shop, replica, command.words, command.user))
    }

    /// Its server has ended, and does not come back by itself.
    async fn stop(&self, shop: &ShopId, replica: &Replica) -> Result<(), AppsError> {
        // Data that is half removed says no more what served it.
        let driver = match self.starter(shop, replica) {
            Ok(driver) => driver,
            Err(_) => self.driver(shop, replica, Vec::new(), None),
        };
        let stopped = driver.stop();
        tokio::pin!(stopped);
        loop {
            // Asked to end as everybody is, a server waits for whoever is connected.
            tokio::select! {
                stopped = &mut stopped => return stopped,
                () = sleep(LOOK_EVERY) => replica.hurry(),
            }
        }
    }
}

impl Databases {
    pub(super) fn replica(
        &self,
        shop: &ShopId,
        folder: &str,
        listen: SocketAddr,
    ) -> Result<Replica, Failed> {
        let configuration = Arc::clone(&self.configuration.borrow());
        let found = configuration.shops.iter().find(|one| one.id == *shop);
        let replica = found.and_then(|shop| replica_of(shop, Path::new(folder), listen));
        replica.ok_or_else(|| {
            let message = format!("the configuration names no database of {shop}");
            Failed::new(message).because("no_database", [])
        })
    }

    /// Starts the servers that the configuration names and nobody stopped, and finds those again that
    /// went on.
    pub(in crate::control) async fn resume_replicas(&self) {
        let configuration = Arc::clone(&self.configuration.borrow());
        for shop in &configuration.shops {
            let Some(settings) = &shop.replica else { continue };
            let Some(replica) = replica_of(shop, &settings.folder, settings.listen) else {
                continue;
            };
            if !matches!(replica.made(), Ok(Made::Whole)) {
                tracing::error!(shop = %shop.id, "its replica is not whole, and is not started");
                continue;
            }
            let error = match self.keeping.starter(&shop.id, &replica) {
                Ok(driver) => driver.resume().await.err().map(|error| error.chain()),
                Err(error) => Some(story(&error)),
            };
            if let Some(error) = error {
                tracing::error!(shop = %shop.id, %error, "the server of its replica was not started");
            }
        }
    }

    /// Looks at the replica that the configuration names.
    pub(super) async fn look_at_replica(&self, shop: &ShopSettings, known: &mut ShopDatabase) {
        let settings = shop.replica.as_ref();
        let replica =
            settings.and_then(|settings| replica_of(shop, &settings.folder, settings.listen));
        let (Some(settings), Some(replica)) = (settings, replica) else {
            known.replica = None;
            return;
        };
        let silent = |said: String| Standing {
            state: State::Silent,
            behind_bytes: None,
            behind_ms: None,
            said: Some(said),
        };
        let standing = match timeout(LOOK_LIMIT, replica.standing()).await {
            Ok(Ok(standing)) => standing,
            Ok(Err(error)) => silent(story(&error)),
            Err(_) => silent(format!("it did not answer within {} s", LOOK_LIMIT.as_secs())),
        };
        let own = OwnReplica {
            name: replica.name,
            folder: settings.folder.display().to_string(),
            listen: settings.listen.to_string(),
            state: String::new(),
            behind_bytes: None,
            behind_ms: None,
            behind_at_most_ms: settings.behind_at_most_ms,
            said: None,
            seen_ms: 0,
            failed: 0,
            is_promoted: settings.promoted,
        };
        let now_ms = super::super::now_ms();
        known.replica = Some(own.seen(standing, known.replica.as_ref(), now_ms));
    }

    pub(super) async fn replica_conditions(
        &self,
        shop: &ShopId,
        folder: &str,
        listen: SocketAddr,
    ) -> Result<Vec<Condition>, Failed> {
        let replica = self.replica(shop, folder, listen)?;
        let found = timeout(LOOK_LIMIT, replica.prospect()).await;
        let found = found.map_err(|_| silent())?.map_err(unanswered)?;
        let room = room(&replica.folder, &found);
        Ok(conditions(found).into_iter().chain([room]).collect())
    }

    pub(super) async fn make_replica(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let replica = self.replica(shop, folder, listen)?;
        let alone = Arc::clone(&self.keeping.alone).lock_owned().await;
        progress.line(&format!("copies {} into {folder}", replica.primary));
        let (done, made) = oneshot::channel();
        let making = replica.clone();
        // A thread of its own: what it starts ends with it.
        let copy = move || {
            let _alone = alone;
            // Whoever waited may have been told to stop.
            done.send(making.make()).ok();
        };
        let started = thread::Builder::new().name("replica".to_owned()).spawn(copy);
        started.map_err(|error| not_made(&error.to_string()))?;
        let made = made.await.map_err(|_| not_made("the copy ended without a word"))?;
        made.map_err(|error| not_made(&story(&error)))?;
        progress.line("the copy is whole");
        let driver = self.keeping.starter(shop, &replica);
        let driver = driver.map_err(|error| not_made(&story(&error)))?;
        driver.start().await.map_err(|error| not_made(&error.chain()))?;
        self.until_it_follows(&replica, &driver).await?;
        progress.line(&format!("its server listens on {listen} and follows"));
        Ok(())
    }

    async fn until_it_follows(&self, replica: &Replica, driver: &Driver) -> Result<(), Failed> {
        let ends = Instant::now() + FOLLOWS_WITHIN;
        loop {
            let standing = timeout(LOOK_LIMIT, replica.standing()).await;
            let standing = standing.map_err(|_| silent())?.map_err(unanswered)?;
            if standing.state == State::Follows {
                return Ok(());
            }
            if Instant::now() >= ends {
                let lines = driver
                    .log_tail(LAST_LINES)
                    .await
                    .map_err(|error| Failed::for_now(error.chain()))?;
                return Err(not_following(&standing, &lines));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn remove_replica(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let replica = self.replica(shop, folder, listen)?;
        let _alone = self.keeping.alone.lock().await;
        let stopped = self.keeping.stop(shop, &replica).await;
        stopped.map_err(|error| Failed::for_now(error.chain()))?;
        progress.line("its server has ended");
        replica.remove().await.map_err(unanswered)?;
        progress.line(&format!("{folder} is empty, and the database keeps nothing for it"));
        Ok(())
    }

    /// That it is there and follows.
    pub(super) async fn see_replica(
        &self,
        shop: &ShopId,
        folder: &str,
        listen: SocketAddr,
    ) -> Result<Params, Failed> {
        let standing = timeout(LOOK_LIMIT, self.replica(shop, folder, listen)?.standing()).await;
        let standing = standing.map_err(|_| silent())?.map_err(unanswered)?;
        if standing.state != State::Follows {
            return Err(not_following(&standing, &[]));
        }
        let behind = standing.behind_ms.map(|ms| ("behind_ms".to_owned(), ms.into()));
        Ok(behind.into_iter().collect())
    }

    pub(super) async fn see_no_replica(
        &self,
        shop: &ShopId,
        folder: &str,
        listen: SocketAddr,
    ) -> Result<Params, Failed> {
        let replica = self.replica(shop, folder, listen)?;
        let removed = timeout(LOOK_LIMIT, replica.is_removed()).await;
        match removed.map_err(|_| silent())?.map_err(unanswered)? {
            true => Ok(Params::new()),
            false => Err(Failed::for_now("there is something of the replica left")
                .because("replica_left", [("folder", folder.into())])),
        }
    }

    /// What became of making one, or of removing it.
    pub(super) async fn replica_became(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        is_wanted: bool,
    ) -> Result<Probe, Failed> {
        let replica = self.replica(shop, folder, listen)?;
        if !is_wanted {
            let removed = timeout(LOOK_LIMIT, replica.is_removed()).await;
            let removed = removed.map_err(|_| silent())?.map_err(unanswered)?;
            return Ok(if removed { Probe::Done } else { Probe::NotDone });
        }
        Ok(match replica.made().map_err(unanswered)? {
            // Whoever makes it says so.
            Made::Absent | Made::Foreign => Probe::NotDone,
            Made::Begun => Probe::Partial,
            Made::Whole => match self.see_replica(shop, folder, listen).await {
                Ok(_) => Probe::Done,
                Err(_) => Probe::Partial,
            },
        })
    }
}

fn conditions(found: Prospect) -> Vec<Condition> {
    let condition = |code: &str, params, holds| Condition { code: code.to_owned(), params, holds };
    let mut all: Vec<Condition> = found
        .obstacles
        .into_iter()
        .map(|mend| {
            let params = Params::from([("mend".to_owned(), mend.into())]);
            condition("replica_possible", params, Holds::No)
        })
        .collect();
    if all.is_empty() {
        all.push(condition("replica_possible", Params::new(), Holds::Yes));
    }
    let within_s = found.bytes / BANDWIDTH + 1;
    let takes = [("bytes", found.bytes.into()), ("within_s", within_s.into())];
    let takes = takes.map(|(name, value)| (name.to_owned(), value)).into();
    all.push(condition("replica_takes", takes, Holds::Yes));
    if !found.others.is_empty() {
        let others = Params::from([("databases".to_owned(), found.others.join(", ").into())]);
        all.push(condition("replica_has_others", others, Holds::Yes));
    }
    all
}

/// Whether what is copied fits where it goes, with a tenth more.
fn room(folder: &Path, found: &Prospect) -> Condition {
    // It need not be there yet.
    let there = folder.ancestors().find(|path| path.exists());
    let free = there.and_then(|path| host::facts::disk(path).free_bytes);
    let holds = match free {
        None => Holds::Unknown,
        Some(free) if free < found.bytes.saturating_add(found.bytes / 10) => Holds::No,
        Some(_) => Holds::Yes,
    };
    let folder = ("folder".to_owned(), folder.display().to_string().into());
    let free = free.map(|free| ("free_bytes".to_owned(), free.into()));
    let params = free.into_iter().chain([folder]).collect();
    Condition { code: "replica_has_room".to_owned(), params, holds }
}

fn not_made(error: &str) -> Failed {
    Failed::new(format!("the replica was not made: {error}"))
        .because("replica_not_made", [("error", error.into())])
}

pub(super) fn not_following(standing: &Standing, lines: &[String]) -> Failed {
    let state = standing.state.code();
    let said = standing.said.iter().chain(lines).cloned().collect::<Vec<_>>().join("; ");
    Failed::new(format!("the replica does not follow ({state}): {said}"))
        .because("replica_not_following", [("state", state.into()), ("error", said.into())])
}

pub(super) fn silent() -> Failed {
    let error = format!("it did not answer within {} s", LOOK_LIMIT.as_secs());
    Failed::for_now(format!("the database cannot be looked at: {error}"))
        .because("database_unanswered", [("error", error.into())])
}
