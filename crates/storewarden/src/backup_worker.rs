//! A backup's worker: a child process that does one thing with a repository and says how far it is.
//!
//! What it is to do comes by the socket that is its standard input, and what it says goes back the
//! same way. It ends as soon as nobody listens any more.

mod bases;
mod carrying;
mod clusters;
mod confirmed;
mod databases;
mod drills;
mod emptied;
mod forgetting;
mod job;
mod moments;
mod objects;
mod orders;
mod place;
mod points;
mod records;
mod streams;
mod trouble;
mod work;

pub(crate) use self::databases::{Deed, Found, Restoring};
pub(crate) use bases::Bases;
pub(crate) use carrying::{CarriedOrders, CarryDeed, Carrying};
pub(crate) use confirmed::ConfirmedOrders;
pub(crate) use drills::{Boot, Drill};
pub(crate) use forgetting::{Forgetting, ForgottenPeople};
pub(crate) use job::{
    Database, Done, Event, Job, Keep, Limits, Listing, Place, Pruned, Records, Sources, To,
    Trouble, Work,
};
pub(crate) use moments::{LogMoment, Moment, Reached, Replayed};
pub(crate) use objects::{CountedObjects, Objects, ObjectsDeed};
pub(crate) use orders::{
    Erasures, Kept, OrderDeed, Orders, Stands, Taken, Told, person, refused as refused_order,
};
pub(crate) use points::{Points, Reached as ReachedSpan, Stream};
pub(crate) use records::{Notes, RECORDS};
pub(crate) use trouble::story;
pub(crate) use work::{dump_before, journal_of};

use crate::cli::Exit;
use anyhow::Context;
use host::{cgroup::Cgroup, descriptors, gentle};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Marks a worker's environment with the state directory of the control that started it, so that the
/// next control finds one that has outlived both.
pub(crate) const MARK: &str = "STOREWARDEN_BACKUP_WORKER";

/// How often it looks at its own memory.
const LOOK: Duration = Duration::from_millis(200);
/// A worker ends so when nobody listens to it any more.
const UNHEARD: i32 = 3;

/// Where a worker says what it has to say.
#[derive(Debug, Clone)]
struct Voice(Arc<Mutex<UnixStream>>);

impl Voice {
    /// Ends the process when nobody listens: what it is doing, nobody wants any more.
    fn say(&self, event: &Event) {
        let mut line = serde_json::to_vec(event).expect("invariant: our own types are JSON");
        line.push(b'\n');
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.write_all(&line).is_err() {
            // tidy: from any of its threads; what is half written is nobody's, as after a kill
            std::process::exit(UNHEARD);
        }
    }
}

/// Does the one job that it is told.
///
/// # Errors
/// When it was not started by control. What goes wrong with the job itself it says there.
pub(crate) fn run() -> anyhow::Result<Exit> {
    let channel = descriptors::from_stdin()
        .context("a backup's worker is started by control, not by hand")?;
    channel.set_nonblocking(false)?;
    let voice = Voice(Arc::new(Mutex::new(channel.try_clone()?)));
    let mut told = BufReader::new(channel);
    let mut line = String::new();
    told.read_line(&mut line).context("hear what is to be done")?;
    let job: Job = serde_json::from_str(&line).context("understand what is to be done")?;
    drop(line);
    let held = held_by(&job);
    // Threads are made by the number of processors: not more of them than may run.
    let processors = job.limits.cpu_percent.map(|percent| percent.div_ceil(100));
    if let Err(error) = gentle::be_gentle(processors) {
        tracing::warn!(error = story(&error), "others may have to wait for a backup");
    }
    // Somebody waits for what becomes of an order, and it is little.
    let is_waited_for = matches!(job.work, Work::Orders(_));
    if !is_waited_for && let Err(error) = gentle::read_and_write_idly() {
        tracing::warn!(error = story(&error), "others may have to wait for a backup's reading");
    }
    end_with_the_listener(told)?;
    voice.say(&Event::Line(held));
    keep_within(job.limits.memory_bytes, voice.clone())?;
    let (event, exit) = match work::run(&job, &voice) {
        Ok(done) => (Event::Done(Box::new(done)), Exit::Fine),
        Err(trouble) => (Event::Failed(*trouble), Exit::Wrong),
    };
    if let Some(key) = job.at.opened.get().filter(|key| job.at.known_key.as_ref() != Some(key)) {
        voice.say(&Event::Opened(key.clone()));
    }
    voice.say(&event);
    Ok(exit)
}

/// Has its control group take it in, where there is one, and says by what it is limited. Whatever it starts is
/// born there too.
fn held_by(job: &Job) -> String {
    let group = job.group.clone().and_then(|path| {
        let group = Cgroup::at(&path).ok_or_else(|| format!("{} is gone", path.display()))?;
        group.enter().map_err(|error| format!("{}: {error}", path.display()))
    });
    let memory = job.limits.memory_bytes >> 20;
    let percent = job.limits.cpu_percent;
    match group {
        Ok(()) => {
            let cpu =
                percent.map_or(String::new(), |percent| format!(", {percent} % of a processor"));
            format!("limits: {memory} MiB of memory{cpu}, for it and all that it starts")
        }
        Err(why) => {
            let cpu = percent.map(|percent| percent.div_ceil(100));
            let cpu = cpu.map_or(String::new(), |count| {
                format!(", as many threads as for {count} processors")
            });
            format!("limits: {memory} MiB of memory{cpu}, for it and not for what it starts; {why}")
        }
    }
}

/// Nothing more is told; the end of it means that whoever wanted this is gone.
fn end_with_the_listener(mut told: BufReader<UnixStream>) -> std::io::Result<()> {
    let wait = move || {
        let mut ignored = [0; 64];
        while matches!(told.read(&mut ignored), Ok(1..)) {}
        // tidy: another thread is in the midst of it, and is not to go on
        std::process::exit(UNHEARD);
    };
    thread::Builder::new().name("listener".into()).spawn(wait).map(drop)
}

/// Ends the process before it takes what the shop needs.
fn keep_within(most_bytes: u64, voice: Voice) -> std::io::Result<()> {
    let look = move || {
        match gentle::resident_bytes() {
            Ok(bytes) if bytes > most_bytes => {
                voice.say(&Event::Failed(Trouble::out_of_memory(bytes, most_bytes)));
                // tidy: the thread that takes the memory does not look
                std::process::exit(Exit::Wrong as i32);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = story(&error), "memory is not watched");
            }
        }
    };
    // Once before anything begins.
    look();
    let look = move || {
        loop {
            thread::sleep(LOOK);
            look();
        }
    };
    thread::Builder::new().name("memory".into()).spawn(look).map(drop)
}
