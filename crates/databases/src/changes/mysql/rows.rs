//! Events with rows, and those that say which table they are of (MariaDB manual, "Table_map_event" and
//! "Rows_event"). With `binlog_row_metadata = FULL` they name the columns and the key.

use super::value::{Content, Form, Rest};
use crate::{
    changes::{Change, Column, Image, TableShape},
    dump::Field,
};
use std::sync::Arc;

/// What a table map event says, as yet without what only the catalogue knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableMap {
    pub(super) id: u64,
    pub(super) database: String,
    pub(super) table: String,
    columns: Vec<MapColumn>,
    /// Places of the primary key's columns.
    key: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct MapColumn {
    kind: u8,
    meta: [u8; 2],
    /// `None` where the server does not tell.
    name: Option<String>,
    is_unsigned: bool,
    names: Vec<Vec<u8>>,
}

/// What the catalogue says of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CatalogColumn {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) is_generated: bool,
}

/// A table whose rows can be read.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) map: TableMap,
    pub(super) shape: Arc<TableShape>,
    columns: Vec<MappedColumn>,
}

#[derive(Debug)]
struct MappedColumn {
    form: Form,
    /// In the shape; generated columns have none.
    place: Option<usize>,
}

// Numbers of types (MariaDB, include/mysql.h.pp, `enum_field_types`).
const TINY: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 3;
const FLOAT: u8 = 4;
const DOUBLE: u8 = 5;
const LONGLONG: u8 = 8;
const INT24: u8 = 9;
const DATE: u8 = 10;
const YEAR: u8 = 13;
const NEWDATE: u8 = 14;
const VARCHAR: u8 = 15;
const BIT: u8 = 16;
const TIMESTAMP2: u8 = 17;
const DATETIME2: u8 = 18;
const TIME2: u8 = 19;
const JSON: u8 = 245;
const NEWDECIMAL: u8 = 246;
const ENUM: u8 = 247;
const SET: u8 = 248;
const BLOB: u8 = 252;
const VAR_STRING: u8 = 253;
const STRING: u8 = 254;
const GEOMETRY: u8 = 255;

/// The id of a table, and the database that it is in: what the rows after it are of.
pub(crate) fn mapped_by(body: &[u8]) -> Option<(u64, String)> {
    let mut rest = Rest(body);
    let id = rest.little(6)?;
    rest.take(2)?;
    let length = usize::try_from(rest.little(1)?).ok()?;
    Some((id, String::from_utf8_lossy(rest.take(length)?).into_owned()))
}

impl TableMap {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Rest(body);
        let id = rest.little(6)?;
        rest.take(2)?;
        let mut name = || {
            let length = usize::try_from(rest.little(1)?).ok()?;
            let name = String::from_utf8_lossy(rest.take(length)?).into_owned();
            rest.take(1)?;
            Some(name)
        };
        let (database, table) = (name()?, name()?);
        let count = usize::try_from(rest.packed()?).ok()?;
        let kinds = rest.take(count)?;
        let mut metas = Rest(rest.packed_bytes()?);
        let mut columns = Vec::with_capacity(count);
        for kind in kinds {
            columns.push(MapColumn::parse(*kind, &mut metas)?);
        }
        rest.take(count.div_ceil(8))?;
        let mut map = Self { id, database, table, columns, key: Vec::new() };
        while !rest.0.is_empty() {
            let kind = rest.little(1)?;
            map.tell(kind, rest.packed_bytes()?)?;
        }
        Some(map)
    }

    /// One of the optional parts (log_event.h, `Optional_metadata_field_type`).
    fn tell(&mut self, kind: u64, part: &[u8]) -> Option<()> {
        let mut rest = Rest(part);
        match kind {
            1 => {
                let numbers = self.columns.iter_mut().filter(|column| column.is_number());
                for (number, column) in numbers.enumerate() {
                    column.is_unsigned = part.get(number / 8)? >> (7 - number % 8) & 1 == 1;
                }
            }
            4 => {
                for column in &mut self.columns {
                    column.name = Some(String::from_utf8(rest.packed_bytes()?.to_vec()).ok()?);
                }
            }
            5 | 6 => {
                let of = if kind == 5 { SET } else { ENUM };
                for column in self.columns.iter_mut().filter(|column| column.kind == of) {
                    for _ in 0..rest.packed()? {
                        column.names.push(rest.packed_bytes()?.to_vec());
                    }
                }
            }
            8 | 9 => {
                while !rest.0.is_empty() {
                    let place = usize::try_from(rest.packed()?).ok()?;
                    self.key.push((place < self.columns.len()).then_some(place)?);
                    if kind == 9 {
                        rest.packed()?;
                    }
                }
            }
            // Character sets, kinds of geometry, what is shown: values come as they are stored.
            _ => {}
        }
        Some(())
    }

    /// With what the catalogue knows today. Says why it cannot be read otherwise.
    pub(super) fn with(self, catalog: &[CatalogColumn]) -> Result<Mapped, String> {
        let mut shape =
            TableShape { schema: None, name: self.table.clone(), columns: Vec::new(), key: vec![] };
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some(name) = &column.name else {
                return Err("the server names no columns: SET GLOBAL binlog_row_metadata = 'FULL'"
                    .to_owned());
            };
            let known = catalog.iter().find(|known| known.name == *name);
            let type_name = known.map_or("", |known| known.type_name.as_str());
            let form = column.form(type_name).ok_or_else(|| {
                format!("column `{name}` is of type {} ({type_name})", column.kind)
            })?;
            let place = (!known.is_some_and(|known| known.is_generated)).then(|| {
                let type_name = type_name.to_owned();
                shape.columns.push(Column { name: name.clone(), type_name });
                shape.columns.len() - 1
            });
            columns.push(MappedColumn { form, place });
        }
        let key: Option<_> = self.key.iter().map(|place| columns[*place].place).collect();
        shape.key = key.unwrap_or_default();
        Ok(Mapped { map: self, shape: Arc::new(shape), columns })
    }
}

