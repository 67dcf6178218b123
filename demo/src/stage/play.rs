//! What is played: which shop, on which database, and how its instances are started.

use std::path::Path;

use anyhow::{Context as _, Result};
use databases::private::{self, Postgres};
use host::process::Spawn;
use tokio::sync::Mutex;

use super::{DatabaseKind, Instance, StageOptions, has_postgres, ports::free_ports};
use crate::{customers::Kind, shop};

/// The role that Storewarden reads orders as: it may read everything and change nothing.
const READER: &str = "storewarden_reader";
const DATABASE: &str = "lampenladen";

/// An order as the shop's database has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderRow {
    pub number: String,
    pub email: String,
    /// The cart it was made of; empty for a shop whose carts are its orders.
    pub cart: String,
    pub total_minor: i64,
}

/// The shop on the stage, with its database.
#[derive(Debug)]
pub(super) struct Play {
    kind: Kind,
    postgres: Mutex<Option<Postgres>>,
    url: String,
    url_for_reading: String,
}

impl Play {
    pub(super) async fn prepare(options: &StageOptions, directory: &Path) -> Result<Self> {
        let wants_postgres = match options.database {
            DatabaseKind::Best => has_postgres(),
            DatabaseKind::Postgres => true,
            DatabaseKind::Sqlite => false,
        };
        if !wants_postgres {
            let url = format!("sqlite:{}", directory.join("shop.db").display());
            let postgres = Mutex::new(None);
            return Ok(Self { kind: options.shop, postgres, url_for_reading: url.clone(), url });
        }
        let options_of_server = private::Options::default();
        let postgres = Postgres::start(&directory.join("postgres"), options_of_server)
            .await
            .context("start a private PostgreSQL")?;
        postgres.create_database(DATABASE).await?;
        let url = postgres.url(DATABASE);
        let url_for_reading =
            format!("postgres://{READER}@127.0.0.1:{}/{DATABASE}", postgres.port());
        let postgres = Mutex::new(Some(postgres));
        Ok(Self { kind: options.shop, postgres, url, url_for_reading })
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
            let (demo, url, capacity) = (options.demo.clone(), self.url.clone(), options.capacity);
            let arguments = [
                "shop".to_owned(),
                "--stop-with-parent".to_owned(),
                format!("--port={port}"),
                format!("--name={name}"),
                format!("--database={url}"),
                format!("--capacity={capacity}"),
            ];
            let command = move || Spawn::new(&demo).args(&arguments);
            Instance::new(name, ([127, 0, 0, 1], port).into(), log, command)
        });
        Ok(instances.collect())
    }

    /// Makes the role that only reads, as a careful owner would.
    pub(super) async fn open_for_reading(&mut self) -> Result<()> {
        if let Some(postgres) = self.postgres.get_mut() {
            let statements = format!(
                "create role {READER} login connection limit 4; \
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
        }
    }

    pub(super) fn url_for_reading(&self) -> &str {
        &self.url_for_reading
    }

    pub(super) fn database_name(&self) -> &'static str {
        if self.url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" }
    }

    pub(super) async fn rows(&self) -> Result<Vec<OrderRow>> {
        match self.kind {
            Kind::Sample => shop::read_orders(&self.url).await,
        }
    }

    pub(super) async fn stop(&self) -> Result<()> {
        if let Some(postgres) = self.postgres.lock().await.take() {
            postgres.stop().await.context("end the private PostgreSQL")?;
        }
        Ok(())
    }
}
