//! Rollups in columns. Columns that say the same, as the highest and the last of a counter do, take one byte.

use super::{Block, ROLLUPS, Row, Span, TimesEncoder, values};
use crate::{
    cursor::{Cursor, put_varint},
    error::Damage,
    sample::Rollup,
};

/// Columns of a block of rollups: last, min, max, sum, count, fallen.
const COLUMNS: usize = 6;

const AS_BEFORE: u8 = 4;
const NONE: u8 = 5;

impl Row for Rollup {
    fn at_ms(&self) -> i64 {
        self.from_ms
    }

    fn encode(rows: &[Self], times: &mut TimesEncoder) -> Block {
        let at: Vec<i64> = rows.iter().map(|row| row.from_ms).collect();
        let fallen: Option<Vec<f64>> = rows.iter().map(|row| row.fallen).collect();
        let pick = |column: fn(&Self) -> f64| rows.iter().map(column).collect::<Vec<f64>>();
        let columns: [Option<Vec<f64>>; COLUMNS] = [
            Some(pick(|row| row.last)),
            Some(pick(|row| row.min)),
            Some(pick(|row| row.max)),
            Some(pick(|row| row.sum)),
            Some(pick(|row| f64::from(row.count))),
            fallen,
        ];
        let (mut bytes, mut column) = (Vec::new(), Vec::new());
        for (index, values) in columns.iter().enumerate() {
            column.clear();
            match values {
                None => column.push(NONE),
                Some(values) => match same_before(&columns[..index], values) {
                    Some(earlier) => column.extend([AS_BEFORE, earlier]),
                    None => values::put(&mut column, values),
                },
            }
            put_varint(&mut bytes, column.len() as u64);
            bytes.extend_from_slice(&column);
        }
        Block::Columns { kind: ROLLUPS, times: times.encode(&at), values: bytes }
    }

    fn decode(block: &Block, span: Span) -> Result<Vec<Self>, Damage> {
        let Block::Columns { kind: ROLLUPS, times, values } = block else {
            return Err(Damage("a block of rollups is of another kind"));
        };
        let times = times.decode(span)?;
        let columns = columns(values, times.len())?;
        let [Some(last), Some(min), Some(max), Some(sum), Some(count), fallen] = columns else {
            return Err(Damage("a block of rollups lacks a column"));
        };
        let row = |(index, from_ms): (usize, i64)| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count; what is none becomes the nearest"
            )]
            let count = count[index] as u32;
            let (min, max, sum, last) = (min[index], max[index], sum[index], last[index]);
            let fallen = fallen.as_ref().map(|fallen| fallen[index]);
            Self { from_ms, min, max, sum, count, last, fallen }
        };
        Ok(times.into_iter().enumerate().map(row).collect())
    }
}

/// The first of the columns before that is the same, bit for bit.
fn same_before(before: &[Option<Vec<f64>>], values: &[f64]) -> Option<u8> {
    let is_same = |column: &Option<Vec<f64>>| {
        column.as_ref().is_some_and(|column| {
            column.iter().zip(values).all(|(one, other)| one.to_bits() == other.to_bits())
        })
    };
    before.iter().position(is_same).and_then(|index| u8::try_from(index).ok())
}

fn columns(bytes: &[u8], rows: usize) -> Result<[Option<Vec<f64>>; COLUMNS], Damage> {
    let mut columns: [Option<Vec<f64>>; COLUMNS] = Default::default();
    let mut cursor = Cursor::new(bytes);
    for index in 0..COLUMNS {
        let length = cursor.length()?;
        let mut column = Cursor::new(cursor.bytes(length)?);
        columns[index] = match column.rest().first() {
            Some(&NONE) => None,
            Some(&AS_BEFORE) => {
                let earlier = column.rest().get(1).copied().map(usize::from);
                let earlier = earlier.filter(|earlier| *earlier < index);
                let earlier =
                    earlier.ok_or(Damage("a column refers to one that is not before it"))?;
                columns[earlier].clone()
            }
            _ => Some(values::take(&mut column, rows)?),
        };
    }
    Ok(columns)
}
