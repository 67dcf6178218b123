//! On a real MariaDB.

use super::{Tape, UNTIL_MS, becomes, loaded_again, open, restored};
use crate::{
    changes::suite::options,
    dump::{
        mysql::TYPES,
        suite::{blocking, differences, story},
    },
    scratch,
};
use databases::{
    changes,
    dump::{Folder, Reader},
    private::{self, MariaDb},
    replay::{self, Stage, Wanted},
    restore::Beside,
};
use host::process::{Signal, signal};
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, prelude::Queryable};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    os::unix::process::ExitStatusExt as _,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// More of them, each of which begins with a whole replay, are the soak's.
const KILLS: usize = 12;
/// One of so many takes the server along.
const WITH_SERVER: usize = 4;
/// A transaction of the replay takes some tens of thousandths of a second.
const WITHIN_US: u64 = 60_000;
const LONG: Duration = Duration::from_secs(120);
const SIGKILL: i32 = 9;

const SHOP: [&str; 23] = [
    "SET GLOBAL log_bin_trust_function_creators = 1",
    "CREATE TABLE mark (id varchar(20) PRIMARY KEY)",
    "CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, mail varchar(90) NOT NULL UNIQUE)",
    "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer int, total decimal(12,2), \
     twice decimal(12,2) AS (total * 2) STORED, FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE)",
    "CREATE TABLE `order lines` (`order` bigint, line int, what text, PRIMARY KEY (`order`, line), \
     FOREIGN KEY (`order`) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE notes (id int PRIMARY KEY AUTO_INCREMENT, o bigint, line int, FOREIGN KEY (o, line) \
     REFERENCES `order lines` (`order`, line) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE no_key (a int, b varchar(20), f float, bl blob)",
    "CREATE TABLE plain (id int PRIMARY KEY, v text) ENGINE=MyISAM",
    "CREATE TABLE emptied (id int PRIMARY KEY)",
    "CREATE TABLE swapped (id int PRIMARY KEY, place int UNIQUE)",
    "CREATE TABLE latin (k varchar(20) CHARACTER SET latin1, ci varchar(20) COLLATE utf8mb4_general_ci, PRIMARY KEY (k, ci))",
    "CREATE TRIGGER loud AFTER INSERT ON customers FOR EACH ROW INSERT INTO no_key (a) VALUES (-1)",
    "CREATE TRIGGER `also loud` BEFORE UPDATE ON orders FOR EACH ROW SET NEW.total = NEW.total + 0",
    "INSERT INTO customers (mail) SELECT CONCAT('c', seq) FROM seq_1_to_50",
    "INSERT INTO orders (customer, total) SELECT 1 + seq % 50, seq FROM seq_1_to_300",
    "INSERT INTO `order lines` SELECT o.id, l.seq, 'thing' FROM orders o, seq_1_to_3 l",
    "INSERT INTO notes (o, line) SELECT id, 1 FROM orders",
    "INSERT INTO no_key VALUES (1, 'a', 0.1, x'00ff27'), (1, 'a', 0.1, x'00ff27'), (1, 'A', 0.1, x'00ff27'), (NULL, NULL, NULL, NULL)",
    "INSERT INTO plain VALUES (1, 'eins'), (2, 'zwei')",
    "INSERT INTO swapped VALUES (1, 1), (2, 2), (3, 3)",
    "INSERT INTO latin VALUES ('café', 'Ä'), ('x', '')",
    "INSERT INTO emptied VALUES (1)",
    "INSERT INTO mark VALUES ('0')",
];

