//! Walks through a bucket before whoever backs it up, and reads small objects meanwhile, several at once:
//! what a bucket far away needs for each answer is waited for once for all of them.
//!
//! Decides nothing: what was read is taken in the order of the tree, and what could not be read is told
//! where it is taken.

use super::{
    super::{
        archive::{find, is_unchanged},
        earlier_folder,
    },
    Folder, node,
};
use crate::{Id, Node, Reader, VaultError, packer::locked, storage::MediaBucket};
use outbound::bucket::{Object, Part};
use std::{
    ffi::{OsStr, OsString},
    sync::{
        Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Objects that are read at once, or were and wait to be taken.
const AT_ONCE: usize = 8;
/// A longer one is read when it is its turn: a line is full with one of them. Times [`AT_ONCE`], this is what
/// reading ahead may hold in memory.
const SMALL_BYTES: u64 = 2 << 20;
/// Steps that nobody has made yet.
const STEPS: usize = 64;

/// A folder whose content follows.
pub(super) struct Entered {
    pub(super) name: OsString,
    pub(super) modified_ms: i64,
    pub(super) earlier: Option<Id>,
}

pub(super) struct Found {
    pub(super) name: OsString,
    pub(super) object: Object,
    pub(super) state: State,
}

pub(super) enum State {
    /// With its content as the last backup has it.
    Unchanged(Box<Node>, Option<Vec<Id>>),
    ToRead {
        /// The last backup has a file of the name.
        was_there: bool,
        ahead: Option<Ahead>,
    },
}

/// Where an object's first part will come.
pub(super) struct Ahead(Receiver<Begun>);

pub(super) enum Step {
    Enter(Entered),
    Object(Box<Found>),
    Leave,
}

/// The way through a bucket, to be gone to its end.
pub(super) struct Steps {
    steps: Receiver<Step>,
    places: Receiver<()>,
}

/// What came of reading an object's first part.
type Begun = Result<Part, VaultError>;

struct Job {
    object: Object,
    to: SyncSender<Begun>,
}

/// Nobody goes this way any more.
struct Abandoned;

/// The thread that goes ahead.
struct Walk<'a> {
    reader: &'a Reader,
    steps: SyncSender<Step>,
    jobs: SyncSender<Job>,
    /// As many of it are taken as objects may be read ahead.
    places: SyncSender<()>,
}

impl Entered {
    pub(super) fn of(name: &OsStr, folder: &Folder, earlier: Option<Id>) -> Self {
        Self { name: name.to_owned(), modified_ms: folder.modified_ms(), earlier }
    }
}

impl Steps {
    pub(super) fn next(&self) -> Result<Step, VaultError> {
        self.steps.recv().map_err(|_| VaultError::Aborted)
    }

    /// Waits for what was read ahead.
    pub(super) fn begun(&self, ahead: &Ahead) -> Result<Begun, VaultError> {
        let begun = ahead.0.recv().map_err(|_| VaultError::Aborted)?;
        self.places.recv().map_err(|_| VaultError::Aborted)?;
        Ok(begun)
    }
}

/// Goes through a bucket with `take`, which is given everything in its folder but that itself.
pub(super) fn walk<T>(
    reader: &Reader,
    bucket: &MediaBucket,
    (folder, earlier): (Folder, Option<Id>),
    take: impl FnOnce(&Steps) -> Result<T, VaultError>,
) -> Result<T, VaultError> {
    let (steps, steps_made) = sync_channel(STEPS);
    let (jobs, jobs_taken) = sync_channel(AT_ONCE);
    let (places, places_free) = sync_channel(AT_ONCE);
    let jobs_taken = Mutex::new(jobs_taken);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| read(bucket, &jobs_taken));
        }
        let walk = Walk { reader, steps, jobs, places };
        // Whoever has stopped wants no more of it.
        scope.spawn(move || walk.through(folder, earlier).ok());
        // Dropped at the end, so that the walk ends too.
        let steps = Steps { steps: steps_made, places: places_free };
        let taken = take(&steps);
        drop(steps);
        taken
    })
}

impl Walk<'_> {
    fn through(&self, folder: Folder, earlier: Option<Id>) -> Result<(), Abandoned> {
        let nodes = earlier_folder(self.reader, earlier);
        for (name, folder) in folder.folders {
            let name = OsString::from(name);
            let below = find(&nodes, &name).and_then(|node| node.subtree);
            self.step(Step::Enter(Entered::of(&name, &folder, below)))?;
            self.through(folder, below)?;
        }
        for (name, object) in folder.objects {
            let name = OsString::from(name);
            let found = find(&nodes, &name);
            let now = node(&name, &object);
            let state = match found.filter(|found| is_unchanged(self.reader, &now, found)) {
                Some(found) => State::Unchanged(Box::new(now), found.content.clone()),
                None => State::ToRead {
                    was_there: found.is_some_and(Node::is_file),
                    ahead: self.ahead(&object)?,
                },
            };
            self.step(Step::Object(Box::new(Found { name, object, state })))?;
        }
        self.step(Step::Leave)
    }

    fn step(&self, step: Step) -> Result<(), Abandoned> {
        self.steps.send(step).map_err(|_| Abandoned)
    }

    fn ahead(&self, object: &Object) -> Result<Option<Ahead>, Abandoned> {
        if !(1..=SMALL_BYTES).contains(&object.size_bytes) {
            return Ok(None);
        }
        self.places.send(()).map_err(|_| Abandoned)?;
        let (to, begun) = sync_channel(1);
        let job = Job { object: object.clone(), to };
        self.jobs.send(job).map_err(|_| Abandoned)?;
        Ok(Some(Ahead(begun)))
    }
}

fn read(bucket: &MediaBucket, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let Ok(Job { object, to }) = locked(jobs).recv() else { return };
        if to.send(bucket.first(&object)).is_err() {
            // Nobody waits for it any more, nor for what comes after it.
            return;
        }
    }
}
