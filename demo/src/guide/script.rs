//! How each thing to try is done on the stage.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{MOST_PER_MINUTE, Prompter, acts::ACTS, lock};
use crate::{
    shop::Fault,
    stage::{Instance, Stage},
};

const PAUSE: Duration = Duration::from_secs(10);
/// How often somebody is waited for who orders.
const PAUSES: usize = 6;
const SLOW_QUERY_MS: u64 = 600;
const LEAK_MB: usize = 5;
const ERROR_RATE: f64 = 0.2;
/// Longer than a customer waits, and no error.
const SLOW_CHECKOUT_MS: u64 = 5_000;

/// Does `act`, or begins it when it takes a while; says what was done.
///
/// # Errors
/// When there is no such act, it is being done already, or it does not work.
pub(super) async fn perform(
    prompter: &Arc<Prompter>,
    act: &str,
    value: Option<u64>,
) -> Result<String> {
    let stage = &prompter.stage;
    let said = match act {
        "customers" => {
            let rate = value.context("say how many a minute: customers 300")?;
            set_rate(stage, rate)
        }
        "tenfold" => set_rate(stage, prompter.usual_rate * 10),
        "usual" => set_rate(stage, prompter.usual_rate),
        "kill-instance" => {
            let instance = one(stage, value)?;
            instance.kill().await?;
            format!("{} was killed", instance.name())
        }
        "hang-instance" => {
            let instance = one(stage, value)?;
            instance.hang().await?;
            format!("{} hangs: it runs, and answers nothing", instance.name())
        }
        "start-instance" => {
            let instance = one(stage, value)?;
            instance.start().await?;
            format!("{} runs", instance.name())
        }
        "stop-both" => return begin(prompter, "stop-both", "The shop is away for ten seconds"),
        "redeploy" => return begin(prompter, "redeploy", "The new version is being deployed"),
        "redeploy-and-die" => {
            return begin(prompter, "redeploy-and-die", "The new version is being deployed");
        }
        "take-backup" => {
            return begin(prompter, "take-backup", "The shop is being backed up");
        }
        "delete-order" => {
            return begin(prompter, "delete-order", "The newest order is being deleted");
        }
        "restore-beside" => {
            return begin(prompter, "restore-beside", "The shop is being restored beside itself");
        }
        "go-back" => {
            return begin(prompter, "go-back", "The shop goes back to its newest backup");
        }
        "go-to-a-moment" => {
            return begin(prompter, "go-to-a-moment", "A moment that no backup has is being made");
        }
        "unsafe-setting" => {
            stage.wait_for_disks(false).await?;
            "The database no longer waits for its disk".to_owned()
        }
        "safe-setting" => {
            stage.wait_for_disks(true).await?;
            "The database waits for its disk again".to_owned()
        }
        "damage-backup" => {
            return begin(prompter, "damage-backup", "A bit of the backups was turned around");
        }
        "add-replica" => {
            let run = storewarden(stage)?.begin_replica().await?;
            format!("Run {run} makes a replica: see Changes, and then Databases")
        }
        "remove-replica" => {
            let run = storewarden(stage)?.begin_removing_replica().await?;
            format!("Run {run} removes the replica")
        }
        "explore" => busiest(storewarden(stage)?).await?,
        "propose-change" => {
            let run = storewarden(stage)?.propose_contact().await?;
            format!("Run {run} waits for your yes, in Changes")
        }
        "kill-control" => {
            storewarden(stage)?.kill_control()?;
            "Storewarden’s control process was killed".to_owned()
        }
        "kill-stream" => {
            let killed = storewarden(stage)?.kill_stream();
            killed.context("no changes are followed: the shop's database is no PostgreSQL")?;
            "What follows the database was killed".to_owned()
        }
        "replace-edge" => {
            storewarden(stage)?.replace_edge()?;
            "A new edge is taking over".to_owned()
        }
        other => {
            let (fault, said) = changed(stage.fault().await, other)?;
            stage.set_fault(fault).await?;
            said.to_owned()
        }
    };
    prompter.say(&said);
    Ok(said)
}

