//! Somebody had their data erased, and their shop goes back to a time before, on MariaDB: the orders that came
//! since are kept, theirs is there with all but what tells of them, while control dies at every step.

use crate::{
    trade::LONG,
    vanished::{DATABASE, Shop},
};
use anyhow::{Context as _, Result, ensure};
use databases::live::Live;
use demo::private::MariaDb;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde_json::Value;
use std::fs;
use testkit::{process::run_to_end, wait_until};

/// Around the steps that empty, and both times that orders are carried.
const DEATHS: &str =
    "1:after_intent\n1:after_effect\n2:after_intent\n2:after_effect\n4:after_effect\n";
const ANN: &str = "ann@lamps.example";
const BOB: &str = "bob@lamps.example";

/// What the command line says of it.
async fn cli(shop: &Shop, words: &[&str]) -> Result<String> {
    let spawn = shop.warden.command(words)?;
    let ended = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?;
    let output = ended.with_context(|| format!("{words:?}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The values of a column, in the order of the keys.
async fn values(shop: &Shop, database: &str, table: &str, column: &str) -> Result<Vec<String>> {
    let secret = shop.server.url(database).replace("mysql://", "mariadb://");
    let url = DatabaseUrl { kind: DatabaseKind::MySql, secret };
    let (table, column) = (table.to_owned(), column.to_owned());
    let look = move || -> Result<Vec<String>> {
        let mut live = Live::connect(&url)?;
        let table = live.table(&table).context("the table is there")?.clone();
        let at = table.column(&column).context("the column is there")?;
        let rows = live.page(&table, "id", None, 100)?;
        let value = |row: databases::dump::Row| row.fields[at].clone().unwrap_or_default();
        Ok(rows.into_iter().map(|row| String::from_utf8_lossy(&value(row)).into_owned()).collect())
    };
    tokio::task::spawn_blocking(look).await?
}

/// Ann is nobody, and Bob is who he was.
async fn is_erased(shop: &Shop, database: &str) -> Result<()> {
    let emails = values(shop, database, "customer", "email").await?;
    let is_so = emails.len() == 2 && emails[0].starts_with("erased-") && emails[1] == BOB;
    ensure!(is_so, "{database}: {emails:?}");
    Ok(())
}

async fn numbers(shop: &Shop, database: &str) -> Result<Vec<String>> {
    values(shop, database, "shop_order", "number").await
}

/// The newest change of a kind, once it is done.
async fn done(shop: &Shop, kind: &str) -> Result<()> {
    let run = wait_until("the change to be over", LONG, async || {
        let runs = shop.warden.get("/runs").await.map_err(|error| format!("{error:#}"))?;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let newest = runs.into_iter().find(|run| run["kind"] == kind);
        let is_over = |run: &Value| {
            ["done", "failed", "undone", "stuck"].iter().any(|state| run["state"] == *state)
        };
        newest.filter(is_over).ok_or("not yet".to_owned())
    });
    let run = run.await;
    ensure!(run["state"] == "done", "{run}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_stays_so_whatever_comes_back() -> Result<()> {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    let mut shop = Shop::open().await?;
    shop.run(&format!("insert into customer values (2, '{BOB}')")).await?;
    for id in [2, 3] {
        shop.buy(id).await?;
    }
    shop.run("update shop_order set customer_id = 2 where id = 3").await?;
    cli(&shop, &["backup", "now"]).await?;
    // The first backup is tried at once; the deaths are not its.
    done(&shop, "drill_backup").await?;
    shop.run("insert into cart values ('c-4', 2)").await?;
    shop.run("insert into shop_order values (4, 'L-4', 'c-4', 2, 400)").await?;
    shop.run("insert into order_line (order_id, what) values (4, 'lamp')").await?;
    let then = jiff::Timestamp::now();
    let has_it = |backups: &Value| {
        let at_ms = backups["shops"][0]["stream"]["current_ms"].as_i64();
        at_ms.is_some_and(|at_ms| at_ms > then.as_millisecond() + 1_000)
    };
    shop.warden.until("the journal to be so far", "/backups", has_it).await;
    cli(&shop, &["order", "erase", "lamps", ANN]).await?;
    // The shop erases her itself.
    shop.run("update customer set email = 'nobody' where id = 1").await?;

    // Beside it, as of a moment.
    let as_of = then.to_string();
    let moment = ["backup", "restore", "--database", "--as-of", &as_of, "--as", "then", "--yes"];
    cli(&shop, &moment).await?;
    ensure!(numbers(&shop, "then").await? == ["L-2", "L-3", "L-4"], "orders are missing there");
    is_erased(&shop, "then").await?;

    // The whole of it, in its place, with the orders since.
    let whole = ["backup", "restore", "--database", "--in-place", "--keep-newer-orders"];
    let said = cli(&shop, &[&whole[..], &["--preview"]].concat()).await?;
    ensure!(said.contains("1 people had their data erased since"), "{said}");
    let file = shop.warden.path("state").join("die-at");
    fs::write(&file, DEATHS)?;
    // It may die before it has answered.
    drop(cli(&shop, &[&whole[..], &["--yes", "--detach"]].concat()).await);
    done(&shop, "restore_database").await?;
    ensure!(!file.exists(), "control did not die as told");
    ensure!(numbers(&shop, DATABASE).await? == ["L-2", "L-3", "L-4"], "orders are missing");
    is_erased(&shop, DATABASE).await?;

    // Rows of one table.
    shop.run("update customer set email = 'nobody' where id = 1").await?;
    let rows = ["backup", "restore", "--database", "--table", "customer", "--in-place", "--yes"];
    cli(&shop, &rows).await?;
    is_erased(&shop, DATABASE).await?;

    shop.warden.stop().await
}
