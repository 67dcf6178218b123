//! Rows of one series as bytes: the blocks that parts are made of.
//!
//! It knows neither files nor checksums. A column of times may stand elsewhere in the part; then it is handed in.

mod rollups;
mod times;
mod values;

pub(crate) use times::{Times, TimesEncoder, fingerprint};

use crate::{cursor::Cursor, error::Damage, sample::Sample, stream};

/// A block has at most as many rows, so that reading one has a limit.
pub(crate) const MOST_ROWS: u32 = 8_192;
/// Rows that new blocks are cut to.
pub(crate) const WANTED_ROWS: usize = 2_048;

const STREAM: u8 = 1;
const SAMPLES: u8 = 2;
const ROLLUPS: u8 = 3;

/// Which rows a block has, beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) rows: u32,
    /// Time of the first row and of the last.
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
}

/// A block before it is put into a part, and after it was taken out of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// Samples as they came.
    Stream(Vec<u8>),
    Columns {
        kind: u8,
        times: Times,
        values: Vec<u8>,
    },
}

/// What a tier stores of a series: rows sorted by time.
pub(crate) trait Row: Copy {
    fn at_ms(&self) -> i64;
    /// At most [`MOST_ROWS`], sorted by time, no time twice.
    fn encode(rows: &[Self], times: &mut TimesEncoder) -> Block;
    fn decode(block: &Block, span: Span) -> Result<Vec<Self>, Damage>;
}

impl Span {
    pub(crate) fn of<R: Row>(rows: &[R]) -> Option<Self> {
        let (first, last) = (rows.first()?, rows.last()?);
        let count = u32::try_from(rows.len()).expect("invariant: a block has a few thousand rows");
        Some(Self { rows: count, from_ms: first.at_ms(), until_ms: last.at_ms() })
    }
}

impl Row for Sample {
    fn at_ms(&self) -> i64 {
        self.at_ms
    }

    fn encode(samples: &[Self], times: &mut TimesEncoder) -> Block {
        let at: Vec<i64> = samples.iter().map(|sample| sample.at_ms).collect();
        let plain: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        let mut values = Vec::new();
        values::put(&mut values, &plain);
        Block::Columns { kind: SAMPLES, times: times.encode(&at), values }
    }

    fn decode(block: &Block, span: Span) -> Result<Vec<Self>, Damage> {
        match block {
            Block::Stream(bytes) => stream::decode(bytes, span.rows),
            Block::Columns { kind: SAMPLES, times, values } => {
                let times = times.decode(span)?;
                let mut cursor = Cursor::new(values);
                let values = values::take(&mut cursor, times.len())?;
                let rows = times.into_iter().zip(values);
                Ok(rows.map(|(at_ms, value)| Self { at_ms, value }).collect())
            }
            Block::Columns { .. } => Err(Damage("a block of raw samples is of another kind")),
        }
    }
}

/// How a column of times stands in a block: in it, or elsewhere in the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SharedTimes {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) sum: u32,
}

/// A column of so few bytes is not worth sharing.
pub(crate) const UNSHARED_BYTES: usize = 24;

const EVEN: u8 = 0;
const HERE: u8 = 1;
const SHARED: u8 = 2;

impl Block {
    /// The bytes of the block. `share` puts a column of times into the part, unless it is there already, and says where it stands.
    ///
    /// # Errors
    /// What `share` failed with.
    pub(crate) fn to_bytes<E>(
        &self,
        share: impl FnOnce(&[u8]) -> Result<SharedTimes, E>,
    ) -> Result<Vec<u8>, E> {
        let mut bytes = Vec::new();
        match self {
            Self::Stream(stream) => {
                bytes.push(STREAM);
                bytes.extend_from_slice(stream);
            }
            Self::Columns { kind, times, values } => {
                bytes.push(*kind);
                match times {
                    Times::Even => bytes.push(EVEN),
                    Times::Column(column) if column.len() < UNSHARED_BYTES => {
                        bytes.push(HERE);
                        crate::cursor::put_varint(&mut bytes, column.len() as u64);
                        bytes.extend_from_slice(column);
                    }
                    Times::Column(column) => {
                        let shared = share(column)?;
                        bytes.push(SHARED);
                        bytes.extend_from_slice(&shared.offset.to_le_bytes());
                        bytes.extend_from_slice(&shared.length.to_le_bytes());
                        bytes.extend_from_slice(&shared.sum.to_le_bytes());
                    }
                }
                bytes.extend_from_slice(values);
            }
        }
        Ok(bytes)
    }

    /// Takes bytes apart. `shared` fetches a column of times from elsewhere in the part.
    ///
    /// # Errors
    /// Damage, where the bytes are no block; else what `shared` failed with.
    pub(crate) fn from_bytes<E: From<Damage>>(
        bytes: &[u8],
        shared: impl FnOnce(SharedTimes) -> Result<std::sync::Arc<[u8]>, E>,
    ) -> Result<Self, E> {
        let mut cursor = Cursor::new(bytes);
        let kind = cursor.byte()?;
        match kind {
            STREAM => return Ok(Self::Stream(cursor.rest().to_vec())),
            SAMPLES | ROLLUPS => {}
            _ => return Err(Damage("a block is of an unknown kind").into()),
        }
        let times = match cursor.byte()? {
            EVEN => Times::Even,
            HERE => {
                let length = cursor.length()?;
                Times::Column(cursor.bytes(length)?.into())
            }
            SHARED => {
                let (offset, length) = (cursor.u64()?, cursor.u32()?);
                Times::Column(shared(SharedTimes { offset, length, sum: cursor.u32()? })?)
            }
            _ => return Err(Damage("a column of times has an unknown coding").into()),
        };
        Ok(Self::Columns { kind, times, values: cursor.rest().to_vec() })
    }
}

#[cfg(test)]
mod tests;
