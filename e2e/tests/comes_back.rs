//! A shop that is not ours, backed up while customers buy, restored elsewhere, and started from it.
//!
//! Under load: every order that was acknowledged before the backup began is whole in it, none is half,
//! the restored database has every row of the dump, and the shop that starts from it shows those orders
//! and sells. In silence: every row of the backup is as the living database has it.

use crate::trade::{GRACE, program, storewarden};
use anyhow::{Context, Result, bail, ensure};
use databases::dump::{Field, Folder, Reader, Row, Side, Table, compare};
use demo::{
    customers::{Acknowledged, Client, Customers, Figures, Kind, Ledger, Options, shows},
    stage::{Revival, Stage},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use testkit::{
    process::{Spawn, run_to_end},
    wait_until,
};
use tokio::task::spawn_blocking;

/// What the stage's Storewarden is told of backups: nothing by itself but the first.
pub(crate) const SETTINGS: &str = "every = \"1d\", drill = \"30d\"";

/// A shop in Python that shares a busy machine with its own backup takes minutes for an order.
const PATIENCE: Duration = Duration::from_secs(240);
/// One takes seconds, and so does a page at worst.
const BACKUPS: usize = 20;

/// What this play must know of a shop's orders, beyond foreign keys.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The table with a row an order, and the column with its number.
    orders: &'static str,
    number: &'static str,
    /// The column that has a value when an order is placed; none where only orders have rows.
    placed: Option<&'static str>,
    /// Tables whose rows point to an order and are not its own.
    beside: &'static [&'static str],
    /// Columns of the order's own row that change after it was placed.
    changes: &'static [&'static str],
    /// Fewest tables and rows of an order.
    tables: usize,
    rows: usize,
}

fn known(kind: Kind) -> Result<Known> {
    match kind {
        Kind::Sample => bail!("the sample shop has plays of its own"),
        Kind::Vendure => Ok(Known {
            orders: "order",
            number: "code",
            placed: Some("orderPlacedAt"),
            beside: &["session"],
            changes: &[],
            tables: 6,
            rows: 9,
        }),
        Kind::Oscar => Ok(Known {
            orders: "order_order",
            number: "number",
            placed: None,
            beside: &[],
            // Set when the page that thanks is seen for the first time, after the order.
            changes: &["analytics_tracked"],
            tables: 3,
            rows: 3,
        }),
    }
}

/// The rows of an order, by their tables.
type Order = BTreeMap<String, BTreeSet<Vec<Field>>>;

/// A backup that was taken under load, and what was acknowledged before it began.
pub(crate) struct Proof {
    known: Known,
    before: Vec<Acknowledged>,
    restored: TempDir,
}

impl Proof {
    /// Backs up while customers buy, restores into a folder, and starts the shop from it.
    pub(crate) async fn under_load(stage: &Stage) -> Result<Self> {
        first_backup(stage).await?;
        let ledger = stage.customers().ledger();
        sells(ledger, 3).await;
        let (before, during) = backed_up_meanwhile(stage).await?;
        let restored = testkit::folder();
        restore(stage, restored.path()).await?;
        println!(
            "backed up with {} orders acknowledged before, {} in the meantime",
            before.len(),
            during.orders - before.len() as u64
        );
        let revival = stage.revive(restored.path()).await?;
        comes_back_whole(stage.shop(), &revival, restored.path(), &before).await?;
        revival.stop().await?;
        Ok(Self { known: known(stage.shop())?, before, restored })
    }

    /// Backs up once more when nobody buys any more, and the shop, whose own jobs write on, is stopped;
    /// holds both against what is there.
    pub(crate) async fn in_silence(self, stage: &Stage) -> Result<()> {
        for instance in stage.instances() {
            instance.stop().await?;
        }
        backup(stage, &["now"]).await?;
        let restored = testkit::folder();
        restore(stage, restored.path()).await?;
        let live = stage.database().await?;
        let (then, now) = (dump(self.restored.path())?, dump(restored.path())?);
        let differences = spawn_blocking(move || {
            let last = Reader::open(Folder::at(&now))?;
            compare(&Side::Dump(&last), &Side::<Folder>::Live(&live), None)
        });
        let differences = differences.await??;
        ensure!(differences.is_empty(), "the backup is not what was there: {differences:#?}");
        let now = dump(restored.path())?;
        spawn_blocking(move || holds_whole_orders(self.known, &self.before, &then, &now)).await?
    }
}

/// Holds every row of the revived database against the dump, asks for orders, and buys some.
async fn comes_back_whole(
    kind: Kind,
    revival: &Revival,
    restored: &Path,
    before: &[Acknowledged],
) -> Result<()> {
    let mut client = Client::new(revival.address(), "127.0.0.1");
    for order in before.iter().rev().take(5) {
        let is_there = shows(kind, &mut client, order).await;
        let is_there = is_there.map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
        ensure!(is_there, "order {} was acknowledged before the backup", order.number);
    }
    let (dump, database) = (dump(restored)?, revival.database());
    let differences = spawn_blocking(move || {
        let dump = Reader::open(Folder::at(&dump))?;
        compare(&Side::Dump(&dump), &Side::<Folder>::Live(&database), None)
    });
    let differences = differences.await??;
    // A shop that runs writes: sessions, and that its pages were seen.
    let lost: Vec<_> = differences.iter().filter(|table| table.missing > 0).collect();
    ensure!(lost.is_empty(), "rows of the dump did not come back: {lost:#?}");
    let options = Options::to(revival.address());
    let customers = Customers::start(Options { kind, per_minute: 40, pace: 0.05, ..options });
    sells(customers.ledger(), 2).await;
    customers.stop(GRACE).await;
    Ok(())
}

