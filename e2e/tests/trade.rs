//! What every play needs: the programs, customers who buy, and a look into the books afterwards.

use anyhow::{Context, Result, ensure};
use demo::stage::{SHOP, Stage, Storewarden};
use std::{collections::HashMap, path::PathBuf, time::Duration};
use testkit::wait_until;

/// More than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// What customers and programs get to end in order.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// A program that was built with the tests.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let built = test.ancestors().nth(2).context("a test lies in target/PROFILE/deps")?.join(name);
    ensure!(built.exists(), "`{name}` is not built; first: cargo build -p storewarden -p demo");
    Ok(built)
}

/// The Storewarden of a stage that has one.
pub(crate) fn storewarden(stage: &Stage) -> Result<&Storewarden> {
    stage.storewarden().context("a stage with Storewarden")
}

/// Waits until customers have bought `more` orders.
pub(crate) async fn sell(stage: &Stage, more: u64) {
    let before = stage.customers().ledger().figures().orders;
    wait_until("customers to buy", LONG, async || {
        let now = stage.customers().ledger().figures();
        if now.orders >= before + more { Ok(()) } else { Err(now) }
    })
    .await;
}

/// What must hold of all that customers were told and did.
pub(crate) async fn check_books(stage: &Stage, act: &str) -> Result<()> {
    // The ledger before the rows: what customers buy between the two is in the rows, and not asked for.
    let acknowledged = stage.customers().ledger().acknowledged();
    let rows = stage.rows().await?;
    let mut by_number = HashMap::new();
    let mut by_cart: HashMap<&str, u32> = HashMap::new();
    // Where a cart and its order are one row, only the buyer tells a purchase made twice: each of
    // these customers buys once.
    let mut by_buyer: HashMap<&str, u32> = HashMap::new();
    for row in &rows {
        by_number.insert(row.number.as_str(), row);
        *by_cart.entry(&row.cart).or_default() += 1;
        *by_buyer.entry(&row.email).or_default() += 1;
    }
    for order in acknowledged {
        let row = by_number.get(order.number.as_str());
        let row = row.with_context(|| format!("{act}: order {} is gone", order.number))?;
        ensure!(row.email == order.email, "{act}: order {} is somebody else's", order.number);
        ensure!(row.total_minor == order.total_minor, "{act}: order {} changed", order.number);
    }
    let twice = by_cart.iter().find(|(_, count)| **count > 1);
    ensure!(twice.is_none(), "{act}: one cart, two orders: {twice:?}");
    let twice = by_buyer.iter().find(|(_, count)| **count > 1);
    ensure!(twice.is_none(), "{act}: one purchase, two orders: {twice:?}");
    let failures = stage.customers().ledger().failures();
    let carts: Vec<_> = failures.iter().filter(|f| f.kind == "cart not intact").collect();
    ensure!(carts.is_empty(), "{act}: carts were not intact: {carts:#?}");
    let broken: Vec<_> =
        failures.iter().filter(|f| f.idempotent && !f.answer_had_begun).take(5).collect();
    ensure!(broken.is_empty(), "{act}: requests failed that may be repeated: {broken:#?}");
    Ok(())
}

/// Kills control while customers buy, and waits until another one knows its edge.
pub(crate) async fn kill_control(stage: &Stage) -> Result<()> {
    let storewarden = storewarden(stage)?;
    let before = storewarden.pid("control")?;
    storewarden.kill_control()?;
    // Customers buy while nobody is in control.
    sell(stage, 5).await;
    wait_until("a new control that knows its edge", LONG, async || {
        let pid = storewarden.pid("control");
        let state = storewarden.api("GET", &format!("/shops/{SHOP}")).await;
        match (pid, state) {
            (Ok(pid), Ok(state))
                if pid != before && state.text().contains("\"connected\":true") =>
            {
                Ok(())
            }
            (pid, state) => Err(format!("{pid:?} {:?}", state.map(|answer| answer.status))),
        }
    })
    .await;
    Ok(())
}

/// Waits until another edge than `before` serves.
pub(crate) async fn another_edge(storewarden: &Storewarden, before: u32) {
    wait_until("a new edge", LONG, async || match storewarden.pid("edge") {
        Ok(pid) if pid != before => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}
