//! What is played: which shop, on which database, and how its instances are started.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use kernel::config::{CommandSettings, DatabaseUrl};
use tokio::sync::Mutex;

use super::{
    Instance, SHOP, StageOptions, backup,
    database::{self, Engine, Home, Installed, Server, ServerKind},
    oscar,
    ports::free_ports,
    storewarden, vendure,
};
use crate::{customers::Kind, shop};

/// An order as the shop's database has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderRow {
    pub number: String,
    pub email: String,
    /// The cart it was made of; of Vendure, whose carts are its orders, the order's id.
    pub cart: String,
    pub total_minor: i64,
}

/// How long an instance may take to end after it was asked to.
pub(super) const STOP_GRACE_MS: u64 = 12_000;

/// Where the stage's instances are kept, and by which program: where Storewarden looks for them.
#[derive(Debug, Clone)]
pub(super) struct Keeping<'a> {
    pub(super) directory: &'a Path,
    instances: PathBuf,
    keeper: &'a Path,
}

impl<'a> Keeping<'a> {
    fn of(options: &'a StageOptions, directory: &'a Path) -> Self {
        let instances = storewarden::state(directory).join("instances").join(SHOP);
        Self { directory, instances, keeper: &options.demo }
    }

    /// Keeps instances in a folder that no Storewarden looks into.
    pub(super) fn apart(directory: &'a Path, keeper: &'a Path) -> Self {
        Self { directory, instances: directory.join("instances"), keeper }
    }

    /// `probe` is a page that answers 200 when the instance is well.
    pub(super) fn instance(
        &self,
        name: String,
        port: u16,
        probe: &'static str,
        settings: CommandSettings,
    ) -> Instance {
        let address = ([127, 0, 0, 1], port).into();
        Instance::new(name, address, probe, settings, &self.instances, self.keeper)
    }
}

/// What the shop runs, and what runs beside its instances.
#[derive(Debug)]
enum Software {
    Sample,
    Vendure { vendure: vendure::Running, worker: Box<Instance> },
    Oscar(oscar::Running),
}

/// The shop on the stage, with its database and whatever else it needs.
#[derive(Debug)]
pub(super) struct Play {
    software: Software,
    engine: Engine,
    server: Mutex<Option<Server>>,
    /// After the server in this list: it goes when the server has ended.
    _home: Option<Home>,
    url: String,
    url_for_reading: String,
}

impl Play {
    pub(super) async fn prepare(options: &StageOptions, directory: &Path) -> Result<Self> {
        let engine = database::choose(options.shop, options.database, Installed::here())?;
        match (engine, options.shop) {
            // Only the sample shop's.
            (Engine::Sqlite, _) => Ok(Self::on_sqlite(directory)),
            (Engine::Server(kind), Kind::Sample) => Self::prepare_sample(kind, directory).await,
            (Engine::Server(kind), Kind::Vendure) => {
                let keeping = Keeping::of(options, directory);
                Self::prepare_vendure(kind, directory, keeping).await
            }
            (Engine::Server(kind), Kind::Oscar) => Self::prepare_oscar(kind, directory).await,
        }
    }

    fn on_sqlite(directory: &Path) -> Self {
        let url = format!("sqlite:{}", directory.join("shop.db").display());
        Self {
            software: Software::Sample,
            engine: Engine::Sqlite,
            server: Mutex::new(None),
            _home: None,
            url_for_reading: url.clone(),
            url,
        }
    }

    async fn prepare_sample(kind: ServerKind, directory: &Path) -> Result<Self> {
        let home = Home::in_reach(&directory.join(kind.word()))?;
        let is_new = !home.has_data();
        let server = Server::start(kind, &home).await?;
        if is_new {
            server.create_database().await?;
        }
        Ok(Self::on_server(Software::Sample, server, home))
    }

    async fn prepare_vendure(
        kind: ServerKind,
        directory: &Path,
        keeping: Keeping<'_>,
    ) -> Result<Self> {
        let vendure = vendure::Installation::prepare().await?;
        let home = Home::in_reach(&directory.join(kind.word()))?;
        let (server, vendure) = vendure.start_database(kind, &home).await?;
        let port = free_ports(1)?[0];
        let worker =
            Box::new(vendure.instance("worker".to_owned(), "worker.js", port, &keeping)?);
        Ok(Self::on_server(Software::Vendure { vendure, worker }, server, home))
    }

    async fn prepare_oscar(kind: ServerKind, directory: &Path) -> Result<Self> {
        let oscar = oscar::Installation::prepare().await?;
        let home = Home::in_reach(&directory.join(kind.word()))?;
        let (server, oscar) = oscar.start_database(kind, &home, directory).await?;
        Ok(Self::on_server(Software::Oscar(oscar), server, home))
    }

