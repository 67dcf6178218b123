//! Whoever brings an order back is cut off at every statement of it: before the database has it, in the
//! midst of it, and before its answer is there. All of it has happened then or nothing, the rows say which,
//! and whoever comes next does it once.
//!
//! A cut is what a kill is to the database: a connection that ends. What is kept of the changes before the
//! first statement is the worker's, and its own test's.

use crate::orders::{SCHEMA_DATABASE, Shop, difference, plan, runtime, with_circle};
use crate::place::folder_with_room;
use databases::{
    dump::{Folder, Reader},
    live::{Change, Live, Standing},
    private::{MariaDb, Options as ServerOptions, Postgres},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use vault::orders::Options;

const LONG: Duration = Duration::from_secs(60);
/// For a database server that is empty but for a few rows.
const ROOM_BYTES: u64 = 1 << 30;
/// Of both kinds of databases together there are twice as many.
const KILLS: usize = 100;
/// Every so many kills all tables are read, not the order's rows alone.
const READ_EVERY: usize = 10;

/// Where a connection is cut: at which of the messages to the server, counted from when it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    message: usize,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The server does not get it.
    Before,
    /// It gets the first so many bytes, of those there are.
    Within(usize),
    /// It gets it, and nobody hears what it says.
    After,
}

#[derive(Debug, Default)]
struct Plan {
    cut: Option<Cut>,
    seen: usize,
}

/// A way to a server that is cut off as told.
struct Wire {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Wire {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Nobody is there while the server is away.
                if let Ok(server) = TcpStream::connect(server) {
                    carry(client, server, &shared);
                }
            }
        });
        Self { address, plan }
    }

    /// Sets where to cut, and counts from now on; how many messages there were since the last time.
    fn set(&self, cut: Option<Cut>) -> usize {
        let mut plan = self.plan.lock().unwrap();
        let seen = plan.seen;
        *plan = Plan { cut, seen: 0 };
        seen
    }
}

/// Carries both ways, each on a thread of its own, until one side ends or it is cut.
fn carry(mut client: TcpStream, mut server: TcpStream, plan: &Arc<Mutex<Plan>>) {
    // Else each small message waits until the one before is acknowledged, which takes 40 ms.
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (mut back, mut answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        std::io::copy(&mut answers, &mut back).ok();
        end(&back);
    });
    let plan = Arc::clone(plan);
    thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            let at = {
                let mut plan = plan.lock().unwrap();
                plan.seen += 1;
                plan.cut.filter(|cut| cut.message + 1 == plan.seen).map(|cut| cut.at)
            };
            let (length, is_last) = match at {
                None => (read, false),
                Some(At::Before) => (0, true),
                Some(At::Within(some)) => (some % read, true),
                Some(At::After) => (read, true),
            };
            if is_last {
                // What the server says from now on, nobody hears.
                end(&client);
            }
            if server.write_all(&bytes[..length]).is_err() || is_last {
                break;
            }
        }
        end(&client);
        end(&server);
    });
}

/// It may have ended already.
fn end(stream: &TcpStream) {
    stream.shutdown(Shutdown::Both).ok();
}

/// A server that is killed and started again.
enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

/// One is there, or was taken out for a moment.
struct Place {
    kind: DatabaseKind,
    folder: std::path::PathBuf,
    server: Option<Server>,
    port: u16,
}

impl Place {
    async fn start(kind: DatabaseKind, folder: std::path::PathBuf) -> Self {
        let mut place = Self { kind, folder, server: None, port: 0 };
        place.server = Some(place.begin(None).await.unwrap());
        place.port = match place.server() {
            Server::Postgres(server) => server.port(),
            Server::MariaDb(server) => server.port(),
        };
        place.execute("create").await;
        place
    }

