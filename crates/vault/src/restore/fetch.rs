//! Gets pieces out of packs and writes them wherever they belong, several packs at the same time.

use super::{Failure, FailureKind, Restore, batch::OpenFile};
use crate::{
    Id, VaultError,
    id::IdMap,
    index::Place,
    pack::{BlobKind, Codec},
    packer::locked,
    storage::FileName,
};
use std::{
    io,
    os::unix::fs::FileExt as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Pieces are read together while what lies between them is less than this, and up to this much.
const GAP_BYTES: u64 = 64 << 10;
const READ_BYTES: u64 = 4 << 20;

/// Pieces, and where each belongs: the number of a file, and the byte.
#[derive(Debug, Default)]
pub(super) struct Wanted(IdMap<Vec<(usize, u64)>>);

impl Wanted {
    pub(super) fn add(&mut self, id: Id, file: usize, offset: u64) {
        self.0.entry(id).or_default().push((file, offset));
    }
}

/// Pieces of one pack that are read at once.
struct Reading {
    pack: FileName,
    begin: u32,
    end: u64,
    pieces: Vec<(Id, Place)>,
}

pub(super) fn run(
    restore: &Restore<'_>,
    wanted: &Wanted,
    files: &[OpenFile],
) -> Result<(), VaultError> {
    let index = restore.reader.index();
    let mut pieces = Vec::with_capacity(wanted.0.len());
    for id in wanted.0.keys() {
        pieces.push((*id, index.place(BlobKind::Data, id)?));
    }
    let readings = readings(pieces, |place| index.pack_file(place));
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let threads = restore.reader.repository().storage().parallel().clamp(1, readings.len().max(1));
    let work = || {
        let mut writer = Writer { restore, wanted, files, codec: Codec::new(false) };
        while let Some(reading) = readings.get(next.fetch_add(1, Relaxed)) {
            if let Err(error) = writer.read(reading) {
                locked(&failure).get_or_insert(error);
                next.store(readings.len(), Relaxed);
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

/// Pieces by pack, in the order in which they lie there.
fn readings(mut pieces: Vec<(Id, Place)>, pack: impl Fn(Place) -> FileName) -> Vec<Reading> {
    pieces.sort_unstable_by_key(|(_, place)| (pack(*place), place.offset));
    let mut readings: Vec<Reading> = Vec::new();
    for (id, place) in pieces {
        let pack = pack(place);
        let begin = u64::from(place.offset);
        let end = begin + u64::from(place.length);
        match readings.last_mut() {
            Some(last)
                if last.pack == pack
                    && begin <= last.end + GAP_BYTES
                    && end - u64::from(last.begin) <= READ_BYTES =>
            {
                last.end = last.end.max(end);
                last.pieces.push((id, place));
            }
            _ => {
                let pieces = vec![(id, place)];
                readings.push(Reading { pack, begin: place.offset, end, pieces });
            }
        }
    }
    readings
}

/// One thread of it.
struct Writer<'a> {
    restore: &'a Restore<'a>,
    wanted: &'a Wanted,
    files: &'a [OpenFile],
    codec: Codec,
}

impl Writer<'_> {
    fn read(&mut self, reading: &Reading) -> Result<(), VaultError> {
        let storage = self.restore.reader.repository().storage();
        let begin = u64::from(reading.begin);
        let length = u32::try_from(reading.end - begin).expect("invariant: packs are below 4 GB");
        match storage.read_range(reading.pack, begin, length) {
            Ok(bytes) => {
                let mut bytes = Vec::from(bytes);
                for (id, place) in &reading.pieces {
                    let at = (place.offset - reading.begin) as usize;
                    let sealed = &mut bytes[at..at + place.length as usize];
                    self.write(reading.pack, *id, *place, sealed)?;
                }
                Ok(())
            }
            // A pack that is too short may still hold some of them.
            Err(_) if reading.pieces.len() > 1 => reading.pieces.iter().try_for_each(|piece| {
                let (_, place) = piece;
                self.read(&Reading {
                    pack: reading.pack,
                    begin: place.offset,
                    end: u64::from(place.offset) + u64::from(place.length),
                    pieces: vec![*piece],
                })
            }),
            Err(error @ VaultError::Storage { transient: true, .. }) => Err(error),
            Err(error) => {
                for (id, place) in &reading.pieces {
                    self.damaged(reading.pack, *id, *place, &error.story());
                }
                Ok(())
            }
        }
    }

    fn write(
        &mut self,
        pack: FileName,
        id: Id,
        place: Place,
        sealed: &mut [u8],
    ) -> Result<(), VaultError> {
        let key = self.restore.reader.repository().key();
        let blob = match self.codec.decode_at(key, sealed, place, &id) {
            Ok(blob) => blob,
            Err(why) => {
                self.damaged(pack, id, place, why);
                return Ok(());
            }
        };
        // Holes stay holes.
        let is_nought = blob.iter().all(|byte| *byte == 0);
        for (number, offset) in &self.wanted.0[&id] {
            let open = &self.files[*number];
            let written = if is_nought && open.is_new {
                lengthen(open, offset + blob.len() as u64)
            } else {
                open.file.write_all_at(blob, *offset)
            };
            if let Err(error) = written {
                open.is_damaged.store(true, Relaxed);
                self.restore.unwritten(open.path().clone(), error)?;
            }
            self.restore.meter.add(0, blob.len() as u64);
        }
        Ok(())
    }

    fn damaged(&self, pack: FileName, blob: Id, place: Place, why: &str) {
        for (number, at) in &self.wanted.0[&blob] {
            let open = &self.files[*number];
            open.is_damaged.store(true, Relaxed);
            self.restore.fail(Failure {
                path: open.path().clone(),
                kind: FailureKind::Damaged { blob, pack: pack.id(), offset: place.offset },
                why: format!(
                    "the piece at byte {at}, blob {} in {pack} at byte {}: {why}",
                    blob.short(),
                    place.offset
                ),
            });
        }
    }
}

/// A file of one piece has no length before that is written.
fn lengthen(open: &OpenFile, length: u64) -> io::Result<()> {
    if open.file.metadata()?.len() < length { open.file.set_len(length) } else { Ok(()) }
}
