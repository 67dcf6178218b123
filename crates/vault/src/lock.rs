//! Locks on a repository, as restic sets and honours them (restic's design document, "Locks"): shared
//! to add or read, exclusive to delete packs.
//!
//! A lock whose process is gone, or that nobody has renewed for half an hour, holds nobody back.

use crate::{
    Id, Origin, Repository, Time, VaultError,
    packer::locked,
    storage::{FileKind, FileName},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

mod hangups;

/// restic's `refreshInterval` and `staleTimeout` (cmd/restic/lock.go, internal/restic/lock.go of 0.14).
const RENEW_EVERY: Duration = Duration::from_mins(5);
const STALE_MS: i64 = 30 * 60 * 1000;
/// A lock that could not be renewed for so long may be taken for stale soon: nothing is acknowledged
/// any more.
const LOST: Duration = Duration::from_mins(25);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// To add, and to read what must not go meanwhile. Any number at once.
    Shared,
    /// To delete packs. Alone.
    Exclusive,
}

/// Whoever holds a lock, by what the lock says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub time: Time,
    pub exclusive: bool,
    pub hostname: String,
    pub username: String,
    pub pid: u32,
    #[serde(default)]
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hostname, username, pid, time, exclusive, .. } = self;
        let kind = if *exclusive { "an exclusive" } else { "a shared" };
        write!(f, "process {pid} of {username} on {hostname} holds {kind} lock since {time}")
    }
}

impl Holder {
    fn new(origin: &Origin, kind: LockKind) -> Self {
        Self {
            time: Time::from_ms(now_ms()),
            exclusive: kind == LockKind::Exclusive,
            hostname: origin.hostname.clone(),
            username: origin.username.clone(),
            pid: origin.pid,
            uid: origin.uid,
            gid: origin.gid,
        }
    }

    /// Whether it holds nobody back any more. A lock from the future is not stale by its age.
    fn is_stale(&self, on: &str, now_ms: i64, exists: impl Fn(u32) -> bool) -> bool {
        now_ms.saturating_sub(self.time.ms()) > STALE_MS
            || (self.hostname == on && !exists(self.pid))
    }

    fn stands_in_the_way_of(&self, kind: LockKind) -> bool {
        self.exclusive || kind == LockKind::Exclusive
    }
}

/// A held lock: renewed while it lives, removed when it goes.
#[derive(Debug)]
pub struct Lock {
    shared: Arc<Shared>,
    renewer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    repository: Repository,
    origin: Origin,
    kind: LockKind,
    held: Mutex<Held>,
    ended: Condvar,
}

#[derive(Debug)]
struct Held {
    id: Id,
    renewed: Instant,
    is_ending: bool,
}

impl Repository {
    /// Takes a lock, or says who is in the way. Removes stale ones.
    ///
    /// # Errors
    /// [`VaultError::Locked`]; [`VaultError::Damaged`] for an exclusive lock beside one that cannot be
    /// read; [`VaultError::Storage`].
    pub fn lock(&self, kind: LockKind, origin: &Origin) -> Result<Lock, VaultError> {
        hangups::survive();
        self.look_for_others(kind, origin, None)?;
        let id = self.write_json(FileKind::Lock, &Holder::new(origin, kind))?;
        let held = Mutex::new(Held { id, renewed: Instant::now(), is_ending: false });
        let shared = Arc::new(Shared {
            repository: self.clone(),
            origin: origin.clone(),
            kind,
            held,
            ended: Condvar::new(),
        });
        let mut lock = Lock { shared, renewer: None };
        // Who came at the same moment sees ours, or we see theirs.
        self.look_for_others(kind, origin, Some(id))?;
        let shared = Arc::clone(&lock.shared);
        let renewer = thread::Builder::new().name("vault-lock".into());
        lock.renewer = Some(
            renewer
                .spawn(move || shared.renew_until_ended())
                .expect("invariant: the system gives a thread at start"),
        );
        Ok(lock)
    }