/// The faults after an act that only changes those.
fn changed(fault: Fault, act: &str) -> Result<(Fault, &'static str)> {
    Ok(match act {
        "break-checkout" => (Fault { payment_down: true, ..fault }, "The payment provider is down"),
        "mend-checkout" => (Fault { payment_down: false, ..fault }, "The payment provider is back"),
        "slow-checkout" => (
            Fault { slow_checkout_ms: SLOW_CHECKOUT_MS, ..fault },
            "Every checkout takes five seconds longer",
        ),
        "mend-slow-checkout" => {
            (Fault { slow_checkout_ms: 0, ..fault }, "The checkout is quick again")
        }
        "hang-queue" => (Fault { jobs_hang: true, ..fault }, "Nobody works on the queue any more"),
        "mend-queue" => (Fault { jobs_hang: false, ..fault }, "The queue is worked on again"),
        "slow-queries" => {
            (Fault { slow_query_ms: SLOW_QUERY_MS, ..fault }, "Every query takes 600 ms longer")
        }
        "mend-queries" => (Fault { slow_query_ms: 0, ..fault }, "The queries are quick again"),
        "errors" => (Fault { error_rate: ERROR_RATE, ..fault }, "Every fifth page fails"),
        "mend-errors" => (Fault { error_rate: 0.0, ..fault }, "Pages work again"),
        "leak" => (Fault { leak_mb_per_request: LEAK_MB, ..fault }, "app-1 leaks memory"),
        "mend-leak" => (Fault { leak_mb_per_request: 0, ..fault }, "app-1 leaks no more"),
        "mend" => (Fault::default(), "No faults are left"),
        other => {
            let words: Vec<&str> =
                ACTS.iter().flat_map(|act| [Some(act.id), act.undo]).flatten().collect();
            bail!(
                "there is nothing called `{other}` to try. There is: customers N, tenfold, usual, \
                 mend, {}",
                words.join(", ")
            )
        }
    })
}

fn set_rate(stage: &Stage, per_minute: u64) -> String {
    let rate = per_minute.min(MOST_PER_MINUTE);
    stage.customers().set_rate(rate);
    format!("{rate} customers a minute")
}

/// The instance of this number, counted from 1; the first without.
fn one(stage: &Stage, number: Option<u64>) -> Result<&Instance> {
    let number = usize::try_from(number.unwrap_or(1))?;
    let index = number.checked_sub(1).context("instances are counted from 1")?;
    stage.instances().get(index).with_context(|| format!("there is no app-{number}"))
}

fn storewarden(stage: &Stage) -> Result<&crate::stage::Storewarden> {
    stage.storewarden().context("this stage has no Storewarden")
}

/// The programs that keep the machine's processors busiest, by a query of PromQL.
async fn busiest(storewarden: &crate::stage::Storewarden) -> Result<String> {
    const QUERY: &str =
        "topk(3,sum%20by(groupname)(rate(namedprocess_namegroup_cpu_seconds_total%5B1m%5D)))";
    let answer = storewarden.query(QUERY).await?;
    let answer: Value = serde_json::from_slice(&answer.body).context("understand the answer")?;
    let rows = answer["data"]["result"].as_array().context("the answer has no result")?;
    let told = rows.iter().filter_map(|row| {
        let share: f64 = row["value"][1].as_str()?.parse().ok()?;
        Some(format!("{} {:.0} %", row["metric"]["groupname"].as_str()?, share * 100.0))
    });
    let told: Vec<String> = told.collect();
    ensure!(
        !told.is_empty(),
        "the machine was read less than twice so far: try again in ten seconds"
    );
    Ok(format!("Of one processor: {}", told.join(", ")))
}

