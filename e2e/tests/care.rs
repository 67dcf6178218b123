//! What a shop's database suffers from is found, mended by a plan that outlives control, goes by what was
//! made, and is as it was when that is taken back.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Context, Result, ensure};
use demo::private::{MariaDb, Options, Postgres};
use serde_json::{Value, json};
use std::fs;
use testkit::process::run_to_end;

/// Control dies when the index is intended, and again when it is made and nobody has written that down.
const DEATHS: &str = "0:after_intent\n0:after_effect\n";

/// A shop whose database lacks an index, from the finding to its mend and back. `finding` is its id, and
/// `goes_by` what the server's plan says where it goes by the index. `setting` is that of one that is not safe.
async fn mended_and_back(url: &str, finding: &str, goes_by: &str, setting: &str) -> Result<()> {
    let shop = format!("hosts = [\"shop.test\"]\ndatabase = \"{url}\"");
    let mut warden = Warden::start(&shop, "").await?;
    let look = async || warden.ask("POST", "/shops/lamps/database/examine", None).await;
    let before = look().await?;
    let found = named(&before, finding).with_context(|| format!("{finding} in {before:#}"))?;
    ensure!(found["by_plan"] == true && found["weight"] == "warning", "{found:#}");
    ensure!(before["state"] != "well" && before["looked_ms"].is_i64(), "{before:#}");

    // The command line finds the same, and says how it is mended.
    let mut said = Vec::new();
    for words in [
        &["database", "examine", "lamps"][..],
        &["database", "mend", "lamps", finding, "--preview"],
        &["database", "mend", "lamps", "missing_index:nothing(here)", "--preview"],
    ] {
        let spawn = warden.command(words)?;
        let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
        // What exits with another code than 0 is told as an error, with all that it said.
        said.push(match output {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => format!("{error:?}"),
        });
    }
    ensure!(said[0].contains("storewarden database mend lamps"), "{}", said[0]);
    ensure!(said[1].contains("everybody reads and writes meanwhile"), "{}", said[1]);
    ensure!(said[2].contains("does not suffer from"), "{}", said[2]);
    ensure!(named(&look().await?, finding).is_some(), "a preview has changed something");

    let (path, done) = mend(&warden, finding).await?;
    ensure!(done.to_string().contains("\"goes_by\":\"yes\""), "{done:#}");
    let after = look().await?;
    ensure!(named(&after, finding).is_none(), "{after:#}");
    let plans: Vec<&str> = all(&after, "queries").filter_map(|one| one["plan"].as_str()).collect();
    ensure!(plans.iter().any(|plan| plan.contains(goes_by)), "{plans:#?}");

    take_back(&warden, &path).await?;
    ensure!(named(&look().await?, finding).is_some(), "the index is still there");

    ensure!(named(&look().await?, setting).is_some(), "{setting} in {before:#}");
    let (path, _) = mend(&warden, setting).await?;
    ensure!(named(&look().await?, setting).is_none(), "{setting} does not hold");
    take_back(&warden, &path).await?;
    ensure!(named(&look().await?, setting).is_some(), "{setting} is not as it was");
    warden.stop().await
}

/// Has a finding mended while control dies twice: the run's path, and how it ended.
async fn mend(warden: &Warden, finding: &str) -> Result<(String, Value)> {
    let wish = json!({ "kind": "mend_database", "shop": "lamps", "finding": finding });
    let preview = warden.ask("POST", "/plans", Some(&wish)).await?;
    fs::write(warden.path("state/die-at"), DEATHS)?;
    let start = json!({ "preview": preview["id"] });
    let run = warden.ask("POST", "/runs", Some(&start)).await?;
    let run = run["id"].as_str().map_or_else(|| run["id"].to_string(), str::to_owned);
    let ended = |run: &Value| run["state"] == "done" || run["state"] == "failed";
    let path = format!("/runs/{run}");
    let done = warden.until("it to be mended", &path, ended).await;
    ensure!(done["state"] == "done", "{done:#}");
    ensure!(!warden.path("state/die-at").exists(), "control did not die twice");
    Ok((path, done))
}

async fn take_back(warden: &Warden, path: &str) -> Result<()> {
    warden.ask("POST", &format!("{path}/undo"), Some(&json!({}))).await?;
    let undone = |run: &Value| run["state"] == "undone" || run["state"] == "undo_failed";
    let taken_back = warden.until("it to be taken back", path, undone).await;
    ensure!(taken_back["state"] == "undone", "{taken_back:#}");
    Ok(())
}

fn all<'a>(database: &'a Value, what: &str) -> impl Iterator<Item = &'a Value> {
    database["look"][what].as_array().into_iter().flatten()
}

fn named(database: &Value, finding: &str) -> Option<Value> {
    all(database, "findings").find(|one| one["id"] == finding).cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_gets_its_index_over_deaths_in_postgres_and_loses_it_again() -> Result<()>
{
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let counts = ("shared_preload_libraries".to_owned(), "pg_stat_statements".to_owned());
    let options = Options { settings: vec![counts], ..Options::default() };
    let server = Postgres::start(&folder.path().join("pg"), options).await?;
    server.create_database("small").await?;
    let fill = "CREATE EXTENSION pg_stat_statements; \
        CREATE TABLE customer (id serial PRIMARY KEY, email text NOT NULL); \
        INSERT INTO customer (email) SELECT 'c' || n || '@shop.test' FROM generate_series(1, 20000) n; \
        ANALYZE;";
    server.execute("small", fill).await?;
    for number in 0..20 {
        let ask = format!("SELECT id FROM customer WHERE email = 'c{number}@shop.test'");
        server.execute("small", &ask).await?;
    }
    for statement in ["ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()"] {
        server.execute("small", statement).await?;
    }
    let finding = "missing_index:public.customer(email)";
    let goes_by = "Index Scan using customer_email_idx";
    let setting = "setting:synchronous_commit";
    mended_and_back(&server.url("small"), finding, goes_by, setting).await?;
    Ok(server.stop().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_gets_its_index_over_deaths_in_mariadb_and_loses_it_again() -> Result<()> {
    if !demo::stage::has_mariadb() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let counts = ("performance_schema".to_owned(), "ON".to_owned());
    let options = Options { settings: vec![counts], ..Options::default() };
    let server = MariaDb::start(&folder.path().join("maria"), options).await?;
    server.create_database("small").await?;
    for statement in [
        "CREATE TABLE customer (id int PRIMARY KEY AUTO_INCREMENT, email varchar(190) NOT NULL)",
        "INSERT INTO customer (email) SELECT concat('c', seq, '@shop.test') FROM seq_1_to_20000",
        "ANALYZE TABLE customer",
    ] {
        server.execute("small", statement).await?;
    }
    for number in 0..20 {
        let ask = format!("SELECT id FROM customer WHERE email = 'c{number}@shop.test'");
        server.execute("small", &ask).await?;
    }
    let url = server.url("small").replace("mysql://", "mariadb://");
    server.execute("small", "SET GLOBAL innodb_flush_log_at_trx_commit = 2").await?;
    let (finding, goes_by) = ("missing_index:customer(email)", "\"key\": \"email_idx\"");
    let setting = "setting:innodb_flush_log_at_trx_commit";
    mended_and_back(&url, finding, goes_by, setting).await?;
    Ok(server.stop().await?)
}