/// Waits until customers have bought `more` orders.
async fn sells(ledger: &Ledger, more: u64) {
    let before = ledger.figures().orders;
    wait_until("customers to buy", PATIENCE, async || {
        let now = ledger.figures();
        if now.orders >= before + more { Ok(()) } else { Err(now) }
    })
    .await;
}

/// Every order of before is in the dump as it is at the end; every placed one in it is whole.
fn holds_whole_orders(
    known: Known,
    before: &[Acknowledged],
    then: &Path,
    now: &Path,
) -> Result<()> {
    let (then, now) = (Reader::open(Folder::at(then))?, Reader::open(Folder::at(now))?);
    let orders = then.table(known.orders).context("the dump has orders")?.clone();
    let at = |name: &str| column(&orders, name);
    let (number, placed) = (at(known.number)?, known.placed.map(at).transpose()?);
    let is_placed = |row: &Row| placed.is_none_or(|column| row.fields[column].is_some());
    let rows = then.rows(&orders)?.collect::<Result<Vec<_>, _>>()?;
    let mut numbers = BTreeSet::new();
    for row in rows.into_iter().filter(is_placed) {
        let value = row.fields[number].as_deref().context("an order has a number")?;
        let (one, other) = (order_in(&then, known, value)?, order_in(&now, known, value)?);
        let number = String::from_utf8_lossy(value).into_owned();
        ensure!(one == other, "order {number} was half there: {one:#?}, and later {other:#?}");
        let count: usize = one.values().map(BTreeSet::len).sum();
        let is_whole = one.len() >= known.tables && count >= known.rows;
        ensure!(is_whole, "order {number} has {count} rows in {} tables", one.len());
        numbers.insert(number);
    }
    let lost: Vec<_> = before.iter().filter(|order| !numbers.contains(&order.number)).collect();
    ensure!(lost.is_empty(), "acknowledged before the backup and not in it: {lost:#?}");
    println!("{} orders are whole in the backup", numbers.len());
    Ok(())
}

/// The order's own row and all that point to it, over as many tables as it takes.
fn order_in(dump: &Reader<Folder>, known: Known, number: &[u8]) -> Result<Order> {
    let orders = dump.table(known.orders).context("the dump has orders")?;
    let mut found = Order::new();
    let mut left: Vec<(&Table, Row)> =
        dump.lookup(orders, known.number, number)?.into_iter().map(|row| (orders, row)).collect();
    while let Some((table, row)) = left.pop() {
        let mut told = row.fields.clone();
        if table.name == known.orders {
            for name in known.changes {
                told[column(table, name)?] = None;
            }
        }
        // Rows point to one another in triangles.
        if !found.entry(table.label()).or_default().insert(told) {
            continue;
        }
        for other in dump.tables().iter().filter(|other| !known.beside.contains(&&*other.name)) {
            for reference in other.references.iter().filter(|to| to.table == table.name) {
                let to = column(table, &reference.to[0])?;
                let Some(value) = row.fields[to].as_deref() else { continue };
                let rows = dump.lookup(other, &reference.columns[0], value)?;
                left.extend(rows.into_iter().map(|row| (other, row)));
            }
        }
    }
    Ok(found)
}

fn column(table: &Table, name: &str) -> Result<usize> {
    let at = table.columns.iter().position(|column| column.name == name);
    at.with_context(|| format!("`{}` has no column `{name}`", table.name))
}

fn dump(restored: &Path) -> Result<PathBuf> {
    Stage::dump_in(restored)
}

/// Backs up until somebody saw a page meanwhile: small shops are backed up between two pages of a slow
/// one. Gives what was acknowledged before the last backup began, and the figures when it had ended.
async fn backed_up_meanwhile(stage: &Stage) -> Result<(Vec<Acknowledged>, Figures)> {
    let ledger = stage.customers().ledger();
    for _ in 0..BACKUPS {
        let (before, seen) = (ledger.acknowledged(), ledger.figures().pages);
        backup(stage, &["now"]).await?;
        let during = ledger.figures();
        if during.pages > seen {
            return Ok((before, during));
        }
    }
    bail!("nobody saw a page of the shop during {BACKUPS} backups of it")
}

/// The one that Storewarden takes by itself.
async fn first_backup(stage: &Stage) -> Result<()> {
    let storewarden = storewarden(stage)?;
    wait_until("a first backup", PATIENCE, async || {
        let answer = storewarden.api("GET", "/backups").await.map_err(|error| error.to_string())?;
        let standing: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let shop = &standing["shops"][0];
        let is_there = shop["state"] == "ok" && shop["running"].is_null();
        if is_there { Ok(()) } else { Err(shop.to_string()) }
    })
    .await;
    Ok(())
}

async fn restore(stage: &Stage, to: &Path) -> Result<()> {
    let to = to.display().to_string();
    backup(stage, &["restore", "--to", &to, "--yes"]).await
}

/// Runs the command line beside the play.
async fn backup(stage: &Stage, arguments: &[&str]) -> Result<()> {
    let state = storewarden(stage)?.state_dir();
    let spawn = Spawn::new(program("storewarden")?).arg("backup").args(arguments);
    let spawn = spawn.arg("--state").arg(state);
    let said = arguments.join(" ");
    spawn_blocking(move || run_to_end(spawn, PATIENCE)).await?.with_context(|| said)?;
    Ok(())
}
