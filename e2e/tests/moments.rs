//! Back to a moment between backups: the database beside is, row by row, what the shop's was then, while
//! control dies at each step; and what cannot be reached is refused before anything is begun.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Result, ensure};
use databases::{
    dump::{Dump, Folder, Options as DumpOptions, Reader, Side, compare},
    private::{MariaDb, Options, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use testkit::{
    process::{Signal, run_to_end},
    wait_until,
};

/// Each line is a death; control comes back after each.
const DEATHS: &str = "0:after_effect\n1:after_intent\n1:after_effect\n";
const OVER: [&str; 5] = ["done", "failed", "undone", "stuck", "undo_failed"];

const POSTGRES: [&str; 5] = [
    "CREATE TABLE customers (id serial PRIMARY KEY, mail text NOT NULL UNIQUE)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE SET NULL, total numeric(12,2))",
    "CREATE TABLE lines (order_id int REFERENCES orders ON DELETE CASCADE, line int, what text, PRIMARY KEY (order_id, line))",
    "CREATE TABLE log (at text, what text)",
    "ALTER TABLE customers REPLICA IDENTITY FULL; ALTER TABLE orders REPLICA IDENTITY FULL; \
     ALTER TABLE lines REPLICA IDENTITY FULL; ALTER TABLE log REPLICA IDENTITY FULL",
];
const MARIADB: [&str; 4] = [
    "CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, mail varchar(90) NOT NULL UNIQUE)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer int, total decimal(12,2), \
     FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE SET NULL)",
    "CREATE TABLE `lines` (order_id int, line int, what text, PRIMARY KEY (order_id, line), \
     FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE)",
    "CREATE TABLE log (at varchar(20), what text)",
];

enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Server {
    async fn start(kind: DatabaseKind, folder: &Path) -> Result<Self> {
        let setting = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let (server, tables): (Self, &[&str]) = match kind {
            DatabaseKind::Postgres => {
                let settings = setting("max_slot_wal_keep_size", "1GB");
                let options = Options { settings, ..Options::default() };
                let server = Postgres::start(&folder.join("postgres"), options).await?;
                server.create_database("one").await?;
                (Self::Postgres(server), &POSTGRES)
            }
            _ => {
                let settings = setting("binlog-row-metadata", "FULL");
                let options = Options { settings, ..Options::default() };
                let server = MariaDb::start(&folder.join("maria"), options).await?;
                server.create_database("one").await?;
                (Self::MariaDb(server), &MARIADB)
            }
        };
        server.run(tables).await?;
        Ok(server)
    }

    fn url(&self, database: &str) -> DatabaseUrl {
        match self {
            Self::Postgres(server) => {
                DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url(database) }
            }
            Self::MariaDb(server) => {
                let secret = server.url(database).replace("mysql://", "mariadb://");
                DatabaseUrl { kind: DatabaseKind::MySql, secret }
            }
        }
    }

    /// Killed, and started again with the same files and address.
    async fn killed(self, folder: &Path) -> Result<Self> {
        let Self::Postgres(server) = self else { anyhow::bail!("only PostgreSQL is killed here") };
        let port = Some(server.port());
        server.signal(Signal::Kill)?;
        drop(server);
        let settings = vec![("max_slot_wal_keep_size".to_owned(), "1GB".to_owned())];
        let (folder, options) =
            (folder.join("postgres"), Options { port, settings, ..Options::default() });
        // What was left of it holds its memory for a moment.
        let again = wait_until("the server again", LONG, async || {
            Postgres::start(&folder, options.clone()).await.map_err(|error| error.to_string())
        });
        Ok(Self::Postgres(again.await))
    }

    async fn run(&self, statements: &[impl AsRef<str>]) -> Result<()> {
        for statement in statements {
            match self {
                Self::Postgres(server) => server.execute("one", statement.as_ref()).await?,
                Self::MariaDb(server) => server.execute("one", statement.as_ref()).await?,
            }
        }
        Ok(())
    }

    /// A series of orders with all that belongs to them; some are changed, some go.
    async fn trade(&self, first: u32) -> Result<()> {
        let mut statements = Vec::new();
        for id in first..first + 40 {
            statements.push(format!("INSERT INTO customers (mail) VALUES ('m{id}')"));
            statements
                .push(format!("INSERT INTO orders SELECT {id}, max(id), {id}.5 FROM customers"));
            statements.push(
                self.quoted(&format!(
                    "INSERT INTO LINES VALUES ({id}, 1, 'lamp'), ({id}, 2, 'bulb')"
                )),
            );
            statements.push(format!("INSERT INTO log VALUES ('{id}', 'bought')"));
            if id % 5 == 0 {
                statements.push(format!("UPDATE orders SET total = 1 WHERE id = {}", id - 3));
                statements.push(format!("DELETE FROM orders WHERE id = {}", id - 4));
                statements.push(format!("DELETE FROM customers WHERE mail = 'm{}'", id - 2));
                statements.push(format!("DELETE FROM log WHERE at = '{}'", id - 1));
            }
        }
        self.run(&statements).await
    }

    /// `LINES` is a word of MariaDB's own.
    fn quoted(&self, statement: &str) -> String {
        statement
            .replace("LINES", if matches!(self, Self::Postgres(_)) { "lines" } else { "`lines`" })
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("not that late")
}

/// MariaDB's log knows the second of a transaction and no more.
async fn next_second() -> u64 {
    let begun = now_ms();
    wait_until("the second after the next", LONG, async || match now_ms() {
        now if now / 1000 > begun / 1000 + 1 => Ok(now),
        now => Err(now),
    })
    .await
}

async fn dumped(url: &DatabaseUrl, folder: PathBuf) -> Result<()> {
    let url = url.clone();
    let take = move || Folder::at(folder).take(Dump::begin(&url, DumpOptions::new(7))?);
    Ok(tokio::task::spawn_blocking(take).await??)
}

/// What of these tables, or of all, is not as it was.
async fn differences(then: &Path, url: &DatabaseUrl, only: Option<&[&str]>) -> Result<String> {
    let (then, url) = (then.to_owned(), url.clone());
    let only: Option<Vec<String>> =
        only.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let look = move || -> Result<String> {
        let reader = Reader::open(Folder::at(then))?;
        let found = compare(&Side::Dump(&reader), &Side::<Folder>::Live(&url), only.as_deref())?;
        Ok(found.iter().map(|one| format!("{one:?}")).collect())
    };
    tokio::task::spawn_blocking(look).await?
}

async fn cli(warden: &Warden, words: &[&str]) -> Result<String> {
    let words = [&["backup"][..], words, &["--shop", "lamps"]].concat();
    let spawn = warden.command(&words)?;
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What it said when it was refused.
async fn refused(warden: &Warden, words: &[&str]) -> Result<String> {
    let answer = cli(warden, words).await;
    ensure!(answer.is_err(), "it was not refused: {answer:?}");
    Ok(format!("{answer:?}"))
}

/// The newest run of a kind, once it is over.
async fn over(warden: &Warden, kind: &str) -> Value {
    let newest = |answer: &Value| {
        let mut runs = answer["runs"].as_array().into_iter().flatten();
        runs.find(|run| run["kind"] == kind).cloned()
    };
    let is_over =
        |run: Option<Value>| run.is_some_and(|run| OVER.iter().any(|state| run["state"] == *state));
    let runs = warden.until("the run to end", "/runs", |answer| is_over(newest(answer))).await;
    newest(&runs).expect("it was there just now")
}

async fn go_back(kind: DatabaseKind) -> Result<()> {
    let folder = testkit::folder();
    let server = Server::start(kind, folder.path()).await?;
    server.trade(1).await?;
    let settings = format!(
        "hosts = \"lamps.example\"\ndatabase = \"{}\"\nstream = {{}}\n\
         backup = {{ to = \"FOLDER/backups\", every = \"1h\", drill = \"30d\" }}",
        server.url("one").secret
    );
    let is_postgres = kind == DatabaseKind::Postgres;
    let settings = match is_postgres {
        true => settings.replace("stream = {}", "stream = { raw = true }"),
        false => settings,
    };
    let mut warden = Warden::start(&settings, "").await?;
    let follows = |backups: &Value| backups["shops"][0]["stream"]["state"] == "following";
    warden.until("changes to be followed", "/backups", follows).await;
    if is_postgres {
        warden.until("the log to be received", "/backups", receives).await;
    }
    cli(&warden, &["now"]).await?;
    server.trade(101).await?;
    next_second().await;
    let then = folder.path().join("then");
    dumped(&server.url("one"), then.clone()).await?;
    let moment = now_ms();
    next_second().await;
    server.trade(201).await?;
    let gone = server.quoted("DELETE FROM LINES");
    server.run(&[gone.as_str(), "DELETE FROM orders WHERE id < 150", "TRUNCATE TABLE log"]).await?;
    let has_it = |backups: &Value| {
        backups["shops"][0]["stream"]["current_ms"].as_u64().is_some_and(|at| at > moment + 1000)
    };
    warden.until("the journal to be so far", "/backups", has_it).await;
    let as_of = jiff::Timestamp::from_millisecond(i64::try_from(moment)?)?.to_string();
    let restore = ["restore", "--database", "--as-of", &as_of];

    // What would be done is said before.
    let said = cli(&warden, &[&restore[..], &["--as", "then", "--preview"]].concat()).await?;
    ensure!(said.contains("once more in then"), "{said}");
    // The first backup is tried at once; the deaths are not its.
    over(&warden, "drill_backup").await;
    fs::write(warden.path("state").join("die-at"), DEATHS)?;
    // It may die before it has answered.
    let said = cli(&warden, &[&restore[..], &["--as", "then", "--yes", "--detach"]].concat()).await;
    println!("{said:?}");
    let run = over(&warden, "restore_database").await;
    ensure!(run["state"] == "done", "{run}");
    ensure!(!warden.path("state").join("die-at").exists(), "control did not die as told");
    let found = differences(&then, &server.url("then"), None).await?;
    ensure!(found.is_empty(), "it is not as it was then: {found}");

    // Rows of tables, in their place.
    let rows = ["--table", "orders", "--table", "lines", "--table", "customers"];
    let rows = [&restore[..], &rows, &["--in-place", "--exact", "--yes"]].concat();
    cli(&warden, &rows).await?;
    let tables: &[&str] = &["orders", "lines", "customers"];
    let found = differences(&then, &server.url("one"), Some(tables)).await?;
    ensure!(found.is_empty(), "rows are not as they were then: {found}");

    refuses(&warden).await?;
    match kind {
        DatabaseKind::MySql => goes_by_the_log(&warden, &server, folder.path()).await?,
        _ => goes_by_the_log_of_postgres(&warden, server, folder.path()).await?,
    }
    warden.stop().await
}

/// What cannot be reached, nothing is begun for.
async fn refuses(warden: &Warden) -> Result<()> {
    let said = refused(warden, &["restore", "--database", "--as-of", "2h", "--yes"]).await?;
    ensure!(said.contains("cannot be reached") && said.contains("the first moment"), "{said}");
    let to_come = ["restore", "--database", "--as-of", "2100-01-01", "--yes"];
    let said = refused(warden, &to_come).await?;
    ensure!(said.contains("still to come"), "{said}");
    Ok(())
}

/// Once a moment that is over is in the journal: it, as the command line takes it.
async fn reached(warden: &Warden, at: u64) -> Result<String> {
    let has_it = |backups: &Value| {
        backups["shops"][0]["stream"]["current_ms"].as_u64().is_some_and(|now| now > at)
    };
    warden.until("the journal to be so far", "/backups", has_it).await;
    Ok(jiff::Timestamp::from_millisecond(i64::try_from(at)?)?.to_string())
}

/// Rows do not say that tables were redefined, made and dropped: the server's own log does.
async fn goes_by_the_log(warden: &Warden, server: &Server, folder: &Path) -> Result<()> {
    let redefined = [
        "ALTER TABLE orders ADD phone varchar(20) NOT NULL DEFAULT 'none'",
        "UPDATE orders SET phone = CONCAT('0', id)",
        "CREATE TABLE notes (id int PRIMARY KEY, what text) SELECT id, phone AS what FROM orders",
        "INSERT INTO orders VALUES (999, NULL, 1, '999')",
        "DROP TABLE log",
    ];
    server.run(&redefined).await?;
    next_second().await;
    let later = folder.join("later");
    dumped(&server.url("one"), later.clone()).await?;
    let as_of = reached(warden, next_second().await - 1000).await?;
    server.run(&["DROP TABLE notes", "ALTER TABLE orders DROP COLUMN phone"]).await?;
    let restore = ["restore", "--database", "--as-of", &as_of, "--as", "later"];
    let said = cli(warden, &[&restore[..], &["--preview"]].concat()).await?;
    ensure!(said.contains("own log") && said.contains("ALTER TABLE orders ADD phone"), "{said}");
    fs::write(warden.path("state").join("die-at"), "0:after_intent\n0:after_effect\n")?;
    // It may die before it has answered.
    let said = cli(warden, &[&restore[..], &["--yes", "--detach"]].concat()).await;
    println!("{said:?}");
    let run = over(warden, "restore_database").await;
    ensure!(run["state"] == "done", "{run}");
    ensure!(!warden.path("state").join("die-at").exists(), "control did not die as told");
    let found = differences(&later, &server.url("later"), None).await?;
    ensure!(found.is_empty(), "it is not as it was then: {found}");
    Ok(())
}

fn receives(backups: &Value) -> bool {
    backups["shops"][0]["stream"]["log"]["state"] == "following"
}

/// So does PostgreSQL's, and the server is killed in the midst of it.
async fn goes_by_the_log_of_postgres(warden: &Warden, server: Server, folder: &Path) -> Result<()> {
    let redefined = [
        "ALTER TABLE orders ADD phone text NOT NULL DEFAULT 'none'",
        "CREATE TABLE notes AS SELECT id, phone AS what FROM orders",
        "ALTER TABLE notes ADD PRIMARY KEY (id)",
    ];
    server.run(&redefined).await?;
    let server = server.killed(folder).await?;
    server.run(&["UPDATE orders SET phone = id::text", "DROP TABLE log"]).await?;
    let later = folder.join("later");
    dumped(&server.url("one"), later.clone()).await?;
    let at = now_ms();
    let is_there = |backups: &Value| {
        let log = &backups["shops"][0]["stream"]["log"];
        receives(backups) && log["current_ms"].as_u64().is_some_and(|now| now > at)
    };
    warden.until("the log to be received again", "/backups", is_there).await;
    server.run(&["DROP TABLE notes", "ALTER TABLE orders DROP COLUMN phone"]).await?;
    let as_of = reached(warden, at).await?;
    let restore = ["restore", "--database", "--as-of", &as_of, "--as", "later"];
    let said = refused(warden, &[&restore[..], &["--by", "journal", "--yes"]].concat()).await?;
    ensure!(said.contains("redefined") && said.contains("orders"), "{said}");
    let said = cli(warden, &[&restore[..], &["--by", "log", "--yes"]].concat()).await;
    println!("{said:?}");
    let run = over(warden, "restore_database").await;
    ensure!(run["state"] == "done", "{run}");
    let found = differences(&later, &server.url("later"), None).await?;
    ensure!(found.is_empty(), "it is not as it was then: {found}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_goes_back_to_a_moment_between_backups() -> Result<()> {
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    go_back(DatabaseKind::Postgres).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_goes_back_to_a_moment_with_what_foreign_keys_did() -> Result<()> {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    go_back(DatabaseKind::MySql).await
}
