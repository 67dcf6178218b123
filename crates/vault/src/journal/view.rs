//! Rows as they lie in logs and blocks: looked at without being copied out, which most of them never need.

use super::{
    Lookups,
    index::Hasher,
    part::key_places,
    record::{Malformed, Record, Records, put_field_value},
};
use databases::{
    changes::{Change, TableShape},
    dump::Field,
};
use std::borrow::Cow;

/// A record: of a row, where it lies; or another one, read.
#[derive(Debug)]
pub(super) enum View<'a> {
    Row(RowView<'a>),
    Other(Record),
}

/// A change of a row.
#[derive(Debug)]
pub(super) struct RowView<'a> {
    pub(super) table: u64,
    pub(super) is_deleted: bool,
    /// The record, whole.
    pub(super) bytes: &'a [u8],
    /// As it was put, or as it was before it went.
    image: ImageView<'a>,
    before: Before<'a>,
}

#[derive(Debug)]
pub(super) enum Before<'a> {
    /// There was none, or nobody knows.
    Nothing,
    /// It was the same but for these fields, as the database wrote them.
    Others(Vec<(usize, Option<&'a [u8]>)>),
    Whole(ImageView<'a>),
}

/// A row: a line of fields, with their escapes, of which some may be absent.
#[derive(Debug)]
pub(super) struct ImageView<'a> {
    pub(super) absent: Vec<usize>,
    pub(super) line: &'a [u8],
}

/// Records, one after another, rows where they lie.
#[derive(Debug)]
pub(super) struct Views<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Views<'a> {
    /// An error for bytes that are no record; nothing comes after it.
    type Item = Result<View<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut records = Records(self.0);
        let view = match self.0[0] {
            2..=4 => row(&mut records).map(View::Row),
            _ => records.next().and_then(Result::ok).map(View::Other),
        };
        self.0 = if view.is_some() { records.0 } else { &[] };
        Some(view.ok_or(Malformed))
    }
}

fn row<'a>(records: &mut Records<'a>) -> Option<RowView<'a>> {
    let begin = records.0;
    let kind = records.byte()?;
    let (table, image) = (records.number()?, records.image_view()?);
    let before = if kind == 3 { before(records)? } else { Before::Nothing };
    let bytes = &begin[..begin.len() - records.0.len()];
    Some(RowView { table, is_deleted: kind == 4, bytes, image, before })
}

fn before<'a>(records: &mut Records<'a>) -> Option<Before<'a>> {
    Some(match records.byte()? {
        0 => Before::Nothing,
        1 => {
            let mut others = Vec::new();
            for _ in 0..records.number()? {
                others.push((records.place()?, records.field_view()?));
            }
            Before::Others(others)
        }
        2 => Before::Whole(records.image_view()?),
        _ => return None,
    })
}

impl<'a> ImageView<'a> {
    /// As it stands in the line; `None` when it is absent, or there is none.
    fn field(&self, place: usize) -> Option<&'a [u8]> {
        if self.absent.contains(&place) {
            return None;
        }
        self.line.split(|byte| *byte == b'\t').nth(place)
    }

    fn bytes(&self) -> u64 {
        self.line.split(|byte| *byte == b'\t').map(length).sum()
    }
}

/// Of a field as the database wrote it, and one for whether there is any.
fn length(field: &[u8]) -> u64 {
    match field {
        b"\\N" => 1,
        field => 1 + (field.len() - escapes(field)) as u64,
    }
}

/// An escape is two bytes for one.
fn escapes(field: &[u8]) -> usize {
    let mut bytes = field.iter();
    let mut escapes = 0;
    while bytes.any(|byte| *byte == b'\\') {
        bytes.next();
        escapes += 1;
    }
    escapes
}

impl<'a> RowView<'a> {
    /// What it says; `None` when it is no row.
    pub(super) fn change(&self) -> Option<Change> {
        match Records(self.bytes).next()?.ok()? {
            Record::Row { change, .. } => Some(change),
            _ => None,
        }
    }

