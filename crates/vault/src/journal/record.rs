//! What stands in logs and blocks: records (docs/formats/journal.md, "Records").

use super::view::ImageView;
use databases::{
    changes::{Change, Column, Image, Position, RawFile, RowChange, TableShape},
    dump::{Field, push_value, value},
};
use std::sync::Arc;

/// One record, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Table {
        id: u64,
        shape: TableShape,
    },
    Row {
        table: u64,
        change: Change,
    },
    Emptied {
        table: String,
    },
    Redefined {
        table: Option<String>,
        statement: Option<String>,
    },
    Commit {
        sequence: u64,
        committed_ms: i64,
        position: Position,
    },
    Abandoned,
    Reached {
        position: Position,
    },
    Transaction {
        sequence: u64,
        committed_ms: i64,
        position: Position,
        before: u64,
    },
    /// The file of the server's log that the next events of it are from.
    RawFile(RawFile),
    Raw {
        event: Vec<u8>,
    },
}

pub(super) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn put_optional(to: &mut Vec<u8>, text: Option<&str>) {
    to.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_bytes(to, text.as_bytes());
    }
}

fn put_position(to: &mut Vec<u8>, position: &Position) {
    match position {
        Position::Lsn { lsn } => {
            to.push(0);
            put_bytes(to, lsn.as_bytes());
        }
        Position::Binlog { file, offset, gtid } => {
            to.push(1);
            put_bytes(to, file.as_bytes());
            put_number(to, *offset);
            put_optional(to, gtid.as_deref());
        }
    }
}

pub(super) fn put_table(to: &mut Vec<u8>, id: u64, shape: &TableShape) {
    to.push(1);
    put_number(to, id);
    put_optional(to, shape.schema.as_deref());
    put_bytes(to, shape.name.as_bytes());
    put_number(to, shape.columns.len() as u64);
    for column in &shape.columns {
        put_bytes(to, column.name.as_bytes());
        put_bytes(to, column.type_name.as_bytes());
    }
    put_number(to, shape.key.len() as u64);
    shape.key.iter().for_each(|place| put_number(to, *place as u64));
}

pub(super) fn put_change(to: &mut Vec<u8>, table: u64, change: &Change) {
    to.push(match change {
        Change::Inserted(_) => 2,
        Change::Updated { .. } => 3,
        Change::Deleted(_) => 4,
    });
    put_number(to, table);
    match change {
        Change::Inserted(image) | Change::Deleted(image) => put_image(to, image),
        Change::Updated { before, after } => {
            put_image(to, after);
            match before {
                None => to.push(0),
                Some(before) if before.absent == after.absent => {
                    to.push(1);
                    let pairs = before.fields.iter().zip(&after.fields).enumerate();
                    let others: Vec<_> = pairs.filter(|(_, (one, other))| one != other).collect();
                    put_number(to, others.len() as u64);
                    for (place, (field, _)) in others {
                        put_number(to, place as u64);
                        put_field(to, field);
                    }
                }
                Some(before) => {
                    to.push(2);
                    put_image(to, before);
                }
            }
        }
    }
}

fn put_field(to: &mut Vec<u8>, field: &Field) {
    match field {
        None => to.push(0),
        Some(bytes) => {
            put_number(to, bytes.len() as u64 + 1);
            to.extend_from_slice(bytes);
        }
    }
}

fn put_image(to: &mut Vec<u8>, image: &Image) {
    put_number(to, image.absent.len() as u64);
    image.absent.iter().for_each(|place| put_number(to, *place as u64));
    put_line(to, image.fields.iter().map(Option::as_deref));
    to.push(b'\n');
}

/// Fields as they stand in a line of a dump, with tabs between.
pub(super) fn put_line<'a>(to: &mut Vec<u8>, fields: impl Iterator<Item = Option<&'a [u8]>>) {
    for (place, field) in fields.enumerate() {
        if place > 0 {
            to.push(b'\t');
        }
        put_field_value(to, field);
    }
}

/// One of them.
pub(super) fn put_field_value(to: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        Some(bytes) => push_value(to, bytes),
        None => to.extend_from_slice(b"\\N"),
    }
}

pub(super) fn put_emptied(to: &mut Vec<u8>, table: &str) {
    to.push(5);
    put_bytes(to, table.as_bytes());
}

pub(super) fn put_redefined(to: &mut Vec<u8>, table: Option<&str>, statement: Option<&str>) {
    to.push(6);
    put_optional(to, table);
    put_optional(to, statement);
}