    async fn begin(&self, port: Option<u16>) -> Result<Server, databases::DatabaseError> {
        let options = ServerOptions { port, ..ServerOptions::default() };
        match self.kind {
            DatabaseKind::Postgres => {
                Postgres::start(&self.folder, options).await.map(Server::Postgres)
            }
            _ => MariaDb::start(&self.folder, options).await.map(Server::MariaDb),
        }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it is there")
    }

    /// `create` makes the database.
    async fn execute(&self, statement: &str) {
        let name = SCHEMA_DATABASE;
        match (self.server(), statement) {
            (Server::Postgres(server), "create") => server.create_database(name).await.unwrap(),
            (Server::MariaDb(server), "create") => server.create_database(name).await.unwrap(),
            (Server::Postgres(server), _) => server.execute(name, statement).await.unwrap(),
            (Server::MariaDb(server), _) => server.execute(name, statement).await.unwrap(),
        }
    }

    fn url(&self, port: u16) -> DatabaseUrl {
        let url = match self.server() {
            Server::Postgres(server) => server.url(SCHEMA_DATABASE),
            Server::MariaDb(server) => {
                server.url(SCHEMA_DATABASE).replace("mysql://", "mariadb://")
            }
        };
        let secret = url.replace(&format!(":{}/", self.port), &format!(":{port}/"));
        DatabaseUrl { kind: self.kind, secret }
    }

    /// Waits until the server has noticed: what it was told to keep before is kept then, or taken back.
    async fn is_alone(&self) {
        let look = match self.kind {
            DatabaseKind::Postgres => {
                "do $$ begin if (select count(*) from pg_stat_activity where datname = 'shop' and \
                 backend_type = 'client backend' and pid <> pg_backend_pid()) > 0 then \
                 raise 'others'; end if; end $$"
            }
            _ => {
                "begin not atomic if (select count(*) from information_schema.processlist where \
                 db = 'shop' and id <> connection_id()) > 0 then signal sqlstate '45000'; \
                 end if; end"
            }
        };
        testkit::wait_until("the server to notice", LONG, async || match self.server() {
            Server::Postgres(server) => server.execute(SCHEMA_DATABASE, look).await,
            Server::MariaDb(server) => server.execute(SCHEMA_DATABASE, look).await,
        })
        .await;
    }

    /// Kills the server itself, and starts it where it was.
    async fn kill(&mut self) {
        match self.server() {
            Server::Postgres(server) => server.signal(Signal::Kill).unwrap(),
            Server::MariaDb(server) => server.signal(Signal::Kill).unwrap(),
        }
        self.server = None;
        let again = testkit::wait_until("the server to come back", LONG, async || {
            self.begin(Some(self.port)).await.map_err(|error| error.to_string())
        });
        self.server = Some(again.await);
    }
}

/// What there is without the order, and with it.
struct Truth {
    gone: Reader<Folder>,
    there: Reader<Folder>,
    restore: Vec<Change>,
    undo: Vec<Change>,
}

struct Play<'a> {
    shop: &'a Shop<'a>,
    place: &'a mut Place,
    runtime: &'a tokio::runtime::Runtime,
    wire: Wire,
    truth: Truth,
    kills: usize,
    kept: usize,
}