const LATER: [&str; 37] = [
    "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
    "UPDATE types SET ti = 5, t = CONCAT('ü\\t', COALESCE(t, '')) WHERE id > 0",
    "INSERT INTO types (id, d, f, de, tm, dt, g) VALUES (101, 1e15, -1e-20, 0.5, '-00:00:00.000001', '1000-01-01 00:00:00.1', NULL)",
    "UPDATE types SET e = 'klein', dt = '0000-00-00 00:00:00' WHERE id = 3",
    "DELETE FROM types WHERE id = 4",
    "INSERT INTO customers (mail) VALUES ('new'), ('tab\\t\\\\N \\n')",
    "DELETE FROM customers WHERE id = 1",
    "UPDATE customers SET id = 777 WHERE id = 2",
    "DELETE FROM orders WHERE id BETWEEN 10 AND 20",
    "UPDATE orders SET id = 9000 WHERE id = 30",
    "UPDATE `order lines` SET line = 9 WHERE `order` = 9000 AND line = 1",
    "BEGIN",
    "INSERT INTO orders (id, customer, total) VALUES (5000, 3, 1)",
    "INSERT INTO `order lines` VALUES (5000, 1, 'gone with it')",
    "DELETE FROM orders WHERE id = 5000",
    "COMMIT",
    "DELETE FROM no_key WHERE BINARY b = 'a' LIMIT 1",
    "UPDATE no_key SET bl = x'5c', f = 1e-5 WHERE a IS NULL",
    "INSERT INTO plain VALUES (3, 'drei')",
    "UPDATE plain SET v = 'ZWEI' WHERE id = 2",
    "DELETE FROM plain WHERE id = 1",
    "TRUNCATE TABLE emptied",
    "INSERT INTO emptied VALUES (8)",
    "UPDATE swapped SET place = 4 WHERE id = 1",
    "UPDATE swapped SET place = 1 WHERE id = 3",
    "UPDATE swapped SET place = 3 WHERE id = 1",
    "UPDATE latin SET ci = 'ö' WHERE ci = 'ä'",
    "INSERT INTO latin VALUES ('ß', 'É')",
    "SET foreign_key_checks = 0",
    "INSERT INTO `order lines` VALUES (123456, 1, 'its order comes later')",
    "SET foreign_key_checks = 1",
    "INSERT INTO orders (customer, total) SELECT 7, seq FROM seq_1_to_3000",
    "UPDATE orders SET total = total + 1 WHERE id > 250",
    "INSERT INTO `order lines` SELECT id, 1, 'x' FROM orders WHERE id > 9100",
    "DELETE FROM orders WHERE id % 3 = 0",
    "REPLACE INTO customers (id, mail) VALUES (4, 'replaced')",
    "INSERT INTO mark VALUES ('end')",
];

async fn run(server: &MariaDb, statements: &[&str]) {
    let mut conn = Conn::from_url(server.url("one")).await.unwrap();
    for statement in statements {
        if let Err(error) = conn.query_drop(*statement).await {
            panic!("{statement}: {error}");
        }
    }
    conn.disconnect().await.unwrap();
}

async fn started(folder: &Path, port: Option<u16>) -> Result<MariaDb, String> {
    let settings = vec![("binlog-row-metadata".to_owned(), "FULL".to_owned())];
    let options = private::Options { settings, port, ..private::Options::default() };
    MariaDb::start(&folder.join("maria"), options).await.map_err(|error| story(&error))
}

async fn server() -> (TempDir, MariaDb, DatabaseUrl) {
    let folder = scratch::folder();
    let server = started(folder.path(), None).await.unwrap();
    server.create_database("one").await.unwrap();
    run(&server, &TYPES).await;
    run(&server, &SHOP).await;
    let secret = server.url("one").replace("mysql://", "mariadb://");
    let url = DatabaseUrl { kind: DatabaseKind::MySql, secret };
    changes::begin(&url, &options()).await.unwrap();
    (folder, server, url)
}

#[tokio::test]
async fn a_restored_database_becomes_what_the_shops_is_with_what_foreign_keys_did() {
    let (_folder, server, url) = server().await;
    let (_taken, beside, position) = restored(&url).await;
    // The dump's place is exactly its moment.
    let mut stream = open(&url, &position).await;
    run(&server, &LATER).await;
    let tape = Tape::record(&mut stream, "end").await;
    let all = u64::try_from(tape.0.len()).unwrap();
    let progress = becomes(tape, &beside, &position, &[all - 3]).await;
    assert!(progress.changes > 6_000 && progress.checked > 3_000, "{progress:?}");
    assert_eq!(progress.transactions, all);

    let mut conn = Conn::from_url(server.url("then")).await.unwrap();
    let triggers = "SELECT GROUP_CONCAT(TRIGGER_NAME ORDER BY TRIGGER_NAME) FROM \
        information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'then'";
    let found: String = conn.query_first(triggers).await.unwrap().unwrap();
    assert_eq!(found, "also loud,loud");
    let ours = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'then' AND \
        TABLE_NAME LIKE 'storewarden%'";
    assert_eq!(conn.query_first::<i64, _>(ours).await.unwrap(), Some(0));
    let held = conn.query_drop("INSERT INTO `order lines` VALUES (999999, 1, 'x')").await;
    assert!(held.unwrap_err().to_string().contains("foreign key"));
    conn.query_drop("INSERT INTO customers (mail) VALUES ('later')").await.unwrap();
    conn.disconnect().await.unwrap();
}