pub(super) fn put_commit(to: &mut Vec<u8>, sequence: u64, ms: i64, position: &Position) {
    to.push(7);
    put_moment(to, sequence, ms, position);
}

pub(super) fn put_abandoned(to: &mut Vec<u8>) {
    to.push(8);
}

pub(super) fn put_reached(to: &mut Vec<u8>, position: &Position) {
    to.push(9);
    put_position(to, position);
}

pub(super) fn put_transaction(
    to: &mut Vec<u8>,
    sequence: u64,
    ms: i64,
    position: &Position,
    before: u64,
) {
    to.push(10);
    put_moment(to, sequence, ms, position);
    put_number(to, before);
}

pub(super) fn put_raw_file(to: &mut Vec<u8>, file: &RawFile) {
    to.push(11);
    put_bytes(to, file.name.as_bytes());
    put_bytes(to, &file.description);
}

pub(super) fn put_raw(to: &mut Vec<u8>, event: &[u8]) {
    to.push(12);
    put_bytes(to, event);
}

fn put_moment(to: &mut Vec<u8>, sequence: u64, ms: i64, position: &Position) {
    put_number(to, sequence);
    // Times before 1970 are none of a shop's.
    put_number(to, u64::try_from(ms).unwrap_or(0));
    put_position(to, position);
}

/// Records, one after another.
#[derive(Debug)]
pub(super) struct Records<'a>(pub(super) &'a [u8]);

impl Iterator for Records<'_> {
    /// An error for bytes that are no record; nothing comes after it.
    type Item = Result<Record, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_none() {
            self.0 = &[];
        }
        Some(record.ok_or(Malformed))
    }
}

/// It is sealed with the key, and yet no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Records<'a> {
    fn record(&mut self) -> Option<Record> {
        Some(match self.byte()? {
            1 => self.table()?,
            2 => Record::Row { table: self.number()?, change: Change::Inserted(self.image()?) },
            3 => {
                let (table, after) = (self.number()?, self.image()?);
                let before = match self.byte()? {
                    0 => None,
                    1 => {
                        let mut before = after.clone();
                        for _ in 0..self.number()? {
                            let place = self.place()?;
                            *before.fields.get_mut(place)? = self.field()?;
                        }
                        Some(before)
                    }
                    2 => Some(self.image()?),
                    _ => return None,
                };
                Record::Row { table, change: Change::Updated { before, after } }
            }
            4 => Record::Row { table: self.number()?, change: Change::Deleted(self.image()?) },
            5 => Record::Emptied { table: self.text()? },
            6 => Record::Redefined { table: self.optional()?, statement: self.optional()? },
            7 => {
                let (sequence, committed_ms, position) = self.moment()?;
                Record::Commit { sequence, committed_ms, position }
            }
            8 => Record::Abandoned,
            9 => Record::Reached { position: self.position()? },
            10 => {
                let (sequence, committed_ms, position) = self.moment()?;
                Record::Transaction { sequence, committed_ms, position, before: self.number()? }
            }
            11 => Record::RawFile(RawFile { name: self.text()?, description: self.bytes()? }),
            12 => Record::Raw { event: self.bytes()? },
            _ => return None,
        })
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn place(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.number()?;
        self.take(length).map(<[u8]>::to_vec)
    }

    fn text(&mut self) -> Option<String> {
        self.bytes().and_then(|bytes| String::from_utf8(bytes).ok())
    }

    fn optional(&mut self) -> Option<Option<String>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }

    fn position(&mut self) -> Option<Position> {
        match self.byte()? {
            0 => Some(Position::Lsn { lsn: self.text()? }),
            1 => {
                let (file, offset) = (self.text()?, self.number()?);
                Some(Position::Binlog { file, offset, gtid: self.optional()? })
            }
            _ => None,
        }
    }

    fn moment(&mut self) -> Option<(u64, i64, Position)> {
        let (sequence, ms) = (self.number()?, self.number()?);
        Some((sequence, i64::try_from(ms).ok()?, self.position()?))
    }

    fn table(&mut self) -> Option<Record> {
        let (id, schema, name) = (self.number()?, self.optional()?, self.text()?);
        let mut shape = TableShape { schema, name, columns: Vec::new(), key: Vec::new() };
        for _ in 0..self.number()? {
            shape.columns.push(Column { name: self.text()?, type_name: self.text()? });
        }
        for _ in 0..self.number()? {
            let place = self.place().filter(|place| *place < shape.columns.len())?;
            shape.key.push(place);
        }
        Some(Record::Table { id, shape })
    }

    fn field(&mut self) -> Option<Field> {
        self.field_view().map(|field| field.map(<[u8]>::to_vec))
    }

    /// A field as the database wrote it, where it lies.
    pub(super) fn field_view(&mut self) -> Option<Option<&'a [u8]>> {
        match self.number()? {
            0 => Some(None),
            length => self.take(length - 1).map(Some),
        }
    }

    fn image(&mut self) -> Option<Image> {
        let ImageView { absent, line } = self.image_view()?;
        let fields = line.split(|byte| *byte == b'\t').map(value).collect::<Option<_>>()?;
        Some(Image { fields, absent })
    }

    pub(super) fn image_view(&mut self) -> Option<ImageView<'a>> {
        let mut absent = Vec::new();
        for _ in 0..self.number()? {
            absent.push(self.place()?);
        }
        let end = memchr::memchr(b'\n', self.0)?;
        let line = self.take(end as u64)?;
        self.byte()?;
        Some(ImageView { absent, line })
    }
}