impl Play<'_> {
    /// Does it, is cut off, looks what became of it, and has it done.
    fn cut(&mut self, cut: Cut, back: bool, kills_server: bool) {
        let changes = if back { self.truth.undo.clone() } else { self.truth.restore.clone() };
        let port = self.wire.address.port();
        let mut live = Live::connect(&self.place.url(port)).unwrap();
        self.wire.set(Some(cut));
        let done = live.apply(&changes);
        self.wire.set(None);
        if done.is_err() {
            self.kills += 1;
        }
        if kills_server {
            let (place, runtime) = (&mut *self.place, self.runtime);
            runtime.block_on(place.kill());
        }
        drop(live);
        self.runtime.block_on(self.place.is_alone());
        let mut live = self.shop.live();
        let standing = live.standing(&changes).unwrap();
        let what = format!("{cut:?}, back: {back}, server: {kills_server}, {done:?}");
        let is_made = match standing {
            Standing::Made => true,
            Standing::NotMade => false,
            Standing::Mixed => panic!("in part: {what}"),
        };
        assert!(is_made || done.is_err(), "it was said to be done: {what}");
        let expect = if is_made == back { &self.truth.gone } else { &self.truth.there };
        // Where the end was cut off, and every so often: reading all tables takes its time.
        let was_kept = is_made && done.is_err();
        if was_kept || kills_server || self.kills.is_multiple_of(READ_EVERY) {
            assert_eq!(self.shop.differences(expect), [], "{what}");
        }
        self.kept += usize::from(was_kept);
        // Once more is refused, or it is done now: never twice.
        let again = live.apply(&changes);
        assert_eq!(again.is_err(), is_made, "{what}: {again:?}");
    }

    fn messages(&mut self, changes: &[Change]) -> usize {
        let mut live = Live::connect(&self.place.url(self.wire.address.port())).unwrap();
        self.wire.set(None);
        live.apply(changes).unwrap();
        self.wire.set(None)
    }
}

fn cut_off_everywhere(kind: DatabaseKind) {
    let seed = crate::killing::seed();
    let mut dice = SmallRng::seed_from_u64(seed);
    let (runtime, home) = (runtime(), folder_with_room(ROOM_BYTES));
    let mut place = runtime.block_on(Place::start(kind, home.path().join("server")));
    let url = place.url(place.port);
    let run = |statement: &str| {
        for statement in with_circle(statement) {
            runtime.block_on(place.execute(statement));
        }
    };
    let shop = Shop::new(url.clone(), Box::new(run));
    let (_before, then) = shop.dump();
    shop.delete();
    let (_gone, gone) = shop.dump();
    let mut live = shop.live();
    let back = plan(&difference(&then, &mut live, "A-2"), &mut live, Options::default()).unwrap();
    let (restore, undo) = (back.changes.clone(), back.undo(live.tables()));
    live.apply(&restore).unwrap();
    let (_there, there) = shop.dump();
    live.apply(&undo).unwrap();
    drop((live, shop));

    let begun = Instant::now();
    let shop = Shop { url, run: Box::new(|_| ()) };
    let wire = Wire::to(([127, 0, 0, 1], place.port).into());
    let truth = Truth { gone, there, restore: restore.clone(), undo: undo.clone() };
    let place = &mut place;
    let mut play = Play { shop: &shop, place, runtime: &runtime, wire, truth, kills: 0, kept: 0 };
    let (forth, back) = (play.messages(&restore), play.messages(&undo));
    let mut message = 0;
    // Every message at first, then whichever.
    while play.kills < KILLS || message < forth.max(back) {
        let at = [At::Before, At::After, At::Within(dice.random_range(1..200))];
        for at in at {
            let of = |count: usize| Cut { message: message % count, at };
            play.cut(of(forth), false, false);
            play.cut(of(back), true, false);
        }
        message += 1;
    }
    // The server itself, in the midst and at the end of it.
    for (back, count) in [(false, forth), (true, back)] {
        let message = if back { count - 1 } else { dice.random_range(1..count) };
        play.cut(Cut { message, at: At::After }, back, true);
    }
    println!(
        "{} kills at {forth} and {back} messages in {:?}; {} had been kept all the same",
        play.kills,
        begun.elapsed(),
        play.kept
    );
    assert!(play.kills >= KILLS, "{} kills", play.kills);
    assert!(play.kept > 0, "the end of no transaction was ever cut off");
}

#[test]
fn an_order_of_postgres_comes_back_whole_or_not_at_all_wherever_it_is_cut_off() {
    cut_off_everywhere(DatabaseKind::Postgres);
}

#[test]
fn an_order_of_mariadb_comes_back_whole_or_not_at_all_wherever_it_is_cut_off() {
    cut_off_everywhere(DatabaseKind::MySql);
}
