//! The changes that somebody may wish for, as plans made from what is there now. The changes that
//! are control's own, of the configuration and of our old records, are made here as well.

pub(super) mod certificates;
pub(super) mod configuration;
pub(super) mod front;
pub(super) mod records;

use super::{
    backups::{self, Backups},
    databases::{Databases, replica_plans},
    fleet::Pools,
    start::Start,
};
use crate::{
    backup_worker::Reached,
    configuration::{Loaded, NotIncluded, changed, load},
};
use ::plan::{Calendar, Engine, Moments, Settings};
use anyhow::Context;
use api::{Command, Refusal, Wished};
use apps::{Instances, KeeperProgram, Means, PoolView, Systemd};
use certificates::Certifier;
use configuration::{Configurator, Wanted};
use front::WebServers;
use host::process::Spawn;
use kernel::{
    ShopId,
    config::Configuration,
    plan::{Approval, PLAN_KINDS, Performer, Plan, PlanKind, Purpose, Reason},
};
use records::Archivist;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use store::Store;
use tokio::sync::mpsc;

/// Runs that act at the same time.
const AT_ONCE: usize = 4;
/// The folder in the state directory where the logs of runs lie.
const LOGS: &str = "runs";
/// The folder in the state directory where instances that we start have theirs.
const INSTANCES: &str = "instances";
/// The file in the state directory that tests leave.
const DIE_AT: &str = "die-at";

/// What is there now, as far as plans are made from it.
#[derive(Clone)]
pub(super) struct Situation<'a> {
    /// The configuration file.
    pub(super) file: &'a Path,
    /// The text that is in force, and what it means.
    pub(super) text: &'a str,
    pub(super) configuration: &'a Configuration,
    /// The instances of the shop that the wish is about; `None` when it is about none that is
    /// known.
    pub(super) pool: Option<&'a PoolView>,
    /// The serial of the ordered certificate of the shop that the wish is about.
    pub(super) serial: Option<String>,
    /// The plan to stand before the shop that the wish is about.
    pub(super) front: Option<Result<Plan, Refusal>>,
    /// The plan to bring an order back that the wish is about.
    pub(super) order: Option<Result<Plan, Refusal>>,
    /// From where the moment is reached that the wish is about.
    pub(super) moment: Option<Result<Reached, Refusal>>,
    /// When people had their data erased, of the shop whose database the wish is to bring back.
    pub(super) erased_ms: Result<Vec<i64>, Refusal>,
    /// The plan to mend a database that the wish is about.
    pub(super) mend: Option<Result<Plan, Refusal>>,
    /// The plan to remove what was put aside that the wish is about.
    pub(super) aside: Option<Result<Plan, Refusal>>,
    /// The plan to put objects into a bucket that the wish is about.
    pub(super) objects: Option<Result<Plan, Refusal>>,
    /// What repositories list; `None` where the wish is about no backup.
    pub(super) backups: Option<&'a Backups>,
    pub(super) now_ms: i64,
}

/// The performers that others made.
pub(super) struct Others {
    pub(super) instances: Arc<Instances<Pools>>,
    pub(super) certifier: Arc<Certifier>,
    pub(super) backups: Arc<Backups>,
    pub(super) databases: Arc<Databases>,
}

/// The engine with everybody who can do something. Nothing acts before it is told to resume.
pub(super) async fn engine(
    store: Store,
    start: &Start,
    state: &Path,
    commands: mpsc::Sender<Command>,
    others: Others,
) -> anyhow::Result<Engine> {
    let logs = state.join(LOGS);
    let configurator =
        Configurator { file: start.file().to_owned(), commands, cut_off: start.cut_off() };
    let archivist = Archivist {
        store: store.clone(),
        run_logs: logs.clone(),
        orders: state.join(backups::orders::KEPT),
    };
    let web_servers = WebServers { state: state.to_owned(), now_ms: super::now_ms };
    let performers: Vec<Arc<dyn Performer>> = vec![
        Arc::new(configurator),
        Arc::new(archivist),
        Arc::new(web_servers),
        others.certifier,
        others.instances,
        others.backups,
        others.databases,
    ];
    let settings = Settings {
        logs,
        at_once: AT_ONCE,
        calendar: Calendar::default(),
        clock: Arc::new(super::now_ms),
        look_again: Settings::LOOK_AGAIN,
        moments: moments(state),
    };
    Ok(Engine::open(store, performers, settings).await?)
}

