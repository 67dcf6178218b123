//! Orders of shops that are not ours, deleted with all their rows as an operator's script does, come back
//! from the journal and from a backup: the shop shows them, every table is as it was, nobody got mail,
//! stock is what it was, a second time changes nothing, and all of it can be taken back.
//!
//! What the rules leave out is named in [`BESIDE`].

use crate::orders::{dump, numbers, order, others, over, take_back};
use crate::trade::{GRACE, LONG, program, storewarden};
use anyhow::{Result, ensure};
use demo::{
    customers::{Acknowledged, Client, Customers, Kind, Options, shows},
    stage::{DatabaseKind, SHOP, Stage, StageOptions, has_mariadb, has_postgres},
};
use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use testkit::wait_until;

const ORDERS: u64 = 200;
/// As many as a shop of one machine serves at once without making them wait.
const INSIDE: usize = 10;
/// So many are deleted; every other one comes back from the journal.
const GONE: usize = 4;
/// A shop in Python on a busy machine.
const PATIENCE: Duration = Duration::from_secs(450);
/// Tables that no order's restore is about: visits, and what the shop's own clock and worker write.
const BESIDE: [&str; 4] = ["session", "scheduled_task_record", "job_record", "django_session"];
/// Vendure takes from stock only what it counts.
const COUNTED: [&str; 2] = [
    "update product_variant set \"trackInventory\" = 'TRUE'",
    "update product_variant set trackInventory = 'TRUE'",
];

async fn open(shop: Kind, database: DatabaseKind) -> Result<Stage> {
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        shop,
        database,
        backs_up: true,
        backup_settings: "every = \"1d\", drill = \"365d\"".to_owned(),
        per_minute: 0,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    if shop == Kind::Vendure {
        stage.execute(COUNTED[usize::from(database == DatabaseKind::MariaDb)]).await?;
    }
    Ok(stage)
}

/// Orders as customers place them through the edge, all of them decided.
async fn placed(stage: &Stage) -> Result<Vec<Acknowledged>> {
    let begun = Instant::now();
    let customers = Customers::start(Options {
        kind: stage.shop(),
        per_minute: 60_000,
        most_inside: INSIDE,
        wavers: false,
        pace: 0.0,
        ..Options::to(stage.entrance())
    });
    wait_until("customers to buy", PATIENCE, async || {
        let figures = customers.ledger().figures();
        if figures.orders >= ORDERS { Ok(()) } else { Err(figures) }
    })
    .await;
    let ledger = customers.stop(GRACE).await;
    let (orders, figures) = (ledger.acknowledged(), ledger.figures());
    println!(
        "{} orders in {:.1} s, {} pages",
        orders.len(),
        begun.elapsed().as_secs_f64(),
        figures.pages
    );
    ensure!(figures.failures == 0, "{:#?}", ledger.failures());
    Ok(orders)
}

fn mails(stage: &Stage) -> Result<usize> {
    stage.mails().map_or(Ok(0), |folder| Ok(fs::read_dir(folder)?.count()))
}

async fn backed_up(stage: &Stage) -> Result<()> {
    let run = storewarden(stage)?.begin_backup().await?;
    let done = storewarden(stage)?.run_reaches(&run, |run| run["state"] == "done").await?;
    ensure!(done["state"] == "done", "{done}");
    Ok(())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("a time")
}

/// A moment after which the clock has gone on by a whole second: some journals know no finer times.
async fn moment() -> Result<String> {
    let then_ms = now_ms();
    wait_until("the second after the next", LONG, async || match now_ms() {
        now_ms if now_ms / 1000 > then_ms / 1000 + 1 => Ok(()),
        now_ms => Err(now_ms),
    })
    .await;
    Ok(jiff::Timestamp::from_millisecond(then_ms)?.to_string())
}

