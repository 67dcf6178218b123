//! A shop's database comes back from a backup: beside the live one, in its place and out of it again,
//! single tables in theirs, and whole as a second shop, while Storewarden is killed at each step.

use crate::{
    trade::{GRACE, LONG, check_books, program, sell, storewarden},
    warden::Warden,
};
use anyhow::{Context, Result, ensure};
use demo::{
    private::{MariaDb, Options},
    stage::{DatabaseKind, OrderRow, Stage, StageOptions},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs};
use testkit::{
    process::{Spawn, run_to_end},
    wait_until,
};

const PROGRAM: &str = "storewarden";
/// Each line is a death; control comes back after each.
const DEATHS: &str = "0:after_intent\n0:after_effect\n1:after_intent\n1:after_effect\n";
/// Those of rows that are put back, which need one step more.
const DEATHS_OF_ROWS: &str = "0:after_effect\n1:after_intent\n1:after_effect\n2:after_effect\n";
/// What an order of the sample shop is made of, but for its customer.
const ORDERS: [&str; 10] = [
    "--table",
    "cart",
    "--table",
    "cart_line",
    "--table",
    "shop_order",
    "--table",
    "order_line",
    "--table",
    "payment",
];
/// A shop's tables in a MariaDB.
const SMALL_SHOP: [&str; 4] = [
    "CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, total decimal(12,2) NOT NULL)",
    "CREATE TABLE order_lines (order_id int, line int, what varchar(90), PRIMARY KEY (order_id, line), \
     FOREIGN KEY (order_id) REFERENCES orders (id))",
    "INSERT INTO orders (total) SELECT seq / 4 FROM seq_1_to_500",
    "INSERT INTO order_lines SELECT id, 1, 'lamp' FROM orders",
];