/// Plays what came since the dump, and kills itself so many steps later, at any moment of what is done then.
async fn play_as_told(role: &str) {
    let told: Vec<&str> = role.lines().collect();
    let live = DatabaseUrl { kind: DatabaseKind::MySql, secret: told[0].to_owned() };
    let reader = Reader::open(Folder::at(Path::new(told[1]).join("dump"))).unwrap();
    let position = reader.manifest().position.clone().unwrap();
    let (mut steps, within_us) = (told[2].parse().unwrap(), told[3].parse().unwrap());
    let mut stream = open(&live, &position).await;
    let tape = Tape::record(&mut stream, "end").await;
    blocking(move || {
        let beside = Beside { live, name: "then".to_owned(), mark: "run-7".to_owned() };
        let wanted = Wanted { beside, until_ms: UNTIL_MS, tables: Vec::new() };
        let (done, is_done) = mpsc::channel::<()>();
        let mut is_done = Some(is_done);
        let mut step = || {
            steps = u64::saturating_sub(steps, 1);
            if steps == 0
                && let Some(is_done) = is_done.take()
            {
                thread::spawn(move || {
                    let ended = is_done.recv_timeout(Duration::from_micros(within_us));
                    if ended == Err(RecvTimeoutError::Timeout) {
                        signal(std::process::id(), Signal::Kill).unwrap();
                    }
                });
            }
        };
        let played = tape.play_watched(&wanted, &position, None, &mut step);
        played.unwrap_or_else(|error| panic!("{}", story(&error)));
        drop(done);
    })
    .await;
}

/// Whoever plays is killed at any step, the server along with them now and then: the next one goes on, and
/// no row is changed twice, not even of a table without a key.
#[tokio::test]
async fn whoever_is_killed_in_a_replay_is_gone_on_after() {
    if let Some(role) = testkit::role() {
        return play_as_told(&role).await;
    }
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let (folder, server, url) = server().await;
    let (port, mut server) = (server.port(), Some(server));
    let (mut taken, mut beside, position) = restored(&url).await;
    let mut stream = open(&url, &position).await;
    run(server.as_ref().unwrap(), &LATER).await;
    let tape = Tape::record(&mut stream, "end").await;
    drop(stream);
    let all: u64 = tape.0.iter().map(|(_, events)| events.len() as u64 + 1).sum::<u64>() + 2;
    let is_over = async |beside: &Beside| {
        let beside = beside.clone();
        blocking(move || replay::stage(&beside, UNTIL_MS).unwrap() == Stage::Done).await
    };
    let (mut killed, mut begun, mut ended) = (0, 0, 0);
    while killed < KILLS || !is_over(&beside).await {
        let at = if killed < KILLS { dice.random_range(1..=all) } else { u64::MAX };
        let within_us = dice.random_range(0..WITHIN_US);
        let dump = taken.folder.path().display();
        let role = format!("{}\n{dump}\n{at}\n{within_us}", url.secret);
        let log = taken.folder.path().join("worker.log");
        let test = "replay::mysql::whoever_is_killed_in_a_replay_is_gone_on_after";
        let mut worker = testkit::this_test(test, &role)
            .output_to(log.clone())
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap();
        let status = tokio::time::timeout(LONG, worker.wait()).await.expect("it ends").unwrap();
        if status.signal() == Some(SIGKILL) {
            killed += 1;
            if killed % WITH_SERVER == 0 {
                server.as_ref().unwrap().signal(Signal::Kill).unwrap();
                drop(server.take());
                let again = testkit::wait_until("the server to come back", LONG, async || {
                    started(folder.path(), Some(port)).await
                });
                server = Some(again.await);
            }
            let at = beside.clone();
            let stage = blocking(move || replay::stage(&at, UNTIL_MS).unwrap()).await;
            begun += usize::from(stage == Stage::Begun);
            continue;
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(status.success(), "{said}");
        assert!(is_over(&beside).await);
        assert_eq!(differences(&url, &beside.url()).await, []);
        ended += 1;
        assert!(ended < 20 * KILLS, "{killed} kills only");
        if killed < KILLS {
            let gone = beside.clone();
            blocking(move || gone.discard().unwrap()).await;
            (taken, beside) = loaded_again(taken, beside).await;
        }
    }
    println!("{killed} killed, {begun} of them in the midst of it, {ended} ended, of {all} steps");
    assert!(begun > 0, "nobody was killed in the midst of it");
    assert_eq!(differences(&url, &beside.url()).await, []);
}
