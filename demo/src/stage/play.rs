//! What is played: which shop, on which database, and how its instances are started.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use databases::private::{self, Postgres};
use host::{process::Spawn, users};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::{
    DatabaseKind, Instance, StageOptions, has_postgres, passable_folder,
    ports::free_ports,
    vendure::{self, Installation},
};
use crate::{customers::Kind, shop};

/// The role that Storewarden reads orders as: it may read everything and change nothing.
const READER: &str = "storewarden_reader";
/// The database's name in the private server.
pub(super) const DATABASE: &str = "lampenladen";

/// An order as the shop's database has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderRow {
    pub number: String,
    pub email: String,
    /// The cart it was made of; of Vendure, whose carts are its orders, the order's id.
    pub cart: String,
    pub total_minor: i64,
}

/// The folder of a private PostgreSQL.
#[derive(Debug)]
pub(super) enum Home {
    InStage(PathBuf),
    Apart(TempDir),
}

impl Home {
    /// The folder that was wanted; or, where the user that PostgreSQL runs as can't reach it
    /// (root's demonstration in a folder that only root may enter), a temporary one.
    fn in_reach(wanted: &Path) -> Result<Self> {
        let ours = wanted.ancestors().skip(1).take_while(|_| users::is_root());
        for folder in ours {
            // Whether others may pass through (inode(7)).
            if fs::metadata(folder)?.permissions().mode() & 0o001 == 0 {
                return Ok(Self::Apart(passable_folder()?));
            }
        }
        fs::create_dir_all(wanted).with_context(|| format!("make {}", wanted.display()))?;
        Ok(Self::InStage(wanted.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::InStage(path) => path,
            Self::Apart(folder) => folder.path(),
        }
    }

    /// Whether a server has lived here before.
    pub(super) fn has_data(&self) -> bool {
        self.path().join("data/PG_VERSION").exists()
    }
}

/// The shop on the stage, with its database and whatever else it needs.
#[derive(Debug)]
pub(super) struct Play {
    kind: Kind,
    worker: Option<Instance>,
    vendure: Option<Installation>,
    postgres: Mutex<Option<Postgres>>,
    postgres_port: u16,
    /// After the server in this list: it goes when the server has ended.
    _home: Option<Home>,
    url: String,
    url_for_reading: String,
}

impl Play {
    pub(super) async fn prepare(options: &StageOptions, directory: &Path) -> Result<Self> {
        match options.shop {
            Kind::Sample => Self::prepare_sample(options.database, directory).await,
            Kind::Vendure => Self::prepare_vendure(options.database, directory).await,
        }
    }

    async fn prepare_sample(database: DatabaseKind, directory: &Path) -> Result<Self> {
        let wants_postgres = match database {
            DatabaseKind::Best => has_postgres(),
            DatabaseKind::Postgres => true,
            DatabaseKind::Sqlite => false,
        };
        if wants_postgres {
            let home = Home::in_reach(&directory.join("postgres"))?;
            let is_new = !home.has_data();
            let postgres = Postgres::start(home.path(), private::Options::default())
                .await
                .context("start a private PostgreSQL")?;
            if is_new {
                postgres.create_database(DATABASE).await?;
            }
            return Ok(Self::on_postgres(Kind::Sample, postgres, home));
        }
        let url = format!("sqlite:{}", directory.join("shop.db").display());
        Ok(Self {
            kind: Kind::Sample,
            worker: None,
            vendure: None,
            postgres: Mutex::new(None),
            postgres_port: 0,
            _home: None,
            url_for_reading: url.clone(),
            url,
        })
    }

    async fn prepare_vendure(database: DatabaseKind, directory: &Path) -> Result<Self> {
        ensure!(
            database != DatabaseKind::Sqlite && has_postgres(),
            "Vendure needs PostgreSQL here; on Debian: apt install postgresql"
        );
        let vendure = Installation::prepare().await?;
        let home = Home::in_reach(&directory.join("postgres"))?;
        let postgres = vendure.start_database(&home).await?;
        let (log, port) = (directory.join("worker.log"), free_ports(1)?[0]);
        let worker =
            vendure.instance("worker".to_owned(), "worker.js", port, (postgres.port(), log));
        let play = Self::on_postgres(Kind::Vendure, postgres, home);
        Ok(Self { vendure: Some(vendure), worker: Some(worker), ..play })
    }

    fn on_postgres(kind: Kind, postgres: Postgres, home: Home) -> Self {
        let port = postgres.port();
        Self {
            kind,
            worker: None,
            vendure: None,
            url: postgres.url(DATABASE),
            url_for_reading: format!("postgres://{READER}@127.0.0.1:{port}/{DATABASE}"),
            postgres: Mutex::new(Some(postgres)),
            postgres_port: port,
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
                return vendure.instance(name, "server.js", port, (self.postgres_port, log));
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

    /// Makes the role that only reads, as a careful owner would.
    pub(super) async fn open_for_reading(&mut self) -> Result<()> {
        if let Some(postgres) = self.postgres.get_mut() {
            let statements = format!(
                "do $$ begin if not exists (select from pg_roles where rolname = '{READER}') then \
                 create role {READER} login connection limit 4; end if; end $$; \
                 grant pg_read_all_data to {READER}; \
                 alter role {READER} set default_transaction_read_only = on"
            );
            postgres.execute(DATABASE, &statements).await.context("make the reading role")?;
        }
        Ok(())
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
        if self.url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" }
    }

    pub(super) async fn rows(&self) -> Result<Vec<OrderRow>> {
        let sql = match self.kind {
            Kind::Sample => shop::ORDERS,
            Kind::Vendure => vendure::ORDERS,
        };
        shop::read_orders(&self.url, sql).await
    }

    pub(super) async fn stop(&self) -> Result<()> {
        let worker = match &self.worker {
            Some(worker) => worker.stop().await,
            None => Ok(()),
        };
        let postgres = match self.postgres.lock().await.take() {
            Some(postgres) => postgres.stop().await.context("end the private PostgreSQL"),
            None => Ok(()),
        };
        worker.and(postgres)
    }
}
