//! The stage: a shop of several instances on a database of its own, Storewarden in front of it, and
//! customers. Everything lives in one folder, on free ports of the loopback, and ends with it.
//!
//! The demonstration plays on it, and so do the end-to-end tests. It knows Storewarden only as a
//! user does: a program, a configuration file, an API.

mod backup;
mod database;
mod installation;
mod instance;
mod oscar;
mod play;
mod ports;
mod revival;
mod second;
mod storewarden;
mod vendure;

use std::{
    fs::Permissions,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use databases::private::{MariaDb, Postgres};
use kernel::config::DatabaseUrl;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    customers::{self, Customers, Kind},
    shop::Fault,
};
pub use instance::{Instance, Presence};
pub use play::OrderRow;
use play::Play;
pub use revival::Revival;
pub use storewarden::Storewarden;

/// The shop's name in Storewarden's configuration.
pub const SHOP: &str = "lampenladen";
/// How often the stage looks whether an instance has died.
const TENDING: Duration = Duration::from_millis(250);

/// Which database the shop gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// PostgreSQL when the machine has it; else SQLite for the sample shop, MariaDB for Vendure. For
    /// django-oscar PostgreSQL.
    Best,
    Postgres,
    /// Vendure only.
    MariaDb,
    /// The sample shop only.
    Sqlite,
}

/// What is put on the stage.
#[derive(Debug, Clone)]
pub struct StageOptions {
    /// The `demo` program, which serves the sample shop's instances.
    pub demo: PathBuf,
    /// The `storewarden` program; without one the customers go to the first instance.
    pub storewarden: Option<PathBuf>,
    /// Where everything lives; without one, a temporary folder that goes with the stage.
    pub directory: Option<PathBuf>,
    pub shop: Kind,
    pub database: DatabaseKind,
    /// How many instances, at least 1.
    pub instances: usize,
    /// Most dynamic pages that one instance of the sample shop works on at once.
    pub capacity: usize,
    /// The sample shop confirms orders by a queue in its database.
    pub does_jobs: bool,
    /// Lines of TOML added to the edge's table.
    pub edge_settings: String,
    /// Lines of TOML added to the shop's table.
    pub shop_settings: String,
    /// Backs the shop up, with its pictures and its code, into the stage's own folder.
    pub backs_up: bool,
    /// How, as the keys of a table of TOML.
    pub backup_settings: String,
    /// Tables of TOML added at the end; `SHOP` and `EDGE` in them stand for the shop's id and where the edge listens.
    pub more_settings: String,
    /// Customers a minute; 0 for none until somebody turns them up.
    pub per_minute: u64,
    /// See [`customers::Options::pace`].
    pub pace: f64,
    /// When an instance that died is started again, as a service manager would; never without.
    pub restart_after: Option<Duration>,
}

impl StageOptions {
    /// The sample shop with two instances, a customer every two seconds, and nobody who restarts
    /// what dies.
    #[must_use]
    pub fn new(demo: PathBuf) -> Self {
        Self {
            demo,
            storewarden: None,
            directory: None,
            shop: Kind::Sample,
            database: DatabaseKind::Best,
            instances: 2,
            capacity: 64,
            does_jobs: false,
            edge_settings: String::new(),
            shop_settings: String::new(),
            backs_up: false,
            backup_settings: "every = \"3m\", lose_at_most = \"15m\"".to_owned(),
            more_settings: String::new(),
            per_minute: 30,
            pace: 1.0,
            restart_after: None,
        }
    }
}

/// A shop that runs. [`Stage::shutdown`] ends it in order; dropped, its processes are killed.
#[derive(Debug)]
pub struct Stage {
    // In this order: what is dropped first depends on what is dropped later.
    customers: Customers,
    tending: Mutex<JoinSet<()>>,
    /// A shop beside this one, from a backup.
    second: tokio::sync::Mutex<Option<Instance>>,
    storewarden: Option<Storewarden>,
    instances: Arc<[Instance]>,
    play: Play,
    demo: PathBuf,
    directory: PathBuf,
    _temporary: Option<TempDir>,
}

