//! A database is followed into a journal, whoever ends meanwhile: nothing is lost, nothing counts twice,
//! and what stands in the way is said.

use databases::{
    changes::Change,
    dump::Field,
    live::Live,
    private::{MariaDb, Options, Postgres},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl, RepositorySettings, StreamCopySettings};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use testkit::wait_until;
use tokio::sync::watch;
use vault::{
    VaultError,
    journal::{Entry, Lookups, Place, Reader, away},
    storage::{Folder, Storage},
    stream::{self, Settings, Standing, State},
};

pub(crate) const LONG: Duration = Duration::from_secs(120);
pub(crate) const CAP: (&str, &str) = ("max_slot_wal_keep_size", "1GB");
pub(crate) const TABLE: &str =
    "CREATE TABLE orders (id int PRIMARY KEY, all_of_them int, number varchar(20), total int)";

/// Rows by their keys.
pub(crate) type Rows = BTreeMap<Field, Vec<Field>>;

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

pub(crate) fn settings(kind: DatabaseKind, secret: String) -> Settings {
    let database = DatabaseUrl { kind, secret };
    Settings {
        database,
        leave_out: Vec::new(),
        keep_ms: 86_400_000,
        graphs: Vec::new(),
        raw: true,
        copies: Vec::new(),
    }
}

pub(crate) fn place(folder: &Path) -> Place {
    Place::of(&folder.join("state"), &"lamps".parse().unwrap())
}

pub(crate) fn options(settings: &[(&str, &str)]) -> Options {
    let settings = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Options { settings, ..Options::default() }
}

/// Copies go to folders here.
fn open(to: &RepositorySettings) -> Result<Arc<dyn Storage>, VaultError> {
    let RepositorySettings::Folder(path) = to else { panic!("{to}") };
    Ok(Arc::new(Folder::new(path)))
}

/// One who follows, on a thread of their own, until they are told to end.
pub(crate) struct Following {
    stop: watch::Sender<bool>,
    thread: thread::JoinHandle<Result<(), VaultError>>,
}

impl Following {
    pub(crate) fn begin(place: &Place, settings: &Settings) -> Self {
        Self::with(place, settings, open)
    }

    /// Copies go where `open` says.
    pub(crate) fn with(
        place: &Place,
        settings: &Settings,
        open: impl Fn(&RepositorySettings) -> Result<Arc<dyn Storage>, VaultError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (place, settings) = (place.clone(), settings.clone());
        let open: stream::Open = Arc::new(open);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let follow =
            move || runtime.block_on(stream::follow(&place, &settings, &open, now_ms, stopped));
        Self { stop, thread: thread::spawn(follow) }
    }

    pub(crate) fn end(self) {
        self.stop.send_replace(true);
        self.thread.join().unwrap().unwrap();
    }
}

pub(crate) async fn until(place: &Place, what: &str, is: impl Fn(&Standing) -> bool) -> Standing {
    wait_until(what, LONG, async || match Standing::read(place) {
        Ok(Some(standing)) if is(&standing) => Ok(standing),
        other => Err(format!("{other:?}")),
    })
    .await
}

pub(crate) async fn until_followed(place: &Place) -> Standing {
    until(place, "changes to be followed", |standing| standing.state == State::Following).await
}

/// The rows as the journal has seen them last.
pub(crate) fn journalled(place: &Place) -> Result<Rows, VaultError> {
    let key = place.key()?.expect("there is a key");
    let mut rows = Rows::new();
    let reader = Reader::open(&place.folder(), &key, &Lookups::default())?;
    reader.scan(None, |entry| {
        let Entry::Version(version) = entry else { return Ok(()) };
        let of = |fields: &[Field]| fields[0].clone();
        match &version.row.change {
            Change::Inserted(after) => {
                let before = rows.insert(of(&after.fields), after.fields.clone());
                assert_eq!(before, None, "inserted twice");
            }
            Change::Updated { before, after } => {
                let before = before.as_ref().unwrap_or(after);
                assert!(rows.remove(&of(&before.fields)).is_some(), "updated and not there");
                rows.insert(of(&after.fields), after.fields.clone());
            }
            Change::Deleted(before) => {
                assert!(rows.remove(&of(&before.fields)).is_some(), "deleted and not there");
            }
        }
        Ok(())
    })?;
    Ok(rows)
}

