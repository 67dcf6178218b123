//! The journeys that come along, through the shops they are for: up to the order, and, where it can be cancelled, with one, which the
//! shop then has as cancelled.

use crate::trade::program;
use anyhow::{Context, Result, ensure};
use checks::{
    Conclusion, Trust,
    journey::{Journey, Placing, Script, Variables, Walk, walk},
};
use demo::{
    customers::{Client, Kind},
    stage::{DatabaseKind, Stage, StageOptions, has_postgres},
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GRACE: Duration = Duration::from_secs(20);
/// A shop that has just been started, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PASSWORD: &str = "a-sample-shop-on-this-machine";
/// Of that password, as Django keeps it (contrib/auth/hashers.py, PBKDF2 with a thousand rounds).
const STAFF: &str = "insert into auth_user (username, password, email, first_name, last_name, \
    is_superuser, is_staff, is_active, date_joined) values ('keeper', \
    'pbkdf2_sha256$1000$lampenladen$hr5Er/Qf9N6266Al0mPlwXnecWSeputVf/RX+2Lcj0Y=', \
    'keeper@example.com', '', '', true, true, true, now())";

async fn open(shop: Kind, database: DatabaseKind) -> Result<Stage> {
    let options = StageOptions {
        shop,
        database,
        instances: 1,
        per_minute: 0,
        ..StageOptions::new(program("demo")?)
    };
    Stage::start(options).await
}

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn walked(
    stage: &Stage,
    platform: &str,
    own: &[(&str, &str)],
    placing: Placing,
) -> Result<Walk> {
    let journey = Journey {
        script: Script::of_platform(platform).context("a script comes along")?,
        base: format!("http://{}", stage.entrance()),
        variables: variables(own),
        trust: Trust::of(Vec::new()),
        placing,
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let walk = walk(&journey, i64::try_from(since.as_millis())?, PATIENCE).await;
    for step in &walk.steps {
        println!("{platform} {}: {:.3} s, {:?}", step.name, step.seconds, step.status);
    }
    ensure!(walk.conclusion == Conclusion::Passed, "{walk:#?}");
    Ok(walk)
}

/// Nothing is ordered without being asked for; what is, is there under the code that the walk tells, and cancelled.
async fn buys_nothing_and_cancels(
    stage: &Stage,
    platform: &str,
    own: &[(&str, &str)],
    staff: &[(&str, &str)],
) -> Result<String> {
    let before = stage.rows().await?.len();
    let walk = walked(stage, platform, own, Placing::Before).await?;
    ensure!(walk.placed.is_none(), "{walk:#?}");
    ensure!(stage.rows().await?.len() == before, "an order appeared");

    let walk = walked(stage, platform, own, Placing::With(variables(staff))).await?;
    let placed = walk.placed.as_ref().context("it places")?;
    ensure!(placed.is_cancelled, "{walk:#?}");
    let order = placed.order.clone().context("the shop says its code")?;
    let rows = stage.rows().await?;
    ensure!(!rows.iter().any(|row| row.number == order), "{order} stands: {rows:?}");

    // With a wrong password it cannot be cancelled, which the walk says, and the order stands.
    let wrong: Vec<(&str, &str)> = staff
        .iter()
        .map(
            |(name, value)| {
                if *name == "staff_password" { (*name, "wrong") } else { (*name, *value) }
            },
        )
        .collect();
    let failed = walked(stage, platform, own, Placing::With(variables(&wrong))).await;
    let told = format!("{:#}", failed.err().context("nobody cancels with a wrong password")?);
    ensure!(told.contains("is_cancelled: false") && !told.contains("\"wrong\""), "{told}");
    ensure!(stage.rows().await?.len() == before + 1, "the order that was not cancelled stands");
    Ok(order)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_of_the_sample_shop_reaches_the_checkout() -> Result<()> {
    let stage = open(Kind::Sample, DatabaseKind::Sqlite).await?;
    let walk = walked(&stage, "sample", &[], Placing::Before).await?;
    ensure!(walk.steps.len() == 4 && stage.rows().await?.is_empty(), "{walk:#?}");

    // The one for any shop needs to be told more, and gets as far.
    let own = [
        ("product", "/product/glut"),
        ("product_text", "Glut"),
        ("cart_form", "/cart/add"),
        ("product_value", "glut"),
        ("checkout_text", "Place the order"),
    ];
    walked(&stage, "forms", &own, Placing::Before).await?;

    // A shop that cannot sell is found out, though its front page still stands.
    let mut fault = stage.fault().await;
    fault.error_rate = 1.0;
    stage.set_fault(fault).await?;
    let broken = walked(&stage, "sample", &[], Placing::Before).await;
    let told = format!("{:#}", broken.err().context("a shop that fails passes")?);
    ensure!(told.contains("status_differs"), "{told}");
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_of_vendure_cancels_what_it_orders() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    let stage = open(Kind::Vendure, DatabaseKind::Postgres).await?;
    let staff = [
        ("payment_method", "standard-payment"),
        ("staff", "superadmin"),
        ("staff_password", PASSWORD),
    ];
    let own = [("product", "laptop")];
    buys_nothing_and_cancels(&stage, "vendure", &own, &staff).await?;
    stage.shutdown(GRACE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_of_oscar_cancels_what_it_orders() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    let stage = open(Kind::Oscar, DatabaseKind::Postgres).await?;
    stage.execute(STAFF).await?;
    let mut client = Client::new(stage.entrance(), "127.0.0.1");
    let shelf = client.request("GET", "/en-gb/catalogue/", None).await;
    let shelf = shelf.map_err(|trouble| anyhow::anyhow!("{trouble:?}"))?;
    let links = shelf.text().split("href=\"/en-gb/catalogue/").skip(1);
    let mut products = links.filter_map(|rest| rest.split_once("/\"").map(|(slug, _)| slug));
    let product = products.find(|slug| !slug.is_empty() && !slug.contains('/'));
    let product = format!("/en-gb/catalogue/{}/", product.context("a product on the shelf")?);
    let own = [("product", product.as_str())];
    let staff = [("staff", "keeper"), ("staff_password", PASSWORD)];
    buys_nothing_and_cancels(&stage, "oscar", &own, &staff).await?;
    stage.shutdown(GRACE).await
}
