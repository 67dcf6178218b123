//! A second server of a shop's database is made by one command while control dies, follows, is brought back
//! when it was killed, and leaves nothing behind when it is removed.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Context, Result, ensure};
use databases::{live::Live, replica::at};
use demo::private::{MariaDb, Options, Postgres};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde_json::{Value, json};
use std::{fs, net::TcpListener, path::Path};
use testkit::process::run_to_end;

/// Control dies when the copy is intended, and when it follows and nobody has written that down; and when the
/// configuration names it.
const DEATHS: &str = "0:after_intent\n0:after_effect\n1:after_effect\n";
/// The same when it goes.
const LAST_DEATHS: &str = "0:after_effect\n1:after_intent\n1:after_effect\n";

pub(crate) async fn said(warden: &Warden, words: &[&str]) -> Result<String> {
    let spawn = warden.command(words)?;
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
    // What exits with another code than 0 is told as an error, with all that it said.
    Ok(match output {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("{error:?}"),
    })
}

/// Has a plan carried out while control dies as `deaths` say.
pub(crate) async fn done(warden: &Warden, wish: &Value, deaths: &str) -> Result<()> {
    let preview = warden.ask("POST", "/plans", Some(wish)).await?;
    ensure!(preview["may_start"] == true, "{preview:#}");
    if !deaths.is_empty() {
        fs::write(warden.path("state/die-at"), deaths)?;
    }
    let run = warden.ask("POST", "/runs", Some(&json!({ "preview": preview["id"] }))).await?;
    let run = run["id"].as_str().map_or_else(|| run["id"].to_string(), str::to_owned);
    let ended =
        |run: &Value| ["done", "failed", "undone", "stuck"].iter().any(|of| run["state"] == *of);
    let run = warden.until("the run to end", &format!("/runs/{run}"), ended).await;
    ensure!(run["state"] == "done", "{run:#}");
    ensure!(!warden.path("state/die-at").exists(), "control did not die as it should");
    Ok(())
}

/// How the replica itself says that it stands.
async fn own(warden: &Warden) -> Result<Value> {
    let text = said(warden, &["database", "replica", "list", "lamps", "--json"]).await?;
    let json =
        text.find('{').and_then(|at| text[at..].split_once('\n')).map_or(&*text, |(json, _)| json);
    let told: Value =
        serde_json::from_str(&json[json.find('{').unwrap_or(0)..]).context(text.clone())?;
    Ok(told["own"].clone())
}

pub(crate) async fn until_it_follows(warden: &Warden) {
    testkit::wait_until("the replica to follow", LONG, async || match own(warden).await {
        Ok(own) if own["state"] == "follows" && own["behind_bytes"] == 0 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

async fn rows(url: &DatabaseUrl) -> Result<usize> {
    let url = url.clone();
    let count = move || -> Result<usize> {
        let mut live = Live::connect(&url)?;
        let name = if url.kind == DatabaseKind::Postgres { "public.orders" } else { "orders" };
        let table = live.table(name).context("no such table")?.clone();
        Ok(live.page(&table, "id", None, 1000)?.len())
    };
    tokio::task::spawn_blocking(count).await?
}

/// From nothing to a replica and back; `insert` adds one row to the shop's database.
async fn added_killed_and_removed(
    url: &DatabaseUrl,
    folder: &Path,
    insert: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let shop = format!("hosts = [\"shop.test\"]\ndatabase = \"{}\"", url.secret);
    let mut warden = Warden::start(&shop, "").await?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let second = folder.join("second");
    let target = second.display().to_string();
    let before = fs::read_to_string(warden.path("storewarden.toml"))?;
    let preview = &["database", "replica", "add", "lamps", "--folder", &target, "--preview"][..];
    let preview = said(&warden, preview).await?;
    ensure!(preview.contains("make a replica of the database of lamps"), "{preview}");
    let none = said(&warden, &["database", "replica", "remove", "lamps", "--preview"]).await?;
    ensure!(none.contains("names no replica"), "{none}");
    ensure!(!second.exists(), "a preview has made something");

    let wish = json!({
        "kind": "add_replica", "shop": "lamps", "target": target, "listen": address.to_string()
    });
    done(&warden, &wish, DEATHS).await?;
    let named = fs::read_to_string(warden.path("storewarden.toml"))?;
    ensure!(named.contains("replica = {"), "{named}");
    insert().await?;
    until_it_follows(&warden).await;
    ensure!(rows(&at(url, address)).await? == rows(url).await?, "it lacks a row");
    let seen = warden.ask("POST", "/shops/lamps/database/examine", None).await?;
    ensure!(seen["replica"]["state"] == "follows", "{seen:#}");
    let again =
        said(&warden, &["database", "replica", "add", "lamps", "--folder", "/x", "--preview"])
            .await?;
    ensure!(again.contains("already"), "{again}");

    // Killed as by the machine, it comes back by itself.
    let name =
        if url.kind == DatabaseKind::Postgres { "data/postmaster.pid" } else { "mariadb.pid" };
    let pid = fs::read_to_string(second.join(name))?;
    let pid = pid.lines().next().context("no pid")?.trim().to_owned();
    let spawn = testkit::process::Spawn::new("/bin/kill").args(["-9", &pid]);
    tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    insert().await?;
    until_it_follows(&warden).await;
    ensure!(rows(&at(url, address)).await? == rows(url).await?, "it lacks a row");

    done(&warden, &json!({ "kind": "remove_replica", "shop": "lamps" }), LAST_DEATHS).await?;
    ensure!(!second.exists(), "its folder is still there");
    ensure!(fs::read_to_string(warden.path("storewarden.toml"))? == before, "it is still named");
    ensure!(TcpListener::bind(address).is_ok(), "somebody listens still");
    let seen = warden.ask("POST", "/shops/lamps/database/examine", None).await?;
    ensure!(seen["replica"].is_null() && seen["look"]["replicas"] == json!([]), "{seen:#}");
    warden.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_postgres_is_added_over_deaths_and_removed_again() -> Result<()> {
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let cap = ("max_slot_wal_keep_size".to_owned(), "1GB".to_owned());
    let options = Options { settings: vec![cap], ..Options::default() };
    let server = Postgres::start(&folder.path().join("pg"), options).await?;
    server.create_database("small").await?;
    let fill = "CREATE TABLE orders (id serial PRIMARY KEY); INSERT INTO orders DEFAULT VALUES";
    server.execute("small", fill).await?;
    let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("small") };
    let insert = async || Ok(server.execute("small", "INSERT INTO orders DEFAULT VALUES").await?);
    added_killed_and_removed(&url, folder.path(), insert).await?;
    Ok(server.stop().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mariadb_is_added_over_deaths_and_removed_again() -> Result<()> {
    if !demo::stage::has_mariadb() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let server = MariaDb::start(&folder.path().join("maria"), Options::default()).await?;
    server.create_database("small").await?;
    for statement in
        ["CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO orders VALUES ()"]
    {
        server.execute("small", statement).await?;
    }
    let url = DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("small") };
    let insert = async || Ok(server.execute("small", "INSERT INTO orders VALUES ()").await?);
    added_killed_and_removed(&url, folder.path(), insert).await?;
    Ok(server.stop().await?)
}
