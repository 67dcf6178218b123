//! The shop's database server: which one a shop gets, and one face for PostgreSQL and MariaDB.
//!
//! Knows no shop's tables.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use databases::private::{MariaDb, Options, Postgres};
use host::{
    process::{Spawn, run_to_end},
    users,
};
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, Opts, prelude::Queryable as _};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{DatabaseKind, OrderRow, passable_folder};
use crate::customers::Kind;

/// The role that Storewarden reads orders as: it may read everything and change nothing.
const READER: &str = "storewarden_reader";
/// The database's name in the private server.
pub(super) const DATABASE: &str = "lampenladen";
const VERSION_WAIT: Duration = Duration::from_secs(20);

/// The databases that a machine has the programs of; SQLite is built in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Installed {
    postgres: bool,
    mariadb: bool,
}

impl Installed {
    pub(super) fn here() -> Self {
        Self { postgres: Postgres::find().is_some(), mariadb: MariaDb::find().is_some() }
    }
}

/// What a shop's orders are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Server(ServerKind),
    Sqlite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerKind {
    Postgres,
    MariaDb,
}

/// The database that `shop` gets on a machine with `installed`, when `wanted` was asked for.
pub(super) fn choose(shop: Kind, wanted: DatabaseKind, installed: Installed) -> Result<Engine> {
    let postgres = Engine::Server(ServerKind::Postgres);
    let mariadb = Engine::Server(ServerKind::MariaDb);
    let engine = match (shop, wanted) {
        (Kind::Sample, DatabaseKind::MariaDb) => {
            bail!("the sample shop runs on PostgreSQL or SQLite; on MariaDB, ask for Vendure")
        }
        (Kind::Vendure, DatabaseKind::Sqlite) => {
            bail!("Vendure runs on PostgreSQL or MariaDB; on SQLite, ask for the sample shop")
        }
        (Kind::Oscar, DatabaseKind::MariaDb | DatabaseKind::Sqlite) => {
            bail!("django-oscar runs on PostgreSQL here; on MariaDB, ask for Vendure")
        }
        (_, DatabaseKind::Postgres) | (Kind::Oscar, DatabaseKind::Best) => postgres,
        (Kind::Vendure, DatabaseKind::MariaDb) => mariadb,
        (Kind::Sample, DatabaseKind::Sqlite) => Engine::Sqlite,
        (_, DatabaseKind::Best) if installed.postgres => postgres,
        (Kind::Sample, DatabaseKind::Best) => Engine::Sqlite,
        (Kind::Vendure, DatabaseKind::Best) if installed.mariadb => mariadb,
        (Kind::Vendure, DatabaseKind::Best) => bail!(
            "Vendure needs PostgreSQL or MariaDB; on Debian: apt install postgresql, or \
             mariadb-server"
        ),
    };
    if engine == postgres && !installed.postgres {
        bail!("PostgreSQL is not installed; on Debian: apt install postgresql");
    }
    if engine == mariadb && !installed.mariadb {
        bail!("MariaDB is not installed; on Debian: apt install mariadb-server");
    }
    Ok(engine)
}

impl ServerKind {
    /// For people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
        }
    }

    /// In names of folders, and what TypeORM calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
        }
    }

    /// Changes when another version might not read the files of this one.
    pub(super) async fn version(self) -> Result<String> {
        match self {
            Self::Postgres => {
                Ok(Postgres::find().context("PostgreSQL is not installed")?.version.to_string())
            }
            Self::MariaDb => {
                let program = MariaDb::find().context("MariaDB is not installed")?;
                let ask = Spawn::new(program).args(["--no-defaults", "--version"]);
                let said = spawn_blocking(move || run_to_end(ask, VERSION_WAIT)).await??;
                // "/usr/sbin/mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu …"
                let said = String::from_utf8_lossy(&said.stdout).into_owned();
                let version = said.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
                let number = version.and_then(|version| version.split('-').next());
                Ok(number.with_context(|| format!("find the version in {said:?}"))?.to_owned())
            }
        }
    }
}

/// The folder of a private server.
#[derive(Debug)]
pub(super) enum Home {
    InStage(PathBuf),
    Apart(TempDir),
}