impl MapColumn {
    fn parse(kind: u8, metas: &mut Rest<'_>) -> Option<Self> {
        let length = match kind {
            FLOAT | DOUBLE | TIMESTAMP2 | DATETIME2 | TIME2 | BLOB | GEOMETRY | JSON => 1,
            VARCHAR | BIT | NEWDECIMAL | VAR_STRING | STRING | ENUM | SET => 2,
            // Compressed columns of MariaDB: one byte of the length, two of it.
            140 => 1,
            141 => 2,
            _ => 0,
        };
        let mut meta = [0; 2];
        meta[..length].copy_from_slice(metas.take(length)?);
        // What is in the guise of a string (log_event.cc).
        let real = if kind == STRING && meta[0] | 0x30 >= ENUM { meta[0] | 0x30 } else { kind };
        let kind = if kind == STRING && (real == ENUM || real == SET) { real } else { kind };
        Some(Self { kind, meta, ..Self::default() })
    }

    fn is_number(&self) -> bool {
        matches!(
            self.kind,
            TINY | SHORT | LONG | LONGLONG | INT24 | YEAR | FLOAT | DOUBLE | NEWDECIMAL
        )
    }

    /// `None` for types that are not known here.
    fn form(&self, type_name: &str) -> Option<Form> {
        let type_name = type_name.to_ascii_lowercase();
        let word = type_name.split(['(', ' ']).next().unwrap_or_default();
        let numbers = numbers(&type_name);
        let digits = usize::from(self.meta[0]);
        let width =
            |width: Option<usize>| width.filter(|_| type_name.contains("zerofill")).unwrap_or(0);
        let integer = |bytes| {
            let width = width(numbers.first().copied());
            Form::Integer { bytes, is_unsigned: self.is_unsigned, width }
        };
        Some(match self.kind {
            TINY => integer(1),
            SHORT => integer(2),
            INT24 => integer(3),
            LONG => integer(4),
            LONGLONG => integer(8),
            FLOAT => Form::Float,
            DOUBLE => {
                let width = width(Some(numbers.first().copied().unwrap_or(22)));
                Form::Double { decimals: numbers.get(1).copied(), width }
            }
            NEWDECIMAL => {
                let (precision, scale) = (digits, usize::from(self.meta[1]));
                let width = width(Some(precision + usize::from(scale > 0)));
                Form::Decimal { precision, scale, width }
            }
            YEAR => Form::Year,
            DATE | NEWDATE => Form::Date,
            TIME2 if digits <= 6 => Form::Time { digits },
            DATETIME2 if digits <= 6 => Form::DateTime { digits },
            TIMESTAMP2 if digits <= 6 => Form::Timestamp { digits },
            ENUM => Form::Enum { bytes: usize::from(self.meta[1]), names: self.names.clone() },
            SET => Form::Set { bytes: usize::from(self.meta[1]), names: self.names.clone() },
            BIT => Form::Bit { bytes: usize::from(self.meta[1]) + usize::from(self.meta[0] > 0) },
            BLOB | GEOMETRY if (1..=4).contains(&digits) => {
                Form::Bytes { length_bytes: digits, content: Content::AsTheyAre }
            }
            JSON if (1..=4).contains(&digits) => Form::Json { length_bytes: digits },
            VARCHAR | VAR_STRING => {
                let longest = u16::from_le_bytes(self.meta);
                let length_bytes = if longest < 256 { 1 } else { 2 };
                Form::Bytes { length_bytes, content: Content::AsTheyAre }
            }
            STRING => {
                // The length's higher bits stand, turned, in the byte of the type.
                let [high, low] = self.meta;
                let longest = usize::from(low) | usize::from((high & 0x30) ^ 0x30) << 4;
                let length_bytes = if longest < 256 { 1 } else { 2 };
                let content = match word {
                    "uuid" => Content::Uuid,
                    "inet6" => Content::Inet6,
                    "inet4" => Content::Inet4,
                    "binary" => Content::Padded(numbers.first().copied().unwrap_or(longest)),
                    _ => Content::AsTheyAre,
                };
                Form::Bytes { length_bytes, content }
            }
            _ => return None,
        })
    }
}

