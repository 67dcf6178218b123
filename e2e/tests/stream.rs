//! The stream of changes: whoever is killed, the journal has every order as the database has it.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Context as _, Result};
use databases::{
    changes::Change,
    dump::Field,
    live::Live,
    private::{Options, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use testkit::{
    process::{Signal, run_to_end, signal},
    wait_until,
};
use tokio::{sync::RwLock, task::JoinHandle};
use vault::{
    VaultError,
    journal::{Entry, Lookups, Place, Reader},
    stream::Standing,
};

const TABLES: &str = "CREATE TABLE shop_order (id int PRIMARY KEY, shop int, number text, total int); \
    CREATE TABLE line (id serial PRIMARY KEY, shop int, what text, \
    order_id int REFERENCES shop_order ON DELETE CASCADE); \
    ALTER TABLE shop_order REPLICA IDENTITY FULL; ALTER TABLE line REPLICA IDENTITY FULL";

/// Rows of all tables, by their table and their key.
type Rows = BTreeMap<(String, Field), Vec<Field>>;

/// The shop's database, which may be away.
type Server = Arc<RwLock<Option<Postgres>>>;

async fn start(folder: &Path, port: Option<u16>) -> Result<Postgres> {
    let settings = vec![("max_slot_wal_keep_size".to_owned(), "1GB".to_owned())];
    let options = Options { port, settings, ..Options::default() };
    Ok(Postgres::start(&folder.join("postgres"), options).await?)
}

async fn kill(server: &Server) -> Result<()> {
    match server.write().await.take() {
        Some(postgres) => Ok(postgres.signal(Signal::Kill)?),
        None => Ok(()),
    }
}

/// Where it was; what its first process has left behind takes a moment to end.
async fn come_back(server: &Server, folder: &Path, port: u16) {
    let started = wait_until("the database to come back", LONG, async || {
        start(folder, Some(port)).await.map_err(|error| format!("{error:#}"))
    });
    let started = started.await;
    *server.write().await = Some(started);
}

/// Customers who order, change their minds, and are deleted, whether the database is there or not.
struct Customers {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Customers {
    /// `first`: the number of their first order.
    fn come(server: &Server, first: u32) -> Self {
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (stopped, counted, server) =
            (Arc::clone(&stop), Arc::clone(&served), Arc::clone(server));
        let task = tokio::spawn(async move {
            for id in first.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let bought = match server.read().await.as_ref() {
                    Some(server) => server.execute("one", &purchase(id)).await.is_ok(),
                    None => false,
                };
                if bought {
                    counted.fetch_add(1, Ordering::Relaxed);
                } else {
                    // The database is away: the next one finds it again.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
        Self { stop, served, task }
    }

    async fn buy(&self, more: u32) {
        let before = self.served.load(Ordering::Relaxed);
        wait_until("customers to buy", LONG, async || {
            let now = self.served.load(Ordering::Relaxed);
            if now >= before + more { Ok(()) } else { Err(now) }
        })
        .await;
    }

    async fn go(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}

/// Statements of one transaction.
fn purchase(id: u32) -> String {
    let before = id.saturating_sub(1);
    let mut text = format!(
        "INSERT INTO shop_order VALUES ({id}, 1, 'L-{id}', {id}00); \
         INSERT INTO line (shop, what, order_id) VALUES (1, 'lamp', {id}), (1, 'bulb', {id}); \
         UPDATE shop_order SET total = total + 1 WHERE id = {before};"
    );
    if id.is_multiple_of(7) {
        text.push_str(&format!("DELETE FROM shop_order WHERE id = {before};"));
    }
    text
}

/// The rows as the journal has seen them last.
fn journalled(state: &Path) -> Result<Rows, VaultError> {
    let place = Place::of(state, &"lamps".parse().expect("an id"));
    let key = place.key()?.expect("a journal was begun");
    let mut rows = Rows::new();
    let reader = Reader::open(&place.folder(), &key, &Lookups::default())?;
    reader.scan(None, |entry| {
        let Entry::Version(version) = entry else { return Ok(()) };
        let row = version.row;
        let of = |fields: &[Field]| (row.table.label(), fields[0].clone());
        let twice = |gone: Option<Vec<Field>>| assert!(gone.is_none(), "twice: {row:?}");
        let there = |gone: Option<Vec<Field>>| assert!(gone.is_some(), "not there: {row:?}");
        match &row.change {
            Change::Inserted(after) => twice(rows.insert(of(&after.fields), after.fields.clone())),
            Change::Updated { after, .. } => {
                there(rows.insert(of(&after.fields), after.fields.clone()));
            }
            Change::Deleted(before) => there(rows.remove(&of(&before.fields))),
        }
        Ok(())
    })?;
    Ok(rows)
}

async fn stored(server: &Postgres, name: &str) -> Result<Rows> {
    let database = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url(name) };
    let look = move || -> Result<Rows> {
        let mut live = Live::connect(&database)?;
        let mut rows = Rows::new();
        for name in ["shop_order", "line"] {
            let table = live.table(name).context("the table is there")?.clone();
            let found = live.lookup(&table, &[("shop", b"1")])?;
            let keyed = found.into_iter().map(|row| {
                let key = (table.label(), row.fields[0].clone());
                (key, row.fields)
            });
            rows.extend(keyed);
        }
        Ok(rows)
    };
    tokio::task::spawn_blocking(look).await?
}

fn is_followed(backups: &Value) -> bool {
    backups["shops"][0]["stream"]["state"] == "following"
}

async fn killed_stream(warden: &Warden) -> Result<()> {
    let before = warden.pid("stream")?;
    signal(before, Signal::Kill)?;
    wait_until("another stream", LONG, async || match warden.pid("stream") {
        Ok(pid) if pid != before => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_is_missing_in_the_journal_whoever_is_killed() -> Result<()> {
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let postgres = start(folder.path(), None).await?;
    postgres.create_database("one").await?;
    postgres.execute("one", TABLES).await?;
    let port = postgres.port();
    let settings = format!(
        "hosts = \"lamps.example\"\ndatabase = \"{}\"\nstream = {{}}\n",
        postgres.url("one")
    );
    let mut warden = Warden::start(&settings, "").await?;
    warden.until("changes to be followed", "/backups", is_followed).await;
    let server: Server = Arc::new(RwLock::new(Some(postgres)));
    let customers = Customers::come(&server, 1);
    customers.buy(20).await;

    killed_stream(&warden).await?;
    customers.buy(20).await;

    let control = warden.pid("control")?;
    signal(control, Signal::Kill)?;
    customers.buy(20).await;

    kill(&server).await?;
    come_back(&server, folder.path(), port).await;
    customers.buy(20).await;
    // Both at once.
    let (stream, database) = tokio::join!(killed_stream(&warden), kill(&server));
    stream.and(database)?;
    come_back(&server, folder.path(), port).await;
    customers.buy(20).await;
    customers.go().await?;

    let guard = server.read().await;
    let expect = stored(guard.as_ref().context("the database is there")?, "one").await?;
    let state = warden.path("state");
    wait_until("the journal to have every order", LONG, async || match journalled(&state) {
        Ok(rows) if rows == expect => Ok(()),
        Ok(rows) => Err(format!("{} rows of {}", rows.len(), expect.len())),
        Err(error) => Err(error.story()),
    })
    .await;
    let backups = warden.until("changes to be followed", "/backups", is_followed).await;
    let stream = &backups["shops"][0]["stream"];
    assert_eq!(stream["gap"], Value::Null, "{stream:#}");
    assert!(stream["obstacles"].as_array().is_some_and(Vec::is_empty), "{stream:#}");
    warden.stop().await
}

/// What the command line says.
async fn said(warden: &Warden, words: &[&str]) -> Result<String> {
    let spawn = warden.command(words)?;
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    Ok(String::from_utf8(output.stdout)?)
}

/// All that was committed by then is in the copy.
fn promised_ms(state: &Path) -> Result<i64> {
    let place = Place::of(state, &"lamps".parse().expect("an id"));
    let standing = Standing::read(&place)?.context("somebody follows")?;
    let copy = standing.copies.first().context("there is a copy")?;
    copy.current_ms.context("the copy has something")
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_lost_loses_no_more_than_was_said_and_the_sheet_brings_the_rest()
-> Result<()> {
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let (repository, back) = (folder.path().join("repository"), folder.path().join("back"));
    let postgres = start(folder.path(), None).await?;
    postgres.create_database("one").await?;
    postgres.execute("one", TABLES).await?;
    let settings = format!(
        "hosts = \"lamps.example\"\ndatabase = \"{}\"\nstream = {{}}\n\
         backup = {{ to = {repository:?}, every = \"1d\", drill = \"365d\" }}\n",
        postgres.url("one")
    );
    let mut warden = Warden::start(&settings, "").await?;
    warden.until("changes to be followed", "/backups", is_followed).await;
    said(&warden, &["backup", "now", "--yes"]).await?;
    let sheet = folder.path().join("sheet.txt");
    fs::write(&sheet, said(&warden, &["backup", "sheet"]).await?)?;
    let server: Server = Arc::new(RwLock::new(Some(postgres)));
    without_a_dump(&warden, &server).await?;
    let customers = Customers::come(&server, 1000);
    customers.buy(50).await;

    let (served, state) = (customers.served.load(Ordering::Relaxed), warden.path("state"));
    let served_ms = now_ms();
    wait_until("the copy to have them", LONG, async || match promised_ms(&state) {
        Ok(promised_ms) if promised_ms > served_ms => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    // There was no folder until the first backup made it.
    let is_well = |shown: &Value| {
        let copy = &shown["shops"][0]["stream"]["copies"][0];
        copy.is_object() && copy["trouble"].is_null() && copy["requests_a_month"].is_null()
    };
    let shown = warden.until("the copy to be well", "/backups", is_well).await;
    let copy = &shown["shops"][0]["stream"]["copies"][0];
    customers.buy(50).await;
    signal(warden.pid("stream")?, Signal::Kill)?;
    warden.kill().await?;
    fs::remove_dir_all(&state)?;
    let at_the_end = customers.served.load(Ordering::Relaxed);
    customers.go().await?;

    let paths = [&back, &sheet, &repository].map(|path| path.display().to_string());
    let [to, by, from] = paths.each_ref().map(String::as_str);
    said(&warden, &["stream", "fetch", "lamps", "--to", to, "--sheet", by, "--from", from]).await?;
    let rows = journalled(&back)?;
    let number =
        |field: &Field| -> Option<u32> { std::str::from_utf8(field.as_ref()?).ok()?.parse().ok() };
    let orders = rows.keys().filter(|(table, _)| table == "public.shop_order");
    let last = orders.filter_map(|(_, key)| number(key)).max().context("there are orders")?;
    println!("{at_the_end} orders, the last that came back: {last}; it took {}", copy["delay_ms"]);
    assert!(last >= served, "{last} of {served}, which were said to be there");
    // Up to the last of them, it is what the database has; the last two were changed once more since.
    let is_before = |(_, row): &(&(String, Field), &Vec<Field>)| {
        let order = if row.len() == 4 && row[2].as_ref().is_some_and(|text| text.starts_with(b"L-"))
        {
            number(&row[0])
        } else {
            number(&row[3])
        };
        order.is_some_and(|order| order + 1 < last)
    };
    let guard = server.read().await;
    let server = guard.as_ref().context("the database is there")?;
    let all = stored(server, "one").await?;
    let expect: Vec<_> = all.iter().filter(is_before).collect();
    let found: Vec<_> = rows.iter().filter(is_before).collect();
    assert!(found == expect, "{} rows of {}", found.len(), expect.len());

    // Another machine has them in its database.
    let root = folder.path().join("root");
    let onto = Onto { warden: &warden, server, keys: [by, from], root: &root };
    onto.recovered_over_deaths(&rows).await?;
    fs::remove_dir_all(repository.join("journal"))?;
    for made in [&root, &state] {
        fs::remove_dir_all(made)?;
    }
    onto.recovered_without_changes().await
}

/// The newest backup has no dump, for the journal stands for it: the database and its rows come back from
/// it as of its own time.
async fn without_a_dump(warden: &Warden, server: &Server) -> Result<()> {
    let customers = Customers::come(server, 1);
    customers.buy(20).await;
    customers.go().await?;
    let guard = server.read().await;
    let server = guard.as_ref().context("the database is there")?;
    let then = stored(server, "one").await?;
    // Without one elsewhere the journal stands for nothing.
    let is_copied = |all: &Value| all["shops"][0]["stream"]["copies"][0]["current_ms"].is_i64();
    warden.until("a copy of the journal elsewhere", "/backups", is_copied).await;
    let told = said(warden, &["backup", "now", "--without-dump", "--yes"]).await?;
    let path = "/shops/lamps/backups";
    let list = warden.until("two backups", path, |list| !list["snapshots"][1].is_null()).await;
    let has_dump = |at: usize| list["snapshots"][at]["journal_ms"].is_null();
    assert!(!has_dump(0) && has_dump(1), "{told}\n{list:#}");

    server.execute("one", "DELETE FROM shop_order WHERE id < 5; UPDATE line SET what = ''").await?;
    said(warden, &["backup", "restore", "--database", "--as", "three", "--yes"]).await?;
    assert!(stored(server, "three").await? == then, "it is not as it was");
    let tables = ["--table", "public.shop_order", "--table", "public.line", "--in-place", "--yes"];
    said(warden, &[&["backup", "restore", "--database"][..], &tables].concat()).await?;
    assert!(stored(server, "one").await? == then, "the rows are not as they were");
    Ok(())
}

/// A machine that becomes the one that is lost.
struct Onto<'a> {
    warden: &'a Warden,
    server: &'a Postgres,
    /// The recovery sheet, and where the backups are.
    keys: [&'a str; 2],
    root: &'a Path,
}

/// A statement waits for as long as its database is told, where changes are made once more.
const WAITS: &str = "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
    IF EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'storewarden_replay') \
    AND current_query() LIKE '%' || current_setting('test.waits', true) || '%' \
    THEN PERFORM pg_sleep(3600); END IF; END $$; \
    CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION wait()";
const IS_WAITING: &str = "DO $$ BEGIN ASSERT EXISTS (SELECT 1 FROM pg_stat_activity \
    WHERE datname = 'two' AND wait_event = 'PgSleep'); END $$";
const ITS_END: &str = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
    WHERE datname = 'two' AND wait_event = 'PgSleep'";

impl Onto<'_> {
    fn words<'a>(&'a self, root: &'a str, database: &'a str) -> Vec<&'a str> {
        let [by, from] = self.keys;
        let mut words = vec!["recover", "--yes", "--sheet", by, "--from", from, "--shop", "lamps"];
        words.extend(["--root", root, "--database", database]);
        words
    }

    /// Killed before the first of the changes and after the last, it goes on.
    async fn recovered_over_deaths(&self, expect: &Rows) -> Result<()> {
        let Self { warden, server, root, .. } = self;
        server.create_database("two").await?;
        server.execute("two", WAITS).await?;
        let (root, url) = (root.display().to_string(), server.url("two"));
        let words = self.words(&root, &url);
        for at in ["DROP CONSTRAINT", "ADD CONSTRAINT"] {
            let told = format!("ALTER DATABASE two SET test.waits = '{at}'");
            server.execute("one", &told).await?;
            let mut killed = warden.command(&words)?.start()?;
            let is_waiting = async || {
                let asked = server.execute("one", IS_WAITING).await;
                asked.map_err(|error| format!("{error:#}"))
            };
            wait_until("the changes to be made once more", LONG, is_waiting).await;
            killed.end_now(Signal::Kill, LONG);
            server.execute("one", ITS_END).await?;
        }
        server.execute("one", "ALTER DATABASE two RESET test.waits").await?;
        let recovered = said(warden, &words).await?;
        assert!(recovered.contains("It was begun before"), "{recovered}");
        assert!(stored(server, "two").await? == *expect, "{recovered}");
        Ok(())
    }

    /// No copy of the journal: everything else is in place, and nobody is told that it is whole.
    async fn recovered_without_changes(&self) -> Result<()> {
        let Self { warden, server, root, .. } = self;
        let (root, url) = (root.display().to_string(), server.url("four"));
        let recovered = said(warden, &self.words(&root, &url)).await;
        let told = format!("{recovered:?}");
        assert!(recovered.is_err() && told.contains("NOT THERE: the database is as of"), "{told}");
        assert!(told.contains("Recovered. What is left to do"), "{told}");
        assert!(stored(server, "four").await?.is_empty(), "the first backup had no order");
        Ok(())
    }
}
