//! Holds every row of two sides against each other: databases, dumps, or one of each.
//!
//! Both sides are read side by side, a row of each in turn. A row waits for its partner on the other
//! side by its key, so nothing need be known of how a database sorts; what waits is few where the
//! sides are alike, and has a limit where they are not.

use super::{
    Dump, DumpFile, Files, Options, Reader, Table, line,
    reader::{Blocks, lines},
};
use crate::DatabaseError;
use kernel::config::DatabaseUrl;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead, BufReader, Read},
};

/// Keys that wait for their partner, of one table.
const MAX_WAITING_BYTES: usize = 256 << 20;
/// What a waiting key takes beside its bytes.
const WAITING_BYTES: usize = 64;
const MAX_KEYS: usize = 10;
/// How many bytes are compared until somebody hears of it.
const TELL_EVERY: u64 = 512 << 10;

/// One side of a comparison.
#[derive(Debug)]
pub enum Side<'a, F> {
    /// A database as it is at this moment, read in one snapshot.
    Live(&'a DatabaseUrl),
    Dump(&'a Reader<F>),
}

/// How a table's rows differ. Tables without a difference are not told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDifference {
    /// `public.orders`, `orders`.
    pub table: String,
    /// Rows of the left side that the right one has none for.
    pub missing: u64,
    /// Rows of the right side only.
    pub extra: u64,
    /// Rows with the same key and other values.
    pub different: u64,
    /// Keys of the first of them, ten at most; composite ones with a comma. A table without a key
    /// has its whole rows here.
    pub keys: Vec<String>,
    /// Why rows were not compared, or not all: the table is not on both sides, has other columns, or
    /// differs in too many rows.
    pub not_compared: Option<String>,
}

/// Compares all tables, or only the named ones. Blocks its thread; memory is bounded, whatever the
/// size of the tables. The time of the snapshot is of no interest here.
///
/// # Errors
/// When a side cannot be read.
pub fn compare<L: Files, R: Files>(
    left: &Side<'_, L>,
    right: &Side<'_, R>,
    only_tables: Option<&[String]>,
) -> Result<Vec<TableDifference>, DatabaseError> {
    compare_told(left, right, only_tables, &|_| {})
}

/// The same; `progress` hears of bytes of the left side, as they are compared.
pub(crate) fn compare_told<L: Files, R: Files>(
    left: &Side<'_, L>,
    right: &Side<'_, R>,
    only_tables: Option<&[String]>,
    progress: &dyn Fn(u64),
) -> Result<Vec<TableDifference>, DatabaseError> {
    let only_tables = only_tables.map(<[String]>::to_vec);
    compare_of(left, right, &Options { only_tables, ..Options::new(0) }, progress)
}

/// The same of the tables that these options name, in their manner.
pub(crate) fn compare_of<L: Files, R: Files>(
    left: &Side<'_, L>,
    right: &Side<'_, R>,
    options: &Options,
    progress: &dyn Fn(u64),
) -> Result<Vec<TableDifference>, DatabaseError> {
    let (mut left, mut right) = (Walk::begin(left, options)?, Walk::begin(right, options)?);
    let mut differences = Vec::new();
    loop {
        let (on_left, on_right) = (left.next_name(), right.next_name());
        let name = match (&on_left, &on_right) {
            (None, None) => break,
            (Some(name), None) | (None, Some(name)) => name.clone(),
            (Some(a), Some(b)) => a.min(b).clone(),
        };
        let mut one = if on_left.as_ref() == Some(&name) { Some(left.next()?) } else { None };
        let mut other = if on_right.as_ref() == Some(&name) { Some(right.next()?) } else { None };
        let table = one.as_ref().map(|rows| &rows.table);
        let table = table.or(other.as_ref().map(|rows| &rows.table));
        if let Some(label) = table.filter(|table| options.wants(table)).map(Table::label) {
            let found = table_difference(label, one.as_mut(), other.as_mut(), progress)?;
            differences.extend(found);
        }
        // A database's rows must be read to their end, wanted or not.
        one.map_or(Ok(()), TableRows::leave)?;
        other.map_or(Ok(()), TableRows::leave)?;
    }
    left.finish()?;
    right.finish()?;
    Ok(differences)
}

