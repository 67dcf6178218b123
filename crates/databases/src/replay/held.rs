//! Rows held against what a journal has seen of them last, in a database of MariaDB that nobody writes to.

use super::{
    Tables,
    mysql::{self, Images, Rows},
    ordered,
};
use crate::{
    DatabaseError,
    changes::{Image, TableShape},
    dump::Field,
};
use kernel::config::DatabaseUrl;
use std::{collections::BTreeMap, sync::Arc};

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastImage {
    pub table: Arc<TableShape>,
    /// In the order of the table's key.
    pub key: Vec<Field>,
    /// `None`: there is no such row.
    pub row: Option<Image>,
}

/// A database that is looked at. Blocks its thread; use it outside of asynchronous code.
pub struct Held {
    rows: Rows,
    tables: Tables,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    /// # Errors
    /// When the server does not let us look.
    pub fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let rows = mysql::look(url)?;
        let tables = Tables::new(rows.tables.clone());
        Ok(Self { rows, tables })
    }

    /// Holds rows against their last images, but for those of tables that have other columns or another key
    /// than these had; gives how many were.
    ///
    /// # Errors
    /// [`DatabaseError::NotReplayed`] names the first row that is not so.
    pub fn hold(&mut self, images: &[LastImage]) -> Result<u64, DatabaseError> {
        let mut all: BTreeMap<usize, Images> = BTreeMap::new();
        let mut count = 0;
        for LastImage { table, key, row } in images {
            let Ok(at) = self.tables.find(&table.label()) else { continue };
            let Ok(places) = self.tables.places(at, table) else { continue };
            let names = table.key.iter().map(|place| &table.columns[*place].name);
            if key.is_empty() || !names.eq(&self.tables.all[at].key) {
                continue;
            }
            let row = row.as_ref().map(|row| ordered(row, &places));
            if row.as_ref().is_some_and(|row| !row.absent.is_empty()) {
                continue;
            }
            all.entry(at).or_default().insert(key.clone(), row.map(|row| row.fields));
            count += 1;
        }
        for (at, rows) in &all {
            self.rows.hold(*at, rows)?;
        }
        Ok(count)
    }
}