/// Runs the command line beside the stage; what it said.
async fn cli(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let state = storewarden(stage)?.state_dir().to_owned();
    let spawn = Spawn::new(program(PROGRAM)?).args(arguments).arg("--state").arg(state);
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Every order, once nobody is at the till any more.
async fn quiet(stage: &Stage) -> Result<BTreeSet<OrderRow>> {
    stage.customers().set_rate(0);
    wait_until("everybody to go", LONG, async || {
        let figures = stage.customers().ledger().figures();
        if figures.inside == 0 { Ok(()) } else { Err(figures) }
    })
    .await;
    Ok(stage.rows().await?.into_iter().collect())
}

/// The newest run of a kind, once it is over.
async fn over(stage: &Stage, kind: &str) -> Result<Value> {
    let warden = storewarden(stage)?;
    let found = wait_until("a run to end", LONG, async || {
        let answer = warden.api("GET", "/runs").await.map_err(|error| format!("{error:#}"))?;
        let runs: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let newest = runs.into_iter().find(|run| run["kind"] == kind);
        match newest {
            Some(run)
                if ["done", "failed", "undone", "stuck"].iter().any(|s| run["state"] == *s) =>
            {
                Ok(run)
            }
            other => Err(format!("{other:?}")),
        }
    });
    Ok(found.await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_comes_back_in_place_over_deaths_and_goes_again() -> Result<()> {
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    let options = StageOptions {
        storewarden: Some(program(PROGRAM)?),
        backs_up: true,
        backup_settings: "every = \"1h\", drill = \"30d\"".to_owned(),
        per_minute: 300,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    sell(&stage, 5).await;
    let then = quiet(&stage).await?;
    cli(&stage, &["backup", "now"]).await?;
    stage.customers().set_rate(300);
    sell(&stage, 5).await;
    let now = quiet(&stage).await?;
    ensure!(now.len() > then.len() && now.is_superset(&then), "{} {}", now.len(), then.len());

    // What would happen is said before; nothing happens by it.
    let preview = ["backup", "restore", "--database", "--in-place", "--preview"];
    let said = cli(&stage, &preview).await?;
    ensure!(said.contains("its sessions end") && said.contains("undone by"), "{said}");
    ensure!(quiet(&stage).await? == now, "a preview has changed something");

    // Control dies at each step, and the one after it goes on.
    let file = storewarden(&stage)?.state_directory().join("die-at");
    fs::write(&file, DEATHS)?;
    let restore = ["backup", "restore", "--database", "--in-place", "--yes", "--detach"];
    // It may die before it has answered.
    drop(cli(&stage, &restore).await);
    let run = over(&stage, "restore_database").await?;
    ensure!(run["state"] == "done" && !file.exists(), "{run}");
    ensure!(quiet(&stage).await? == then, "it is not as it was then");
    // The shop sells on from there.
    stage.customers().set_rate(300);
    sell(&stage, 3).await;
    quiet(&stage).await?;

    // Taken back: what the shop had is there again.
    let id = run["id"].as_str().map(str::to_owned).unwrap_or_else(|| run["id"].to_string());
    let undo =
        storewarden(&stage)?.api_with("POST", &format!("/runs/{id}/undo"), Some("{}")).await?;
    ensure!(undo.status == 200, "{}", undo.text());
    let is_undone = |run: &Value| run["state"] == "undone";
    let run = storewarden(&stage)?.run_reaches(&id, is_undone).await?;
    ensure!(run["state"] == "undone", "{run}");
    ensure!(quiet(&stage).await? == now, "what the shop had did not come back");

    // All of it beside the live one, and a second shop from it.
    let (folder, database) = stage.beside(1);
    let target = folder.to_str().context("a path of text")?;
    let whole = ["backup", "restore", "--whole", "--to", target, "--as", &database, "--yes"];
    cli(&stage, &whole).await?;
    stage.start_second(&folder, &database).await?;
    let taken = ["backup", "restore", "--database", "--as", &database, "--preview"];
    let refused = cli(&stage, &taken).await;
    let said = format!("{refused:?}");
    ensure!(said.contains("DOES NOT HOLD: there is nothing called"), "{said}");
    stage.customers().set_rate(300);
    sell(&stage, 3).await;
    quiet(&stage).await?;
    ensure!(stage.rows().await?.len() > now.len(), "the live one does not sell");
    stage.shutdown(GRACE).await
}

/// What is gone comes back while the shop sells, and what was sold since stays.
async fn orders_come_back(database: DatabaseKind) -> Result<()> {
    let options = StageOptions {
        storewarden: Some(program(PROGRAM)?),
        database,
        backs_up: true,
        backup_settings: "every = \"1h\", drill = \"30d\"".to_owned(),
        per_minute: 300,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    sell(&stage, 5).await;
    let then = quiet(&stage).await?;
    cli(&stage, &["backup", "now"]).await?;
    stage.customers().set_rate(300);
    sell(&stage, 5).await;
    let all = quiet(&stage).await?;
    let lost: BTreeSet<OrderRow> = then.iter().take(2).cloned().collect();
    for order in &lost {
        stage.delete_order(&order.number).await?;
    }
    let left = quiet(&stage).await?;
    ensure!(left.is_disjoint(&lost) && left.len() + 2 == all.len(), "{} orders", left.len());

    let restore = [&["backup", "restore", "--database", "--in-place"][..], &ORDERS].concat();
    let said = cli(&stage, &[&restore[..], &["--preview"]].concat()).await?;
    ensure!(said.contains("shop_order: 2 rows to add, 0 to change"), "{said}");
    ensure!(quiet(&stage).await? == left, "a preview has changed something");

    // Control dies at each step, the shop sells on.
    stage.customers().set_rate(300);
    let file = storewarden(&stage)?.state_directory().join("die-at");
    fs::write(&file, DEATHS_OF_ROWS)?;
    // It may die before it has answered.
    drop(cli(&stage, &[&restore[..], &["--yes", "--detach"]].concat()).await);
    let run = over(&stage, "restore_rows").await?;
    ensure!(run["state"] == "done" && !file.exists(), "{run}");
    sell(&stage, 3).await;
    let now = quiet(&stage).await?;
    ensure!(now.is_superset(&all) && now.len() >= all.len() + 3, "{} orders", now.len());
    check_books(&stage, "orders put back").await?;

    // Taken back: they are gone again, and those that were sold meanwhile are not.
    let id = run["id"].as_str().map(str::to_owned).unwrap_or_else(|| run["id"].to_string());
    let undo =
        storewarden(&stage)?.api_with("POST", &format!("/runs/{id}/undo"), Some("{}")).await?;
    ensure!(undo.status == 200, "{}", undo.text());
    let is_undone = |run: &Value| run["state"] == "undone";
    storewarden(&stage)?.run_reaches(&id, is_undone).await?;
    let after = quiet(&stage).await?;
    ensure!(after.union(&lost).cloned().collect::<BTreeSet<_>>() == now, "{} orders", after.len());
    ensure!(after.is_disjoint(&lost), "they are there still");
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_come_back_in_place_while_the_shop_sells() -> Result<()> {
    if !demo::stage::has_postgres() {
        println!("skipped: PostgreSQL is not installed");
        return Ok(());
    }
    orders_come_back(DatabaseKind::Postgres).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_come_back_in_place_in_sqlite() -> Result<()> {
    orders_come_back(DatabaseKind::Sqlite).await
}

/// The database that the whole has put aside goes, while control dies at each step: it is gone from the
/// server, and what put it there says that it cannot be taken back any more. The rows stay, and can.
async fn what_was_put_aside_goes(warden: &Warden, server: &MariaDb) -> Result<()> {
    let path = "/shops/lamps/backups/kept";
    let kept = warden.get(path).await?;
    let kept = kept["kept"].as_array().context("a list of what is kept")?.clone();
    let of_kind = |kind| kept.iter().filter(move |row: &&Value| row["kind"] == kind);
    let whole = of_kind("database").next().context("the whole one is kept")?;
    let name = whole["name"].as_str().context("it has a name")?;
    let there = format!(
        "BEGIN NOT ATOMIC IF NOT EXISTS (SELECT 1 FROM information_schema.SCHEMATA \
         WHERE SCHEMA_NAME = '{name}') THEN SIGNAL SQLSTATE '45000'; END IF; END"
    );
    server.execute("small", &there).await.context("it is not there")?;
    let preview = warden.command(&["backup", "kept", "--remove", name, "--preview"])?;
    let said = tokio::task::spawn_blocking(move || run_to_end(preview, LONG)).await??;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(said.contains("cannot be taken back any more"), "{said}");

    fs::write(warden.path("state/die-at"), "0:after_intent\n0:after_effect\n")?;
    let remove = warden.command(&["backup", "kept", "--remove", name, "--yes", "--detach"])?;
    // It may die before it has answered.
    drop(tokio::task::spawn_blocking(move || run_to_end(remove, LONG)).await?);
    let is_gone =
        |now: &Value| now["kept"].as_array().is_some_and(|now| now.len() + 1 == kept.len());
    warden.until("it to be gone", path, is_gone).await;
    // Control makes runs of its own meanwhile.
    let is_done = |runs: &Value| {
        let mut removed = runs["runs"].as_array().into_iter().flatten();
        removed.any(|run| run["kind"] == "remove_aside" && run["state"] == "done")
    };
    warden.until("its run to end", "/runs", is_done).await;
    ensure!(!warden.path("state/die-at").exists(), "control did not die at each step");
    ensure!(server.execute("small", &there).await.is_err(), "it is there still");

    let restored = whole["run"].as_str().context("a change put it aside")?;
    let run = warden.get(&format!("/runs/{restored}")).await?;
    ensure!(run["undo_gone"]["code"] == "undo_gone", "{run}");
    let undo = warden.ask("POST", &format!("/runs/{restored}/undo"), Some(&Value::Null)).await;
    ensure!(undo.is_err(), "it is taken back out of nothing: {undo:?}");
    for rows in of_kind("rows") {
        let run = rows["run"].as_str().context("a change put it aside")?;
        let run = warden.get(&format!("/runs/{run}")).await?;
        ensure!(run["undo_gone"].is_null(), "{run}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_and_the_whole_come_back_in_mariadb() -> Result<()> {
    if !demo::stage::has_mariadb() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    let folder = testkit::folder();
    let server = MariaDb::start(&folder.path().join("maria"), Options::default()).await?;
    server.create_database("small").await?;
    for statement in SMALL_SHOP {
        server.execute("small", statement).await?;
    }
    let url = server.url("small").replace("mysql://", "mariadb://");
    let shop = format!(
        "hosts = [\"shop.test\"]\ndatabase = \"{url}\"\n\
         backup = {{ to = \"FOLDER/backups\", every = \"1h\", drill = \"30d\" }}"
    );
    let mut warden = Warden::start(&shop, "").await?;
    let run = async |words: &[&str]| {
        let words = [&["backup"][..], words, &["--shop", "lamps"]].concat();
        let spawn = warden.command(&words)?;
        let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
        anyhow::Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    run(&["now"]).await?;
    for statement in [
        "DELETE FROM order_lines WHERE order_id < 100",
        "DELETE FROM orders WHERE id < 100",
        "UPDATE orders SET total = 0 WHERE id = 200",
        "INSERT INTO orders VALUES (1000, 7.5)",
    ] {
        server.execute("small", statement).await?;
    }
    let expect = async |orders: u32, lines: u32, changed: u32| {
        let statement = format!(
            "BEGIN NOT ATOMIC IF ((SELECT count(*) FROM orders), (SELECT count(*) FROM order_lines), \
             (SELECT count(*) FROM orders WHERE total = 0)) <> ({orders}, {lines}, {changed}) \
             THEN SIGNAL SQLSTATE '45000'; END IF; END"
        );
        server.execute("small", &statement).await
    };
    expect(402, 401, 1).await.context("it is not as it was left")?;
    let tables =
        ["restore", "--database", "--in-place", "--table", "order_lines", "--table", "orders"];
    let said = run(&[&tables[..], &["--preview"]].concat()).await?;
    ensure!(said.contains("orders: 99 rows to add, 1 to change, 1 that are only"), "{said}");
    let said = run(&[&tables[..], &["--yes"]].concat()).await?;
    let told = || format!("rows did not come back, or a new one went: {said}");
    expect(501, 500, 0).await.with_context(told)?;
    let said = run(&[&tables[..], &["--exact", "--yes"]].concat()).await?;
    expect(500, 500, 0).await.with_context(|| format!("it is not exactly as it was: {said}"))?;
    server.execute("small", "DELETE FROM order_lines WHERE order_id = 300").await?;
    run(&["restore", "--database", "--in-place", "--yes"]).await?;
    expect(500, 500, 0).await.context("the whole did not come back")?;
    // The two times that rows were put back and the whole have put something aside, which stays.
    let kept = run(&["kept"]).await?;
    let aside = |word: &str| kept.lines().filter(|line| line.contains(word)).count();
    ensure!(aside("small_rows_before_") == 2 && aside("small_before_") == 1, "{kept}");
    ensure!(!kept.contains('?'), "which change put it aside, or its size, is unknown: {kept}");
    what_was_put_aside_goes(&warden, &server).await?;
    warden.stop().await?;
    Ok(server.stop().await?)
}
