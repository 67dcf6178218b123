//! Orders that are deleted and brought back, and taken out again, while control, the stream of changes,
//! workers and the database are killed at random: `cargo xtask soak orders`. Nothing that a customer was told
//! is lost, nothing is done twice, in the database and in the journal of its changes.
#![cfg(feature = "soak")]

use crate::{
    soak::{Dice, kill_worker, limit, seed},
    trade::LONG,
    warden::Warden,
};
use anyhow::{Context as _, Result, bail, ensure};
use databases::{
    DatabaseError,
    changes::Change,
    dump::Field,
    live::Live,
    private::{MariaDb, Options, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{
    process::{Signal, run_to_end, signal},
    wait_until,
};
use tokio::{sync::RwLock, task::JoinHandle, time::sleep};
use vault::journal::{Entry, Lookups, Place, Reader};

const DATABASE: &str = "lamps";
/// So many orders go and come back between two proofs.
const ROUND: u32 = 6;
/// Whatever was killed, all of it is well again by then.
const CALM: Duration = Duration::from_secs(10 * 60);
/// Between two purchases.
const PACE: Duration = Duration::from_millis(150);
/// Told before a death, and taken by it: a step of the run, and where in it.
const DEATHS: [&str; 5] =
    ["before_intent", "after_intent", "after_effect", "after_verify", "after_record"];
const TABLES: [&str; 5] = [
    "create table customer (id integer primary key, email varchar(100) not null)",
    "create table cart (id varchar(36) primary key, shop integer not null, \
     customer_id integer not null, foreign key (customer_id) references customer (id))",
    "create table shop_order (id integer primary key, shop integer not null, \
     number varchar(20) not null unique, cart_id varchar(36) not null unique, \
     customer_id integer not null, total integer not null, \
     foreign key (cart_id) references cart (id), \
     foreign key (customer_id) references customer (id))",
    "create table order_line (id integer primary key, shop integer not null, \
     order_id integer not null, what varchar(40) not null, \
     foreign key (order_id) references shop_order (id))",
    "insert into customer values (1, 'ann@lamps.example')",
];

/// Rows by their table and their key.
type Rows = BTreeMap<(String, Field), Vec<Field>>;

/// All that is written when an order is placed.
fn purchase(id: u32) -> [String; 3] {
    let (lamp, bulb) = (2 * id, 2 * id + 1);
    [
        format!("insert into cart values ('c-{id}', 1, 1)"),
        format!("insert into shop_order values ({id}, 1, 'L-{id}', 'c-{id}', 1, {id}00)"),
        format!(
            "insert into order_line values ({lamp}, 1, {id}, 'lamp'), ({bulb}, 1, {id}, 'bulb')"
        ),
    ]
}

fn deletion(id: u32) -> [String; 3] {
    [
        format!("delete from order_line where order_id = {id}"),
        format!("delete from shop_order where id = {id}"),
        format!("delete from cart where id = 'c-{id}'"),
    ]
}

/// The rows that such an order has.
fn rows_of(id: u32) -> Vec<(&'static str, Vec<String>)> {
    let text = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
    let (order, number, cart) = (id.to_string(), format!("L-{id}"), format!("c-{id}"));
    let (lamp, bulb) = ((2 * id).to_string(), (2 * id + 1).to_string());
    vec![
        ("cart", text(&[&cart, "1", "1"])),
        ("shop_order", text(&[&order, "1", &number, &cart, "1", &format!("{id}00")])),
        ("order_line", text(&[&lamp, "1", &order, "lamp"])),
        ("order_line", text(&[&bulb, "1", &order, "bulb"])),
    ]
}

fn rows_of_all(orders: &BTreeSet<u32>) -> Rows {
    let rows = orders.iter().flat_map(|id| rows_of(*id));
    let rows = rows.map(|(table, fields)| {
        let fields: Vec<Field> = fields.into_iter().map(|field| Some(field.into_bytes())).collect();
        ((table.to_owned(), fields[0].clone()), fields)
    });
    rows.collect()
}

enum Engine {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Engine {
    async fn start(
        kind: DatabaseKind,
        folder: &Path,
        port: Option<u16>,
    ) -> Result<Self, DatabaseError> {
        let setting = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        if kind == DatabaseKind::Postgres {
            let settings = setting("max_slot_wal_keep_size", "1GB");
            let options = Options { port, settings, ..Options::default() };
            return Postgres::start(&folder.join("postgres"), options).await.map(Self::Postgres);
        }
        let settings = setting("binlog-row-metadata", "FULL");
        let options = Options { port, settings, ..Options::default() };
        MariaDb::start(&folder.join("maria"), options).await.map(Self::MariaDb)
    }

    fn port(&self) -> u16 {
        match self {
            Self::Postgres(server) => server.port(),
            Self::MariaDb(server) => server.port(),
        }
    }

    fn kill(&self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(server) => server.signal(Signal::Kill),
            Self::MariaDb(server) => server.signal(Signal::Kill),
        }
    }

    fn url(&self) -> DatabaseUrl {
        match self {
            Self::Postgres(server) => {
                DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url(DATABASE) }
            }
            Self::MariaDb(server) => {
                DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url(DATABASE) }
            }
        }
    }

    async fn execute(&self, statement: &str) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(server) => server.execute(DATABASE, statement).await,
            Self::MariaDb(server) => server.execute(DATABASE, statement).await,
        }
    }

    /// One transaction.
    async fn write(&self, statements: &[String]) -> Result<(), DatabaseError> {
        let all = statements.join("; ");
        match self {
            Self::Postgres(_) => self.execute(&format!("begin; {all}; commit")).await,
            Self::MariaDb(_) => {
                self.execute(&format!("begin not atomic start transaction; {all}; commit; end"))
                    .await
            }
        }
    }
}