    fn on_server(software: Software, server: Server, home: Home) -> Self {
        Self {
            software,
            engine: Engine::Server(server.kind()),
            url: server.url(),
            url_for_reading: server.url_for_reading(),
            server: Mutex::new(Some(server)),
            _home: Some(home),
        }
    }

    pub(super) fn instances(
        &self,
        options: &StageOptions,
        directory: &Path,
    ) -> Result<Vec<Instance>> {
        let keeping = Keeping::of(options, directory);
        let ports = free_ports(options.instances.max(1))?;
        let instances = ports.into_iter().enumerate().map(|(place, port)| {
            let name = format!("app-{}", place + 1);
            match &self.software {
                Software::Sample => {}
                Software::Vendure { vendure, .. } => {
                    return vendure.instance(name, "server.js", port, &keeping);
                }
                Software::Oscar(oscar) => return oscar.instance(name, port, &keeping),
            }
            let program = options.demo.to_str().context("the demo's path is text")?.to_owned();
            let mut command = vec![
                program,
                "shop".to_owned(),
                format!("--stop-with={}", std::process::id()),
                format!("--port={port}"),
                format!("--name={name}"),
                format!("--database={}", self.url),
                format!("--capacity={}", options.capacity),
            ];
            command.extend(options.does_jobs.then(|| "--jobs".to_owned()));
            let settings = CommandSettings {
                command,
                directory: None,
                user: None,
                environment_file: None,
                stop_grace_ms: STOP_GRACE_MS,
            };
            Ok(keeping.instance(name, port, "/health", settings))
        });
        instances.collect()
    }