/// The drivers of this machine: keepers are processes of this program.
pub(super) fn means(state: &Path) -> anyhow::Result<Means> {
    let program = std::env::current_exe().context("find our own program")?;
    let keeper = KeeperProgram::new(move |folder| Spawn::new(&program).arg("keep").arg(folder));
    Ok(Means { folder: state.join(INSTANCES), keeper, systemd: Systemd::here() })
}

/// For tests of programs with debug assertions: a file in the state directory names the moment
/// (`STEP:POINT`, with `:undo`) at which control dies as if killed, or several, a line each: death
/// after death. A line is taken away before, so that the next control goes on.
fn moments(state: &Path) -> Moments {
    if !cfg!(debug_assertions) {
        return Moments::default();
    }
    let file = state.join(DIE_AT);
    Moments::watched_by(move |moment| {
        let undo = if moment.undo { ":undo" } else { "" };
        let here = format!("{}:{}{undo}", moment.step, moment.point.code());
        let Ok(text) = std::fs::read_to_string(&file) else { return };
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        if first.trim() != here {
            return;
        }
        let taken = match rest.trim() {
            "" => std::fs::remove_file(&file),
            rest => std::fs::write(&file, rest),
        };
        if taken.is_ok() {
            std::process::abort();
        }
    })
}

/// Makes the plan for a wish.
///
/// # Errors
/// When it cannot be fulfilled as things are.
pub(super) fn plan(wish: Wished, now: Situation<'_>) -> Result<Plan, Refusal> {
    let rules = &now.configuration.plan;
    let plan = made_for(wish, now)?;
    let window = rules.window_of(&plan.kind, plan.shop.as_ref(), plan.purpose).cloned();
    Ok(Plan { window, ..plan })
}

fn made_for(wish: Wished, now: Situation<'_>) -> Result<Plan, Refusal> {
    let Situation {
        file,
        text: in_force,
        configuration,
        pool,
        serial,
        front,
        order,
        moment,
        erased_ms,
        mend,
        aside,
        objects,
        backups,
        now_ms,
    } = now;
    match wish {
        Wished::ApplyConfiguration { texts } => {
            let on_disk = readable(file, load(file))?.text;
            let wanted = readable(file, changed(file, texts))?;
            let wanted = Wanted { wanted, before: on_disk.clone(), approval: Approval::Needed };
            configuration::plan(file, &on_disk, wanted, now_ms)
        }
        Wished::TakeOverFile => {
            let wanted = readable(file, load(file))?;
            let (on_disk, before) = (wanted.text.clone(), in_force.to_owned());
            // Who edited the file has signed it.
            let wanted = Wanted { wanted, before, approval: Approval::NotNeeded };
            configuration::plan(file, &on_disk, wanted, now_ms)
        }
        Wished::RenewCertificate { shop } => {
            certificates::plan(configuration, &shop, serial, now_ms)
        }
        Wished::Front { .. } => front.expect("invariant: made before it is asked for"),
        Wished::RestoreOrder { .. } => order.expect("invariant: made before it is asked for"),
        Wished::MendDatabase { .. } => mend.expect("invariant: made before it is asked for"),
        Wished::RemoveAside { .. } => aside.expect("invariant: made before it is asked for"),
        Wished::AddReplica { shop, folder, listen } => {
            replica_plans::add(file, configuration, (&shop, &folder, listen), now_ms)
        }
        Wished::RemoveReplica { shop } => replica_plans::remove(file, configuration, &shop, now_ms),
        Wished::PromoteReplica { shop, is_dead } => {
            replica_plans::promote(file, configuration, (&shop, is_dead), now_ms)
        }
        Wished::CleanUp => Ok(records::plan(now_ms)),
        // Who asks for one by hand has no time to wait for what frees room.
        Wished::BackUp { shop, dump } => {
            backups::plans::back_up(configuration, &shop, (false, dump), now_ms)
        }
        Wished::VerifyBackup { shop, all } => {
            backups::plans::verify(configuration, &shop, all, now_ms)
        }
        Wished::DrillBackup { shop, snapshot, sheet } => {
            let known = backups.expect("invariant: given to whoever wishes");
            let wanted = (snapshot.as_str(), sheet.as_ref());
            backups::drills::plan(configuration, known, &shop, wanted, now_ms)
        }
        Wished::RestoreDatabase { shop, wanted } => {
            let known = backups.expect("invariant: given to whoever wishes");
            let reached = moment.transpose()?;
            let erased_ms = erased_ms?;
            let since = (reached.as_ref(), erased_ms.as_slice());
            backups::databases::plan(configuration, known, &shop, &wanted, since, now_ms)
        }
        Wished::RestoreBackup { .. } if objects.is_some() => {
            objects.expect("invariant: it was just seen")
        }
        Wished::RestoreBackup { shop, wanted } => {
            let known = backups.expect("invariant: given to whoever wishes");
            let reached = moment.transpose()?;
            let erased_ms = erased_ms?;
            let wanted = (wanted, reached.as_ref(), erased_ms.as_slice());
            backups::plans::restore(configuration, known, &shop, wanted, now_ms)
        }
        Wished::RestartInstance { shop, instance, forced } => {
            // The same program again mends and changes nothing: a freeze does not hold it back.
            let wish = apps::Wish { forced, purpose: Purpose::Repair };
            let view = seen(pool)?;
            made(apps::restart_instance(configuration, view, &shop, &instance, wish, now_ms))
        }
        Wished::RollingRestart { shop } => {
            let (view, wish) = (seen(pool)?, apps::Wish::default());
            made(apps::rolling_restart(configuration, view, &shop, wish, now_ms))
        }
        Wished::RollingRedeploy { shop, release } => {
            let (view, wish) = (seen(pool)?, apps::Wish::default());
            made(apps::rolling_redeploy(configuration, view, &shop, &release, wish, now_ms))
        }
    }
}

