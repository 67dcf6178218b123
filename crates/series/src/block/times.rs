//! Columns of times: what they differ from an even spacing. Series that are read at the same moments have the same column, so it is
//! encoded once.

use super::{MOST_ROWS, Span};
use crate::{error::Damage, sample::TIMES_MS};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Columns that are remembered, a few hundred kilobytes.
const REMEMBERED: usize = 256;

/// An encoded column of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Times {
    Even,
    Column(Arc<[u8]>),
}

/// Encodes columns of times, and remembers the last ones.
#[derive(Debug, Default)]
pub(crate) struct TimesEncoder {
    known: HashMap<u128, Times>,
}

impl TimesEncoder {
    pub(super) fn encode(&mut self, times: &[i64]) -> Times {
        let key = fingerprint(&times);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let encoded = encode(times);
        if self.known.len() == REMEMBERED {
            self.known.clear();
        }
        self.known.insert(key, encoded.clone());
        encoded
    }
}

/// So wide that two columns are the same when their fingerprints are. Not kept on disk.
pub(crate) fn fingerprint(content: &impl Hash) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        content.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// The times of `rows` that are spread evenly between two, whole milliseconds.
fn even(span: Span) -> impl Iterator<Item = i64> {
    let gaps = i64::from(span.rows).max(2) - 1;
    let width_ms = span.until_ms - span.from_ms;
    let (step, remainder) = (width_ms / gaps, width_ms % gaps);
    // The remainder is carried along, since a division for every row would cost more than all the rest.
    let (mut at_ms, mut carried) = (span.from_ms, 0);
    (0..span.rows).map(move |_| {
        let this = at_ms;
        at_ms += step;
        carried += remainder;
        if carried >= gaps {
            carried -= gaps;
            at_ms += 1;
        }
        this
    })
}

fn encode(times: &[i64]) -> Times {
    let (Some(&from_ms), Some(&until_ms)) = (times.first(), times.last()) else {
        return Times::Even;
    };
    let rows = u32::try_from(times.len()).expect("invariant: a block has a few thousand rows");
    let even = even(Span { rows, from_ms, until_ms });
    let differences: Vec<i64> = times.iter().zip(even).map(|(time, even)| time - even).collect();
    if differences.iter().all(|difference| *difference == 0) {
        return Times::Even;
    }
    Times::Column(super::values::compress(&differences).into())
}

impl Times {
    pub(super) fn decode(&self, span: Span) -> Result<Vec<i64>, Damage> {
        let is_possible = TIMES_MS.contains(&span.from_ms)
            && TIMES_MS.contains(&span.until_ms)
            && span.from_ms <= span.until_ms
            && (1..=MOST_ROWS).contains(&span.rows);
        if !is_possible {
            return Err(Damage("a block has an impossible span"));
        }
        let even = even(span);
        match self {
            Self::Even => Ok(even.collect()),
            Self::Column(column) => {
                let differences: Vec<i64> = super::values::decompress(column, span.rows as usize)?;
                let times = even.zip(differences);
                Ok(times.map(|(even, difference)| even.wrapping_add(difference)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: &[i64]) -> Times {
        let span = Span {
            rows: u32::try_from(times.len()).unwrap(),
            from_ms: times[0],
            until_ms: *times.last().unwrap(),
        };
        let encoded = TimesEncoder::default().encode(times);
        assert_eq!(encoded.decode(span).unwrap(), times);
        encoded
    }

    #[test]
    fn even_times_take_no_column() {
        assert_eq!(check(&[7]), Times::Even);
        assert_eq!(check(&[0, TIMES_MS.end - 1]), Times::Even);
        assert_eq!(
            check(&(0..2_000).map(|tick| 1_700_000_000_000 + tick * 5_000).collect::<Vec<_>>()),
            Times::Even
        );
    }

    #[test]
    fn uneven_times_come_back_and_the_encoder_remembers_them() {
        bolero::check!().with_type::<Vec<u32>>().for_each(|steps| {
            let mut at_ms = 1_700_000_000_000;
            let mut times = vec![at_ms];
            times.extend(steps.iter().map(|step| {
                at_ms += i64::from(*step) + 1;
                at_ms
            }));
            check(&times);
        });
        let mut encoder = TimesEncoder::default();
        let first = encoder.encode(&[1, 2, 5]);
        assert_eq!(encoder.encode(&[1, 2, 5]), first);
        assert_eq!(encoder.known.len(), 1);
    }

    #[test]
    fn a_jitter_of_milliseconds_takes_half_a_byte() {
        let times: Vec<i64> = (0..1_440)
            .map(|tick: i64| 1_700_000_000_000 + tick * 5_000 + tick * tick * 31 % 9)
            .collect();
        let Times::Column(column) = check(&times) else { panic!("they are not even") };
        assert!(column.len() < 800, "{} bytes", column.len());
    }
}
