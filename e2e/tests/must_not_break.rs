//! What must not break: customers buy through the edge while instances are killed, everything is
//! stopped, the configuration is reloaded, control is killed and the edge is replaced.
//!
//! In all of it: every acknowledged order is in the database, no cart became two orders, carts
//! that were filled before are intact after, and no request that may be repeated failed, unless its
//! answer had begun.

use anyhow::{Context, Result, ensure};
use demo::{
    customers::{Client, Kind},
    stage::{DatabaseKind, SHOP, Stage, StageOptions, has_postgres},
};
use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};
use testkit::wait_until;

const GRACE: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(120);
/// How long everything stays away: what the house promises to hide.
const AWAY: Duration = Duration::from_secs(10);
const RELOADS: usize = 100;

/// A program that was built with the tests.
fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let built = test.ancestors().nth(2).context("a test lies in target/PROFILE/deps")?.join(name);
    ensure!(built.exists(), "`{name}` is not built; first: cargo build -p storewarden -p demo");
    Ok(built)
}

async fn open(kind: Kind, per_minute: u64) -> Result<Stage> {
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        shop: kind,
        database: DatabaseKind::Postgres,
        per_minute,
        pace: 0.05,
        restart_after: Some(Duration::from_millis(500)),
        ..StageOptions::new(program("demo")?)
    };
    Stage::start(options).await
}

/// Waits until customers have bought `more` orders.
async fn sell(stage: &Stage, more: u64) {
    let before = stage.customers().ledger().figures().orders;
    wait_until("customers to buy", LONG, async || {
        let now = stage.customers().ledger().figures();
        if now.orders >= before + more { Ok(()) } else { Err(now) }
    })
    .await;
}

/// A visitor of the sample shop with something in the cart, who stays.
struct Shopper {
    client: Client,
    another: String,
    items: u64,
}

impl Shopper {
    async fn enter(stage: &Stage) -> Result<Self> {
        let mut client = Client::new(stage.entrance(), "127.0.0.1");
        client.always_send("accept", "application/json");
        let home = ask(&mut client, "GET", "/", None).await?;
        let mut lamps = home.split("/product/").skip(1).filter_map(|rest| rest.split('"').next());
        let first = lamps.next().context("the storefront shows lamps")?;
        let another = lamps.find(|lamp| *lamp != first).context("and more than one")?.to_owned();
        let mut shopper = Self { client, another, items: 0 };
        let form = format!("product={first}&quantity=3");
        shopper.add(&form, 3).await?;
        Ok(shopper)
    }

    /// Adds one more: the cart must have grown by exactly that.
    async fn is_intact(&mut self) -> Result<()> {
        let form = format!("product={}&quantity=1", self.another);
        self.add(&form, 1).await
    }

    async fn add(&mut self, form: &str, more: u64) -> Result<()> {
        let text = ask(&mut self.client, "POST", "/cart/add", Some(form)).await?;
        let items = text.split("\"items\":").nth(1).context("the answer counts the items")?;
        let items: String = items.chars().take_while(char::is_ascii_digit).collect();
        let items = items.parse::<u64>()?;
        ensure!(items == self.items + more, "a cart of {} and {more} has {items}", self.items);
        self.items = items;
        Ok(())
    }
}

async fn ask(client: &mut Client, method: &str, path: &str, form: Option<&str>) -> Result<String> {
    let answer = client.request(method, path, form).await;
    let answer = answer.map_err(|trouble| anyhow::anyhow!("{method} {path}: {trouble:?}"))?;
    ensure!(answer.status == 200, "{method} {path}: {} {}", answer.status, answer.text());
    Ok(answer.text().to_owned())
}

