//! Takes back what a run has put: what was new goes, and what was written over comes back where the bucket
//! keeps versions.

use super::{Names, Request, Wanted, gather, listed, writing::notes};
use crate::{Reader, VaultError, lock::LockKind, packer::locked};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Objects that are asked for at once.
const AT_ONCE: usize = 8;
/// Versions of ours that lie upon each other, as where an answer was lost and one was written twice.
const VERSIONS: usize = 32;

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    pub removed: u64,
    /// What was written over, and is there again as it was.
    pub brought_back: u64,
    /// What stands in the place of another, which nobody kept.
    pub left: Names,
}

/// Only what carries the note of this run is touched: what somebody has written since stays.
///
/// # Errors
/// As of [`super::run`].
pub fn take_back(reader: &Reader, request: &Request<'_>) -> Result<TakenBack, VaultError> {
    let lock = reader.repository().lock(LockKind::Shared, &request.origin)?;
    let wanted = gather(reader, request)?.wanted;
    let there = listed(request.target)?;
    let is_ours = |one: &&Wanted| {
        there.get(&one.key).is_some_and(|object| object.size_bytes == one.node.size)
    };
    let perhaps: Vec<&Wanted> = wanted.iter().filter(is_ours).collect();
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let taken: Mutex<TakenBack> = Mutex::default();
    let work = || {
        while let Some(one) = perhaps.get(next.fetch_add(1, Relaxed)) {
            if let Err(error) = take_one(request, &one.key, &taken) {
                locked(&failure).get_or_insert(error);
                next.store(perhaps.len(), Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE {
            scope.spawn(work);
        }
        work();
    });
    lock.check()?;
    match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(taken.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)),
    }
}

fn take_one(request: &Request<'_>, key: &str, taken: &Mutex<TakenBack>) -> Result<(), VaultError> {
    let [put, over] = notes(&request.mark);
    let mut was_ours = false;
    for _ in 0..VERSIONS {
        let told = request.target.told(key)?;
        let note = told.as_ref().and_then(|told| told.served.note.as_deref());
        let (is_put, is_over) = (note == Some(&*put), note == Some(&*over));
        let Some(told) = told.as_ref().filter(|_| is_put || is_over) else {
            let mut taken = locked(taken);
            match was_ours {
                true if told.is_some() => taken.brought_back += 1,
                true => taken.removed += 1,
                false => {}
            }
            return Ok(());
        };
        if told.version.is_none() && is_over {
            locked(taken).left.add(key);
            return Ok(());
        }
        request.target.remove(key, told.version.as_deref())?;
        was_ours = true;
    }
    locked(taken).left.add(key);
    Ok(())
}