    /// Of its images, as they came: of each field its bytes and one more.
    pub(super) fn raw_bytes(&self) -> u64 {
        let own = self.image.bytes();
        own + match &self.before {
            Before::Nothing => 0,
            Before::Whole(image) => image.bytes(),
            Before::Others(others) => others.iter().fold(own, |bytes, (place, field)| {
                let after = self.image.line.split(|byte| *byte == b'\t').nth(*place);
                let before = 1 + field.map_or(0, |field| field.len() as u64);
                bytes + before - after.map_or(0, length).min(bytes + before)
            }),
        }
    }

    /// A field of each of its images, as it would stand in a line; `None` where it is absent, and of an image that there
    /// is not.
    fn fields(&self, place: usize) -> [Option<Cow<'a, [u8]>>; 2] {
        let own = self.image.field(place).map(Cow::Borrowed);
        let before = match &self.before {
            Before::Nothing => None,
            Before::Whole(image) => image.field(place).map(Cow::Borrowed),
            Before::Others(others) => match others.iter().find(|(other, _)| *other == place) {
                Some((_, field)) => own.is_some().then(|| Cow::Owned(line_of(*field))),
                None => own.clone(),
            },
        };
        [own, before]
    }

    /// Whether one of its images has these fields, written as [`line_of`] does.
    pub(super) fn has(&self, places: &[usize], fields: &[Vec<u8>]) -> bool {
        let mut has = [true, true];
        for (place, wanted) in places.iter().zip(fields) {
            for (has, field) in has.iter_mut().zip(self.fields(*place)) {
                *has &= field.is_some_and(|field| *field == **wanted);
            }
        }
        has.contains(&true) && !places.is_empty()
    }
}

/// A field as it stands in a line.
pub(super) fn line_of(field: Option<&[u8]>) -> Vec<u8> {
    let mut line = Vec::new();
    put_field_value(&mut line, field);
    line
}

pub(super) fn lines_of(fields: &[Field]) -> Vec<Vec<u8>> {
    fields.iter().map(|field| line_of(field.as_deref())).collect()
}

/// What the rows of a table are found by: the columns of its key, and each that is looked for.
#[derive(Debug)]
pub(super) struct Finder {
    ways: Vec<(Hasher, Vec<usize>)>,
}

impl Finder {
    pub(super) fn new(table: &TableShape, lookups: &Lookups) -> Self {
        let label = table.label();
        let columns = lookups.0.get(&label).map(Vec::as_slice).unwrap_or_default();
        let places = columns.iter().filter_map(|name| table.column(name)).map(|place| vec![place]);
        let way = |places: Vec<usize>| {
            let names = places.iter().map(|place| table.columns[*place].name.as_str());
            (Hasher::new(&label, names), places)
        };
        Self { ways: std::iter::once(key_places(table)).chain(places).map(way).collect() }
    }