impl Stage {
    /// Starts everything and returns when the shop answers where its customers will come in.
    ///
    /// # Errors
    /// When something does not start; what had started is ended.
    pub async fn start(options: StageOptions) -> Result<Self> {
        let (directory, temporary) = make_directory(options.directory.as_deref())?;
        let mut play = Play::prepare(&options, &directory).await?;
        let instances: Arc<[Instance]> = play.instances(&options, &directory)?.into();
        play.start(&instances).await?;
        play.open_for_reading().await?;

        let storewarden = match &options.storewarden {
            Some(program) => {
                let backup = match options.backs_up {
                    true => {
                        let boot = play.boot(&options.demo, &directory)?;
                        let account = play.restore_as();
                        let settings = format!("{}{account}{boot}", options.backup_settings);
                        backup::prepare(&directory, play.files(), &settings)?
                    }
                    false => String::new(),
                };
                let stream = match options.backs_up {
                    true => play.stream().await?,
                    false => String::new(),
                };
                let check = play.check().map(|page| format!("check = {{ path = \"{page}\" }}"));
                let check = check.unwrap_or_default();
                let shop_settings = format!("{check}\n{}\n{backup}{stream}", options.shop_settings);
                let configuration = storewarden::Configuration {
                    platform: play.platform(),
                    title: play.title(),
                    probe: play.probe(),
                    database: play.url_for_reading(),
                    instances: &instances,
                    edge_settings: &options.edge_settings,
                    shop_settings: &shop_settings,
                    more_settings: &options.more_settings,
                };
                let storewarden = Storewarden::new(program, &directory, &configuration)?;
                storewarden.start().await?;
                Some(storewarden)
            }
            None => None,
        };
        let target = match &storewarden {
            Some(storewarden) => storewarden.edge(),
            None => instances.first().context("a shop has at least one instance")?.address(),
        };
        let customers = Customers::start(customers::Options {
            kind: options.shop,
            per_minute: options.per_minute,
            pace: options.pace,
            ..customers::Options::to(target)
        });
        let mut tending = JoinSet::new();
        tending.spawn(tend(Arc::clone(&instances), options.restart_after));
        Ok(Self {
            customers,
            tending: Mutex::new(tending),
            second: tokio::sync::Mutex::new(None),
            storewarden,
            instances,
            play,
            demo: options.demo,
            directory,
            _temporary: temporary,
        })
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The folder of the shop's pictures, and the one that they are restored to.
    #[must_use]
    pub fn pictures(&self) -> (PathBuf, PathBuf) {
        let media = match self.play.files() {
            Some((_, pictures)) => pictures,
            None => backup::media(&self.directory),
        };
        (media, backup::restored(&self.directory))
    }

    /// The folder and the name of the database that the whole shop is restored to, for the time that
    /// tells them apart.
    #[must_use]
    pub fn beside(&self, at_ms: i64) -> (PathBuf, String) {
        let name = format!("{SHOP}_again_{at_ms}");
        (self.directory.join(&name), self.play.name_beside(&self.directory, &name))
    }

    /// Starts a second sample shop from what was restored whole; one from before ends. Its address.
    ///
    /// # Errors
    /// When it does not start from what is there.
    pub async fn start_second(&self, restored: &Path, database: &str) -> Result<SocketAddr> {
        let mut second = self.second.lock().await;
        *second = None;
        let wanted = (restored, database);
        let shop = second::begin(&self.play, &self.demo, &self.directory, wanted).await?;
        let address = shop.address();
        *second = Some(shop);
        Ok(address)
    }

    /// Turns one bit of the backups around.
    ///
    /// # Errors
    /// When there is none yet.
    pub fn damage_backup(&self) -> Result<()> {
        backup::damage(&self.directory)
    }

    #[must_use]
    pub fn customers(&self) -> &Customers {
        &self.customers
    }

    /// The instances of the shop, `app-1` first.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Starts all instances that don't run, side by side, and waits until they are well.
    ///
    /// # Errors
    /// As [`Instance::start`].
    pub async fn start_instances(&self) -> Result<()> {
        for instance in self.instances() {
            instance.begin().await?;
        }
        for instance in self.instances() {
            instance.start().await?;
        }
        Ok(())
    }

    /// None on a stage that was set without it.
    #[must_use]
    pub fn storewarden(&self) -> Option<&Storewarden> {
        self.storewarden.as_ref()
    }

    /// Where customers come in.
    #[must_use]
    pub fn entrance(&self) -> SocketAddr {
        match &self.storewarden {
            Some(storewarden) => storewarden.edge(),
            None => self.instances[0].address(),
        }
    }

    #[must_use]
    pub fn shop(&self) -> Kind {
        self.play.kind()
    }

    /// What the shop calls itself.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.play.title()
    }

