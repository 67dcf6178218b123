//! What becomes of each pack. Pure: decides by what was found.

use super::{Found, Options};
use crate::{
    Id, Time, VaultError,
    id::IdMap,
    index::IndexPack,
    pack::{BlobKind, PackedBlob, file_bytes},
    storage::{FileKind, FileName},
};
use std::cmp::Reverse;

/// Small packs are put together once there are enough of them to make one.
const SMALL_BYTES: u64 = 4 << 20;
const SMALL_PACKS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    /// Used by nobody.
    Mark,
    /// Too little of it is used: that is copied, and the pack marked.
    Repack,
    /// Marked, and in its grace.
    Wait,
    /// Marked, and used again: a backup had begun before it was marked.
    Recover,
    Delete,
    /// Listed, used by nobody, and not there: off the list with it.
    Gone,
}

/// For each used blob, of both kinds, the pack that it is kept in.
type Homes = IdMap<Id>;

pub(super) struct Sorted {
    pub(super) packs: Vec<(IndexPack, Fate)>,
    pub(super) homes: [Homes; 2],
}

/// # Errors
/// When something that snapshots use is not there: then nothing may go.
pub(super) fn sort(found: &Found, options: &Options) -> Result<Sorted, VaultError> {
    let homes = homes(found)?;
    let mut sorted = Vec::with_capacity(found.packs.len());
    for pack in found.packs.values() {
        let fate = fate(found, &homes, pack, options)?;
        sorted.push((pack.clone(), fate));
    }
    // Left behind by a run that was killed, or brought by one that sets no locks: time will tell.
    for id in found.there.keys().filter(|id| !found.packs.contains_key(id)) {
        let orphan = IndexPack { id: *id, time: None, blobs: Vec::new() };
        sorted.push((orphan, Fate::Mark));
    }
    sorted.sort_by_key(|(pack, _)| pack.id);
    spare_few_small(&mut sorted, found, &homes);
    Ok(Sorted { packs: sorted, homes })
}

/// A pack that is not marked, wherever there is one.
fn homes(found: &Found) -> Result<[Homes; 2], VaultError> {
    let mut packs: Vec<&IndexPack> =
        found.packs.values().filter(|pack| found.there.contains_key(&pack.id)).collect();
    packs.sort_by_key(|pack| (pack.time.is_some(), Reverse(pack.blobs.len()), pack.id));
    let mut homes: [Homes; 2] = Default::default();
    for pack in packs {
        for blob in &pack.blobs {
            if found.used.has(blob.kind, &blob.id) {
                homes[blob.kind as usize].entry(blob.id).or_insert(pack.id);
            }
        }
    }
    let used = [(BlobKind::Data, &found.used.data), (BlobKind::Tree, &found.used.trees)];
    for (kind, ids) in used {
        if let Some(id) = ids.iter().find(|id| !homes[kind as usize].contains_key(*id)) {
            return Err(missing(found, kind, id));
        }
    }
    Ok(homes)
}

fn missing(found: &Found, kind: BlobKind, id: &Id) -> VaultError {
    match found.reader.index().find(kind, id) {
        None => VaultError::UnknownBlob(*id),
        Some(place) => {
            let file = found.reader.index().pack_file(place);
            VaultError::Missing { file, place: found.reader.repository().storage().label() }
        }
    }
}

fn fate(
    found: &Found,
    homes: &[Homes; 2],
    pack: &IndexPack,
    options: &Options,
) -> Result<Fate, VaultError> {
    let Some(size) = found.there.get(&pack.id) else { return Ok(Fate::Gone) };
    let (used_bytes, all_bytes) = bytes(homes, pack);
    if used_bytes > 0 && *size != file_bytes(&pack.blobs) {
        let file = FileName::new(FileKind::Pack, pack.id);
        return Err(VaultError::damaged(file, format!("it has {size} bytes")));
    }
    if let Some(marked) = pack.time {
        return Ok(match used_bytes {
            0 if is_over(marked, options) => Fate::Delete,
            0 => Fate::Wait,
            _ => Fate::Recover,
        });
    }
    let waste = (all_bytes - used_bytes) * 100;
    Ok(match used_bytes {
        0 => Fate::Mark,
        _ if waste > all_bytes * u64::from(options.most_waste) => Fate::Repack,
        _ if *size < SMALL_BYTES => Fate::Repack,
        _ => Fate::Keep,
    })
}

/// A pack that was marked in the future waits: no clock tells for how long it has.
fn is_over(marked: Time, options: &Options) -> bool {
    marked.ms().saturating_add(options.grace_ms) <= options.now_ms
}

/// Of a pack's blobs those that have their home in it, and all.
fn bytes(homes: &[Homes; 2], pack: &IndexPack) -> (u64, u64) {
    let is_home = |blob: &PackedBlob| homes[blob.kind as usize].get(&blob.id) == Some(&pack.id);
    let mut sums = (0, 0);
    for blob in &pack.blobs {
        let length = u64::from(blob.length);
        sums.0 += if is_home(blob) { length } else { 0 };
        sums.1 += length;
    }
    sums
}

/// A few small packs that are used whole stay: packing them anew every time would be for nothing.
fn spare_few_small(sorted: &mut [(IndexPack, Fate)], found: &Found, homes: &[Homes; 2]) {
    let is_small = |(pack, fate): &(IndexPack, Fate)| {
        let (used_bytes, all_bytes) = bytes(homes, pack);
        *fate == Fate::Repack
            && used_bytes == all_bytes
            && found.there.get(&pack.id).is_some_and(|size| *size < SMALL_BYTES)
    };
    if sorted.iter().filter(|one| is_small(one)).count() < SMALL_PACKS {
        for one in sorted.iter_mut().filter(|one| is_small(one)) {
            one.1 = Fate::Keep;
        }
    }
}