/// The shop's database, which may be away.
type Server = Arc<RwLock<Option<Engine>>>;

/// What customers were told.
#[derive(Debug, Default)]
struct Told {
    /// Their order is placed.
    placed: BTreeSet<u32>,
    /// They were told nothing: it may be there or not.
    unknown: BTreeSet<u32>,
}

/// Customers who order, whether the database is there or not.
struct Customers {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

impl Customers {
    fn come(server: &Server, first: u32) -> Self {
        let (stop, told) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Told>>::default());
        let (stopped, books, server) = (Arc::clone(&stop), Arc::clone(&told), Arc::clone(server));
        let task = tokio::spawn(async move {
            for id in first.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let asked = match server.read().await.as_ref() {
                    Some(server) => Some(server.write(&purchase(id)).await.is_ok()),
                    None => None,
                };
                if let Some(is_placed) = asked {
                    let mut told = books.lock().expect("nobody panics with it");
                    let told = if is_placed { &mut told.placed } else { &mut told.unknown };
                    told.insert(id);
                }
                sleep(PACE).await;
            }
        });
        Self { stop, told, task }
    }

    async fn go(self) -> Result<Told> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?;
        Ok(std::mem::take(&mut *self.told.lock().expect("nobody panics with it")))
    }
}

struct Soak {
    dice: Dice,
    kind: DatabaseKind,
    warden: Warden,
    server: Server,
    port: u16,
    told: Told,
    /// Those that somebody has deleted, or that were taken out again.
    gone: BTreeSet<u32>,
    next: u32,
    counts: BTreeMap<String, u32>,
    /// Goes last.
    folder: tempfile::TempDir,
}

impl Soak {
    async fn begin(dice: Dice, kind: DatabaseKind) -> Result<Self> {
        let folder = testkit::folder();
        let server = Engine::start(kind, folder.path(), None).await?;
        match &server {
            Engine::Postgres(server) => server.create_database(DATABASE).await?,
            Engine::MariaDb(server) => server.create_database(DATABASE).await?,
        }
        for statement in TABLES {
            server.execute(statement).await?;
        }
        if kind == DatabaseKind::Postgres {
            for table in ["customer", "cart", "shop_order", "order_line"] {
                server.execute(&format!("alter table {table} replica identity full")).await?;
            }
        }
        let shop = format!(
            "hosts = \"lamps.example\"\nplatform = \"sample\"\ndatabase = \"{}\"\nstream = {{}}\n\
             backup = {{ to = {:?}, every = \"1d\", drill = \"365d\" }}\n",
            server.url().secret,
            folder.path().join("repository"),
        );
        let warden = Warden::start(&shop, "").await?;
        let is_ready = |all: &Value| {
            let shop = &all["shops"][0];
            shop["stream"]["state"] == "following" && !shop["newest"].is_null()
        };
        warden.until("a stream and a first backup", "/backups", is_ready).await;
        let port = server.port();
        Ok(Self {
            dice,
            kind,
            warden,
            server: Arc::new(RwLock::new(Some(server))),
            port,
            told: Told::default(),
            gone: BTreeSet::new(),
            next: 1,
            counts: BTreeMap::new(),
            folder,
        })
    }

