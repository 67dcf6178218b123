//! Columns of values: constants in eight bytes, everything else by pco, which finds whole numbers, decimals and slopes by itself.

use crate::{cursor::Cursor, error::Damage};
use pco::{ChunkConfig, data_types::Number, standalone};

/// Beyond it, another tenth of size costs twice the time.
const LEVEL: usize = 4;
/// Up to here every whole number has a double of its own.
const WHOLE: f64 = 9_007_199_254_740_992.0;

const CONSTANT: u8 = 0;
const PLAIN: u8 = 1;
const DOUBLES: u8 = 2;
const INTEGERS: u8 = 3;

pub(super) fn compress<N: Number>(numbers: &[N]) -> Vec<u8> {
    let configuration = ChunkConfig::default().with_compression_level(LEVEL);
    standalone::simple_compress(numbers, &configuration)
        .expect("invariant: writing into memory with a known level cannot fail")
}

pub(super) fn decompress<N: Number + Default>(bytes: &[u8], rows: usize) -> Result<Vec<N>, Damage> {
    let mut numbers = vec![N::default(); rows];
    let progress = standalone::simple_decompress_into(bytes, &mut numbers)
        .map_err(|_| Damage("a column is no pco file"))?;
    if progress.n_processed != rows || !progress.finished {
        return Err(Damage("a column has another number of rows than its block"));
    }
    Ok(numbers)
}

/// Appends a column of at least one value.
pub(super) fn put(bytes: &mut Vec<u8>, values: &[f64]) {
    let first = values.first().copied().unwrap_or_default();
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        bytes.push(CONSTANT);
        bytes.extend_from_slice(&first.to_le_bytes());
        return;
    }
    let (coding, column) = match integers(values) {
        Some(integers) => (INTEGERS, compress(&integers)),
        None => (DOUBLES, compress(values)),
    };
    if column.len() < values.len() * 8 {
        bytes.push(coding);
        bytes.extend_from_slice(&column);
    } else {
        bytes.push(PLAIN);
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// The values as whole numbers, if that is what they are, bit for bit: -0 is none.
fn integers(values: &[f64]) -> Option<Vec<i64>> {
    let is_whole = |value: &f64| {
        value.abs() < WHOLE && value.fract() == 0.0 && !(*value == 0.0 && value.is_sign_negative())
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each was just seen to be whole and in range"
    )]
    values.iter().all(is_whole).then(|| values.iter().map(|value| *value as i64).collect())
}

/// The column that takes up the rest.
pub(super) fn take(cursor: &mut Cursor, rows: usize) -> Result<Vec<f64>, Damage> {
    match cursor.byte()? {
        CONSTANT => Ok(vec![cursor.f64()?; rows]),
        PLAIN => (0..rows).map(|_| cursor.f64()).collect(),
        DOUBLES => decompress(cursor.rest(), rows),
        INTEGERS => {
            let integers: Vec<i64> = decompress(cursor.rest(), rows)?;
            #[expect(clippy::cast_precision_loss, reason = "they were doubles before")]
            Ok(integers.into_iter().map(|integer| integer as f64).collect())
        }
        _ => Err(Damage("a column of values has an unknown coding")),
    }
}
