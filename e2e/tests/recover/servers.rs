//! A machine whose database was on a server that is gone: recovery says what is missing, goes on when a
//! server is there, writes over no tables, and survives being killed while it loads.

use super::{Running, command};
use crate::{
    trade::{GRACE, LONG, program, sell},
    warden::Warden,
};
use anyhow::{Context, Result, ensure};
use demo::{
    customers::{Acknowledged, Client, Customers, Kind, Options, shows},
    private::{self, MariaDb, Postgres},
    stage::{DatabaseKind, Stage, StageOptions, has_mariadb, has_postgres},
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;
use testkit::{
    free_port,
    process::{Signal, Spawn, run_to_end},
    wait_until,
};

/// The database's name on the new server, which is another than it was.
const LOADED: &str = "lamps";
const TAKEN: &str = "taken";
/// Fails unless the rows are as [`Left::of_a_table`] made them.
const HOLDS: &str = "BEGIN NOT ATOMIC IF (SELECT count(*) FROM orders \
                     WHERE crc32(note) = crc32(md5(id))) <> 20000 \
                     THEN SIGNAL SQLSTATE '45000'; END IF; END";

/// A server as somebody has just installed it.
enum Fresh {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Fresh {
    fn url(&self, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.url(database),
            Self::MariaDb(server) => server.url(database),
        }
    }

    async fn execute(&self, database: &str, statement: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.execute(database, statement).await?,
            Self::MariaDb(server) => server.execute(database, statement).await?,
        }
        Ok(())
    }

    /// With somebody else's table in it.
    async fn take(&self, database: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.create_database(database).await?,
            Self::MariaDb(server) => server.create_database(database).await?,
        }
        self.execute(database, "CREATE TABLE theirs (id int)").await
    }

    async fn stop(self) -> Result<()> {
        match self {
            Self::Postgres(server) => server.stop().await?,
            Self::MariaDb(server) => server.stop().await?,
        }
        Ok(())
    }
}

/// What is left of a machine: its backups, and a sheet of paper.
struct Left {
    outside: TempDir,
}

impl Left {
    fn new() -> Result<Self> {
        let left = Self { outside: testkit::folder() };
        fs::create_dir(left.media())?;
        fs::write(left.media().join("lamp.svg"), "<svg/>")?;
        Ok(left)
    }

    fn media(&self) -> PathBuf {
        self.outside.path().join("media")
    }

    fn settings(&self) -> String {
        let repository = self.outside.path().join("backups");
        format!(
            "media = {:?}\nbackup = {{ every = \"1h\", drill = \"30d\", to = {repository:?} }}\n",
            self.media()
        )
    }

    fn keeps(&self, sheet: &str) -> Result<()> {
        fs::remove_dir_all(self.media())?;
        Ok(fs::write(self.outside.path().join("sheet"), sheet)?)
    }

    /// The sample shop on PostgreSQL, and what its customers were told.
    async fn of_a_shop() -> Result<(Self, Vec<Acknowledged>)> {
        let left = Self::new()?;
        let options = StageOptions {
            storewarden: Some(program("storewarden")?),
            database: DatabaseKind::Postgres,
            instances: 1,
            shop_settings: left.settings(),
            per_minute: 300,
            pace: 0.05,
            ..StageOptions::new(program("demo")?)
        };
        let stage = Stage::start(options).await?;
        sell(&stage, 5).await;
        let acknowledged = stage.customers().ledger().acknowledged();
        command(&stage, &["backup", "now", "--yes"]).await?;
        let sheet = command(&stage, &["backup", "sheet"]).await?;
        stage.shutdown(GRACE).await?;
        left.keeps(&sheet)?;
        Ok((left, acknowledged))
    }

    /// Orders in a MariaDB, of which no shop knows.
    async fn of_a_table() -> Result<Self> {
        let left = Self::new()?;
        let folder = left.outside.path().join("server");
        let server = MariaDb::start(&folder, private::Options::default()).await?;
        server.create_database("shop").await?;
        for statement in [
            "CREATE TABLE orders (id int PRIMARY KEY, note text)",
            "INSERT INTO orders SELECT seq, md5(seq) FROM seq_1_to_20000",
            "CREATE VIEW newest AS SELECT max(id) FROM orders",
        ] {
            server.execute("shop", statement).await?;
        }
        let (url, settings) = (server.url("shop"), left.settings());
        let shop = format!("hosts = \"lamps.example\"\ndatabase = {url:?}\n{settings}");
        let mut warden = Warden::start(&shop, "").await?;
        ended(warden.command(&["backup", "now"])?).await?.map_err(anyhow::Error::msg)?;
        let sheet = ended(warden.command(&["backup", "sheet"])?).await?;
        warden.stop().await?;
        server.stop().await?;
        left.keeps(&sheet.map_err(anyhow::Error::msg)?)?;
        Ok(left)
    }