    /// In words, for people.
    #[must_use]
    pub fn database_name(&self) -> &'static str {
        self.play.database_name()
    }

    /// Every order in the shop's database, by its key.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn rows(&self) -> Result<Vec<OrderRow>> {
        self.play.rows().await
    }

    /// Deletes an order with all that is its own; the buyer stays.
    ///
    /// # Errors
    /// When there is no such order, or the database does not let go of it.
    pub async fn delete_order(&self, number: &str) -> Result<()> {
        self.play.delete_order(number).await
    }

    /// Runs one statement in the shop's database as a user who may do everything.
    ///
    /// # Errors
    /// When the database is no server's, or refuses it.
    pub async fn execute(&self, statement: &str) -> Result<()> {
        self.play.execute(statement).await
    }

    /// Whether what is committed is on the disk, or only will be.
    ///
    /// # Errors
    /// When the database is no server's, or refuses it.
    pub async fn wait_for_disks(&self, waits: bool) -> Result<()> {
        self.play.wait_for_disks(waits).await
    }

    /// Has the changes of the shop's database followed from now on, and waits until they are.
    ///
    /// # Errors
    /// When there is no Storewarden, or it does not begin within half a minute.
    pub async fn follow(&self) -> Result<()> {
        let storewarden = self.storewarden().context("a stage with Storewarden")?;
        let stream = self.play.followed().await?;
        storewarden.add_to_shop(&stream)?;
        storewarden.follows().await
    }

    /// The folder that the shop's mail goes to, a file each; none of a shop that sends none here.
    #[must_use]
    pub fn mails(&self) -> Option<&Path> {
        self.play.mails()
    }

    /// The shop's database, for a user who may do everything.
    ///
    /// # Errors
    /// When it is no server's.
    pub async fn database(&self) -> Result<DatabaseUrl> {
        self.play.address().await.context("the database is no server's")
    }

    /// Starts the shop once more, beside this one, from a backup that was restored whole into a
    /// folder: its files from there, its database loaded into a server of its own.
    ///
    /// # Errors
    /// When the backup lacks something, or the shop does not start from it.
    pub async fn revive(&self, restored: &Path) -> Result<Revival> {
        Revival::begin(&self.play, &self.demo, restored).await
    }

    /// The folder of the dump in a backup that was restored into `restored`.
    ///
    /// # Errors
    /// When there is none.
    pub fn dump_in(restored: &Path) -> Result<PathBuf> {
        revival::dump_in(restored)
    }

    /// The faults that the first instance has; the others have the same but for the leak.
    pub async fn fault(&self) -> Fault {
        self.instances[0].fault().await
    }

    /// Asks every running instance of the sample shop for these faults; the leak is the first one's
    /// only. An instance that is down gets them with its next start.
    ///
    /// # Errors
    /// When a running instance does not take them.
    pub async fn set_fault(&self, fault: Fault) -> Result<()> {
        for (place, instance) in self.instances.iter().enumerate() {
            let leak = if place == 0 { fault.leak_mb_per_request } else { 0 };
            instance.set_fault(Fault { leak_mb_per_request: leak, ..fault }).await?;
        }
        Ok(())
    }

    /// Ends everything in order: customers, Storewarden, instances, database; the temporary folder
    /// goes with the stage itself.
    ///
    /// # Errors
    /// The first thing that did not end well; the rest is ended all the same.
    pub async fn shutdown(&self, grace: Duration) -> Result<()> {
        self.customers.stop(grace).await;
        // Taken out first: no lock is held while tasks end.
        let mut tending =
            std::mem::take(&mut *self.tending.lock().unwrap_or_else(PoisonError::into_inner));
        tending.shutdown().await;
        // Its keeper would outlive the folder.
        *self.second.lock().await = None;
        let mut first_error = Ok(());
        if let Some(storewarden) = &self.storewarden {
            first_error = first_error.and(storewarden.stop().await);
        }
        for instance in self.instances.iter() {
            first_error = first_error.and(instance.stop().await);
        }
        first_error.and(self.play.stop().await)
    }
}

/// Starts instances again that died, when somebody is to.
async fn tend(instances: Arc<[Instance]>, restart_after: Option<Duration>) {
    loop {
        tokio::time::sleep(TENDING).await;
        for instance in instances.iter() {
            if let Err(error) = instance.tend(restart_after).await {
                eprintln!("error: {}: {error:#}", instance.name());
            }
        }
    }
}

/// The folder of the stage, which another user of the machine may pass through: databases refuse
/// to run as root, so root's demonstration runs them as somebody else.
fn make_directory(wanted: Option<&Path>) -> Result<(PathBuf, Option<TempDir>)> {
    if let Some(directory) = wanted {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("make the folder {}", directory.display()))?;
        return Ok((directory.canonicalize()?, None));
    }
    let temporary = passable_folder()?;
    Ok((temporary.path().canonicalize()?, Some(temporary)))
}

/// A temporary folder that another user of the machine may pass through.
fn passable_folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("storewarden-demo-")
        .permissions(Permissions::from_mode(0o711))
        .tempdir()
        .context("make a temporary folder")
}

/// Whether this machine can run a private PostgreSQL.
#[must_use]
pub fn has_postgres() -> bool {
    Postgres::find().is_some()
}

/// Whether this machine can start a private MariaDB.
#[must_use]
pub fn has_mariadb() -> bool {
    MariaDb::find().is_some()
}
