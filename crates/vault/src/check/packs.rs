//! Packs read whole: every blob opened, decompressed and held against its name, and the header against
//! the index.
//!
//! Blobs and header cover a pack to the last byte and each has its own tag, so that nothing is left
//! for a hash over all of it to find.

use super::{Check, DamageKind, Report};
use crate::{
    VaultError,
    index::IndexPack,
    pack::{Codec, PackedBlob, file_bytes, read_header},
    packer::locked,
    progress::Meter,
    storage::{FileKind, FileName},
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

pub(super) fn check(
    check: &Check<'_>,
    packs: &[&IndexPack],
    meter: &Meter<'_>,
) -> Result<(), VaultError> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let threads = check.repository.storage().parallel().clamp(1, packs.len().max(1));
    let work = || {
        let mut codec = Codec::new(false);
        while let Some(pack) = packs.get(next.fetch_add(1, Relaxed)) {
            if let Err(error) = check_pack(check, pack, &mut codec, meter) {
                locked(&failure).get_or_insert(error);
                next.store(packs.len(), Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

fn check_pack(
    check: &Check<'_>,
    pack: &IndexPack,
    codec: &mut Codec,
    meter: &Meter<'_>,
) -> Result<(), VaultError> {
    let file = FileName::new(FileKind::Pack, pack.id);
    let bytes = match check.repository.storage().read(file) {
        // Told already, with the sizes.
        Err(VaultError::Missing { .. }) => return Ok(()),
        other => other?,
    };
    let mut bytes = Vec::from(bytes);
    meter.add(1, bytes.len() as u64);
    {
        let mut report = check.report();
        let Report { packs_read, bytes_read, .. } = &mut *report;
        *packs_read += 1;
        *bytes_read += bytes.len() as u64;
    }
    let key = check.repository.key();
    if let Some(header) = check.note(read_header(file, &bytes, key))?
        && !is_same(&header, &pack.blobs)
    {
        let why = format!("the header of {file} lists other blobs than the index");
        check.damaged(DamageKind::File(file), why);
    }
    for blob in &pack.blobs {
        let PackedBlob { id, offset, length, uncompressed_length, .. } = *blob;
        let begin = offset as usize;
        let why = match bytes.get_mut(begin..begin + length as usize) {
            None => "it lies behind the end of its pack",
            Some(sealed) => match codec.decode(key, sealed, uncompressed_length, &id) {
                Ok(_) => continue,
                Err(why) => why,
            },
        };
        let kind = DamageKind::Blob { blob: id, pack: pack.id, offset };
        check.damaged(kind, format!("blob {id} in {file} at byte {offset}: {why}"));
    }
    Ok(())
}

/// restic's index may list the blobs in another order.
fn is_same(header: &[PackedBlob], index: &[PackedBlob]) -> bool {
    let sorted = |blobs: &[PackedBlob]| {
        let mut blobs = blobs.to_vec();
        blobs.sort_unstable_by_key(|blob| blob.offset);
        blobs
    };
    file_bytes(header) == file_bytes(index) && sorted(header) == sorted(index)
}
