//! A replica takes the place of the shop's database while customers buy: they wait, none of them sees an error, and
//! every order that was acknowledged is there; nobody writes on the old one again.

use crate::{
    replica::{done, said, until_it_follows},
    trade::LONG,
    warden::{Setting, Warden},
};
use anyhow::{Context, Result, ensure};
use databases::replica::at;
use demo::{
    customers::Client,
    private::{MariaDb, Options, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::prelude::Queryable as _;
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_postgres::NoTls;

/// Control dies when visitors wait, when the database is fenced and nobody has written that down, when the shop is
/// to be pointed at the other one, and when the replica takes writes.
const DEATHS: &str = "0:after_effect\n1:after_effect\n2:after_intent\n4:after_effect\n";
const CUSTOMERS: u64 = 4;

/// A shop that writes each purchase into the database at the address that a file names.
struct Shop {
    url: DatabaseUrl,
    pointed: PathBuf,
}

impl Shop {
    async fn buy(&self, mark: &str) -> Result<()> {
        let address = fs::read_to_string(&self.pointed)?.trim().parse()?;
        write(&at(&self.url, address), mark).await
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) -> Result<()> {
        let mut head = Vec::new();
        while let 1.. = stream.read_buf(&mut head).await? {
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let text = String::from_utf8_lossy(&head).into_owned();
            head.clear();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let (status, said) = match path.strip_prefix("/buy/") {
                None => ("200 OK", "hello".to_owned()),
                Some(mark) => match self.buy(mark).await {
                    Ok(()) => ("200 OK", "bought".to_owned()),
                    Err(error) => ("500 Internal Server Error", format!("{error:#}")),
                },
            };
            let length = said.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{said}");
            stream.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}

async fn write(url: &DatabaseUrl, mark: &str) -> Result<()> {
    let insert = format!("INSERT INTO orders (mark) VALUES ('{mark}')");
    if url.kind == DatabaseKind::Postgres {
        let (client, connection) = tokio_postgres::connect(&url.secret, NoTls).await?;
        let driver = tokio::spawn(connection);
        client.batch_execute(&insert).await?;
        drop(client);
        return Ok(driver.await??);
    }
    let mut conn = mysql_async::Conn::from_url(&url.secret).await?;
    conn.query_drop(insert).await?;
    Ok(conn.disconnect().await?)
}

async fn marks(url: &DatabaseUrl) -> Result<BTreeSet<String>> {
    let select = "SELECT mark FROM orders";
    if url.kind == DatabaseKind::Postgres {
        let (client, connection) = tokio_postgres::connect(&url.secret, NoTls).await?;
        let driver = tokio::spawn(connection);
        let rows = client.query(select, &[]).await?;
        drop(client);
        driver.await??;
        return Ok(rows.iter().map(|row| row.get(0)).collect());
    }
    let mut conn = mysql_async::Conn::from_url(&url.secret).await?;
    let rows: Vec<String> = conn.query(select).await?;
    conn.disconnect().await?;
    Ok(rows.into_iter().collect())
}

/// What customers were told that they have bought.
async fn buy_until(
    stop: Arc<AtomicBool>,
    bought: Arc<AtomicU64>,
    edge: SocketAddr,
    who: u64,
) -> Result<Vec<String>> {
    let mut mine = Vec::new();
    while !stop.load(SeqCst) {
        let mark = format!("{who}-{}", mine.len());
        let mut client = Client::new(edge, "shop.test");
        let answer = client.request_once("POST", &format!("/buy/{mark}"), None).await;
        let answer = answer.with_context(|| format!("buy {mark}"))?;
        ensure!(answer.status == 200, "{mark}: {} {}", answer.status, answer.text());
        mine.push(mark);
        bought.fetch_add(1, SeqCst);
    }
    Ok(mine)
}

/// `url`: by the account that may replicate; `trader`: by the shop's.
async fn takes_the_place(
    url: &DatabaseUrl,
    trader: &DatabaseUrl,
    old: SocketAddr,
    folder: &Path,
) -> Result<()> {
    let pointed = folder.join("pointed");
    fs::write(&pointed, old.to_string())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let app = listener.local_addr()?;
    let shop = Arc::new(Shop { url: trader.clone(), pointed: pointed.clone() });
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&shop).serve(stream));
        }
    });
    let lines = format!("hosts = [\"shop.test\"]\ndatabase = \"{}\"", url.secret);
    let setting = Setting { app: Some(app), ..Setting::default() };
    let mut warden = Warden::start_in(setting, &lines, "").await?;
    let listen = testkit::free_port();
    let target = folder.join("second").display().to_string();
    let wish = json!({
        "kind": "add_replica", "shop": "lamps", "target": target, "listen": listen.to_string()
    });
    done(&warden, &wish, "").await?;
    until_it_follows(&warden).await;

    // Without a way to point the shop at it, nothing begins.
    let promote = ["database", "replica", "promote", "lamps", "--preview"];
    let refused = said(&warden, &promote).await?;
    ensure!(refused.contains("write `point = "), "{refused}");
    let file = warden.path("storewarden.toml");
    let named = fs::read_to_string(&file)?;
    let point = format!("echo $DATABASE_HOST:$DATABASE_PORT > {}", pointed.display());
    let end = format!("listen = \"{listen}\" }}");
    let with = named.replace(
        &end,
        &format!("listen = \"{listen}\", point = [\"/bin/sh\", \"-c\", \"{point}\"] }}"),
    );
    ensure!(with != named, "{named}");
    fs::write(&file, with)?;
    warden.ask("POST", "/reload", None).await?;
    let shown = said(&warden, &promote).await?;
    ensure!(shown.contains("nor what was done before"), "{shown}");
    let dead = said(&warden, &[&promote[..], &["--primary-is-dead"]].concat()).await?;
    ensure!(dead.contains("DOES NOT HOLD: the database does not answer"), "{dead}");

    let (stop, bought) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut customers = JoinSet::new();
    for who in 0..CUSTOMERS {
        customers.spawn(buy_until(Arc::clone(&stop), Arc::clone(&bought), warden.http, who));
    }
    let more_than = async |count: u64| {
        testkit::wait_until("customers to buy", LONG, async || {
            let now = bought.load(SeqCst);
            (now > count).then_some(()).ok_or_else(|| format!("{now} purchases"))
        })
        .await;
    };
    more_than(20).await;
    done(&warden, &json!({ "kind": "promote_replica", "shop": "lamps" }), DEATHS).await?;
    more_than(bought.load(SeqCst) + 20).await;
    stop.store(true, SeqCst);
    let mut acknowledged = BTreeSet::new();
    while let Some(mine) = customers.join_next().await {
        acknowledged.extend(mine??);
    }
    let there = at(trader, listen);
    let lost: Vec<_> = acknowledged.difference(&marks(&there).await?).cloned().collect();
    ensure!(
        lost.is_empty(),
        "{lost:?} of {} were acknowledged and are not there",
        acknowledged.len()
    );
    ensure!(write(trader, "never").await.is_err(), "somebody writes on the old one");

    // It is the database now, and no way leads back.
    let named = fs::read_to_string(&file)?;
    ensure!(named.contains("promoted = true") && named.contains(&format!("@{listen}/")), "{named}");
    let seen = warden.ask("POST", "/shops/lamps/database/examine", None).await?;
    ensure!(seen["replica"]["state"] == "promoted", "{seen:#}");
    let again = said(&warden, &promote).await?;
    ensure!(again.contains("already"), "{again}");
    let removed = said(&warden, &["database", "replica", "remove", "lamps", "--preview"]).await?;
    ensure!(removed.contains("the replica is the shop's database"), "{removed}");
    let runs = warden.get("/runs").await?;
    let run = runs["runs"].as_array().and_then(|runs| {
        runs.iter().find(|run| {
            run["kind"] == "promote_replica" || run["title"]["code"] == "promote_replica"
        })
    });
    let run = run.with_context(|| format!("{runs:#}"))?;
    ensure!(!run["may"].to_string().contains("undo"), "{run:#}");
    // Its server is ended with the test, as by somebody who moves it elsewhere.
    let name =
        if url.kind == DatabaseKind::Postgres { "data/postmaster.pid" } else { "mariadb.pid" };
    let pid = fs::read_to_string(folder.join("second").join(name))?;
    warden.stop().await?;
    let pid: u32 = pid.lines().next().context("no pid")?.trim().parse()?;
    end_keeper(pid)
}

