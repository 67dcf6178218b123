//! What is played: which shop, on which database, and how its instances are started.

use std::path::Path;

use anyhow::Result;
use host::process::Spawn;
use tokio::sync::Mutex;

use super::{
    Instance, StageOptions,
    database::{self, Engine, Home, Installed, Server, ServerKind},
    ports::free_ports,
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
            (Engine::Server(kind), Kind::Vendure) => Self::prepare_vendure(kind, directory).await,
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

    async fn prepare_vendure(kind: ServerKind, directory: &Path) -> Result<Self> {
        let vendure = Installation::prepare().await?;
        let home = Home::in_reach(&directory.join(kind.word()))?;
        let (server, vendure) = vendure.start_database(kind, &home).await?;
        let (log, port) = (directory.join("worker.log"), free_ports(1)?[0]);
        let worker = vendure.instance("worker".to_owned(), "worker.js", port, log);
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
        let ports = free_ports(options.instances.max(1))?;
        let instances = ports.into_iter().enumerate().map(|(place, port)| {
            let name = format!("app-{}", place + 1);
            let log = directory.join(format!("{name}.log"));
            if let Some(vendure) = &self.vendure {
                return vendure.instance(name, "server.js", port, log);
            }
            let arguments = [
                "shop".to_owned(),
                "--stop-with-parent".to_owned(),
                format!("--port={port}"),
                format!("--name={name}"),
                format!("--database={}", self.url),
                format!("--capacity={}", options.capacity),
            ];
            let demo = options.demo.clone();
            let command = move || Spawn::new(&demo).args(&arguments);
            Instance::new(name, ([127, 0, 0, 1], port).into(), log, command)
        });
        Ok(instances.collect())
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
