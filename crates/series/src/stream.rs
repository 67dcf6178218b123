//! Samples of one series as they come: a few bytes each, appended to, in memory and in young parts.
//!
//! It trades size for speed: what lives longer than hours is written anew in columns.

use crate::{
    cursor::{Cursor, low_byte, put_zigzag},
    error::Damage,
    sample::Sample,
};

/// Memory is taken in steps of this, since there are thousands of streams and doubling would waste a third of it.
const STEP_BYTES: usize = 64;
/// A sample takes 10 bytes of time, 1 of control and 8 of value at most.
const SAMPLE_BYTES: usize = 19;

/// An append-only run of samples of one series.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    bytes: Vec<u8>,
    rows: u32,
    earliest_ms: i64,
    latest_ms: i64,
    /// Whether every sample was later than the one before.
    is_sorted: bool,
    before: Before,
}

/// What the next sample is told as a difference to.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    at_ms: i64,
    step_ms: i64,
    bits: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            rows: 0,
            earliest_ms: i64::MAX,
            latest_ms: i64::MIN,
            is_sorted: true,
            before: Before::default(),
        }
    }
}

impl Stream {
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    pub(crate) fn is_sorted(&self) -> bool {
        self.is_sorted
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Memory taken.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Time of the earliest sample and of the latest; `None` without any.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        (self.rows > 0).then_some((self.earliest_ms, self.latest_ms))
    }

    pub(crate) fn push(&mut self, sample: Sample) {
        if self.bytes.capacity() - self.bytes.len() < SAMPLE_BYTES {
            self.bytes.reserve_exact(STEP_BYTES);
        }
        let Before { at_ms, step_ms, bits } = self.before;
        let step = sample.at_ms.wrapping_sub(at_ms);
        put_zigzag(&mut self.bytes, if self.rows < 2 { step } else { step.wrapping_sub(step_ms) });
        put_difference(&mut self.bytes, sample.value.to_bits() ^ bits);
        self.is_sorted &= self.rows == 0 || step > 0;
        self.before = Before { at_ms: sample.at_ms, step_ms: step, bits: sample.value.to_bits() };
        self.rows += 1;
        self.earliest_ms = self.earliest_ms.min(sample.at_ms);
        self.latest_ms = self.latest_ms.max(sample.at_ms);
    }

    /// In the order of appending.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        decode(&self.bytes, self.rows).expect("invariant: a stream reads what it wrote")
    }
}

fn put_difference(bytes: &mut Vec<u8>, difference: u64) {
    if difference == 0 {
        bytes.push(0);
        return;
    }
    let low_zeros = difference.trailing_zeros() / 8;
    let count = 8 - low_zeros - difference.leading_zeros() / 8;
    bytes.push(low_byte(u64::from(low_zeros << 4 | count)));
    let kept = (difference >> (low_zeros * 8)).to_le_bytes();
    bytes.extend_from_slice(&kept[..count as usize]);
}

fn difference(cursor: &mut Cursor) -> Result<u64, Damage> {
    let control = cursor.byte()?;
    if control == 0 {
        return Ok(0);
    }
    let (low_zeros, count) = (u32::from(control >> 4), usize::from(control & 0x0f));
    if count == 0 || low_zeros as usize + count > 8 {
        return Err(Damage("a value of a stream has an impossible length"));
    }
    let mut kept = [0; 8];
    kept[..count].copy_from_slice(cursor.bytes(count)?);
    Ok(u64::from_le_bytes(kept) << (low_zeros * 8))
}

