//! The stage: what is killed comes back, what was acknowledged is there, nothing is left behind.

use std::{path::PathBuf, time::Duration};

use demo::{
    shop::Fault,
    stage::{DatabaseKind, OrderRow, Presence, Stage, StageOptions},
};
use tokio::time::{sleep, timeout};

const GRACE: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

fn options(database: DatabaseKind) -> StageOptions {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_demo"));
    StageOptions { database, per_minute: 1500, pace: 0.01, ..StageOptions::new(program) }
}

async fn until_orders(stage: &Stage, count: u64) {
    let bought = async {
        while stage.customers().ledger().figures().orders < count {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let figures = || stage.customers().ledger().figures();
    assert!(timeout(LONG, bought).await.is_ok(), "customers buy: {:?}", figures());
}

/// Everything acknowledged is in the database, and no cart became two orders.
async fn assert_nothing_lost(stage: &Stage) {
    let rows = stage.rows().await.expect("the rows");
    for order in stage.customers().ledger().acknowledged() {
        let row = OrderRow {
            number: order.number,
            email: order.email,
            cart: order.cart,
            total_minor: order.total_minor,
        };
        assert!(rows.contains(&row), "{row:?} was acknowledged and is gone");
    }
    let mut carts: Vec<&str> = rows.iter().map(|row| row.cart.as_str()).collect();
    carts.sort_unstable();
    carts.dedup();
    assert_eq!(carts.len(), rows.len());
}

async fn survives_a_kill(database: DatabaseKind) {
    let stage = Stage::start(StageOptions {
        restart_after: Some(Duration::from_millis(300)),
        ..options(database)
    })
    .await
    .expect("a stage");
    until_orders(&stage, 5).await;
    let first = &stage.instances()[0];
    let before = first.presence().await;
    first.kill().await.expect("it can be killed");
    let back = async {
        while matches!(first.presence().await, Presence::Down { .. }) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, back).await.expect("it comes back by itself");
    assert_ne!(first.presence().await, before);
    let orders = stage.customers().ledger().figures().orders;
    until_orders(&stage, orders + 5).await;
    stage.customers().stop(GRACE).await;
    assert_nothing_lost(&stage).await;

    let directory = stage.directory().to_owned();
    stage.shutdown(GRACE).await.expect("an end in order");
    assert_eq!(first.presence().await, Presence::Down { restart_in_ms: None });
    drop(stage);
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_on_sqlite_loses_no_order() {
    survives_a_kill(DatabaseKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_on_postgres_loses_no_order() {
    if !demo::stage::has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return;
    }
    survives_a_kill(DatabaseKind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_checkout_is_noticed_by_customers_and_mended() {
    let stage = Stage::start(options(DatabaseKind::Sqlite)).await.expect("a stage");
    stage.set_fault(Fault { payment_down: true, ..Fault::default() }).await.expect("a fault");
    let annoyed = async {
        while stage.customers().ledger().figures().annoyed == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, annoyed).await.expect("somebody can't pay");
    let figures = stage.customers().ledger().figures();
    assert_eq!(figures.orders, 0);
    assert!(figures.failures_by_kind.contains_key("POST 502"), "{figures:?}");

    // A fault outlives the instance's restart: the provider is somebody else's machine.
    let first = &stage.instances()[0];
    first.stop().await.expect("it stops");
    first.start().await.expect("it starts");
    stage.set_fault(Fault::default()).await.expect("mended");
    until_orders(&stage, 1).await;
    stage.shutdown(GRACE).await.expect("an end in order");
}