fn table_difference<L: Files, R: Files>(
    table: String,
    left: Option<&mut TableRows<'_, L>>,
    right: Option<&mut TableRows<'_, R>>,
    progress: &dyn Fn(u64),
) -> Result<Option<TableDifference>, DatabaseError> {
    let not_compared = |why: &str| {
        let not_compared = Some(why.to_owned());
        Ok(Some(TableDifference {
            table: table.clone(),
            not_compared,
            ..TableDifference::default()
        }))
    };
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (Some(_), None) => return not_compared("the right side does not have it"),
        (None, _) => return not_compared("the left side does not have it"),
    };
    let names = |table: &Table| table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    if names(&left.table) != names(&right.table) || left.table.key != right.table.key {
        return not_compared("its columns or its key are others");
    }
    let mut matching = Matching::new(&left.table);
    let (mut line, mut has_left, mut has_right, mut told) = (Vec::new(), true, true, 0);
    while has_left || has_right {
        if has_left {
            has_left = left.next_line(&mut line)?;
            if has_left {
                matching.add(&line, false);
                told += line.len() as u64 + 1;
                if told >= TELL_EVERY {
                    progress(std::mem::take(&mut told));
                }
            }
        }
        if has_right {
            has_right = right.next_line(&mut line)?;
            if has_right {
                matching.add(&line, true);
            }
        }
        if matching.waiting_bytes > MAX_WAITING_BYTES {
            let mut difference = matching.finish(table);
            difference.not_compared = Some("too many rows differ to hold all".to_owned());
            return Ok(Some(difference));
        }
    }
    progress(told);
    let difference = matching.finish(table);
    let is_same = difference.missing + difference.extra + difference.different == 0;
    Ok(Some(difference).filter(|_| !is_same))
}

/// Rows without a partner yet, of both sides.
struct Matching {
    /// Places of the key's columns; empty: the whole row is its own key.
    key: Vec<usize>,
    hasher: RandomState,
    /// By key: the hashes of rows, and whether they are of the right side. A key is of one side only.
    waiting: HashMap<Vec<u8>, (bool, Vec<u64>)>,
    waiting_bytes: usize,
    different: u64,
    keys: Vec<String>,
}

impl Matching {
    fn new(table: &Table) -> Self {
        Self {
            key: table.key.iter().filter_map(|name| table.column(name)).collect(),
            hasher: RandomState::new(),
            waiting: HashMap::new(),
            waiting_bytes: 0,
            different: 0,
            keys: Vec::new(),
        }
    }

    fn add(&mut self, line: &[u8], is_right: bool) {
        let key = self.key_of(line);
        let row = self.hasher.hash_one(line);
        let size = key.len() + WAITING_BYTES;
        match self.waiting.get_mut(&key) {
            Some((side, rows)) if *side != is_right => {
                // Of rows with one key, those that are the same belong together.
                let same = rows.iter().position(|other| *other == row);
                rows.swap_remove(same.unwrap_or(0));
                let is_last = rows.is_empty();
                self.waiting_bytes -= size;
                if same.is_none() {
                    self.different += 1;
                    self.name(&key);
                }
                if is_last {
                    self.waiting.remove(&key);
                }
            }
            Some((_, rows)) => {
                rows.push(row);
                self.waiting_bytes += size;
            }
            None => {
                self.waiting.insert(key, (is_right, vec![row]));
                self.waiting_bytes += size;
            }
        }
    }

    fn key_of(&self, line: &[u8]) -> Vec<u8> {
        if self.key.is_empty() {
            return line.to_vec();
        }
        let fields: Vec<_> = line::raw_fields(line).collect();
        let parts = self.key.iter().map(|at| fields.get(*at).copied().unwrap_or_default());
        parts.collect::<Vec<_>>().join(&b'\t')
    }

    fn name(&mut self, key: &[u8]) {
        if self.keys.len() < MAX_KEYS {
            self.keys.push(String::from_utf8_lossy(key).replace('\t', ","));
        }
    }

    fn finish(mut self, table: String) -> TableDifference {
        let mut alone: Vec<_> = std::mem::take(&mut self.waiting).into_iter().collect();
        // The same ten each time: short ones first, so that numbers come in their order.
        alone.sort_unstable_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        alone.iter().for_each(|(key, _)| self.name(key));
        let count = |is_right: bool| {
            let of_side = alone.iter().filter(|(_, (side, _))| *side == is_right);
            of_side.map(|(_, (_, rows))| rows.len() as u64).sum()
        };
        TableDifference {
            table,
            missing: count(false),
            extra: count(true),
            different: self.different,
            keys: self.keys,
            not_compared: None,
        }
    }
}