/// Starts what takes a while, one at a time: they would pull the same instances to and fro.
fn begin(prompter: &Arc<Prompter>, act: &'static str, said: &str) -> Result<String> {
    {
        let mut busy = lock(&prompter.busy);
        if let Some(other) = busy.first() {
            bail!("{other} is being done right now");
        }
        busy.insert(act);
    }
    prompter.say(said);
    let owned = Arc::clone(prompter);
    let mut tasks = lock(&prompter.tasks);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(async move {
        let done = match act {
            "redeploy" => redeploy(&owned, false).await,
            "redeploy-and-die" => redeploy(&owned, true).await,
            "take-backup" => back_up_and_restore(&owned).await,
            "delete-order" => delete_order(&owned).await,
            "restore-beside" => restore_beside(&owned).await,
            "go-back" => go_back(&owned).await,
            "go-to-a-moment" => go_to_a_moment(&owned).await,
            "damage-backup" => damage_backup(&owned).await,
            _ => stop_both(&owned).await,
        };
        if let Err(error) = done {
            owned.say(&format!("That did not work: {error:#}"));
        }
        lock(&owned.busy).remove(act);
    });
    Ok(said.to_owned())
}

/// Backs up, and restores the pictures beside those that visitors see.
async fn back_up_and_restore(prompter: &Prompter) -> Result<()> {
    let storewarden = storewarden(&prompter.stage)?;
    let is_done = |run: &Value| run["state"] == "done";
    let run = storewarden.begin_backup().await?;
    storewarden.run_reaches(&run, is_done).await?;
    let (pictures, restored) = prompter.stage.pictures();
    let run = storewarden.begin_restore(&pictures, &restored).await?;
    storewarden.run_reaches(&run, is_done).await?;
    prompter.say(&format!("The pictures are in {} as well", restored.display()));
    Ok(())
}

/// Deletes the newest order. Where the shop's changes are not followed, a backup must have it before.
async fn delete_order(prompter: &Prompter) -> Result<()> {
    let (stage, storewarden) = (&prompter.stage, storewarden(&prompter.stage)?);
    let newest = stage.rows().await?.pop().context("nobody has ordered anything yet")?;
    if !storewarden.is_followed().await? {
        let run = storewarden.begin_backup().await?;
        storewarden.run_reaches(&run, |run| run["state"] == "done").await?;
    }
    stage.delete_order(&newest.number).await?;
    prompter.say(&format!(
        "Order {} was deleted with its lines, its payment and its cart: see Incidents, and Orders › \
         Deleted",
        newest.number
    ));
    Ok(())
}

/// Loses an old order, and restores the newest backup in place with the orders that are newer.
async fn go_back(prompter: &Prompter) -> Result<()> {
    let (stage, storewarden) = (&prompter.stage, storewarden(&prompter.stage)?);
    let run = storewarden.begin_backup().await?;
    storewarden.run_reaches(&run, |run| run["state"] == "done").await?;
    let lost = stage.rows().await?.into_iter().next().context("nobody has ordered anything yet")?;
    stage.delete_order(&lost.number).await?;
    let run = storewarden.begin_going_back().await?;
    let is_over =
        |run: &Value| !matches!(run["state"].as_str(), Some("waiting" | "running" | "undoing"));
    let last = storewarden.run_reaches(&run, is_over).await?;
    if last["state"] != "done" {
        bail!("run {run} is {}: see Changes", last["state"]);
    }
    prompter.say(&format!(
        "Order {} is there again, and no newer one was lost: see Changes, and Orders",
        lost.number
    ));
    Ok(())
}

/// Deletes an order that no backup has, and restores the database as it was just before.
async fn go_to_a_moment(prompter: &Prompter) -> Result<()> {
    let (stage, storewarden) = (&prompter.stage, storewarden(&prompter.stage)?);
    ensure!(
        storewarden.is_followed().await?,
        "no changes are followed: the shop's database is no PostgreSQL"
    );
    let run = storewarden.begin_backup().await?;
    storewarden.run_reaches(&run, |run| run["state"] == "done").await?;
    let sold = stage.rows().await?.len();
    let mut newest = None;
    for _ in 0..PAUSES {
        tokio::time::sleep(PAUSE).await;
        newest = stage.rows().await?.into_iter().skip(sold).last();
        if newest.is_some() {
            break;
        }
    }
    let newest = newest.context("nobody ordered anything since: turn the customers up")?;
    let moment = jiff::Timestamp::now();
    stage.delete_order(&newest.number).await?;
    let run = storewarden.begin_going_to(moment.as_millisecond()).await?;
    let is_over =
        |run: &Value| !matches!(run["state"].as_str(), Some("waiting" | "running" | "undoing"));
    let last = storewarden.run_reaches(&run, is_over).await?;
    if last["state"] != "done" {
        bail!("run {run} is {}: see Changes", last["state"]);
    }
    prompter.say(&format!(
        "Run {run} made the database of {} beside the live one: order {}, which no backup has and which was \
         deleted then, is in it",
        moment.strftime("%H:%M:%S UTC"),
        newest.number
    ));
    Ok(())
}