/// The samples of a stream, in the order of appending.
pub(crate) fn decode(bytes: &[u8], rows: u32) -> Result<Vec<Sample>, Damage> {
    if rows as usize > bytes.len() {
        return Err(Damage("a stream has fewer bytes than samples"));
    }
    let mut rest = bytes;
    let mut samples = Vec::with_capacity(rows as usize);
    let mut before = Before::default();
    for row in 0..rows {
        let (told, difference) = match rest.first_chunk::<SAMPLE_BYTES>().and_then(quickly) {
            Some((told, difference, length)) => {
                rest = &rest[length..];
                (told, difference)
            }
            None => {
                let mut cursor = Cursor::new(rest);
                let read = (cursor.zigzag()?, difference(&mut cursor)?);
                rest = cursor.rest();
                read
            }
        };
        let step_ms = if row < 2 { told } else { before.step_ms.wrapping_add(told) };
        let at_ms = before.at_ms.wrapping_add(step_ms);
        let bits = before.bits ^ difference;
        samples.push(Sample { at_ms, value: f64::from_bits(bits) });
        before = Before { at_ms, step_ms, bits };
    }
    if !rest.is_empty() {
        return Err(Damage("a stream goes on after its last sample"));
    }
    Ok(samples)
}

/// A sample at the begin of as many bytes as the longest one takes: what is told of its time, the difference of its value, and how many
/// bytes those are. `None` of the rare ones, whose time takes more than two bytes, and of what is none.
fn quickly(bytes: &[u8; SAMPLE_BYTES]) -> Option<(i64, u64, usize)> {
    let [first, second, ..] = *bytes;
    let (number, taken) = if first < 0x80 {
        (u64::from(first), 1)
    } else if second < 0x80 {
        (u64::from(first & 0x7f) | u64::from(second) << 7, 2)
    } else {
        return None;
    };
    let told = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
    let control = bytes[taken];
    if control == 0 {
        return Some((told, 0, taken + 1));
    }
    let (low_zeros, count) = (u32::from(control >> 4), u32::from(control & 0x0f));
    if count == 0 || low_zeros + count > 8 {
        return None;
    }
    let kept = u64::from_le_bytes(*bytes[taken + 1..].first_chunk()?);
    let kept = kept & (u64::MAX >> (64 - 8 * count));
    Some((told, kept << (low_zeros * 8), taken + 1 + count as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::STALE_BITS;

    fn check(samples: &[(i64, u64)]) {
        let samples: Vec<Sample> = samples
            .iter()
            .map(|(at_ms, bits)| Sample { at_ms: *at_ms, value: f64::from_bits(*bits) })
            .collect();
        let mut stream = Stream::default();
        samples.iter().for_each(|sample| stream.push(*sample));
        assert_eq!(stream.samples(), samples);
        let sorted = samples.is_sorted_by(|one, next| one.at_ms < next.at_ms);
        assert_eq!(stream.is_sorted(), sorted);
        let times = || samples.iter().map(|sample| sample.at_ms);
        assert_eq!(stream.span(), times().min().zip(times().max()));
    }

    #[test]
    fn samples_come_back_bit_for_bit_in_any_order() {
        check(&[]);
        check(&[(i64::MIN, 0), (i64::MAX, u64::MAX), (0, STALE_BITS), (0, 1 << 63)]);
        bolero::check!().with_type::<Vec<(u16, u8)>>().for_each(|steps| {
            let mut at_ms = 0;
            let samples: Vec<(i64, u64)> = steps
                .iter()
                .map(|(step, value)| {
                    at_ms += i64::from(*step) - 100;
                    (at_ms, f64::from(*value).to_bits())
                })
                .collect();
            check(&samples);
        });
        bolero::check!().with_type::<Vec<(i32, u64)>>().for_each(|samples| {
            let samples: Vec<_> =
                samples.iter().map(|(at, bits)| (i64::from(*at), *bits)).collect();
            check(&samples);
        });
    }

    #[test]
    fn an_even_constant_takes_two_bytes_a_sample() {
        let mut stream = Stream::default();
        for tick in 0..100 {
            stream.push(Sample { at_ms: 1_700_000_000_000 + tick * 5_000, value: 42.0 });
        }
        assert!(stream.bytes().len() < 220, "{} bytes", stream.bytes().len());
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        bolero::check!().with_type::<(u16, Vec<u8>)>().for_each(|(rows, bytes)| {
            if let Ok(samples) = decode(bytes, u32::from(*rows)) {
                assert_eq!(samples.len(), usize::from(*rows));
            }
        });
    }
}