/// The keeper brings its server back, so it is ended first: it is the parent.
fn end_keeper(server: u32) -> Result<()> {
    let status = fs::read_to_string(format!("/proc/{server}/status"))?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).context("no parent")?;
    for pid in [parent.trim().parse()?, server] {
        testkit::process::signal(pid, testkit::process::Signal::Kill)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_postgres_takes_the_place_while_customers_buy() -> Result<()> {
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let cap = ("max_slot_wal_keep_size".to_owned(), "1GB".to_owned());
    let options = Options { settings: vec![cap], ..Options::default() };
    let server = Postgres::start(&folder.path().join("pg"), options).await?;
    server.create_database("small").await?;
    let fill = "CREATE TABLE orders (id serial PRIMARY KEY, mark text); CREATE ROLE trader LOGIN; \
                GRANT ALL ON orders TO trader; GRANT ALL ON SEQUENCE orders_id_seq TO trader";
    server.execute("small", fill).await?;
    let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("small") };
    let secret = url.secret.replace("shop@", "trader@");
    ensure!(secret != url.secret, "{url}");
    let trader = DatabaseUrl { kind: DatabaseKind::Postgres, secret };
    let old = SocketAddr::from(([127, 0, 0, 1], server.port()));
    takes_the_place(&url, &trader, old, folder.path()).await?;
    Ok(server.stop().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mariadb_takes_the_place_while_customers_buy() -> Result<()> {
    if !demo::stage::has_mariadb() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let server = MariaDb::start(&folder.path().join("maria"), Options::default()).await?;
    server.create_database("small").await?;
    for statement in [
        "CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, mark varchar(90))",
        "CREATE USER trader@'%' IDENTIFIED BY 'x'",
        "GRANT ALL ON small.* TO trader@'%'",
    ] {
        server.execute("small", statement).await?;
    }
    let url = DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("small") };
    let trader = url.secret.replace("root@", "trader:x@");
    let trader = DatabaseUrl { kind: DatabaseKind::MySql, secret: trader };
    let old = SocketAddr::from(([127, 0, 0, 1], server.port()));
    takes_the_place(&url, &trader, old, folder.path()).await?;
    Ok(server.stop().await?)
}