    /// The address of another database beside the shop's own; of SQLite its name is its path.
    pub(super) fn url_of(&self, name: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("sqlite:{name}"),
            Engine::Server(_) => {
                self.url.replace(&format!("/{}", database::DATABASE), &format!("/{name}"))
            }
        }
    }

    /// What another database beside the shop's own is called.
    pub(super) fn name_beside(&self, directory: &Path, name: &str) -> String {
        match self.engine {
            Engine::Sqlite => directory.join(format!("{name}.db")).display().to_string(),
            Engine::Server(_) => name.to_owned(),
        }
    }

    /// Who may make databases, as a key of the shop's backup; SQLite needs nobody.
    pub(super) fn restore_as(&self) -> String {
        let url = self.url.split('?').next().unwrap_or_default();
        match self.engine {
            Engine::Sqlite => String::new(),
            Engine::Server(_) => format!(", restore_as = {url:?}"),
        }
    }

    /// What the configuration says of its changes: those of the sample shop on PostgreSQL are followed.
    pub(super) async fn stream(&self) -> Result<String> {
        match (self.engine, &self.software) {
            (Engine::Server(ServerKind::Postgres), Software::Sample) => self.followed().await,
            _ => Ok(String::new()),
        }
    }

    /// The same for any shop on a server, which tells of whole rows from now on.
    pub(super) async fn followed(&self) -> Result<String> {
        if let Some(server) = self.server.lock().await.as_ref() {
            server.tell_whole_rows().await?;
        }
        Ok(format!(
            "stream = {{ follow_as = {:?} }}\n",
            self.url.split('?').next().unwrap_or_default()
        ))
    }

    /// Starts the instances and what runs beside them.
    pub(super) async fn start(&self, instances: &[Instance]) -> Result<()> {
        if !matches!(self.software, Software::Sample) {
            // Node and Python take seconds to load it all: side by side, then. The sample shop's
            // instances start in a moment, and one after the other they don't meet while the first
            // one makes the tables.
            for instance in instances.iter().chain(self.worker()) {
                instance.begin().await?;
            }
        }
        for instance in instances.iter().chain(self.worker()) {
            instance.start().await?;
        }
        Ok(())
    }

    /// Makes the role that only reads; SQLite has none.
    pub(super) async fn open_for_reading(&mut self) -> Result<()> {
        match self.server.get_mut() {
            Some(server) => server.open_for_reading().await,
            None => Ok(()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.software {
            Software::Sample => Kind::Sample,
            Software::Vendure { .. } => Kind::Vendure,
            Software::Oscar(_) => Kind::Oscar,
        }
    }

    fn worker(&self) -> Option<&Instance> {
        match &self.software {
            Software::Vendure { worker, .. } => Some(worker),
            Software::Sample | Software::Oscar(_) => None,
        }
    }

    /// The platform's name in Storewarden's configuration.
    pub(super) fn platform(&self) -> &'static str {
        match self.kind() {
            Kind::Sample => "sample",
            Kind::Vendure => "vendure",
            Kind::Oscar => "oscar",
        }
    }

    /// What the shop calls itself.
    pub(super) fn title(&self) -> &'static str {
        match self.kind() {
            Kind::Sample => "Lampenladen",
            Kind::Vendure => "Vendure",
            Kind::Oscar => "Tea & Oscar",
        }
    }

    /// A page that answers 200 when the shop sells.
    pub(super) fn probe(&self) -> &'static str {
        match self.kind() {
            Kind::Sample => "/",
            Kind::Vendure => vendure::PROBE,
            Kind::Oscar => oscar::PROBE,
        }
    }

    /// The page to ask an instance whether it is well, where the platform's own would not say.
    pub(super) fn check(&self) -> Option<&'static str> {
        match self.kind() {
            Kind::Sample | Kind::Vendure => None,
            Kind::Oscar => Some(oscar::PROBE),
        }
    }

    /// The files that the shop is made of, and the folder of its pictures, where it has them.
    pub(super) fn files(&self) -> Option<(Vec<PathBuf>, PathBuf)> {
        match &self.software {
            Software::Sample => None,
            Software::Vendure { vendure, .. } => {
                Some((vendure.code(), vendure.pictures().to_owned()))
            }
            Software::Oscar(oscar) => {
                Some((vec![oscar.code().to_owned()], oscar.pictures().to_owned()))
            }
        }
    }

    /// How a drill starts the shop, as a key of its backup.
    pub(super) fn boot(&self, demo: &Path, directory: &Path) -> Result<String> {
        match &self.software {
            Software::Sample => Ok(backup::boot(demo, directory)),
            Software::Vendure { vendure, .. } => vendure.boot(),
            Software::Oscar(oscar) => oscar.boot(),
        }
    }

    pub(super) fn url_for_reading(&self) -> &str {
        &self.url_for_reading
    }

    pub(super) fn database_name(&self) -> &'static str {
        match self.engine {
            Engine::Server(kind) => kind.title(),
            Engine::Sqlite => "SQLite",
        }
    }

    /// An instance of the same shop from restored files, on another database.
    pub(super) fn revived(
        &self,
        restored: &Path,
        server: &Server,
        port: u16,
        keeping: &Keeping<'_>,
    ) -> Result<Instance> {
        let name = "revived".to_owned();
        match &self.software {
            Software::Sample => bail!("the sample shop is one program, without files of its own"),
            Software::Vendure { vendure, .. } => {
                let vendure = vendure.elsewhere(restored, server)?;
                vendure.instance(name, "server.js", port, keeping)
            }
            Software::Oscar(oscar) => {
                oscar.elsewhere(restored, server).instance(name, port, keeping)
            }
        }
    }

    pub(super) fn server_kind(&self) -> Option<ServerKind> {
        match self.engine {
            Engine::Server(kind) => Some(kind),
            Engine::Sqlite => None,
        }
    }

    /// For a user who may do everything; none of SQLite.
    pub(super) async fn address(&self) -> Option<DatabaseUrl> {
        self.server.lock().await.as_ref().map(Server::address)
    }

    pub(super) async fn rows(&self) -> Result<Vec<OrderRow>> {
        match (self.kind(), self.engine) {
            (_, Engine::Server(ServerKind::MariaDb)) => {
                database::read_mariadb(&self.url, vendure::ORDERS_MARIADB).await
            }
            (Kind::Sample, _) => shop::read_orders(&self.url, shop::ORDERS).await,
            (Kind::Vendure, _) => shop::read_orders(&self.url, vendure::ORDERS).await,
            (Kind::Oscar, _) => shop::read_orders(&self.url, oscar::ORDERS).await,
        }
    }

    pub(super) async fn delete_order(&self, number: &str) -> Result<()> {
        let is_there = self.rows().await?.iter().any(|row| row.number == number);
        ensure!(is_there, "there is no order {number}");
        let statements = match (&self.software, self.server_kind()) {
            (Software::Sample, _) => return shop::delete_order(&self.url, number).await,
            (Software::Vendure { .. }, Some(kind)) => vendure::deletion(kind, number),
            (Software::Oscar(_), Some(_)) => oscar::deletion(number),
            (_, None) => bail!("{} has no server of its own", self.title()),
        };
        for statement in statements {
            self.execute(&statement).await?;
        }
        Ok(())
    }

    pub(super) async fn wait_for_disks(&self, waits: bool) -> Result<()> {
        let server = self.server.lock().await;
        server.as_ref().context("the shop's database has no server")?.wait_for_disks(waits).await
    }

    pub(super) async fn execute(&self, statement: &str) -> Result<()> {
        let server = self.server.lock().await;
        server.as_ref().context("the shop has no server that runs")?.execute(statement).await
    }

    /// Where the shop's mail goes, of one that sends some.
    pub(super) fn mails(&self) -> Option<&Path> {
        match &self.software {
            Software::Sample | Software::Vendure { .. } => None,
            Software::Oscar(oscar) => oscar.mails(),
        }
    }

    pub(super) async fn stop(&self) -> Result<()> {
        let worker = match self.worker() {
            Some(worker) => worker.stop().await,
            None => Ok(()),
        };
        let server = match self.server.lock().await.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        };
        worker.and(server)
    }
}