/// A change with its table; `None` when it has another number of columns than that.
pub(super) fn row_change(table: &Arc<TableShape>, mut change: Change) -> Option<RowChange> {
    let columns = table.columns.len();
    let fits = |image: &mut Image| {
        // A line without a column looks like one with an empty value.
        if columns == 0 {
            image.fields.clear();
        }
        image.fields.len() == columns && image.absent.iter().all(|place| *place < columns)
    };
    let is_good = match &mut change {
        Change::Inserted(image) | Change::Deleted(image) => fits(image),
        Change::Updated { before, after } => fits(after) && before.as_mut().is_none_or(fits),
    };
    is_good.then(|| RowChange { table: Arc::clone(table), change })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(put: impl Fn(&mut Vec<u8>), expect: Record) {
        let mut bytes = Vec::new();
        put(&mut bytes);
        let all: Vec<_> = Records(&bytes).collect();
        assert_eq!(all, [Ok(expect)]);
        for length in 1..bytes.len() {
            let cut: Vec<_> = Records(&bytes[..length]).collect();
            assert_eq!(cut.last(), Some(&Err(Malformed)), "cut to {length}");
        }
    }

    #[test]
    fn records_come_back() {
        let image = |text: &str, absent: Vec<usize>| {
            let bytes = text.as_bytes().to_vec();
            Image { fields: vec![Some(b"7".to_vec()), Some(bytes), None], absent }
        };
        let position = Position::Lsn { lsn: "16/B374D848".to_owned() };
        let binlog = Position::Binlog {
            file: "m.000001".to_owned(),
            offset: 300,
            gtid: Some("0-1-7".to_owned()),
        };
        round(
            |to| put_commit(to, 200, 5, &position),
            Record::Commit { sequence: 200, committed_ms: 5, position: position.clone() },
        );
        round(|to| put_reached(to, &binlog), Record::Reached { position: binlog.clone() });
        let file = RawFile { name: "m.000001".to_owned(), description: vec![0, 15, 255] };
        round(|to| put_raw_file(to, &file), Record::RawFile(file.clone()));
        round(|to| put_raw(to, &[7, 0]), Record::Raw { event: vec![7, 0] });
        for change in [
            Change::Inserted(image("tab\t line\n \\N", vec![])),
            Change::Updated { before: Some(image("a", vec![])), after: image("b", vec![]) },
            Change::Updated { before: Some(image("a", vec![2])), after: image("b", vec![]) },
            Change::Updated { before: None, after: image("", vec![2]) },
            Change::Deleted(image("", vec![1, 2])),
        ] {
            round(
                |to| put_change(to, 3, &change),
                Record::Row { table: 3, change: change.clone() },
            );
        }
        let column = |name: &str| Column { name: name.to_owned(), type_name: "text".to_owned() };
        let shape = TableShape {
            schema: Some("public".to_owned()),
            name: "orders".to_owned(),
            columns: vec![column("id"), column("ü")],
            key: vec![0],
        };
        round(|to| put_table(to, 9, &shape), Record::Table { id: 9, shape: shape.clone() });
    }

    #[test]
    fn no_bytes_make_their_reader_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| Records(bytes).for_each(drop));
    }
}
