//! A PostgreSQL's own log is received into the archive, whoever is killed meanwhile, and a base backup and the log
//! bring the cluster back as it was at a moment; what is missing or damaged is named, and nothing is passed over.

use crate::{
    killing::seed,
    place::{Place as Shop, quiet, request},
    stream::{LONG, now_ms, options, place},
};
use databases::{
    dump::{Dump, Folder, Options as DumpOptions, Reader as Dumped, Side, compare},
    private::{Options, Postgres},
};
use host::process::{Process, Signal};
use kernel::config::{DatabaseKind, DatabaseUrl};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::wait_until;
use tokio::sync::watch;
use vault::{
    VaultError, backup,
    journal::Place,
    stream::{self, State},
    wal::{self, Archive, BASE_TAG, Base, BaseNote, FROM_TAG, Hindered, LogFile, Standing, Wanted},
};

const CAP: &str = "max_slot_wal_keep_size";
const KILLED: &str = "wal::killed_again_and_again_no_byte_of_the_log_is_lost";
const MOMENTS: &str = "wal::a_cluster_goes_back_to_a_moment_and_holes_are_named";
const SLOT: &str = "wal::a_slot_that_is_not_capped_is_refused_and_a_lost_one_is_a_gap";
/// Of all kills together; what is left of it decides how many there are on a slow machine.
const LIMIT: Duration = Duration::from_secs(30);
const KILLS: u32 = 24;
const AT_LEAST: u32 = 8;
/// A server is killed instead of the receiver, or with it, every so often.
const SERVER_EVERY: u32 = 4;

/// Receives until it is killed, or the test is.
async fn work(folder: &str) {
    let folder = Path::new(folder);
    let secret = fs::read_to_string(folder.join("url")).unwrap();
    let settings = wal::Settings { database: of(secret), copies: Vec::new() };
    let open: stream::Open = Arc::new(|to| panic!("nothing is copied, and not to {to}"));
    let (_stop, stopped) = watch::channel(false);
    wal::receive(&place(folder), &settings, &open, now_ms, stopped).await.unwrap();
}

fn of(secret: String) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::Postgres, secret }
}

struct World {
    name: &'static str,
    folder: tempfile::TempDir,
    server: Option<Postgres>,
    /// The repository that base backups go to.
    shop: Arc<Shop>,
    place: Place,
}

