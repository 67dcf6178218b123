//! Whether changes were made, told by the rows themselves.

use super::{Cell, Change, Live, find, key_of};
use crate::{DatabaseError, dump::Row};

/// What became of changes that were to be made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of them.
    Made,
    /// None of them.
    NotMade,
    /// Some: somebody else was at these rows since.
    Mixed,
}

impl Live {
    /// Looks at every row that the changes are about. Changes nothing.
    ///
    /// A row that is there counts as inserted, whatever became of its values since. A later change of
    /// the same row decides over an earlier one.
    ///
    /// # Errors
    /// As of [`Live::lookup`]; [`DatabaseError::NoTable`].
    pub fn standing(&mut self, changes: &[Change]) -> Result<Standing, DatabaseError> {
        let (mut made, mut not_made) = (0_usize, 0_usize);
        for change in changes {
            match self.is_made(change)? {
                Some(true) => made += 1,
                Some(false) => not_made += 1,
                None => {}
            }
        }
        Ok(match (made, not_made) {
            (_, 0) => Standing::Made,
            (0, _) => Standing::NotMade,
            _ => Standing::Mixed,
        })
    }

    /// `None`: the row tells nothing, as one that is gone does of a change of its values.
    fn is_made(&mut self, change: &Change) -> Result<Option<bool>, DatabaseError> {
        let (label, key) = match change {
            Change::Insert { table, row } => (table, key_of(&self.tables, table, row)),
            Change::Update { table, key, .. } | Change::Delete { table, key, .. } => {
                (table, key.clone())
            }
        };
        let table = find(&self.tables, label)?.clone();
        let wanted: Vec<(&str, &[u8])> = key
            .iter()
            .filter_map(|cell| Some((cell.column.as_str(), cell.value.as_deref()?)))
            .collect();
        let rows = self.lookup(&table, &wanted)?;
        let has = |row: &Row, cells: &[Cell]| {
            cells.iter().all(|cell| {
                table.column(&cell.column).is_some_and(|at| row.fields[at] == cell.value)
            })
        };
        Ok(match change {
            Change::Insert { .. } => Some(!rows.is_empty()),
            Change::Delete { .. } => Some(rows.is_empty()),
            Change::Update { were, become_, .. } => match rows.first() {
                Some(row) if has(row, become_) => Some(true),
                Some(row) if has(row, were) => Some(false),
                _ => None,
            },
        })
    }
}
