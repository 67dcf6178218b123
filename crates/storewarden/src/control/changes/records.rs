//! Clean-up of our own old records: files of runs that have ended, and minutes of years ago.
//! What is removed is gone, and the plan says so.

use super::kind;
use kernel::{
    Params,
    plan::{
        Act, Approval, Area, Condition, Failed, Fence, Holds, Intent, Measure, OldData, OnFailure,
        Pending, Performer, Plan, Probe, Progress, Purpose, Step, Undo,
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use store::{Store, StoreError};

/// Run logs are kept for three months, minutes for thirteen.
const KEPT: [(OldData, i64); 2] = [(OldData::RunLogs, 92), (OldData::Minutes, 396)];
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const TIMEOUT_MS: u64 = 10 * 60_000;

/// The plan that removes what is older than we keep things.
pub(in crate::control) fn plan(now_ms: i64) -> Plan {
    let steps = KEPT.map(|(what, days)| Step {
        act: Act::RemoveOldData { what, older_than_ms: now_ms - days * DAY_MS },
        undo: Undo::Impossible { reason: "data_is_gone".to_owned() },
        timeout_ms: TIMEOUT_MS,
    });
    Plan {
        kind: kind("clean_up"),
        shop: None,
        params: Params::new(),
        steps: steps.into(),
        made_at_ms: now_ms,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Repair,
        on_failure: OnFailure::Stop,
        window: None,
    }
}

/// Removes what is old, and nothing else.
#[derive(Debug)]
pub(in crate::control) struct Archivist {
    pub(in crate::control) store: Store,
    /// Where the log files of runs lie.
    pub(in crate::control) run_logs: PathBuf,
    /// Where lies what takes orders back that came back by runs.
    pub(in crate::control) orders: PathBuf,
}

/// How much there is of something old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amount {
    count: u64,
    /// `None`: not counted in bytes.
    bytes: Option<u64>,
}

fn subject(act: &Act) -> Result<(OldData, i64), Failed> {
    match act {
        Act::RemoveOldData { what, older_than_ms } => Ok((*what, *older_than_ms)),
        other => Err(Failed::new(format!("`{}` is none of the records'", other.code()))),
    }
}

impl Archivist {
    async fn amount(&self, what: OldData, older_than_ms: i64) -> Result<Amount, Failed> {
        match what {
            OldData::RunLogs => {
                let files = self.old_files(older_than_ms).map_err(unread)?;
                let bytes = files.iter().map(|file| file.bytes).sum();
                Ok(Amount { count: files.len() as u64, bytes: Some(bytes) })
            }
            OldData::Minutes => {
                let count = self.store.count_minutes_before(older_than_ms).await;
                let count = count.map_err(of_store)?;
                Ok(Amount { count, bytes: None })
            }
        }
    }

    /// Of runs that are long over.
    fn old_files(&self, older_than_ms: i64) -> io::Result<Vec<OldFile>> {
        let mut files = old_files(&self.run_logs, "log", older_than_ms)?;
        files.extend(old_files(&self.orders, "sealed", older_than_ms)?);
        Ok(files)
    }

    async fn remove(&self, act: &Act, progress: &dyn Progress) -> Result<Params, Failed> {
        let (what, older_than_ms) = subject(act)?;
        let removed = match what {
            OldData::RunLogs => {
                let files = self.old_files(older_than_ms).map_err(unread)?;
                let total = files.len() as u64;
                for (done, file) in (1..).zip(&files) {
                    if progress.is_cancelled() {
                        let stopped = Failed::new("stopped halfway, as asked");
                        return Err(stopped.because("asked_to_stop", []));
                    }
                    fs::remove_file(&file.path).map_err(|error| {
                        let (path, error) = (file.path.display().to_string(), error.to_string());
                        let said =
                            [("file", path.as_str().into()), ("error", error.as_str().into())];
                        Failed::for_now(format!("remove `{path}`: {error}"))
                            .because("file_not_removed", said)
                    })?;
                    let unit = "files".to_owned();
                    progress.measure(Measure { done, total: Some(total), unit });
                }
                total
            }
            OldData::Minutes => {
                let removed = self.store.remove_minutes_before(older_than_ms).await;
                removed.map_err(of_store)?
            }
        };
        progress.line(&format!("{removed} removed ({})", what.code()));
        Ok(Params::from([("removed".to_owned(), removed.into())]))
    }
}

impl Performer for Archivist {
    fn areas(&self) -> &[Area] {
        &[Area::Records]
    }

    fn conditions<'a>(&'a self, act: &'a Act, _after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(async move {
            let amount = match subject(act) {
                Ok((what, older_than_ms)) => self.amount(what, older_than_ms).await,
                Err(failed) => Err(failed),
            };
            let (params, holds) = match amount {
                Ok(Amount { count, bytes }) => {
                    let mut params = Params::from([("count".to_owned(), count.into())]);
                    params.extend(bytes.map(|bytes| ("bytes".to_owned(), bytes.into())));
                    (params, Holds::Yes)
                }
                Err(failed) => {
                    (Params::from([("error".to_owned(), failed.message.into())]), Holds::Unknown)
                }
            };
            vec![Condition { code: "old_data_counted".to_owned(), params, holds }]
        })
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        _fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(self.remove(act, progress))
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            let (what, older_than_ms) = subject(act)?;
            match self.amount(what, older_than_ms).await?.count {
                0 => Ok(Params::new()),
                left => Err(Failed::for_now(format!("{left} are still there"))
                    .because("still_there", [("count", left.into())])),
            }
        })
    }

    fn probe<'a>(&'a self, act: &'a Act, _intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move {
            let left = match subject(act) {
                Ok((what, older_than_ms)) => self.amount(what, older_than_ms).await,
                Err(failed) => Err(failed),
            };
            match left {
                Ok(Amount { count: 0, .. }) => Probe::Done,
                // How many there were does not matter: removing the rest completes it.
                Ok(_) => Probe::Partial,
                Err(failed) => failed.into(),
            }
        })
    }

    fn fact<'a>(&'a self, _name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

#[derive(Debug)]
struct OldFile {
    path: PathBuf,
    bytes: u64,
}

/// Files with this ending in a folder that nobody has written to since. No folder: no files.
fn old_files(folder: &Path, ending: &str, older_than_ms: i64) -> io::Result<Vec<OldFile>> {
    let oldest = UNIX_EPOCH + Duration::from_millis(u64::try_from(older_than_ms).unwrap_or(0));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (path, about) = (entry.path(), entry.metadata()?);
        let is_ours = path.extension().is_some_and(|extension| extension == ending);
        let written: SystemTime = about.modified()?;
        if about.is_file() && is_ours && written < oldest {
            files.push(OldFile { path, bytes: about.len() });
        }
    }
    Ok(files)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unread(error: io::Error) -> Failed {
    let said = [("error", error.to_string().into())];
    Failed::for_now(format!("look at the run logs: {error}")).because("records_unreadable", said)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn of_store(error: StoreError) -> Failed {
    let said = [("error", error.to_string().into())];
    Failed::for_now(error.to_string()).because("records_unreadable", said)
}