/// The tables of a side in the order of their names.
enum Walk<'a, F> {
    Live { tables: std::vec::IntoIter<Table>, files: std::vec::IntoIter<DumpFile> },
    Dump { reader: &'a Reader<F>, tables: std::vec::IntoIter<Table> },
}

impl<'a, F: Files> Walk<'a, F> {
    fn begin(side: &Side<'a, F>, options: &Options) -> Result<Self, DatabaseError> {
        match side {
            Side::Live(url) => {
                let dump = Dump::begin(url, options.clone())?;
                let tables = dump.tables().to_vec().into_iter();
                Ok(Self::Live { tables, files: dump.into_files().into_iter() })
            }
            Side::Dump(reader) => {
                Ok(Self::Dump { reader, tables: reader.tables().to_vec().into_iter() })
            }
        }
    }

    fn next_name(&self) -> Option<(Option<String>, String)> {
        let (Self::Live { tables, .. } | Self::Dump { tables, .. }) = self;
        tables.as_slice().first().map(|table| (table.schema.clone(), table.name.clone()))
    }

    fn next(&mut self) -> Result<TableRows<'a, F>, DatabaseError> {
        let (Self::Live { tables, .. } | Self::Dump { tables, .. }) = self;
        let table = tables.next().expect("invariant: a next table was seen");
        let lines = match self {
            Self::Dump { reader, .. } => {
                let blocks = Box::new(reader.blocks(&table)?);
                Lines::Dump { blocks, block: Vec::new(), at: 0 }
            }
            Self::Live { files, .. } => {
                let rows = files.find(|file| file.name == table.rows.name);
                let index = files.next();
                let cut = || DatabaseError::DumpCut(format!("no rows of `{}`", table.label()));
                let (rows, index) = rows.zip(index).ok_or_else(cut)?;
                Lines::Live { rows: BufReader::new(rows.content), index }
            }
        };
        Ok(TableRows { table, lines })
    }

    fn finish(self) -> Result<(), DatabaseError> {
        match self {
            Self::Live { files, .. } => files.into_iter().try_for_each(to_end),
            Self::Dump { .. } => Ok(()),
        }
    }
}

/// What a database says at its end counts for all rows before it.
fn to_end(mut file: DumpFile) -> Result<(), DatabaseError> {
    let failed = |source| DatabaseError::DumpFile { name: file.name.clone(), source };
    let bytes = io::copy(&mut file.content, &mut io::sink()).map_err(failed)?;
    (file.is_whole)(bytes).map_err(DatabaseError::DumpCut)
}

struct TableRows<'a, F> {
    table: Table,
    lines: Lines<'a, F>,
}

enum Lines<'a, F> {
    Live { rows: BufReader<Box<dyn Read + Send>>, index: DumpFile },
    Dump { blocks: Box<Blocks<'a, F>>, block: Vec<u8>, at: usize },
}

impl<F: Files> TableRows<'_, F> {
    /// Puts the next line into `line`, without its line feed; false at the end.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<bool, DatabaseError> {
        line.clear();
        match &mut self.lines {
            Lines::Live { rows, .. } => {
                let failed =
                    |source| DatabaseError::DumpFile { name: self.table.rows.name.clone(), source };
                let count = rows.read_until(b'\n', line).map_err(failed)?;
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Ok(count > 0)
            }
            Lines::Dump { blocks, block, at } => {
                while *at >= block.len() {
                    let Some(next) = blocks.next() else { return Ok(false) };
                    (*block, *at) = (next?, 0);
                }
                let first = lines(&block[*at..]).next().unwrap_or_default();
                line.extend_from_slice(first);
                *at += first.len() + 1;
                Ok(true)
            }
        }
    }

    fn leave(self) -> Result<(), DatabaseError> {
        let Lines::Live { mut rows, index } = self.lines else { return Ok(()) };
        let failed =
            |source| DatabaseError::DumpFile { name: self.table.rows.name.clone(), source };
        io::copy(&mut rows, &mut io::sink()).map_err(failed)?;
        to_end(index)
    }
}
