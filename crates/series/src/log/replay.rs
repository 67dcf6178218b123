//! Reads the log again at start.

use super::{FILE, SAMPLES, file_name, file_number};
use crate::{
    cursor::Cursor,
    error::{Damage, SeriesError},
    files::{self, Quarantine},
    frame::{self, PREAMBLE_BYTES, Preamble},
    sample::{Sample, TIMES_MS},
};
use std::{fs, path::Path};

/// What reading the log again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replayed {
    pub(crate) next_number: u64,
    pub(crate) next_sequence: u64,
    pub(crate) samples: u64,
    /// Bytes that were not readable with readable ones after them.
    pub(crate) damaged_bytes: u64,
    /// Bytes of writes that were cut off.
    pub(crate) torn_bytes: u64,
}

/// Gives every sample of the files from a number on, in the order of appending, each once.
///
/// # Errors
/// When a file cannot be read, or is of a newer version.
pub(crate) fn replay(
    folder: &Path,
    from: u64,
    quarantine: &Quarantine,
    mut give: impl FnMut(u32, Sample),
) -> Result<Replayed, SeriesError> {
    let mut replayed = Replayed {
        next_number: from.max(1),
        next_sequence: 1,
        samples: 0,
        damaged_bytes: 0,
        torn_bytes: 0,
    };
    for number in files::list(folder, file_number)? {
        replayed.next_number = replayed.next_number.max(number + 1);
        if number < from {
            continue;
        }
        let path = folder.join(file_name(number));
        let bytes = fs::read(&path).map_err(SeriesError::file("read log", &path))?;
        let preamble = frame::read_preamble(&bytes, FILE);
        if preamble == Preamble::Newer {
            return Err(SeriesError::Newer { path });
        }
        let frames = frame::scan(bytes.get(PREAMBLE_BYTES..).unwrap_or_default());
        let mut damaged = frames.damaged_bytes;
        for body in &frames.bodies {
            match read_frame(body, &mut replayed, &mut give) {
                Ok(()) => {}
                Err(UNKNOWN_KIND) => return Err(SeriesError::Newer { path }),
                Err(_) => damaged += body.len(),
            }
        }
        if damaged > 0 || (preamble == Preamble::Damaged && !frames.bodies.is_empty()) {
            tracing::error!(file = %path.display(), damaged, "the log of measurements is damaged: a copy is kept");
            quarantine.copy(&path)?;
        }
        replayed.damaged_bytes += damaged as u64;
        replayed.torn_bytes += frames.torn_bytes as u64;
    }
    Ok(replayed)
}

const UNKNOWN_KIND: Damage = Damage("a frame of the log is of an unknown kind");

fn read_frame(
    body: &[u8],
    replayed: &mut Replayed,
    give: &mut impl FnMut(u32, Sample),
) -> Result<(), Damage> {
    let mut cursor = Cursor::new(body);
    if cursor.byte()? != SAMPLES {
        return Err(UNKNOWN_KIND);
    }
    let sequence = cursor.u64()?;
    let samples = read_samples(cursor)?;
    if sequence < replayed.next_sequence {
        return Ok(());
    }
    replayed.next_sequence = sequence.checked_add(1).ok_or(Damage("the last number is taken"))?;
    replayed.samples += samples.len() as u64;
    samples.into_iter().for_each(|(id, sample)| give(id, sample));
    Ok(())
}

fn read_samples(mut cursor: Cursor) -> Result<Vec<(u32, Sample)>, Damage> {
    let count = cursor.length()?;
    let mut samples = Vec::with_capacity(count.min(super::FRAME_SAMPLES));
    let (mut id, mut at_ms) = (0i64, 0i64);
    for _ in 0..count {
        id = id.wrapping_add(cursor.zigzag()?);
        at_ms = at_ms.wrapping_add(cursor.zigzag()?);
        let value = cursor.f64()?;
        let id = u32::try_from(id).map_err(|_| Damage("a sample has an impossible id"))?;
        if !TIMES_MS.contains(&at_ms) {
            return Err(Damage("a sample has an impossible time"));
        }
        samples.push((id, Sample { at_ms, value }));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_frame_or_none() {
        bolero::check!().with_type::<(u64, Vec<u8>)>().for_each(|(sequence, bytes)| {
            let body = [&[SAMPLES][..], &sequence.to_le_bytes(), bytes].concat();
            for body in [&body, bytes] {
                let mut replayed = Replayed {
                    next_number: 1,
                    next_sequence: 1,
                    samples: 0,
                    damaged_bytes: 0,
                    torn_bytes: 0,
                };
                let mut given = 0;
                if read_frame(body, &mut replayed, &mut |_, _| given += 1).is_err() {
                    assert_eq!(given, 0, "all of a frame or nothing");
                }
                assert_eq!(replayed.samples, given);
            }
        });
    }
}
