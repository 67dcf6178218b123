//! The changes that somebody may wish for, as plans made from what is there now. The changes that
//! are control's own, of the configuration and of our old records, are made here as well.

pub(super) mod configuration;
pub(super) mod records;

use super::start::Start;
use ::plan::{Calendar, Engine, Moments, Settings};
use api::{Command, Refusal, Wished};
use configuration::Configurator;
use kernel::plan::{Approval, Performer, Plan, PlanKind};
use records::Archivist;
use std::{path::Path, sync::Arc};
use store::Store;
use tokio::sync::mpsc;

/// Runs that act at the same time.
const AT_ONCE: usize = 4;
/// The folder in the state directory where the logs of runs lie.
const LOGS: &str = "runs";

/// What is there now, as far as plans are made from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation<'a> {
    /// The configuration file.
    pub(super) file: &'a Path,
    /// The text that is in force.
    pub(super) text: &'a str,
    pub(super) now_ms: i64,
}

/// The engine with everybody who can do something. Nothing acts before it is told to resume.
pub(super) async fn engine(
    store: Store,
    start: &Start,
    state: &Path,
    commands: mpsc::Sender<Command>,
) -> anyhow::Result<Engine> {
    let logs = state.join(LOGS);
    let configurator = Configurator { file: start.file().to_owned(), commands };
    let archivist = Archivist { store: store.clone(), run_logs: logs.clone() };
    let performers: Vec<Arc<dyn Performer>> = vec![Arc::new(configurator), Arc::new(archivist)];
    let settings = Settings {
        logs,
        at_once: AT_ONCE,
        calendar: Calendar::default(),
        clock: Arc::new(super::now_ms),
        moments: Moments::default(),
    };
    Ok(Engine::open(store, performers, settings).await?)
}

/// Makes the plan for a wish.
///
/// # Errors
/// When it cannot be fulfilled as things are.
pub(super) fn plan(wish: Wished, now: Situation<'_>) -> Result<Plan, Refusal> {
    let Situation { file, text: before, now_ms } = now;
    let read = || {
        std::fs::read_to_string(file).map_err(|error| {
            refuse(format!("the configuration file `{}` cannot be read: {error}", file.display()))
        })
    };
    match wish {
        Wished::ApplyConfiguration { text } => {
            let on_disk = read()?;
            let (before, approval) = (on_disk.clone(), Approval::Needed);
            let wanted = configuration::Wanted { text, before, approval };
            configuration::plan(file, &on_disk, wanted, now_ms)
        }
        Wished::TakeOverFile => {
            // Who edited the file has signed it.
            let on_disk = read()?;
            let (text, before) = (on_disk.clone(), before.to_owned());
            let wanted = configuration::Wanted { text, before, approval: Approval::NotNeeded };
            configuration::plan(file, &on_disk, wanted, now_ms)
        }
        Wished::CleanUp => Ok(records::plan(now_ms)),
        Wished::RestartInstance { .. } | Wished::RollingRedeploy { .. } => {
            Err(refuse("instances cannot be restarted yet"))
        }
    }
}

fn refuse(message: impl Into<String>) -> Refusal {
    Refusal { message: message.into(), details: Vec::new() }
}

/// A kind that this program itself names.
fn kind(name: &'static str) -> PlanKind {
    name.parse().expect("invariant: our own kinds of plans are well named")
}