    /// Orders go and come back while customers buy, and everything must be as it should be.
    async fn round(&mut self) -> Result<()> {
        let customers = Customers::come(&self.server, self.next);
        for _ in 0..ROUND {
            let id = self.somebodys_order(&customers).await;
            if !self.gone.contains(&id) {
                self.write_surely(&deletion(id)).await?;
                self.gone.insert(id);
            }
            self.bring_back(id).await?;
            self.gone.remove(&id);
            if self.dice.below(2) == 0 {
                self.take_out(id).await?;
                self.gone.insert(id);
            }
        }
        let told = customers.go().await?;
        let last = told.placed.last().max(told.unknown.last()).copied();
        // One more was thought of, perhaps, and never asked for.
        self.next = last.unwrap_or(self.next).max(self.next) + 2;
        self.told.placed.extend(told.placed);
        self.told.unknown.extend(told.unknown);
        Ok(())
    }

    /// One that is there, or that is gone.
    async fn somebodys_order(&mut self, customers: &Customers) -> u32 {
        let roll = self.dice.below(u64::from(u32::MAX));
        wait_until("customers to buy", LONG, async || {
            let now = customers.told.lock().expect("nobody panics with it");
            let all: Vec<u32> = self.told.placed.union(&now.placed).copied().collect();
            if all.len() < 3 {
                return Err(all.len());
            }
            let at = usize::try_from(roll).expect("32 bits") % all.len();
            Ok(all[at])
        })
        .await
    }

    /// It may have happened although nobody said so: all of these can be done again.
    async fn write_surely(&self, statements: &[String]) -> Result<()> {
        let guard = self.server.read().await;
        let server = guard.as_ref().context("the database is there")?;
        wait_until("the database to write", LONG, async || {
            server.write(statements).await.map_err(|error| error.to_string())
        })
        .await;
        Ok(())
    }

