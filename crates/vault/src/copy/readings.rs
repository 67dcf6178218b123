//! Blobs of many packs, read in the order in which they lie there, several packs at the same time.

use crate::{
    Id, Repository, VaultError,
    index::Place,
    pack::{BlobKind, Codec},
    packer::locked,
    storage::FileName,
};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Blobs are read together while what lies between them is less than this, and up to this much.
const GAP_BYTES: u64 = 64 << 10;
const READ_BYTES: u64 = 4 << 20;

/// A blob, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blob {
    pub(super) kind: BlobKind,
    pub(super) id: Id,
    pub(super) place: Place,
    pub(super) pack: FileName,
}

impl Blob {
    pub(super) fn damaged(&self, why: &str) -> VaultError {
        let Self { id, pack, place, .. } = *self;
        VaultError::DamagedBlob { blob: id, pack, offset: place.offset, why: why.to_owned() }
    }

    fn end(&self) -> u64 {
        u64::from(self.place.offset) + u64::from(self.place.length)
    }
}

/// As they are stored.
pub(super) fn bytes(blobs: &[Blob]) -> u64 {
    blobs.iter().map(|blob| u64::from(blob.place.length)).sum()
}

/// Reads each of them and hands it on as it is stored, to several threads.
///
/// # Errors
/// The first that any of them met.
pub(super) fn each(
    repository: &Repository,
    mut blobs: Vec<Blob>,
    act: impl Fn(&Blob, &mut [u8], &mut Codec) -> Result<(), VaultError> + Sync,
) -> Result<(), VaultError> {
    blobs.sort_unstable_by_key(|blob| (blob.pack, blob.place.offset));
    let readings: Vec<&[Blob]> = blobs.chunk_by(joins).collect();
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || {
        let mut codec = Codec::new(true);
        while let Some(reading) = readings.get(next.fetch_add(1, Relaxed)) {
            let outcome = reading
                .chunk_by(|last, next| next.end() / READ_BYTES == last.end() / READ_BYTES)
                .try_for_each(|reading| read(repository, reading, &mut codec, &act));
            if let Err(error) = outcome {
                locked(&failure).get_or_insert(error);
                next.store(readings.len(), Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..repository.storage().parallel().clamp(1, readings.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

fn joins(last: &Blob, next: &Blob) -> bool {
    last.pack == next.pack && u64::from(next.place.offset) <= last.end() + GAP_BYTES
}

fn read(
    repository: &Repository,
    reading: &[Blob],
    codec: &mut Codec,
    act: &impl Fn(&Blob, &mut [u8], &mut Codec) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let [first, .., last] = reading else {
        return reading.first().map_or(Ok(()), |only| read_one(repository, only, codec, act));
    };
    let begin = u64::from(first.place.offset);
    let length = u32::try_from(last.end() - begin).expect("invariant: packs are below 4 GB");
    let mut bytes = match repository.storage().read_range(first.pack, begin, length) {
        Ok(bytes) => Vec::from(bytes),
        Err(error @ VaultError::Storage { .. }) => return Err(error),
        // One by one, so that what is damaged is named.
        Err(_) => {
            return reading.iter().try_for_each(|blob| read_one(repository, blob, codec, act));
        }
    };
    reading.iter().try_for_each(|blob| {
        let at = (blob.place.offset - first.place.offset) as usize;
        act(blob, &mut bytes[at..at + blob.place.length as usize], codec)
    })
}

fn read_one(
    repository: &Repository,
    blob: &Blob,
    codec: &mut Codec,
    act: &impl Fn(&Blob, &mut [u8], &mut Codec) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let Blob { place, pack, .. } = *blob;
    let sealed = repository.storage().read_range(pack, place.offset.into(), place.length);
    let sealed = sealed.map_err(|error| match error {
        VaultError::Missing { .. } => blob.damaged("its pack is not there"),
        VaultError::Damaged { why, .. } => blob.damaged(&why),
        error => error,
    })?;
    act(blob, &mut Vec::from(sealed), codec)
}
