//! Tries a backup by restoring it, and says what was found.

use super::{Database, Done, Event, Job, Trouble, Voice, work};
use databases::orders::OrderQuery;
use kernel::config::Secret;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};
use vault::{
    Origin, Snapshot,
    drill::{self, Changes, Objective, Request, Stage},
    journal::Place,
};

/// What is to be tried, and beside what.
#[derive(Serialize, Deserialize)]
pub(crate) struct Drill {
    pub(crate) snapshot: String,
    pub(crate) scratch: PathBuf,
    /// The living shop's.
    pub(crate) live: Option<Database>,
    /// How its platform's orders are read.
    pub(crate) orders: Option<String>,
    /// Whose file says what belongs to an order.
    pub(crate) platform: String,
    pub(crate) boot: Option<Boot>,
    /// The state directory with the journal that its database goes on by; `None`: it has none.
    pub(crate) journal: Option<PathBuf>,
    pub(crate) objective: Objective,
}

/// How the shop is started from what was restored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Boot {
    pub(crate) command: Vec<String>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) status: (u16, u16),
    pub(crate) body: Option<String>,
    pub(crate) within_ms: u64,
}

impl Boot {
    fn wanted(&self) -> drill::Boot {
        let secret = |(name, value): &(String, String)| (name.clone(), Secret::new(value.clone()));
        drill::Boot {
            command: self.command.clone(),
            directory: self.directory.clone(),
            user: self.user.clone(),
            environment: self.environment.iter().map(secret).collect(),
            host: self.host.clone(),
            path: self.path.clone(),
            status: self.status,
            body: self.body.clone(),
            within: Duration::from_millis(self.within_ms),
        }
    }
}

/// # Errors
/// What kept it from being tried. What is wrong with the backup stands in the report.
pub(super) fn run(job: &Job, wanted: &Drill, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let repository = job.at.open(job.limits)?;
    let snapshot = work::find(job, &repository, &wanted.snapshot)?;
    let all = work::ours(job, &repository, &job.at)?;
    let (dump, changes) = goes_on(job, wanted, (&all, &snapshot));
    let reader = repository.reader().map_err(|error| job.at.trouble(error))?;
    let live = wanted.live.as_ref();
    let orders = wanted.orders.as_deref().map(OrderQuery::new).transpose();
    let request = Request {
        snapshot,
        dump,
        changes,
        scratch: wanted.scratch.clone(),
        live: live.map(Database::url),
        orders: orders.map_err(|error| Trouble::of_database(&error, "orders"))?,
        graphs: shops::platform(&wanted.platform)
            .map(|platform| platform.graphs.clone())
            .unwrap_or_default(),
        boot: wanted.boot.as_ref().map(Boot::wanted),
        objective: wanted.objective,
        origin: Origin::of_this_process(),
        now_ms: job.now_ms,
    };
    let report = drill::run(&reader, &request, &|stage| tell(stage, voice));
    report.map(|report| Done::Drilled(Box::new(report))).map_err(|error| job.at.trouble(error))
}

/// Where the dumps are, when they are in another backup; and up to when its database goes on from there:
/// of the newest backup to the newest moment that there is, of an older one to where it stands.
fn goes_on(
    job: &Job,
    wanted: &Drill,
    (all, snapshot): (&[Snapshot], &Snapshot),
) -> (Option<Snapshot>, Option<Changes>) {
    let stands_ms = work::journal_of(snapshot);
    let dump = work::dump_before(all, snapshot).filter(|_| stands_ms.is_some());
    let is_newest = all.last().is_some_and(|newest| newest.id == snapshot.id);
    let state = wanted.journal.as_ref().filter(|_| is_newest || stands_ms.is_some());
    let changes = state.map(|state| Changes {
        place: Place::of(state, &job.shop),
        until_ms: stands_ms.filter(|_| !is_newest),
    });
    (dump.cloned(), changes)
}

fn tell(stage: &Stage<'_>, voice: &Voice) {
    let measured = |bytes: u64, total_bytes: Option<u64>| {
        let total_bytes = total_bytes.filter(|total| *total >= bytes);
        voice.say(&Event::Progress { bytes, total_bytes });
    };
    match stage {
        Stage::Files(progress) => measured(progress.bytes, progress.total_bytes),
        Stage::Server => voice.line("files are restored; a database server of its own starts"),
        Stage::Database(progress) => measured(progress.bytes_done, Some(progress.bytes)),
        Stage::Changes { done, total } => {
            voice.say(&Event::Changes { done: *done, total: *total });
        }
        Stage::Orders => {
            voice.line("the database is loaded; its orders are compared with the shop's");
        }
        Stage::Boot => voice.line("the shop is started from what was restored"),
    }
}