impl Home {
    /// The folder that was wanted; or, where the user that the server runs as can't reach it
    /// (root's demonstration in a folder that only root may enter), a temporary one.
    pub(super) fn in_reach(wanted: &Path) -> Result<Self> {
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

    /// Where servers of both kinds keep their files.
    pub(super) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Whether a server has lived here before.
    pub(super) fn has_data(&self) -> bool {
        ["PG_VERSION", "mysql"].iter().any(|trace| self.data().join(trace).exists())
    }
}

/// A private server that runs.
#[derive(Debug)]
pub(super) enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Server {
    pub(super) async fn start(kind: ServerKind, home: &Home) -> Result<Self> {
        // Whoever follows its changes cannot fill the disk.
        let (name, value) = match kind {
            ServerKind::Postgres => ("max_slot_wal_keep_size", "1GB"),
            // And is told the names of columns.
            ServerKind::MariaDb => ("binlog-row-metadata", "FULL"),
        };
        let settings = vec![(name.to_owned(), value.to_owned())];
        let options = Options { settings, ..Options::default() };
        let started = match kind {
            ServerKind::Postgres => Postgres::start(home.path(), options).await.map(Self::Postgres),
            ServerKind::MariaDb => MariaDb::start(home.path(), options).await.map(Self::MariaDb),
        };
        started.with_context(|| format!("start a private {}", kind.title()))
    }

    pub(super) fn kind(&self) -> ServerKind {
        match self {
            Self::Postgres(_) => ServerKind::Postgres,
            Self::MariaDb(_) => ServerKind::MariaDb,
        }
    }

    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Postgres(server) => server.port(),
            Self::MariaDb(server) => server.port(),
        }
    }

    /// For a user who may do everything.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(DATABASE),
            Self::MariaDb(server) => server.url(DATABASE),
        }
    }

    /// The same as an address.
    pub(super) fn address(&self) -> DatabaseUrl {
        let kind = match self {
            Self::Postgres(_) => kernel::config::DatabaseKind::Postgres,
            Self::MariaDb(_) => kernel::config::DatabaseKind::MySql,
        };
        DatabaseUrl { kind, secret: self.url() }
    }

    /// For the role that [`Server::open_for_reading`] makes.
    pub(super) fn url_for_reading(&self) -> String {
        let scheme = match self {
            Self::Postgres(_) => "postgres",
            Self::MariaDb(_) => "mysql",
        };
        format!("{scheme}://{READER}@127.0.0.1:{}/{DATABASE}", self.port())
    }

    pub(super) async fn create_database(&self) -> Result<()> {
        match self {
            Self::Postgres(server) => server.create_database(DATABASE).await?,
            Self::MariaDb(server) => server.create_database(DATABASE).await?,
        }
        Ok(())
    }

    /// Runs one statement in the shop's database.
    pub(super) async fn execute(&self, statement: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.execute(DATABASE, statement).await?,
            Self::MariaDb(server) => server.execute(DATABASE, statement).await?,
        }
        Ok(())
    }

    /// Whether a commit is answered when it is on the disk, or before.
    pub(super) async fn wait_for_disks(&self, waits: bool) -> Result<()> {
        let statements: &[&str] = match (self, waits) {
            (Self::Postgres(_), true) => {
                &["alter system reset synchronous_commit", "select pg_reload_conf()"]
            }
            (Self::Postgres(_), false) => {
                &["alter system set synchronous_commit = off", "select pg_reload_conf()"]
            }
            (Self::MariaDb(_), true) => &["set global innodb_flush_log_at_trx_commit = 1"],
            (Self::MariaDb(_), false) => &["set global innodb_flush_log_at_trx_commit = 0"],
        };
        for statement in statements {
            self.execute(statement).await?;
        }
        Ok(())
    }

    /// Makes the role that only reads, as a careful owner would.
    pub(super) async fn open_for_reading(&self) -> Result<()> {
        let statements = match self {
            Self::Postgres(_) => vec![format!(
                "do $$ begin if not exists (select from pg_roles where rolname = '{READER}') then \
                 create role {READER} login connection limit 8; end if; end $$; \
                 grant pg_read_all_data to {READER}; \
                 alter role {READER} set default_transaction_read_only = on"
            )],
            Self::MariaDb(_) => vec![
                format!(
                    "create user if not exists '{READER}'@'127.0.0.1' with max_user_connections 8"
                ),
                format!(
                    "grant select, show view, trigger, event, lock tables on {DATABASE}.* \
                     to '{READER}'@'127.0.0.1'"
                ),
            ],
        };
        for statement in statements {
            self.execute(&statement).await.context("make the reading role")?;
        }
        Ok(())
    }

    /// Has the server tell of every row that is changed how it was as a whole; MariaDB does by itself.
    pub(super) async fn tell_whole_rows(&self) -> Result<()> {
        if self.kind() == ServerKind::MariaDb {
            return Ok(());
        }
        let statement = "do $$ declare one record; begin for one in select tablename from pg_tables \
             where schemaname = 'public' loop execute format('alter table public.%I replica identity \
             full', one.tablename); end loop; end $$";
        self.execute(statement).await.context("have rows told as a whole")
    }

    pub(super) async fn stop(self) -> Result<()> {
        let kind = self.kind();
        let stopped = match self {
            Self::Postgres(server) => server.stop().await,
            Self::MariaDb(server) => server.stop().await,
        };
        stopped.with_context(|| format!("end the private {}", kind.title()))
    }
}