    /// What a change is found by, without what stands there twice.
    pub(super) fn hashes(&self, row: &RowView<'_>) -> Vec<u32> {
        let mut hashes = Vec::with_capacity(2 * self.ways.len());
        for (hasher, places) in &self.ways {
            let mut own = [Some(hasher.clone()), Some(hasher.clone())];
            for place in places {
                for (hash, field) in own.iter_mut().zip(row.fields(*place)) {
                    match (hash.as_mut(), field) {
                        (Some(hash), Some(field)) => hash.feed(&field),
                        _ => *hash = None,
                    }
                }
            }
            let [after, before] = own;
            hashes.extend(after.map(|hash| hash.end()));
            let is_there = !matches!(row.before, Before::Nothing);
            hashes.extend(before.filter(|_| is_there).map(|hash| hash.end()));
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{index, part::values_at, record::put_change};
    use databases::changes::{Column, Image};

    fn images(change: &Change) -> impl Iterator<Item = &Image> {
        let (one, other) = match change {
            Change::Inserted(image) | Change::Deleted(image) => (Some(image), None),
            Change::Updated { before, after } => (Some(after), before.as_ref()),
        };
        one.into_iter().chain(other)
    }

    /// As [`Finder::hashes`], of a change that was copied out.
    fn hashes(table: &TableShape, change: &Change, lookups: &Lookups) -> Vec<u32> {
        let label = table.label();
        let columns = lookups.0.get(&label).map(Vec::as_slice).unwrap_or_default();
        let places = columns.iter().filter_map(|name| table.column(name)).map(|place| vec![place]);
        let places: Vec<Vec<usize>> = std::iter::once(key_places(table)).chain(places).collect();
        let mut hashes = Vec::new();
        for image in images(change) {
            for places in &places {
                let Some(values) = values_at(image, places) else { continue };
                let names = places.iter().map(|place| table.columns[*place].name.as_str());
                let values = values.into_iter().map(Option::as_deref);
                hashes.push(index::hash(&label, names, values));
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    fn shape(key: Vec<usize>) -> TableShape {
        let column = |name: &str| Column { name: name.into(), type_name: "text".into() };
        TableShape {
            schema: Some("public".into()),
            name: "t".into(),
            columns: ["a", "b", "c"].map(column).to_vec(),
            key,
        }
    }

    type Drawn = ([Option<Vec<u8>>; 3], u8);

    fn image((fields, absent): &Drawn) -> Image {
        let absent: Vec<usize> =
            (0..3).filter(|place| absent & (8 << place) == 8 << place).collect();
        let mut fields = fields.to_vec();
        // What is absent has no value.
        absent.iter().for_each(|place| fields[*place] = None);
        Image { fields, absent }
    }

    #[test]
    fn a_view_says_what_the_change_says() {
        let lookups = Lookups([("public.t".to_owned(), vec!["c".to_owned()])].into());
        bolero::check!().with_type::<(u8, u8, Drawn, Drawn)>().for_each(
            |(kind, key, one, other)| {
                let (after, before) = (image(one), image(other));
                let change = match kind % 4 {
                    0 => Change::Inserted(after),
                    1 => Change::Deleted(after),
                    2 => Change::Updated { before: None, after },
                    _ => Change::Updated { before: Some(before), after },
                };
                let shape = shape([vec![], vec![0], vec![1, 0]][usize::from(key % 3)].clone());
                let mut bytes = Vec::new();
                put_change(&mut bytes, 7, &change);
                bytes.push(8);
                let mut views = Views(&bytes);
                let Some(Ok(View::Row(row))) = views.next() else { panic!("it is no row") };
                assert!(matches!(views.next(), Some(Ok(View::Other(Record::Abandoned)))));
                assert_eq!((row.table, row.is_deleted), (7, matches!(change, Change::Deleted(_))));
                assert_eq!(row.change().as_ref(), Some(&change));
                let bytes = |image: &Image| -> u64 {
                    image
                        .fields
                        .iter()
                        .map(|field| 1 + field.as_ref().map_or(0, Vec::len) as u64)
                        .sum()
                };
                assert_eq!(row.raw_bytes(), images(&change).map(bytes).sum::<u64>());
                let finder = Finder::new(&shape, &lookups);
                assert_eq!(finder.hashes(&row), hashes(&shape, &change, &lookups));
                for image in images(&change) {
                    for places in [vec![0], vec![2, 1]] {
                        let Some(values) = values_at(image, &places) else { continue };
                        let values: Vec<Field> = values.into_iter().cloned().collect();
                        assert!(row.has(&places, &lines_of(&values)));
                        let others = vec![Some(b"nowhere else".to_vec()); places.len()];
                        assert!(!row.has(&places, &lines_of(&others)));
                    }
                }
            },
        );
    }

    #[test]
    fn no_bytes_make_it_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            for view in Views(bytes) {
                if let Ok(View::Row(row)) = view {
                    let _ = (row.raw_bytes(), row.change(), row.has(&[1], &[vec![1]]));
                }
            }
        });
    }
}