/// Whether the shop itself shows an order to its buyer.
async fn is_shown(stage: &Stage, order: &Acknowledged) -> Result<bool> {
    let mut client = Client::new(stage.entrance(), "127.0.0.1");
    let shown = shows(stage.shop(), &mut client, order).await;
    shown.map_err(|trouble| anyhow::anyhow!("{trouble}"))
}

/// Whether nothing is another than it was but what [`BESIDE`] names.
fn is_as_it_was(others: &[String]) -> bool {
    let name = |label: &str| label.rsplit('.').next().unwrap_or_default().to_owned();
    others.iter().all(|label| BESIDE.contains(&name(label).as_str()))
}

async fn orders_come_back(shop: Kind, database: DatabaseKind) -> Result<()> {
    let stage = open(shop, database).await?;
    let orders = placed(&stage).await?;
    backed_up(&stage).await?;
    let backed_up_at = moment().await?;
    stage.follow().await?;
    // What the journal has not seen change, it takes from here.
    backed_up(&stage).await?;
    let step = orders.len() / GONE;
    let gone: Vec<&Acknowledged> = orders.iter().skip(step / 2).step_by(step).take(GONE).collect();
    let before = dump(&stage, &stage.directory().join("before")).await?;
    let mailed = mails(&stage)?;
    ensure!(shop != Kind::Oscar || mailed > 0, "the shop writes no mail: nothing would be seen");

    for order in &gone {
        stage.delete_order(&order.number).await?;
    }
    let after = dump(&stage, &stage.directory().join("after")).await?;
    let mut expect: Vec<&str> = gone.iter().map(|order| &*order.number).collect();
    expect.sort_unstable();
    wait_until("the deleted ones to be found", LONG, async || {
        let listed = order(&stage, &["deleted", SHOP]).await.map_err(|e| format!("{e:#}"))?;
        let found = numbers(&listed);
        if found.iter().eq(expect.iter()) { Ok(()) } else { Err(format!("{listed}")) }
    })
    .await;

    for (at, lost) in gone.iter().enumerate() {
        ensure!(!is_shown(&stage, lost).await?, "the shop still has {}", lost.number);
        let restore = ["restore", SHOP, &lost.number, "--yes", "--detach"];
        let (from, words) = match at % 2 {
            0 => ("journal", restore.to_vec()),
            _ => ("backup", [&restore[..], &["--as-of", &backed_up_at]].concat()),
        };
        order(&stage, &words).await?;
        let run = over(&stage, at + 1).await?;
        ensure!(run["state"] == "done", "{run}");
        ensure!(run.to_string().contains(&format!("\"from\":\"{from}\"")), "not by {from}: {run}");
        ensure!(is_shown(&stage, lost).await?, "the shop does not show {}", lost.number);
        let again = order(&stage, &restore).await;
        ensure!(again.is_err(), "it came a second time: {again:?}");
    }
    let other = others(&stage, before).await?;
    ensure!(is_as_it_was(&other), "these are another than they were: {other:?}");
    println!("brought back {}; others: {other:?}", gone.len());
    ensure!(mails(&stage)? == mailed, "{} mails, and there were {mailed}", mails(&stage)?);
    let listed = order(&stage, &["deleted", SHOP]).await?;
    ensure!(numbers(&listed).is_empty(), "{listed}");

    take_back(&stage, gone.len()).await?;
    let other = others(&stage, after).await?;
    ensure!(is_as_it_was(&other), "these are another than before: {other:?}");
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_orders_of_vendure_come_back() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    orders_come_back(Kind::Vendure, DatabaseKind::Postgres).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_orders_of_vendure_on_mariadb_come_back() -> Result<()> {
    if !has_mariadb() {
        println!("skipped: this machine has no MariaDB");
        return Ok(());
    }
    orders_come_back(Kind::Vendure, DatabaseKind::MariaDb).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_orders_of_oscar_come_back() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    orders_come_back(Kind::Oscar, DatabaseKind::Postgres).await
}
