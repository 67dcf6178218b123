//! Which values of a column a block of rows may hold: a range of numbers, or a Bloom filter. It may
//! say yes for a value that is not there, never no for one that is.

use super::block::{Cursor, push_varint};

/// A range is enough when at least one number in so many of it is there.
const MAX_SPARSITY: u64 = 4;
/// With seven probes, one in 1,400 values that are not there seems to be. A million orders lie in more than six
/// thousand blocks: each one that is looked into for nothing costs a whole piece of the repository. With ten bits these
/// were 55, and an eighth of the whole backup was read for one order.
const BITS_A_VALUE: usize = 16;
const PROBES: u64 = 7;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Summary {
    /// NULL at most.
    Empty,
    Range {
        low: i64,
        span: u64,
    },
    /// Not empty.
    Bloom(Vec<u8>),
    /// Nothing is known: the index had grown too large.
    Anything,
}

/// The values of one column in one block, as they come.
#[derive(Debug, Default)]
pub(super) struct Collector {
    hashes: Vec<u64>,
    numbers: Option<(i64, i64)>,
    has_text: bool,
}

impl Collector {
    pub(super) fn add(&mut self, value: &[u8]) {
        let hash = hash(value);
        if self.hashes.last() != Some(&hash) {
            self.hashes.push(hash);
        }
        match number(value) {
            Some(number) => {
                let (low, high) = self.numbers.unwrap_or((number, number));
                self.numbers = Some((low.min(number), high.max(number)));
            }
            None => self.has_text = true,
        }
    }

    /// The summary of what came; the next block begins.
    pub(super) fn take(&mut self) -> Summary {
        let mut hashes = std::mem::take(&mut self.hashes);
        let numbers = self.numbers.take().filter(|_| !self.has_text);
        self.has_text = false;
        hashes.sort_unstable();
        hashes.dedup();
        if hashes.is_empty() {
            return Summary::Empty;
        }
        if let Some((low, high)) = numbers {
            let span = high.abs_diff(low);
            if span / MAX_SPARSITY < hashes.len() as u64 {
                return Summary::Range { low, span };
            }
        }
        let mut bits = vec![0; (hashes.len() * BITS_A_VALUE).div_ceil(8)];
        for hash in hashes {
            for (byte, bit) in probes(hash, bits.len()) {
                bits[byte] |= bit;
            }
        }
        Summary::Bloom(bits)
    }
}

impl Summary {
    pub(super) fn may_hold(&self, value: &[u8]) -> bool {
        match self {
            Self::Empty => false,
            Self::Range { low, span } => {
                number(value).is_some_and(|number| number >= *low && number.abs_diff(*low) <= *span)
            }
            Self::Bloom(bits) => {
                probes(hash(value), bits.len()).all(|(byte, bit)| bits[byte] & bit != 0)
            }
            Self::Anything => true,
        }
    }

    pub(super) fn push(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Empty => bytes.push(0),
            Self::Range { low, span } => {
                bytes.push(1);
                bytes.extend_from_slice(&low.to_le_bytes());
                push_varint(bytes, *span);
            }
            Self::Bloom(bits) => {
                bytes.push(2);
                push_varint(bytes, bits.len() as u64);
                bytes.extend_from_slice(bits);
            }
            Self::Anything => bytes.push(3),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(match cursor.byte()? {
            0 => Self::Empty,
            1 => Self::Range { low: i64::from_le_bytes(cursor.array()?), span: cursor.varint()? },
            2 => match cursor.sized()? {
                [] => return None,
                bits => Self::Bloom(bits.to_vec()),
            },
            3 => Self::Anything,
            _ => return None,
        })
    }
}

/// A whole number in the one way that databases write it.
fn number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0'));
    let number: i64 = text.parse().ok()?;
    (is_plain && text != "-0").then_some(number)
}

/// FNV-1a of 64 bits, and the last step of MurmurHash3 over it: both stand in docs/formats/dump.md,
/// since filters on disk are made of it.
pub(super) fn hash(value: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in value {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The bits that a value has in a filter of so many bytes: place of the byte, and mask.
fn probes(hash: u64, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let (first, step) = (hash & 0xffff_ffff, (hash >> 32) | 1);
    let bits = bytes as u64 * 8;
    (0..PROBES).map(move |probe| {
        let bit = first.wrapping_add(probe.wrapping_mul(step)) % bits;
        let byte = usize::try_from(bit / 8).expect("invariant: less than the filter's own length");
        (byte, 1 << (bit % 8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Summary {
        let mut collector = Collector::default();
        values.into_iter().for_each(|value| collector.add(value.as_ref()));
        collector.take()
    }

    #[test]
    fn what_is_there_is_never_denied() {
        bolero::check!().with_type::<(Vec<Vec<u8>>, Vec<i64>)>().for_each(|(texts, numbers)| {
            let numbers: Vec<_> = numbers.iter().map(|n| n.to_string().into_bytes()).collect();
            for values in [texts.clone(), numbers.clone(), [texts.clone(), numbers].concat()] {
                let summary = of(&values);
                let mut bytes = Vec::new();
                summary.push(&mut bytes);
                assert_eq!(Summary::read(&mut Cursor::new(&bytes)), Some(summary.clone()));
                assert!(values.iter().all(|value| summary.may_hold(value)), "{summary:?}");
            }
        });
    }

    #[test]
    fn close_numbers_are_a_range_and_others_a_filter() {
        let check = |values: &[&str], is_range: bool| {
            assert_eq!(matches!(of(values), Summary::Range { .. }), is_range, "{values:?}");
        };
        check(&["5"], true);
        check(&["1", "2", "4", "9"], true);
        check(&["1", "100"], false);
        check(&["1", "x"], false);
        check(&["01", "2"], false);
        check(&["-3", "0"], true);
        assert_eq!(of(Vec::<Vec<u8>>::new()), Summary::Empty);
    }

    #[test]
    fn a_filter_lets_few_others_through() {
        let summary = of((0..2_000).map(|n| format!("there-{n}")));
        let wrong = (0..10_000).filter(|n| summary.may_hold(format!("else-{n}").as_bytes()));
        assert!(wrong.count() < 200);
    }

    #[test]
    fn the_hash_on_disk_stays_what_it_is() {
        assert_eq!(hash(b""), 0xefd0_1f60_ba99_2926);
        assert_ne!(hash(b"1"), hash(b"2"));
    }
}