fn readable(file: &Path, loaded: anyhow::Result<Loaded>) -> Result<Loaded, Refusal> {
    loaded.map_err(|error| {
        if let Some(NotIncluded { file, patterns }) = error.downcast_ref() {
            let paths = |all: &[PathBuf]| {
                let all: Vec<_> = all.iter().map(|one| one.display().to_string()).collect();
                all.join(", ")
            };
            let said = [
                ("file", paths(std::slice::from_ref(file)).into()),
                ("patterns", paths(patterns).into()),
            ];
            return refuse(error.to_string()).because("file_not_included", said);
        }
        let (file, error) = (file.display().to_string(), format!("{error:#}"));
        let said = [("file", file.into()), ("error", error.as_str().into())];
        refuse(error.clone()).because("file_unreadable", said)
    })
}

fn seen(pool: Option<&PoolView>) -> Result<&PoolView, Refusal> {
    pool.ok_or_else(|| refuse("there is no such shop").because("no_shop", []))
}

/// A plan of the instances, or why there is none, with the way out where there is one.
fn made(plan: Result<Plan, apps::Refused>) -> Result<Plan, Refusal> {
    plan.map_err(|refused| {
        let reason = Reason { code: refused.code().to_owned(), params: refused.params() };
        let mut refusal = Refusal { reason: Some(reason), ..refuse(refused.to_string()) };
        if refused.can_be_forced() {
            refusal.details.push("it can be forced: visitors wait until it is back".to_owned());
        }
        refusal
    })
}

/// The shop that a wish is about.
pub(super) fn shop_of(wish: &Wished) -> Option<&ShopId> {
    match wish {
        Wished::RestartInstance { shop, .. }
        | Wished::RollingRestart { shop }
        | Wished::RollingRedeploy { shop, .. }
        | Wished::Front { shop }
        | Wished::BackUp { shop, .. }
        | Wished::VerifyBackup { shop, .. }
        | Wished::DrillBackup { shop, .. }
        | Wished::RestoreBackup { shop, .. }
        | Wished::RestoreDatabase { shop, .. }
        | Wished::RestoreOrder { shop, .. }
        | Wished::MendDatabase { shop, .. }
        | Wished::RemoveAside { shop, .. }
        | Wished::AddReplica { shop, .. }
        | Wished::RemoveReplica { shop }
        | Wished::PromoteReplica { shop, .. }
        | Wished::RenewCertificate { shop } => Some(shop),
        _ => None,
    }
}

pub(super) fn refuse(message: impl Into<String>) -> Refusal {
    Refusal { message: message.into(), details: Vec::new(), reason: None }
}

/// A kind that this program itself names.
pub(super) fn kind(name: &'static str) -> PlanKind {
    debug_assert!(
        PLAN_KINDS.contains(&name),
        "`{name}` cannot be named in a configuration's rules"
    );
    name.parse().expect("invariant: our own kinds of plans are well named")
}
