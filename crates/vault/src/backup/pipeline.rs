//! The threads that hash, compress and seal what one thread reads.

use crate::{
    Id, Repository, VaultError,
    chunker::Buffer,
    pack::{BlobKind, Codec},
    packer::{Packer, locked},
};
use std::{
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Pieces that no thread has taken yet: each may be of 8 MB, and the reading thread is the fastest.
const WAITING: usize = 1;

/// Where the id of a piece will stand.
pub(super) type Slot = Arc<OnceLock<Id>>;

enum Job {
    Piece { piece: Buffer, slot: Slot },
    Tree { id: Id, blob: Vec<u8> },
}

/// The reading thread's end of it.
pub(super) struct Pipeline<'a> {
    queue: SyncSender<Job>,
    shared: &'a Shared,
}

#[derive(Default)]
struct Shared {
    /// Buffers that nobody uses at the moment. There are never more than the queue and the threads
    /// hold, and two of the reader's.
    spare: Mutex<Vec<Buffer>>,
    failed: AtomicBool,
    failure: Mutex<Option<VaultError>>,
    /// Whoever waits for a slot waits here.
    done: Mutex<()>,
    step: Condvar,
}

impl Pipeline<'_> {
    /// Runs `read` with a pipeline into the packer, and waits until all of it is packed.
    pub(super) fn run<T>(
        packer: &Packer,
        repository: &Repository,
        read: impl FnOnce(&Pipeline<'_>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let shared = Shared::default();
        let threads = repository.storage().parallel().max(1);
        let (queue, jobs) = sync_channel(WAITING);
        let jobs = Mutex::new(jobs);
        let outcome = thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| work(&jobs, packer, repository, &shared));
            }
            let pipeline = Pipeline { queue, shared: &shared };
            read(&pipeline)
        });
        // What stopped a thread is told before what the reader made of that.
        match shared.failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(failure) => Err(failure),
            None => outcome,
        }
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Buffer {
        locked(&self.shared.spare).pop().unwrap_or_else(Buffer::new)
    }

    pub(super) fn give_back(&self, buffer: Buffer) {
        locked(&self.shared.spare).push(buffer);
    }

    /// Waits for a place in the queue, and tells where the piece's id will stand.
    pub(super) fn piece(&self, piece: Buffer) -> Result<Slot, VaultError> {
        let slot = Slot::default();
        self.submit(Job::Piece { piece, slot: Arc::clone(&slot) })?;
        Ok(slot)
    }

    pub(super) fn tree(&self, id: Id, blob: Vec<u8>) -> Result<(), VaultError> {
        self.submit(Job::Tree { id, blob })
    }

    /// Waits for a piece's id.
    pub(super) fn id(&self, slot: &Slot) -> Result<Id, VaultError> {
        if let Some(id) = slot.get() {
            return Ok(*id);
        }
        let mut done = locked(&self.shared.done);
        loop {
            if let Some(id) = slot.get() {
                return Ok(*id);
            }
            if self.shared.failed.load(Relaxed) {
                return Err(VaultError::Aborted);
            }
            let waited = self.shared.step.wait(done);
            done = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    fn submit(&self, job: Job) -> Result<(), VaultError> {
        if self.shared.failed.load(Relaxed) {
            return Err(VaultError::Aborted);
        }
        self.queue.send(job).map_err(|_| VaultError::Aborted)
    }
}

/// After a failure jobs are taken and dropped, so that nobody waits for a place in the queue.
fn work(jobs: &Mutex<Receiver<Job>>, packer: &Packer, repository: &Repository, shared: &Shared) {
    let mut codec = Codec::new(repository.compresses());
    loop {
        let Ok(job) = locked(jobs).recv() else { return };
        if shared.failed.load(Relaxed) {
            continue;
        }
        let outcome = match job {
            Job::Piece { mut piece, slot } => {
                let id = Id::of(piece.piece());
                let outcome = packer.add(BlobKind::Data, id, piece.piece(), &mut codec);
                piece.clear();
                locked(&shared.spare).push(piece);
                outcome.map(|()| {
                    slot.set(id).expect("invariant: a slot is filled once");
                })
            }
            Job::Tree { id, blob } => packer.add(BlobKind::Tree, id, &blob, &mut codec),
        };
        if let Err(error) = outcome {
            locked(&shared.failure).get_or_insert(error);
            shared.failed.store(true, Relaxed);
        }
        drop(locked(&shared.done));
        shared.step.notify_all();
    }
}