    /// Removes every stale lock, and gives who still holds one.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] naming a lock that cannot be read; [`VaultError::Storage`].
    pub fn locks(&self, origin: &Origin) -> Result<Vec<Holder>, VaultError> {
        let mut holders = Vec::new();
        for id in self.ids(FileKind::Lock)? {
            let file = FileName::new(FileKind::Lock, id);
            match self.read_json::<Holder>(file) {
                Ok(holder) if holder.is_stale(&origin.hostname, now_ms(), host::process::runs) => {
                    self.storage().remove(file)?;
                }
                Ok(holder) => holders.push(holder),
                Err(VaultError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(holders)
    }

    fn look_for_others(
        &self,
        kind: LockKind,
        origin: &Origin,
        ours: Option<Id>,
    ) -> Result<(), VaultError> {
        for id in self.ids(FileKind::Lock)? {
            if Some(id) == ours {
                continue;
            }
            let file = FileName::new(FileKind::Lock, id);
            let holder = match self.read_json::<Holder>(file) {
                Ok(holder) => holder,
                Err(VaultError::Missing { .. }) => continue,
                // It may be anybody's. To add something is safe beside it; to delete is not.
                Err(error @ VaultError::Damaged { .. }) if kind == LockKind::Shared => {
                    tracing::warn!(%error, "a lock cannot be read, and is passed over");
                    continue;
                }
                Err(error) => return Err(error),
            };
            if holder.is_stale(&origin.hostname, now_ms(), host::process::runs) {
                // Where nothing may be removed, stale locks stay, and hold nobody back.
                if let Err(error) = self.storage().remove(file) {
                    tracing::warn!(error = error.story(), %holder, "a stale lock stays");
                }
            } else if holder.stands_in_the_way_of(kind) {
                return Err(VaultError::Locked(holder.into()));
            }
        }
        Ok(())
    }
}

impl Lock {
    /// Asked before anything is acknowledged or deleted.
    ///
    /// # Errors
    /// [`VaultError::LockLost`] when others may take it for stale by now.
    pub fn check(&self) -> Result<(), VaultError> {
        let held = locked(&self.shared.held);
        if held.renewed.elapsed() > LOST { Err(VaultError::LockLost) } else { Ok(()) }
    }
}

impl Shared {
    fn renew_until_ended(&self) {
        let mut held = locked(&self.held);
        while !held.is_ending {
            let waited = self.ended.wait_timeout(held, RENEW_EVERY);
            held = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
            if held.is_ending || held.renewed.elapsed() < RENEW_EVERY {
                continue;
            }
            let holder = Holder::new(&self.origin, self.kind);
            match self.repository.write_json(FileKind::Lock, &holder) {
                Ok(id) => {
                    let old = std::mem::replace(&mut held.id, id);
                    held.renewed = Instant::now();
                    self.remove(old);
                }
                Err(error) => {
                    tracing::warn!(error = error.story(), "the lock could not be renewed");
                }
            }
        }
    }

    fn remove(&self, id: Id) {
        if let Err(error) = self.repository.storage().remove(FileName::new(FileKind::Lock, id)) {
            tracing::warn!(error = error.story(), "a lock stays; it is stale when we have ended");
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        locked(&self.shared.held).is_ending = true;
        self.shared.ended.notify_all();
        if let Some(renewer) = self.renewer.take() {
            // It does nothing that could panic; if it did, the lock goes all the same.
            let _ = renewer.join();
        }
        let id = locked(&self.shared.held).id;
        self.shared.remove(id);
    }
}

/// Locks are the one thing here that knows what time it is: they are about now.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_grow_stale_by_age_and_by_the_end_of_their_process() {
        let now = 1_700_000_000_000;
        let check = |age_ms: i64, host: &str, runs: bool, expect: bool| {
            let origin =
                Origin { hostname: host.into(), username: "u".into(), uid: 0, gid: 0, pid: 7 };
            let mut holder = Holder::new(&origin, LockKind::Shared);
            holder.time = Time::from_ms(now - age_ms);
            assert_eq!(holder.is_stale("here", now, |_| runs), expect, "{age_ms} {host} {runs}");
        };
        check(0, "here", true, false);
        check(0, "here", false, true);
        check(0, "there", false, false);
        check(STALE_MS + 1, "there", true, true);
        check(STALE_MS + 1, "here", true, true);
        // A clock that went back.
        check(-3 * STALE_MS, "there", true, false);
    }
}