    /// Has it brought back under deaths, until it is there.
    async fn bring_back(&mut self, id: u32) -> Result<()> {
        self.die_somewhere("")?;
        let said = self.order(&["restore", "lamps", &format!("L-{id}"), "--yes", "--detach"]);
        let said = tokio::spawn(said);
        self.kill().await?;
        let _refused_or_not = said.await?;
        self.live_on()?;
        let begun = Instant::now();
        loop {
            let run = self.newest_run().await?;
            let is_over = run.as_ref().is_none_or(is_over);
            if let Some(run) = run.as_ref().filter(|run| run["state"] == "stuck") {
                bail!("a run is stuck: {run:#}");
            }
            let there = self.rows_there(id).await?;
            if is_over && there == rows_of_all(&[id].into()) {
                self.count("brought back");
                return Ok(());
            }
            ensure!(!is_over || there.is_empty(), "L-{id} is there in part: {there:?}");
            ensure!(begun.elapsed() < CALM, "L-{id} does not come back: {run:#?}");
            if is_over {
                let words = ["restore", "lamps", &format!("L-{id}"), "--yes", "--detach"];
                if let Err(said) = self.order(&words).await {
                    // Right after it went, the journal may not have heard of it.
                    let why = said.rsplit("storewarden: ").next().unwrap_or_default();
                    self.count(&format!("refused: {}", why.trim()));
                }
            }
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Takes the last one back under deaths, until it is gone.
    async fn take_out(&mut self, id: u32) -> Result<()> {
        let run = self.newest_run().await?.context("a run that brought it back")?;
        let run = run["id"].as_str().context("a run's id")?.to_owned();
        let (path, undo) = (format!("/runs/{run}"), format!("/runs/{run}/undo"));
        self.die_somewhere(":undo")?;
        let _asked_or_not = self.warden.ask("POST", &undo, Some(&json!({}))).await;
        self.kill().await?;
        self.live_on()?;
        let begun = Instant::now();
        loop {
            // Control may be away.
            let now = self.warden.get(&path).await.unwrap_or_default();
            let state = now["state"].as_str().unwrap_or_default();
            let there = self.rows_there(id).await?;
            if state == "undone" {
                ensure!(there.is_empty(), "L-{id} was taken out and is there: {there:?}");
                self.count("taken out");
                return Ok(());
            }
            ensure!(state != "stuck" && state != "undo_failed", "it is not taken out: {now:#}");
            ensure!(begun.elapsed() < CALM, "L-{id} does not go: {now:#}");
            if state == "done" {
                ensure!(there == rows_of_all(&[id].into()), "L-{id} is there in part: {there:?}");
                let _asked_or_not = self.warden.ask("POST", &undo, Some(&json!({}))).await;
            }
            sleep(Duration::from_millis(300)).await;
        }
    }

    fn die_at(&self) -> PathBuf {
        self.warden.path("state").join("die-at")
    }

    /// Every other time control is to die at one moment of the step, else whenever it is hit.
    fn die_somewhere(&mut self, undo: &str) -> Result<()> {
        if self.dice.below(2) == 0 {
            let death = DEATHS[usize::try_from(self.dice.below(DEATHS.len() as u64))?];
            fs::write(self.die_at(), format!("0:{death}{undo}\n"))?;
        }
        Ok(())
    }

    fn live_on(&mut self) -> Result<()> {
        if self.die_at().exists() {
            return Ok(fs::remove_file(self.die_at())?);
        }
        Ok(())
    }

    /// Ours, the database, or both, at any moment of what was just begun.
    async fn kill(&mut self) -> Result<()> {
        sleep(Duration::from_millis(self.dice.below(2_500))).await;
        let victims: &[&str] = match self.dice.below(9) {
            0 => &["control"],
            1 => &["stream"],
            2 => &["worker"],
            3 => &["database"],
            4 => &["stream", "database"],
            5 => &["database", "control"],
            6 => &["control", "stream", "worker", "database"],
            7 => &["all of us"],
            _ => &[],
        };
        self.count(&format!("killed {}", victims.join(", ")));
        let mut database_is_away = false;
        for victim in victims {
            match *victim {
                "worker" => drop(kill_worker(&self.warden.path("state"))?),
                "database" => {
                    let server = self.server.write().await.take();
                    server.context("the database is there")?.kill()?;
                    database_is_away = true;
                }
                "all of us" => {
                    let stream = self.warden.pid("stream")?;
                    self.warden.kill().await?;
                    // It may have gone with them.
                    let _gone = signal(stream, Signal::Kill);
                }
                // It may be being started again since it was killed before.
                process => drop(self.warden.pid(process).map(|pid| signal(pid, Signal::Kill))),
            }
        }
        sleep(Duration::from_millis(self.dice.below(1_500))).await;
        if database_is_away {
            self.have_database_back().await;
        }
        if victims.contains(&"all of us") {
            self.warden.up().await?;
        }
        Ok(())
    }

    /// Where it was; what its first process has left behind takes a moment to end.
    async fn have_database_back(&self) {
        let started = wait_until("the database to come back", LONG, async || {
            let started = Engine::start(self.kind, self.folder.path(), Some(self.port)).await;
            started.map_err(|error| error.to_string())
        });
        *self.server.write().await = Some(started.await);
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// What `storewarden order` says, or why it does not.
    fn order(&self, words: &[&str]) -> impl Future<Output = Result<(), String>> + use<> {
        let spawn = self.warden.command(&[&["order"], words].concat());
        async move {
            let spawn = spawn.map_err(|error| format!("{error:#}"))?;
            let run = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await;
            run.expect("it does not panic").map(drop).map_err(|error| error.to_string())
        }
    }

    /// Of those that bring an order back. Control may have to be waited for.
    async fn newest_run(&self) -> Result<Option<Value>> {
        let runs = self.warden.until("runs", "/runs", |runs| runs["runs"].is_array()).await;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        Ok(runs.into_iter().find(|run| run["kind"] == "restore_order"))
    }

    async fn rows_there(&self, id: u32) -> Result<Rows> {
        let (order, cart) = (id.to_string(), format!("c-{id}"));
        let wanted = [("cart", "id", cart), ("shop_order", "id", order.clone())];
        self.looked_up(wanted.into_iter().chain([("order_line", "order_id", order)]).collect())
            .await
    }

    async fn looked_up(&self, wanted: Vec<(&'static str, &'static str, String)>) -> Result<Rows> {
        let guard = self.server.read().await;
        let url = guard.as_ref().context("the database is there")?.url();
        let look = move || -> Result<Rows> {
            let mut live = Live::connect(&url)?;
            let mut rows = Rows::new();
            for (name, column, value) in wanted {
                let table = live.table(name).context("the table is there")?.clone();
                for row in live.lookup(&table, &[(column, value.as_bytes())])? {
                    let key = (name.to_owned(), row.fields[0].clone());
                    ensure!(rows.insert(key, row.fields).is_none(), "twice in {name}");
                }
            }
            Ok(rows)
        };
        tokio::task::spawn_blocking(look).await?
    }

    /// What customers were told is there, whole and once, and nothing else; and so it is in the journal.
    async fn prove(&mut self, begun: Instant) -> Result<()> {
        let tables = ["cart", "shop_order", "order_line"];
        let stored =
            self.looked_up(tables.map(|name| (name, "shop", "1".to_owned())).into()).await?;
        let numbers = stored.keys().filter(|(table, _)| table == "shop_order");
        let orders: BTreeSet<u32> = numbers.filter_map(|(_, key)| number(key)).collect();
        ensure!(stored == rows_of_all(&orders), "orders are there in part");
        for id in &self.told.placed {
            ensure!(
                orders.contains(id) != self.gone.contains(id),
                "L-{id} was placed, gone: {}, there: {}",
                self.gone.contains(id),
                orders.contains(id)
            );
        }
        let nobodys: Vec<_> = orders
            .iter()
            .filter(|id| !self.told.placed.contains(id) && !self.told.unknown.contains(id))
            .collect();
        ensure!(nobodys.is_empty(), "nobody has placed {nobodys:?}");
        let state = self.warden.path("state");
        wait_until("the journal to have every order", CALM, async || match journalled(&state) {
            Ok(rows) if rows == stored => Ok(()),
            Ok(rows) => {
                let odd = rows.iter().find(|(key, row)| stored.get(key) != Some(row));
                sleep(Duration::from_millis(300)).await;
                Err(format!("{} rows of {}; {odd:?}", rows.len(), stored.len()))
            }
            Err(error) => Err(format!("{error:#}")),
        })
        .await;
        let is_followed = |backups: &Value| backups["shops"][0]["stream"]["state"] == "following";
        let shown = self.warden.until("changes to be followed", "/backups", is_followed).await;
        let stream = &shown["shops"][0]["stream"];
        ensure!(stream["gap"].is_null(), "{stream:#}");
        println!(
            "minute {}: whole; {:?}, {} orders; {:?}",
            begun.elapsed().as_secs() / 60,
            self.kind,
            orders.len(),
            self.counts
        );
        Ok(())
    }
}

fn number(key: &Field) -> Option<u32> {
    std::str::from_utf8(key.as_ref()?).ok()?.parse().ok()
}

fn is_over(run: &Value) -> bool {
    let over = ["done", "failed", "cancelled", "undone", "undo_failed", "stuck"];
    over.iter().any(|state| run["state"] == *state)
}

/// The rows as the journal has seen them last. A change that it has twice does not fit.
fn journalled(state: &Path) -> Result<Rows> {
    let place = Place::of(state, &"lamps".parse()?);
    let key = place.key()?.context("a journal was begun")?;
    let mut rows = Rows::new();
    let mut odd = None;
    Reader::open(&place.folder(), &key, &Lookups::default())?.scan(None, |entry| {
        let Entry::Version(version) = entry else { return Ok(()) };
        let row = version.row;
        let of = |fields: &[Field]| (row.table.name.clone(), fields[0].clone());
        let fits = match &row.change {
            Change::Inserted(after) => {
                rows.insert(of(&after.fields), after.fields.clone()).is_none()
            }
            Change::Updated { after, .. } => {
                rows.insert(of(&after.fields), after.fields.clone()).is_some()
            }
            Change::Deleted(before) => rows.remove(&of(&before.fields)).is_some(),
        };
        if !fits && odd.is_none() {
            odd = Some(format!("twice, or of nothing: {row:?}"));
        }
        Ok(())
    })?;
    match odd {
        // Waiting mends nothing here.
        Some(odd) => panic!("{odd}"),
        None => Ok(rows),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_outlive_whoever_is_killed() -> Result<()> {
    let (limit, mut dice, begun) = (limit(), seed()?, Instant::now());
    let mut soaks = Vec::new();
    for (kind, is_there) in [
        (DatabaseKind::Postgres, Postgres::find().is_some()),
        (DatabaseKind::MySql, MariaDb::find().is_some()),
    ] {
        if is_there {
            soaks.push(Soak::begin(dice.another(), kind).await?);
        } else {
            println!("NOT TRIED: {kind:?} is not installed");
        }
    }
    ensure!(!soaks.is_empty(), "there is no database to try it with");
    while begun.elapsed() < limit {
        for soak in &mut soaks {
            soak.round().await?;
            soak.prove(begun).await?;
        }
    }
    for soak in &mut soaks {
        soak.warden.stop().await?;
    }
    Ok(())
}