async fn stored(settings: &Settings) -> Rows {
    let database = settings.database.clone();
    let look = move || {
        let mut live = Live::connect(&database).unwrap();
        let table = live.table("orders").unwrap().clone();
        let rows = live.lookup(&table, &[("all_of_them", b"1")]).unwrap();
        rows.into_iter().map(|row| (row.fields[0].clone(), row.fields)).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap()
}

/// Waits until the journal has what the database has.
async fn until_same(place: &Place, settings: &Settings) {
    let expect = stored(settings).await;
    wait_until("the journal to have it all", LONG, async || match journalled(place) {
        Ok(rows) if rows == expect => Ok(()),
        Ok(rows) => Err(format!("{} rows of {}", rows.len(), expect.len())),
        Err(error) => Err(error.story()),
    })
    .await;
}

fn changes(round: u32) -> String {
    let first = round * 10;
    let rows: Vec<_> = (first..first + 10).map(|id| format!("({id}, 1, 'N{id}', {id})")).collect();
    format!(
        "INSERT INTO orders VALUES {}; UPDATE orders SET total = total + 1 WHERE id % 3 = 0; \
         DELETE FROM orders WHERE id = {}",
        rows.join(", "),
        first + 5
    )
}

#[tokio::test]
async fn mariadb_is_followed_whoever_ends_meanwhile() {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return;
    }
    let folder = testkit::folder();
    let telling = options(&[("binlog-row-metadata", "FULL")]);
    let mut server = MariaDb::start(&folder.path().join("maria"), telling.clone()).await.unwrap();
    server.create_database("one").await.unwrap();
    server.execute("one", TABLE).await.unwrap();
    let settings = settings(DatabaseKind::MySql, server.url("one"));
    let place = place(folder.path());
    let mut following = Following::begin(&place, &settings);
    until_followed(&place).await;
    for round in 0..6 {
        for statement in changes(round).split("; ") {
            server.execute("one", statement).await.unwrap();
        }
        match round {
            1 | 4 => {
                following.end();
                following = Following::begin(&place, &settings);
            }
            3 => {
                let port = server.port();
                server.signal(Signal::Kill).unwrap();
                drop(server);
                let again = Options { port: Some(port), ..telling.clone() };
                server = MariaDb::start(&folder.path().join("maria"), again).await.unwrap();
            }
            _ => {}
        }
    }
    until_same(&place, &settings).await;
    let standing = until_followed(&place).await;
    assert_eq!((standing.gap, standing.trouble), (None, None));
    following.end();
    let ended = Standing::read(&place).unwrap().unwrap();
    assert_eq!(ended.state, State::Ended);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_and_a_lost_slot_leaves_a_gap() {
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return;
    }
    let folder = testkit::folder();
    let server =
        Postgres::start(&folder.path().join("postgres"), Options::default()).await.unwrap();
    server.create_database("one").await.unwrap();
    server.execute("one", TABLE).await.unwrap();
    let settings = settings(DatabaseKind::Postgres, server.url("one"));
    let place = place(folder.path());
    let following = Following::begin(&place, &settings);
    let is_refused = |standing: &Standing| standing.state == State::Refused;
    let refused = until(&place, "a refusal", is_refused).await;
    assert_eq!(refused.trouble.unwrap().code, "stream_uncapped");
    assert!(
        refused.obstacles.iter().any(|one| one.refuses && one.subject == CAP.0),
        "{:?}",
        refused.obstacles
    );
    following.end();

    let (name, value) = CAP;
    server.execute("one", &format!("ALTER SYSTEM SET {name} = '{value}'")).await.unwrap();
    server.execute("one", "SELECT pg_reload_conf()").await.unwrap();
    server.execute("one", "ALTER TABLE orders REPLICA IDENTITY FULL").await.unwrap();
    let following = Following::begin(&place, &settings);
    until_followed(&place).await;
    server.execute("one", &changes(0)).await.unwrap();
    until_same(&place, &settings).await;
    following.end();

    // Somebody takes the slot away: what comes meanwhile is gone.
    let drop_slots = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots";
    server.execute("one", drop_slots).await.unwrap();
    server.execute("one", "INSERT INTO orders VALUES (7000, 1, 'lost', 1)").await.unwrap();
    let following = Following::begin(&place, &settings);
    let standing = until(&place, "a gap", |standing| {
        standing.gap.is_some() && standing.state == State::Following
    })
    .await;
    assert!(standing.gap.unwrap().from_ms.is_some());
    assert_eq!(place.put_aside().unwrap().len(), 1);
    server.execute("one", "INSERT INTO orders VALUES (7001, 1, 'kept', 1)").await.unwrap();
    wait_until("what came afterwards", LONG, async || match journalled(&place) {
        Ok(rows) if rows.len() == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;

    // A person has it begin anew, while it runs.
    stream::begin_anew(&place).unwrap();
    wait_until("another journal", LONG, async || match place.put_aside() {
        Ok(aside) if aside.len() == 2 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    until_followed(&place).await;
    following.end();
    server.stop().await.unwrap();
}

/// The rows as a copy at a place has them.
fn copied(place: &Place, to: &Path) -> Result<Rows, VaultError> {
    let (back, key) = (testkit::folder(), place.key()?.expect("there is a key"));
    let back = Place::of(back.path(), place.shop());
    fs::create_dir_all(back.folder()).unwrap();
    back.keep_key(&key)?;
    let fetched = away::fetch(&Folder::new(to), &key, None, &back.folder(), &|_, _| {})?;
    match fetched {
        Some(fetched) if fetched.lacks.is_empty() => journalled(&back),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn copies_elsewhere_have_every_change_in_less_than_a_second_and_catch_up() {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return;
    }
    let folder = testkit::folder();
    let telling = options(&[("binlog-row-metadata", "FULL")]);
    let server = MariaDb::start(&folder.path().join("maria"), telling).await.unwrap();
    server.create_database("one").await.unwrap();
    server.execute("one", TABLE).await.unwrap();
    let (near, far) = (folder.path().join("near"), folder.path().join("far"));
    let copy = |path: &Path| StreamCopySettings {
        to: RepositorySettings::Folder(path.to_owned()),
        every_ms: 200,
    };
    let settings = Settings {
        copies: vec![copy(&near), copy(&far)],
        ..settings(DatabaseKind::MySql, server.url("one"))
    };
    fs::create_dir(&near).unwrap();
    let place = place(folder.path());
    let following = Following::begin(&place, &settings);
    // One place is not there: it is said, and delays nobody.
    let is_away = |standing: &Standing| {
        let trouble = |at: usize| standing.copies.get(at)?.trouble.as_ref();
        standing.state == State::Following && trouble(0).is_none() && trouble(1).is_some()
    };
    let standing = until(&place, "a place that is away to be said", is_away).await;
    assert_eq!(standing.copies[1].current_ms, None);
    for round in 0..20 {
        for statement in changes(round).split("; ") {
            server.execute("one", statement).await.unwrap();
        }
    }
    let committed_ms = now_ms();
    let is_there = |at: usize| {
        move |standing: &Standing| {
            standing.copies[at].current_ms.is_some_and(|current_ms| current_ms > committed_ms)
        }
    };
    let standing = until(&place, "the near copy", is_there(0)).await;
    println!("there after {:?} ms", standing.copies[0].delay_ms);
    let expect = stored(&settings).await;
    assert_eq!(copied(&place, &near).unwrap(), expect);
    assert_eq!(standing.copies[1].current_ms, None);
    // It comes, and another process goes on.
    fs::create_dir(&far).unwrap();
    until(&place, "the far copy", is_there(1)).await;
    assert_eq!(copied(&place, &far).unwrap(), expect);
    following.end();
    server.execute("one", "DELETE FROM orders WHERE id < 50").await.unwrap();
    let following = Following::begin(&place, &settings);
    let committed_ms = now_ms();
    let is_there = |standing: &Standing| {
        let is_current = |copy: &stream::CopyStanding| copy.current_ms > Some(committed_ms);
        standing.at_ms > committed_ms && standing.copies.iter().all(is_current)
    };
    until(&place, "both copies", is_there).await;
    let expect = stored(&settings).await;
    assert_eq!(copied(&place, &far).unwrap(), expect);
    // Another journal begins: what the one before had stays there as well.
    stream::begin_anew(&place).unwrap();
    server.execute("one", "DELETE FROM orders").await.unwrap();
    let key = place.key().unwrap().unwrap();
    wait_until("another journal there", LONG, async || {
        let kept = away::kept(&Folder::new(&near), &key).unwrap();
        if kept.len() == 2 { Ok(()) } else { Err(format!("{kept:?}")) }
    })
    .await;
    let begun_ms = away::kept(&Folder::new(&near), &key).unwrap()[0].begun_ms;
    let back = folder.path().join("back");
    let told = |_, _| {};
    away::fetch(&Folder::new(&near), &key, Some(begun_ms), &back, &told).unwrap().unwrap();
    let reader = Reader::open(&back, &key, &Lookups::default()).unwrap();
    assert!(reader.size().0 > 20, "{:?}", reader.size());
    following.end();
    server.stop().await.unwrap();
}