impl World {
    async fn begin(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let folder = testkit::folder();
        let server = Postgres::start(&folder.path().join("postgres"), options(settings)).await;
        let server = server.unwrap();
        server.create_database("one").await.unwrap();
        fs::write(folder.path().join("url"), server.url("one")).unwrap();
        let place = place(folder.path());
        Self { name, place, folder, server: Some(server), shop: Arc::new(Shop::new()) }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn server(&self) -> &Postgres {
        self.server.as_ref().unwrap()
    }

    fn url(&self) -> DatabaseUrl {
        of(self.server().url("one"))
    }

    async fn run(&self, statements: &[&str]) {
        for statement in statements {
            let done = self.server().execute("one", statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }

    fn receive(&self) -> Process {
        testkit::this_test(self.name, self.folder.path().to_str().unwrap())
            .output_to(self.path("receive.log"))
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap()
    }

    async fn until(&self, what: &str, is: impl Fn(&Standing) -> bool) -> Standing {
        wait_until(what, LONG, async || match Standing::read(&self.place) {
            Ok(Some(standing)) if is(&standing) => Ok(standing),
            other => {
                let said = fs::read_to_string(self.path("receive.log")).unwrap_or_default();
                Err(format!("{other:?} {said}"))
            }
        })
        .await
    }

    /// A moment that is after all that was committed, and that the archive has.
    async fn moment(&self) -> i64 {
        let at_ms = now_ms();
        let is_there = |standing: &Standing| {
            standing.state == State::Following && standing.current_ms.is_some_and(|ms| ms > at_ms)
        };
        self.until("the log to be here", is_there).await;
        at_ms
    }

    async fn kill_server(&mut self) {
        let port = self.server().port();
        self.server().signal(Signal::Kill).unwrap();
        drop(self.server.take());
        let again = Options { port: Some(port), ..options(&[(CAP, "1GB")]) };
        let folder = self.path("postgres");
        // What was left of it holds its memory for a moment.
        let server = wait_until("the server again", LONG, async || {
            Postgres::start(&folder, again.clone()).await.map_err(|error| error.to_string())
        });
        self.server = Some(server.await);
    }

    /// The server is killed and comes back to a shop that never stops: it is a little ahead at any moment.
    async fn goes_on_however_busy(&mut self) {
        self.kill_server().await;
        let sell = "DO $busy$ BEGIN LOOP UPDATE orders SET note = 'sold' WHERE id = 1; COMMIT; \
            END LOOP; END $busy$";
        tokio::select! {
            ended = self.server().execute("one", sell) => panic!("it ended by itself: {ended:?}"),
            _ = self.moment() => {}
        }
        // It does not look whether anybody waits for it.
        let end = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
            WHERE pid <> pg_backend_pid() AND query LIKE 'DO $busy$%'";
        self.run(&[end]).await;
    }

    async fn base(&self) -> Base {
        let url = self.url();
        let note = BaseNote::of(&url).await.unwrap();
        let request = backup::Request {
            streams: wal::stream(&note, &url, None).unwrap(),
            tags: vec![format!("{BASE_TAG}lamps"), format!("{FROM_TAG}{}", note.from)],
            now_ms: now_ms(),
            ..request(Vec::new())
        };
        let shop = Arc::clone(&self.shop);
        let take = move || {
            backup::run(&shop.repository, request, &quiet).unwrap();
            let newest = shop.repository.snapshots().unwrap().pop().unwrap();
            Base::of(&newest).unwrap()
        };
        tokio::task::spawn_blocking(take).await.unwrap()
    }

    async fn dumped(&self, name: &str) {
        let (url, folder) = (self.url(), self.path(name));
        let take = move || {
            let dump = Dump::begin(&url, DumpOptions::new(now_ms())).unwrap();
            Folder::at(folder).take(dump).unwrap();
        };
        tokio::task::spawn_blocking(take).await.unwrap();
    }

    fn archive(&self) -> Archive {
        Archive::of(&self.place, &self.place.key().unwrap().unwrap())
    }

    /// Goes back to a moment, and holds the database against what was dumped then.
    async fn go(&self, base: &Base, until_ms: i64, dump: &str) -> Result<(), VaultError> {
        let (archive, shop, base) = (self.archive(), Arc::clone(&self.shop), base.clone());
        let standing = Standing::read(&self.place)?.unwrap();
        let (folder, dump) = (self.path(&format!("back-{until_ms}")), self.path(dump));
        let go = move || {
            let request = wal::Request {
                reader: &shop.repository.reader()?,
                snapshot: &shop.repository.snapshot(&base.snapshot)?,
                archive: &archive,
                standing: &standing,
                until_ms,
                folder: folder.clone(),
                is_passing: true,
            };
            let running = wal::recover(&request, &|stage| println!("{stage:?}"));
            let compared = running.map(|running| {
                let then = Dumped::open(Folder::at(dump)).unwrap();
                let url = running.url("one");
                let (then, now) = (Side::Dump(&then), Side::<Folder>::Live(&url));
                let found = compare(&then, &now, None).unwrap();
                running.stop().unwrap();
                assert!(found.is_empty(), "not as it was: {found:?}");
            });
            fs::remove_dir_all(&folder).unwrap();
            compared
        };
        tokio::task::spawn_blocking(go).await.unwrap()
    }

    fn find(&self, base: &Base, until_ms: i64) -> Result<wal::Path, Hindered> {
        let standing = Standing::read(&self.place).unwrap().unwrap();
        let (archive, bases) = (&self.archive(), std::slice::from_ref(base));
        wal::find(&Wanted { archive, standing: &standing, bases, until_ms }).unwrap()
    }

    fn sealed(&self, file: LogFile) -> PathBuf {
        self.place.folder().parent().unwrap().join(format!("lamps.wal/{file}.wal"))
    }
}

fn is_followed(standing: &Standing) -> bool {
    standing.state == State::Following && standing.begun_ms.is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_no_byte_of_the_log_is_lost() {
    if let Some(folder) = testkit::role() {
        return work(&folder).await;
    }
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return;
    }
    let mut dice = SmallRng::seed_from_u64(seed());
    let mut world = World::begin(KILLED, &[(CAP, "1GB")]).await;
    world.run(&["CREATE TABLE orders (id int PRIMARY KEY, note text)"]).await;
    let mut receiver = world.receive();
    world.until("the log to be received", is_followed).await;
    let base = world.base().await;
    let begun = Instant::now();
    let (mut kills, mut id) = (0, 0);
    while kills < KILLS && (begun.elapsed() < LIMIT || kills < AT_LEAST) {
        // Three megabytes: the room of a segment is made again and again.
        let rows = format!(
            "INSERT INTO orders SELECT n, repeat(md5(n::text), 1000) || '{kills}' \
             FROM generate_series({id}, {id} + 99) n"
        );
        let store = "ALTER TABLE orders ALTER note SET STORAGE EXTERNAL";
        world.run(&[store, &rows]).await;
        id += 100;
        if dice.random_range(0..2) == 0 {
            world.run(&["SELECT pg_switch_wal()"]).await;
        }
        let wait = Duration::from_millis(dice.random_range(0..700));
        let ended = tokio::time::timeout(wait, receiver.wait()).await;
        assert!(ended.is_err(), "the receiver ended by itself");
        kills += 1;
        if kills % SERVER_EVERY == 0 {
            world.kill_server().await;
        }
        // Once the server alone, once both.
        if kills % SERVER_EVERY != 0 || kills % (2 * SERVER_EVERY) == 0 {
            receiver.signal(Signal::Kill).unwrap();
            receiver.wait().await.unwrap();
            receiver = world.receive();
        }
    }
    println!("{kills} kills in {:?}", begun.elapsed());
    world.goes_on_however_busy().await;
    let at_ms = world.moment().await;
    world.dumped("then").await;
    world.run(&["DROP TABLE orders"]).await;
    world.moment().await;
    let standing = Standing::read(&world.place).unwrap().unwrap();
    assert_eq!(standing.gap, None);
    world.go(&base, at_ms, "then").await.unwrap_or_else(|error| panic!("{}", error.story()));
    receiver.signal(Signal::Kill).unwrap();
    receiver.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_goes_back_to_a_moment_and_holes_are_named() {
    if let Some(folder) = testkit::role() {
        return work(&folder).await;
    }
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return;
    }
    let world = World::begin(MOMENTS, &[(CAP, "1GB")]).await;
    world.run(&["CREATE TABLE orders (id serial PRIMARY KEY, total int)"]).await;
    let mut receiver = world.receive();
    world.until("the log to be received", is_followed).await;
    let base = world.base().await;
    let before = [
        "INSERT INTO orders (total) SELECT n FROM generate_series(1, 500) n",
        "ALTER TABLE orders ADD phone text NOT NULL DEFAULT 'ü'",
        "UPDATE orders SET phone = id::text WHERE id % 3 = 0",
        "CREATE TABLE notes AS SELECT id, phone AS note FROM orders",
        "ALTER TABLE notes ADD PRIMARY KEY (id)",
        "SELECT pg_switch_wal()",
        "DELETE FROM orders WHERE id = 7",
    ];
    world.run(&before).await;
    world.dumped("first").await;
    let first = world.moment().await;
    let after = [
        "DROP TABLE notes",
        "SELECT pg_switch_wal()",
        "ALTER TABLE orders DROP COLUMN phone",
        "TRUNCATE orders",
        "SELECT pg_switch_wal()",
        "INSERT INTO orders (total) VALUES (1)",
    ];
    world.run(&after).await;
    world.dumped("second").await;
    let second = world.moment().await;
    let is_sealed = |standing: &Standing| standing.segments >= 4;
    world.until("whole segments to be sealed", is_sealed).await;
    // In the midst, and the end of it all, where nothing was committed afterwards.
    assert_eq!(world.find(&base, first).unwrap().base, base);
    for (at_ms, dump) in [(first, "first"), (second, "second")] {
        world.go(&base, at_ms, dump).await.unwrap_or_else(|error| panic!("{}", error.story()));
    }
    let early = world.find(&base, base.ended_ms - 1);
    assert_eq!(early, Err(Hindered::NoBase { first_ms: Some(base.ended_ms) }));
    receiver.signal(Signal::Kill).unwrap();
    receiver.wait().await.unwrap();

    let files: Vec<LogFile> = world.archive().list().unwrap().into_keys().collect();
    let whole = fs::read(world.sealed(files[1])).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(world.sealed(files[1]), damaged).unwrap();
    let said = world.go(&base, second, "second").await.unwrap_err().story();
    assert!(said.contains(&files[1].to_string()) && said.contains("damaged"), "{said}");
    // A hole is one from where on nothing is reached, and is not passed over.
    fs::remove_file(world.sealed(files[1])).unwrap();
    let hole = world.find(&base, second);
    assert!(matches!(hole, Err(Hindered::Gap { first_ms: None, .. })), "{hole:?}");
    let said = world.go(&base, second, "second").await.unwrap_err().story();
    assert!(said.contains(&format!("between {} and {}", files[0], files[2])), "{said}");
    fs::write(world.sealed(files[1]), whole).unwrap();
    world.go(&base, second, "second").await.unwrap_or_else(|error| panic!("{}", error.story()));
    // What is not sealed yet is needed as well.
    let arriving = world.sealed(files[0]).with_file_name("arriving");
    fs::remove_dir_all(&arriving).unwrap();
    let lost = world.go(&base, second, "second").await;
    assert!(matches!(lost, Err(VaultError::WalEnds { .. })), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_is_not_capped_is_refused_and_a_lost_one_is_a_gap() {
    if let Some(folder) = testkit::role() {
        return work(&folder).await;
    }
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return;
    }
    let world = World::begin(SLOT, &[("max_wal_size", "64MB"), ("min_wal_size", "32MB")]).await;
    let mut receiver = world.receive();
    let refused = world.until("a refusal", |one| one.state == State::Refused).await;
    assert_eq!(refused.trouble.unwrap().code, "stream_uncapped");
    let has_slots = "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_replication_slots); END $$";
    world.run(&[has_slots]).await;
    receiver.signal(Signal::Kill).unwrap();
    receiver.wait().await.unwrap();

    world.run(&["ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'"]).await;
    world.run(&["SELECT pg_reload_conf()", "CREATE TABLE orders (id int PRIMARY KEY)"]).await;
    let mut receiver = world.receive();
    let begun = world.until("the log to be received", is_followed).await.begun_ms;
    let base = world.base().await;
    world.run(&["INSERT INTO orders VALUES (1)"]).await;
    world.dumped("first").await;
    let first = world.moment().await;
    world.run(&["INSERT INTO orders VALUES (2)"]).await;
    world.moment().await;
    receiver.signal(Signal::Kill).unwrap();
    receiver.wait().await.unwrap();

    // Nobody receives, and the server keeps no more than it was told.
    for _ in 0..4 {
        world.run(&["INSERT INTO orders VALUES (0)", "DELETE FROM orders WHERE id = 0"]).await;
        world.run(&["SELECT pg_switch_wal()", "CHECKPOINT"]).await;
    }
    let mut receiver = world.receive();
    let is_gap = |one: &Standing| one.gap.is_some() && is_followed(one) && one.begun_ms > begun;
    let standing = world.until("the gap", is_gap).await;
    let gap = standing.gap.unwrap();
    assert!(gap.from_ms.is_some() && gap.reason.contains("invalidated"), "{gap:?}");
    // What came before it can still be gone back to, and what came in it is not pretended.
    world.go(&base, first, "first").await.unwrap_or_else(|error| panic!("{}", error.story()));
    let at_ms = world.moment().await;
    let hindered = world.find(&base, at_ms);
    assert!(matches!(hindered, Err(Hindered::Gap { .. })), "{hindered:?}");
    // Another base backup goes on from there.
    let base = world.base().await;
    world.run(&["INSERT INTO orders VALUES (3)"]).await;
    world.dumped("after").await;
    let after = world.moment().await;
    assert_eq!(world.find(&base, after).unwrap().base, base);
    world.go(&base, after, "after").await.unwrap_or_else(|error| panic!("{}", error.story()));
    receiver.signal(Signal::Kill).unwrap();
    receiver.wait().await.unwrap();
}
