//! Starts workers and hears what they say.

use super::{Backups, opened_by};
use crate::backup_worker::{Done, Event, Job, MARK, Trouble, story};
use host::{
    cgroup::{Cgroup, GroupLimits},
    process::{Process, Spawn, Stdin},
};
use std::{
    os::{fd::OwnedFd, unix::net::UnixStream as Pair},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

/// What a worker may know of our environment: where programs, keys and temporary files are, and in
/// which language to say what goes wrong.
const PASSED_ON: [&str; 8] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "SSH_AUTH_SOCK", "RUST_LOG"];
/// It has said its last word and has nothing more to do.
const END_GRACE: Duration = Duration::from_secs(5);
/// A line that is longer is no worker's.
const LINE_BYTES: u64 = 256 << 20;

/// For jobs whose progress nobody wants to hear of.
pub(super) fn unheard(_: &Event) {}

impl Backups {
    /// Has a worker do one thing. Dropped, it ends the worker.
    ///
    /// # Errors
    /// What the worker says went wrong, or that it ended without a word.
    pub(super) async fn work(
        &self,
        mut job: Job,
        heard: &(dyn Fn(&Event) + Sync),
    ) -> Result<Done, Box<Trouble>> {
        let limit_bytes = job.limits.memory_bytes;
        let by = opened_by(&job.at);
        let group = Group::make(&job);
        job.group = group.as_ref().map(|group| group.0.path().to_owned()).map_err(Clone::clone);
        let (mut process, stream) = self.start(&job).map_err(|why| not_started(&why))?;
        let (reading, mut writing) = stream.into_split();
        let mut line = serde_json::to_vec(&job).expect("invariant: our own types are JSON");
        drop(job);
        line.push(b'\n');
        let told = writing.write_all(&line).await;
        line.fill(0);
        // One that has ended already says why by its end.
        let mut lines = BufReader::new(tokio::io::AsyncReadExt::take(reading, LINE_BYTES)).lines();
        let mut outcome = None;
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(Event::Done(done)) => outcome = Some(Ok(*done)),
                Ok(Event::Failed(trouble)) => outcome = Some(Err(Box::new(trouble))),
                Ok(Event::Opened(key)) => drop(self.keys().insert(by.clone(), key)),
                Ok(event) => heard(&event),
                Err(error) => tracing::warn!(%error, "a worker said something that nobody knows"),
            }
            if outcome.is_some() {
                break;
            }
        }
        drop(writing);
        drop(lines);
        let ended = process.stop(END_GRACE).await;
        if !matches!(outcome, Some(Ok(_))) && group.is_ok_and(|group| group.0.ran_out_of_memory()) {
            return Err(Box::new(Trouble::out_of_memory(limit_bytes, limit_bytes)));
        }
        outcome.unwrap_or_else(|| {
            let how = match (ended, told) {
                (Ok(status), _) => status.to_string(),
                (Err(error), _) => story(&error),
            };
            let said = [("how", how.as_str().into())];
            let message = format!("the worker ended without a word: {how}");
            Err(Box::new(Trouble::new("worker_ended", said, message).for_now()))
        })
    }

    fn start(&self, job: &Job) -> Result<(Process, UnixStream), String> {
        let failed = |error: std::io::Error| error.to_string();
        let (ours, its) = Pair::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let environment = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut spawn = Spawn::new(&self.program)
            .args(["backup-worker", job.work.name(), job.shop.as_str()])
            .clear_env()
            .env(MARK, &self.state)
            .stdin(Stdin::Descriptor(OwnedFd::from(its)));
        for (name, value) in environment {
            spawn = spawn.env(name, value);
        }
        let process = spawn.start().map_err(|error| story(&error))?;
        Ok((process, UnixStream::from_std(ours).map_err(failed)?))
    }
}

/// Dropped, it ends what is still in it: the server and the shop of a drill too.
struct Group(Cgroup);

impl Group {
    /// The error is told in the run's own log, as what limits it instead.
    fn make(job: &Job) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let limits = GroupLimits {
            memory_bytes: job.limits.memory_bytes,
            cpu_percent: job.limits.cpu_percent,
        };
        // An old control that has not quite ended may have one of the same number.
        let name = format!("backup.{}-{number}", std::process::id());
        Cgroup::limited(&name, limits).map(Self).map_err(|error| story(&error))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.0.leave_no_trace() {
            tracing::debug!(%error, "the next run removes a control group");
        }
    }
}

fn not_started(why: &str) -> Box<Trouble> {
    let message = format!("start a worker: {why}");
    Box::new(Trouble::new("worker_not_started", [("error", why.into())], message).for_now())
}