/// The orders that `sql` finds in the MariaDB at `url`: number, e-mail, cart and total.
pub(super) async fn read_mariadb(url: &str, sql: &str) -> Result<Vec<OrderRow>> {
    let mut connection = Conn::new(Opts::from_url(url)?).await.context("connect to MariaDB")?;
    let rows = connection
        .query_map(sql, |(number, email, cart, total_minor)| OrderRow {
            number,
            email,
            cart,
            total_minor,
        })
        .await
        .context("read the orders")?;
    connection.disconnect().await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEITHER: Installed = Installed { postgres: false, mariadb: false };
    const POSTGRES: Installed = Installed { postgres: true, mariadb: false };
    const MARIADB: Installed = Installed { postgres: false, mariadb: true };
    const BOTH: Installed = Installed { postgres: true, mariadb: true };

    #[test]
    fn every_shop_gets_the_database_it_can_run_on() {
        use DatabaseKind as Wanted;
        let postgres = Some(Engine::Server(ServerKind::Postgres));
        let mariadb = Some(Engine::Server(ServerKind::MariaDb));
        let sqlite = Some(Engine::Sqlite);
        // On a machine with neither, PostgreSQL, MariaDB, both.
        let table = [
            (Kind::Sample, Wanted::Best, [sqlite, postgres, sqlite, postgres]),
            (Kind::Sample, Wanted::Postgres, [None, postgres, None, postgres]),
            (Kind::Sample, Wanted::MariaDb, [None; 4]),
            (Kind::Sample, Wanted::Sqlite, [sqlite; 4]),
            (Kind::Vendure, Wanted::Best, [None, postgres, mariadb, postgres]),
            (Kind::Vendure, Wanted::Postgres, [None, postgres, None, postgres]),
            (Kind::Vendure, Wanted::MariaDb, [None, None, mariadb, mariadb]),
            (Kind::Vendure, Wanted::Sqlite, [None; 4]),
            (Kind::Oscar, Wanted::Best, [None, postgres, None, postgres]),
            (Kind::Oscar, Wanted::Postgres, [None, postgres, None, postgres]),
            (Kind::Oscar, Wanted::MariaDb, [None; 4]),
            (Kind::Oscar, Wanted::Sqlite, [None; 4]),
        ];
        for (shop, wanted, expected) in table {
            let chosen = [NEITHER, POSTGRES, MARIADB, BOTH]
                .map(|installed| choose(shop, wanted, installed).ok());
            assert_eq!(chosen, expected, "{shop:?} on {wanted:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refusal =
            |shop, wanted| choose(shop, wanted, NEITHER).expect_err("a refusal").to_string();
        let said = [
            (refusal(Kind::Sample, DatabaseKind::MariaDb), "ask for Vendure"),
            (refusal(Kind::Vendure, DatabaseKind::Sqlite), "ask for the sample shop"),
            (refusal(Kind::Vendure, DatabaseKind::MariaDb), "apt install mariadb-server"),
            (refusal(Kind::Sample, DatabaseKind::Postgres), "apt install postgresql"),
            (refusal(Kind::Oscar, DatabaseKind::Best), "apt install postgresql"),
            (refusal(Kind::Oscar, DatabaseKind::MariaDb), "ask for Vendure"),
        ];
        for (refusal, wanted) in said {
            assert!(refusal.contains(wanted), "{refusal}");
        }
    }
}
