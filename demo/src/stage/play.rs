//! What is played: which shop, on which database, and how its instances are started.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kernel::config::CommandSettings;
use tokio::sync::Mutex;

use super::{
    Instance, SHOP, StageOptions,
    database::{self, Engine, Home, Installed, Server, ServerKind},
    ports::free_ports,
    storewarden,
    vendure::{self, Installation},
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

    pub(super) fn instance(&self, name: String, port: u16, settings: CommandSettings) -> Instance {
        let address = ([127, 0, 0, 1], port).into();
        Instance::new(name, address, settings, &self.instances, self.keeper)
    }
}

/// The shop on the stage, with its database and whatever else it needs.
#[derive(Debug)]
pub(super) struct Play {
    kind: Kind,
    worker: Option<Instance>,
    vendure: Option<vendure::Running>,
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
        }
    }

    fn on_sqlite(directory: &Path) -> Self {
        let url = format!("sqlite:{}", directory.join("shop.db").display());
        Self {
            kind: Kind::Sample,
            worker: None,
            vendure: None,
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
        Ok(Self::on_server(Kind::Sample, server, home))
    }

    async fn prepare_vendure(
        kind: ServerKind,
        directory: &Path,
        keeping: Keeping<'_>,
    ) -> Result<Self> {
        let vendure = Installation::prepare().await?;
        let home = Home::in_reach(&directory.join(kind.word()))?;
        let (server, vendure) = vendure.start_database(kind, &home).await?;
        let port = free_ports(1)?[0];
        let worker = vendure.instance("worker".to_owned(), "worker.js", port, &keeping)?;
        let play = Self::on_server(Kind::Vendure, server, home);
        Ok(Self { vendure: Some(vendure), worker: Some(worker), ..play })
    }

    fn on_server(kind: Kind, server: Server, home: Home) -> Self {
        Self {
            kind,
            worker: None,
            vendure: None,
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
            if let Some(vendure) = &self.vendure {
                return vendure.instance(name, "server.js", port, &keeping);
            }
            let program = options.demo.to_str().context("the demo's path is text")?.to_owned();
            let command = vec![
                program,
                "shop".to_owned(),
                format!("--stop-with={}", std::process::id()),
                format!("--port={port}"),
                format!("--name={name}"),
                format!("--database={}", self.url),
                format!("--capacity={}", options.capacity),
            ];
            let settings = CommandSettings {
                command,
                directory: None,
                user: None,
                environment_file: None,
                stop_grace_ms: STOP_GRACE_MS,
            };
            Ok(keeping.instance(name, port, settings))
        });
        instances.collect()
    }

    /// Starts the instances and what runs beside them.
    pub(super) async fn start(&self, instances: &[Instance]) -> Result<()> {
        if let Some(worker) = &self.worker {
            // Node takes seconds to load it all: side by side, then. The sample shop's instances
            // start in a moment, and one after the other they don't meet while the first one makes
            // the tables.
            for instance in instances.iter().chain([worker]) {
                instance.begin().await?;
            }
        }
        for instance in instances.iter().chain(&self.worker) {
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
        self.kind
    }

    /// The platform's name in Storewarden's configuration.
    pub(super) fn platform(&self) -> &'static str {
        match self.kind {
            Kind::Sample => "sample",
            Kind::Vendure => "vendure",
        }
    }

    /// A page that answers 200 when the shop sells.
    pub(super) fn probe(&self) -> &'static str {
        match self.kind {
            Kind::Sample => "/",
            Kind::Vendure => "/health",
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

    pub(super) async fn rows(&self) -> Result<Vec<OrderRow>> {
        match (self.kind, self.engine) {
            (_, Engine::Server(ServerKind::MariaDb)) => {
                database::read_mariadb(&self.url, vendure::ORDERS_MARIADB).await
            }
            (Kind::Sample, _) => shop::read_orders(&self.url, shop::ORDERS).await,
            (Kind::Vendure, _) => shop::read_orders(&self.url, vendure::ORDERS).await,
        }
    }

    pub(super) async fn stop(&self) -> Result<()> {
        let worker = match &self.worker {
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