/// Restores files and database beside the live shop, and starts a second one from them.
async fn restore_beside(prompter: &Prompter) -> Result<()> {
    let (stage, storewarden) = (&prompter.stage, storewarden(&prompter.stage)?);
    let (folder, database) = stage.beside(jiff::Timestamp::now().as_second());
    let run = storewarden.begin_restore_whole(&folder, &database).await?;
    prompter.say(&format!("Run {run} restores it: see Changes"));
    let is_over =
        |run: &Value| !matches!(run["state"].as_str(), Some("waiting" | "running" | "undoing"));
    let last = storewarden.run_reaches(&run, is_over).await?;
    if last["state"] != "done" {
        bail!("run {run} is {}: take a backup first, and see Changes", last["state"]);
    }
    let address = stage.start_second(&folder, &database).await?;
    prompter.say(&format!(
        "A second shop sells at http://{address}, from the backup: its orders are those of then, and \
         what you buy there stays there"
    ));
    Ok(())
}

/// Spoils the backups, has them read again, and has the newest tried.
async fn damage_backup(prompter: &Prompter) -> Result<()> {
    let storewarden = storewarden(&prompter.stage)?;
    prompter.stage.damage_backup()?;
    let run = storewarden.begin_verification().await?;
    storewarden.run_reaches(&run, |run| run["state"] == "failed").await?;
    let drill = storewarden.begin_drill().await?;
    let is_over = |run: &Value| run["state"] == "failed" || run["state"] == "done";
    let drilled = storewarden.run_reaches(&drill, is_over).await?;
    // What is damaged may be of an older backup only.
    let came_back = if drilled["state"] == "done" { "came back" } else { "did not come back" };
    prompter.say(&format!("Run {run} has found it; when it was tried, the newest {came_back}"));
    Ok(())
}

async fn stop_both(prompter: &Prompter) -> Result<()> {
    let stage = &prompter.stage;
    for instance in stage.instances() {
        instance.stop().await?;
    }
    tokio::time::sleep(PAUSE).await;
    stage.start_instances().await?;
    prompter.say("The shop is back");
    Ok(())
}

/// By Storewarden, as a run of its own, with control killed in the middle when that is wanted;
/// without Storewarden one instance after the other, which visitors notice.
async fn redeploy(prompter: &Prompter, and_die: bool) -> Result<()> {
    let stage = &prompter.stage;
    let Some(storewarden) = stage.storewarden() else {
        for instance in stage.instances() {
            instance.stop().await?;
            instance.start().await?;
            prompter.say(&format!("{} has the new version", instance.name()));
        }
        return Ok(());
    };
    let run = storewarden.begin_redeploy().await?;
    prompter.say(&format!("Run {run} deploys: see Changes"));
    if and_die {
        storewarden.run_reaches(&run, |run| run["done_steps"].as_u64() >= Some(1)).await?;
        storewarden.kill_control()?;
        prompter.say("Storewarden’s control process was killed");
    }
    let at_rest =
        |run: &Value| !matches!(run["state"].as_str(), Some("waiting" | "running" | "undoing"));
    let last = storewarden.run_reaches(&run, at_rest).await?;
    prompter.say(&format!("Run {run} is {}", last["state"].as_str().unwrap_or("unknown")));
    Ok(())
}