    /// Everything below a folder, so that it touches nothing of this machine.
    fn root(&self) -> PathBuf {
        self.outside.path().join("root")
    }

    fn recover(&self, words: &[&str]) -> Result<Spawn> {
        let spawn = Spawn::new(program("storewarden")?).arg("recover").arg("--sheet");
        let spawn = spawn.arg(self.outside.path().join("sheet")).arg("--root").arg(self.root());
        Ok(spawn.args(words))
    }

    async fn recovered(&self, words: &[&str]) -> Result<Result<String, String>> {
        ended(self.recover(words)?).await
    }
}

/// What a command said, and whether all is well.
async fn ended(spawn: Spawn) -> Result<Result<String, String>> {
    let ended = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
    let said = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(ended.map(|output| said(output.stdout)).map_err(|error| error.to_string()))
}

/// Gives the server with the database [`LOADED`].
async fn comes_back(left: &Left, server: Fresh, package: &str) -> Result<Fresh> {
    let said = left.recovered(&["--yes"]).await?.err().context("there is no server")?;
    ensure!(said.contains(&format!("apt install {package}")), "it says not what it needs: {said}");
    let media = left.media().join("lamp.svg");
    let back = left.root().join(media.strip_prefix("/")?);
    ensure!(fs::read_to_string(back)? == "<svg/>", "files did not come first: {said}");

    server.take(TAKEN).await?;
    let theirs = server.url(TAKEN);
    let said = left.recovered(&["--preview", "--database", &theirs]).await?;
    ensure!(said.as_ref().is_ok_and(|said| said.contains("THERE ARE TABLES IN IT")), "{said:?}");
    let said = left.recovered(&["--yes", "--database", &theirs]).await?.err();
    let said = said.context("it wrote over a database")?;
    ensure!(said.contains("there are tables in"), "{said}");
    server.execute(TAKEN, "INSERT INTO theirs VALUES (1)").await?;

    let url = server.url(LOADED);
    let mut killed = left.recover(&["--yes", "--database", &url])?.start()?;
    wait_until("a database that is made", LONG, async || {
        let made = server.execute(LOADED, "SELECT 1").await;
        made.map_err(|error| format!("{error:#}"))
    })
    .await;
    killed.end_now(Signal::Kill, GRACE);
    let said = left.recovered(&["--yes", "--database", &url]).await?;
    let said = said.map_err(anyhow::Error::msg)?;
    ensure!(said.contains("goes on") && said.contains("Recovered."), "{said}");
    Ok(server)
}

/// The shop shows what it had acknowledged, and takes orders.
async fn sells_on(url: &str, acknowledged: &[Acknowledged]) -> Result<()> {
    let address = free_port();
    let shop = Spawn::new(program("demo")?).args(["shop", "--name", "app-1", "--database", url]);
    let _shop = Running(shop.args(["--port", &address.port().to_string()]).start()?);
    let customers =
        Customers::start(Options { per_minute: 300, pace: 0.05, ..Options::to(address) });
    wait_until("customers to buy again", LONG, async || {
        let figures = customers.ledger().figures();
        if figures.orders >= 3 { Ok(()) } else { Err(figures) }
    })
    .await;
    customers.stop(GRACE).await;
    let mut client = Client::new(address, &address.to_string());
    for order in acknowledged {
        let is_there = shows(Kind::Sample, &mut client, order).await;
        let is_there = is_there.map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
        ensure!(is_there, "order {} did not come back", order.number);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_on_postgresql_comes_back_into_a_server_that_is_empty() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    let (left, acknowledged) = Left::of_a_shop().await?;
    let folder = left.outside.path().join("fresh");
    let server = Postgres::start(&folder, private::Options::default()).await?;
    let server = comes_back(&left, Fresh::Postgres(server), "postgresql").await?;
    sells_on(&server.url(LOADED), &acknowledged).await?;
    server.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_mariadb_comes_back_into_a_server_that_is_empty() -> Result<()> {
    if !has_mariadb() {
        println!("skipped: this machine has no MariaDB");
        return Ok(());
    }
    let left = Left::of_a_table().await?;
    let folder = left.outside.path().join("fresh");
    let server = MariaDb::start(&folder, private::Options::default()).await?;
    let server = comes_back(&left, Fresh::MariaDb(server), "mariadb-server").await?;
    server.execute(LOADED, HOLDS).await?;
    server.stop().await
}