/// Those in the brackets of a type: `decimal(10,2)`.
fn numbers(type_name: &str) -> Vec<usize> {
    let inner = type_name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let numbers = inner.map(|(inner, _)| inner.split(',').filter_map(|n| n.trim().parse().ok()));
    numbers.map(Iterator::collect).unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsKind {
    Write,
    Update,
    Delete,
}

/// The table of an event with rows.
pub(super) fn table_of(body: &[u8]) -> Option<u64> {
    Rest(body).little(6)
}

/// The rows of an event; `is_second` is the form since MySQL 5.6. `None` for what is malformed.
pub(super) fn rows(
    body: &[u8],
    kind: RowsKind,
    is_second: bool,
    table: &Mapped,
) -> Option<Vec<Change>> {
    let mut rest = Rest(body);
    rest.take(8)?;
    if is_second {
        let length = usize::try_from(rest.little(2)?).ok()?;
        rest.take(length.checked_sub(2)?)?;
    }
    let count = usize::try_from(rest.packed()?).ok()?;
    if count != table.columns.len() {
        return None;
    }
    let first = rest.take(count.div_ceil(8))?;
    let second = match kind {
        RowsKind::Update => rest.take(count.div_ceil(8))?,
        _ => first,
    };
    let mut changes = Vec::new();
    while !rest.0.is_empty() {
        let before = rest.0.len();
        changes.push(match kind {
            RowsKind::Write => Change::Inserted(image(&mut rest, first, table)?),
            RowsKind::Delete => Change::Deleted(image(&mut rest, first, table)?),
            RowsKind::Update => {
                let before = image(&mut rest, first, table)?;
                let mut after = image(&mut rest, second, table)?;
                after.complete(&before);
                Change::Updated { before: Some(before), after }
            }
        });
        // A row without a column would be there for ever.
        (rest.0.len() < before).then_some(())?;
    }
    Some(changes)
}

/// One image: a bit for each column that is there, saying whether it is NULL; then the values.
fn image(rest: &mut Rest<'_>, present: &[u8], table: &Mapped) -> Option<Image> {
    let bit = |bits: &[u8], place: usize| bits[place / 8] >> (place % 8) & 1 == 1;
    let count = (0..table.columns.len()).filter(|place| bit(present, *place)).count();
    let nulls = rest.take(count.div_ceil(8))?;
    let mut image = Image { fields: vec![None; table.shape.columns.len()], absent: Vec::new() };
    let mut number = 0;
    for (place, column) in table.columns.iter().enumerate() {
        if !bit(present, place) {
            image.absent.extend(column.place);
            continue;
        }
        let is_null = bit(nulls, number);
        number += 1;
        let field: Field = if is_null { None } else { column.form.read(rest)? };
        if let Some(place) = column.place {
            image.fields[place] = field;
        }
    }
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_event_makes_its_reader_panic() {
        bolero::check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(map, body)| {
            let _ = TableMap::parse(map);
            let map = TableMap {
                id: 1,
                database: "a".to_owned(),
                table: "b".to_owned(),
                columns: [LONG, NEWDECIMAL, VARCHAR, BLOB, TIME2]
                    .map(|kind| MapColumn {
                        kind,
                        meta: [4, 2],
                        name: Some("c".to_owned()),
                        ..MapColumn::default()
                    })
                    .to_vec(),
                key: vec![0],
            };
            let mapped = map.with(&[]).unwrap();
            for kind in [RowsKind::Write, RowsKind::Update, RowsKind::Delete] {
                let _ = rows(body, kind, body.len() % 2 == 0, &mapped);
            }
        });
    }
}
