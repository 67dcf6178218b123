//! What must not break: customers buy through the edge while instances are killed, everything is
//! stopped, the configuration is reloaded, control is killed and the edge is replaced; and, before a
//! shop that is not ours, during every plan.
//!
//! A Vendure and an oscar are also backed up meanwhile, and come back elsewhere.
//!
//! In all of it: every acknowledged order is in the database, no cart became two orders, carts
//! that were filled before are intact after, and no request that may be repeated failed, unless its
//! answer had begun.

use crate::changes::{ask, begin, ends, renamed, restart};
use crate::comes_back::{Proof, SETTINGS};
use crate::shopper::Shopper;
use crate::trade::{GRACE, another_edge, check_books, kill_control, program, sell, storewarden};
use anyhow::{Context, Result};
use demo::{
    customers::Kind,
    stage::{DatabaseKind, SHOP, Stage, StageOptions, has_mariadb, has_postgres},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long everything stays away: what the house promises to hide.
const AWAY: Duration = Duration::from_secs(10);
const RELOADS: usize = 100;
/// Visitors with a filled cart who stay through everything.
const SHOPPERS: usize = 8;

/// Whether the play ends with a backup that the shop comes back from: of shops that are not ours.
fn comes_back(kind: Kind) -> bool {
    kind != Kind::Sample
}

async fn open(kind: Kind, database: DatabaseKind, per_minute: u64) -> Result<Stage> {
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        shop: kind,
        database,
        per_minute,
        pace: 0.05,
        restart_after: Some(Duration::from_millis(500)),
        backs_up: comes_back(kind),
        backup_settings: SETTINGS.to_owned(),
        ..StageOptions::new(program("demo")?)
    };
    Stage::start(options).await
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
    let storewarden = storewarden(stage)?;
    for _ in 0..RELOADS {
        storewarden.reload().await?;
    }
    Ok(())
}

async fn replace_the_edge(stage: &Stage) -> Result<()> {
    let storewarden = storewarden(stage)?;
    let before = storewarden.pid("edge")?;
    storewarden.replace_edge()?;
    another_edge(storewarden, before).await;
    Ok(())
}

/// Carries a plan out to its end; the path of its run.
async fn carry_out(stage: &Stage, wish: &Value) -> Result<String> {
    let run = begin(stage, wish).await?;
    ends(stage, &run, "done").await;
    Ok(run)
}

/// All of them one after the other, for customers buy during each.
async fn carry_out_every_plan(stage: &Stage) -> Result<()> {
    carry_out(stage, &restart()).await?;
    carry_out(stage, &json!({ "kind": "rolling_restart", "shop": SHOP })).await?;
    let run = carry_out(stage, &renamed(stage).await?).await?;
    ask(stage, "POST", &format!("{run}/undo"), Some(&json!({}))).await?;
    ends(stage, &run, "undone").await;
    carry_out(stage, &json!({ "kind": "clean_up" })).await?;
    Ok(())
}

/// An act with what is said of it afterwards.
type Act<'a> = (&'a str, &'a dyn AsyncAct);

const ALL: [Act<'static>; 5] = [
    ("an instance was killed", &kill_an_instance),
    ("all were stopped for ten seconds", &stop_all_for_a_while),
    ("the configuration was reloaded a hundred times", &reload_often),
    ("control was killed", &kill_control),
    ("the edge was replaced", &replace_the_edge),
];

const PLANS: [Act<'static>; 1] = [("every plan was carried out", &carry_out_every_plan)];

async fn survives(
    kind: Kind,
    database: DatabaseKind,
    per_minute: u64,
    acts: &[Act<'_>],
) -> Result<()> {
    let stage = open(kind, database, per_minute).await?;
    sell(&stage, 5).await;
    let mut shoppers = Vec::new();
    for _ in 0..SHOPPERS {
        shoppers.push(Shopper::enter(&stage, kind).await?);
    }
    for (name, act) in acts {
        let started = Instant::now();
        act.perform(&stage).await.with_context(|| (*name).to_owned())?;
        sell(&stage, 10).await;
        for shopper in &mut shoppers {
            shopper.is_intact().await.with_context(|| (*name).to_owned())?;
        }
        check_books(&stage, name).await?;
        let figures = stage.customers().ledger().figures();
        println!(
            "{name}: {:.1} s, {} orders so far",
            started.elapsed().as_secs_f64(),
            figures.orders
        );
    }
    let proof = match comes_back(kind) {
        true => Some(come_back(&stage).await?),
        false => None,
    };
    leave(stage, proof).await
}

/// The end of every play: the books, and the backup of a shop in which nobody buys any more.
async fn leave(stage: Stage, proof: Option<Proof>) -> Result<()> {
    stage.customers().stop(GRACE).await;
    check_books(&stage, "at the end").await?;
    if let Some(proof) = proof {
        proof.in_silence(&stage).await.context("backed up in silence")?;
    }
    stage.shutdown(GRACE).await
}

async fn come_back(stage: &Stage) -> Result<Proof> {
    let started = Instant::now();
    let proof = Proof::under_load(stage).await.context("backed up under load")?;
    check_books(stage, "it was backed up").await?;
    println!("backed up, and back elsewhere: {:.1} s", started.elapsed().as_secs_f64());
    Ok(proof)
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
    survives(Kind::Sample, DatabaseKind::Postgres, 1200, &ALL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn vendure_survives_everything() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    survives(Kind::Vendure, DatabaseKind::Postgres, 60, &[&ALL[..], &PLANS].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn vendure_on_mariadb_survives_a_kill() -> Result<()> {
    if !has_mariadb() {
        println!("skipped: this machine has no MariaDB");
        return Ok(());
    }
    survives(Kind::Vendure, DatabaseKind::MariaDb, 60, &ALL[..1]).await
}

/// Python renders a tenth of the pages a second that the others do: fewer customers are its load.
#[tokio::test(flavor = "multi_thread")]
async fn oscar_comes_back_from_its_backup() -> Result<()> {
    if !has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return Ok(());
    }
    let stage = open(Kind::Oscar, DatabaseKind::Postgres, 40).await?;
    let proof = come_back(&stage).await?;
    leave(stage, Some(proof)).await
}
