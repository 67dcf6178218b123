//! Blocks give back what they were given, and refuse what was damaged.

use super::*;
use crate::sample::{Rollup, STALE_BITS};
use std::sync::Arc;

/// Through bytes and back, with the shared columns in a vector.
fn through_bytes(block: &Block) -> Block {
    let mut shared: Option<Arc<[u8]>> = None;
    let bytes = block
        .to_bytes(|column| {
            shared = Some(column.into());
            Ok::<_, Damage>(SharedTimes { offset: 1, length: 2, sum: 3 })
        })
        .unwrap();
    Block::from_bytes(&bytes, |found| {
        assert_eq!(found, SharedTimes { offset: 1, length: 2, sum: 3 });
        Ok::<_, Damage>(shared.unwrap())
    })
    .unwrap()
}

fn check<R: Row + PartialEq + std::fmt::Debug>(rows: &[R]) -> usize {
    let block = R::encode(rows, &mut TimesEncoder::default());
    let read = through_bytes(&block);
    assert_eq!(read, block);
    assert_eq!(R::decode(&read, Span::of(rows).unwrap()).unwrap(), rows);
    block.to_bytes(|_| Ok::<_, Damage>(SharedTimes { offset: 0, length: 0, sum: 0 })).unwrap().len()
}

fn samples(bits: impl IntoIterator<Item = u64>) -> Vec<Sample> {
    let at = (0..).map(|tick: i64| 1_700_000_000_000 + tick * 5_000 + tick % 7);
    at.zip(bits).map(|(at_ms, bits)| Sample { at_ms, value: f64::from_bits(bits) }).collect()
}

#[test]
fn samples_come_back_bit_for_bit() {
    let odd = [0, 1 << 63, STALE_BITS, f64::NAN.to_bits(), f64::INFINITY.to_bits(), u64::MAX, 1];
    check(&samples(odd));
    check(&samples(odd.map(|bits| bits ^ STALE_BITS)));
    // A counter that ended and began again: whole numbers but for one.
    check(&samples((0..500).map(|count: u32| match count {
        250 => STALE_BITS,
        _ => f64::from(count % 251 * 3).to_bits(),
    })));
    bolero::check!().with_type::<Vec<u64>>().for_each(|bits| {
        check(&samples(bits.iter().copied().chain([7])));
    });
    bolero::check!().with_type::<Vec<i16>>().for_each(|values| {
        check(&samples(
            values.iter().map(|value| (f64::from(*value) / 100.0).to_bits()).chain([0]),
        ));
    });
}

#[test]
fn constants_take_the_same_bytes_however_many() {
    assert_eq!(check(&samples([42.5f64.to_bits(); 2_000])), 27);
}

#[test]
fn rollups_come_back_and_a_counter_takes_half_the_columns() {
    let rollup = |minute: u32| {
        let last = f64::from(minute * 60);
        let (min, max) = (last - 60.0, last);
        let from_ms = 1_700_000_040_000 + i64::from(minute) * 60_000;
        Rollup { from_ms, min, max, sum: last * 12.0 - 300.0, count: 12, last, fallen: Some(0.0) }
    };
    let counter: Vec<Rollup> = (1..=360).map(rollup).collect();
    assert!(check(&counter) < 200);
    let gauge: Vec<Rollup> =
        (1..50).map(|minute| Rollup { fallen: None, max: 1e9, ..rollup(minute) }).collect();
    check(&gauge);
}

#[test]
fn any_bytes_are_read_or_refused() {
    bolero::check!().with_type::<(Vec<u8>, u8)>().for_each(|(bytes, rows)| {
        let from_ms = 1_700_000_000_000;
        let span = Span { rows: u32::from(*rows), from_ms, until_ms: from_ms + 1_000 };
        let shared = |_| Err(Damage("nothing is shared here"));
        if let Ok(block) = Block::from_bytes(bytes, shared) {
            for count in [
                Sample::decode(&block, span).map(|rows| rows.len()),
                Rollup::decode(&block, span).map(|rows| rows.len()),
            ]
            .into_iter()
            .flatten()
            {
                assert_eq!(count, usize::from(*rows));
            }
        }
    });
}

#[test]
fn a_flipped_bit_in_a_block_never_panics() {
    let rows = samples((0..300u32).map(|value| f64::from(value * value % 1000).to_bits()));
    let block = Sample::encode(&rows, &mut TimesEncoder::default());
    let Block::Columns { kind, times, values } = block else { panic!("samples are columns") };
    for position in 0..values.len() * 8 {
        let mut values = values.clone();
        values[position / 8] ^= 1 << (position % 8);
        let block = Block::Columns { kind, times: times.clone(), values };
        // The checksum stands before this; here it is enough that nothing breaks.
        drop(Sample::decode(&block, Span::of(&rows).unwrap()));
    }
}