/// What must hold of all that customers were told and did.
async fn check_books(stage: &Stage, act: &str) -> Result<()> {
    let rows = stage.rows().await?;
    let mut by_number = HashMap::new();
    let mut by_cart: HashMap<&str, u32> = HashMap::new();
    for row in &rows {
        by_number.insert(row.number.as_str(), row);
        *by_cart.entry(&row.cart).or_default() += 1;
    }
    for order in stage.customers().ledger().acknowledged() {
        let row = by_number.get(order.number.as_str());
        let row = row.with_context(|| format!("{act}: order {} is gone", order.number))?;
        ensure!(row.email == order.email, "{act}: order {} is somebody else's", order.number);
        ensure!(row.total_minor == order.total_minor, "{act}: order {} changed", order.number);
    }
    let twice = by_cart.iter().find(|(_, count)| **count > 1);
    ensure!(twice.is_none(), "{act}: one cart, two orders: {twice:?}");
    let failures = stage.customers().ledger().failures();
    let carts: Vec<_> = failures.iter().filter(|f| f.kind == "cart not intact").collect();
    ensure!(carts.is_empty(), "{act}: carts were not intact: {carts:#?}");
    let broken: Vec<_> =
        failures.iter().filter(|f| f.idempotent && !f.answer_had_begun).take(5).collect();
    ensure!(broken.is_empty(), "{act}: requests failed that may be repeated: {broken:#?}");
    Ok(())
}

async fn kill_an_instance(stage: &Stage) -> Result<()> {
    stage.instances()[0].kill().await
}

async fn stop_all_for_a_while(stage: &Stage) -> Result<()> {
    for instance in stage.instances() {
        instance.stop().await?;
    }
    // Not a wait for something: the time that customers must not notice.
    tokio::time::sleep(AWAY).await;
    for instance in stage.instances() {
        instance.start().await?;
    }
    Ok(())
}

async fn reload_often(stage: &Stage) -> Result<()> {
    let storewarden = stage.storewarden().context("a stage with Storewarden")?;
    for _ in 0..RELOADS {
        storewarden.reload().await?;
    }
    Ok(())
}

async fn kill_control(stage: &Stage) -> Result<()> {
    let storewarden = stage.storewarden().context("a stage with Storewarden")?;
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

async fn replace_the_edge(stage: &Stage) -> Result<()> {
    let storewarden = stage.storewarden().context("a stage with Storewarden")?;
    let before = storewarden.pid("edge")?;
    storewarden.replace_edge()?;
    wait_until("a new edge", LONG, async || match storewarden.pid("edge") {
        Ok(pid) if pid != before => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    Ok(())
}

async fn survives(kind: Kind, per_minute: u64) -> Result<()> {
    let stage = open(kind, per_minute).await?;
    sell(&stage, 5).await;
    let mut shoppers = Vec::new();
    if kind == Kind::Sample {
        for _ in 0..8 {
            shoppers.push(Shopper::enter(&stage).await?);
        }
    }
    let acts: [(&str, &dyn AsyncAct); 5] = [
        ("an instance was killed", &kill_an_instance),
        ("all were stopped for ten seconds", &stop_all_for_a_while),
        ("the configuration was reloaded a hundred times", &reload_often),
        ("control was killed", &kill_control),
        ("the edge was replaced", &replace_the_edge),
    ];
    for (name, act) in acts {
        let started = Instant::now();
        act.perform(&stage).await.with_context(|| name.to_owned())?;
        sell(&stage, 10).await;
        for shopper in &mut shoppers {
            shopper.is_intact().await.with_context(|| name.to_owned())?;
        }
        check_books(&stage, name).await?;
        let figures = stage.customers().ledger().figures();
        println!(
            "{name}: {:.1} s, {} orders so far",
            started.elapsed().as_secs_f64(),
            figures.orders
        );
    }
    stage.customers().stop(GRACE).await;
    check_books(&stage, "at the end").await?;
    stage.shutdown(GRACE).await
}

/// An act of the play, as a value.
trait AsyncAct {
    fn perform<'a>(
        &'a self,
        stage: &'a Stage,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
}

impl<F: AsyncFn(&Stage) -> Result<()>> AsyncAct for F {
    fn perform<'a>(
        &'a self,
        stage: &'a Stage,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
        Box::pin(self(stage))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_shop_survives_everything() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    survives(Kind::Sample, 1200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn vendure_survives_everything() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    survives(Kind::Vendure, 60).await
}
