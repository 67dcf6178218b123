//! How far a journal reaches: from when on it has every change, until when, and what of it is found fast.

use super::Reader;

/// Logs and segments are numbered from here.
const FIRST: u64 = 1;

impl Reader {
    /// When the last of its transactions was committed, in Unix ms; `None` without one.
    #[must_use]
    pub fn ends_ms(&self) -> Option<i64> {
        let mut parts = self.parts().rev();
        parts.find_map(|part| part.summary.first_ms.map(|_| part.summary.last_ms))
    }

    /// Whether nothing of its beginning was forgotten.
    #[must_use]
    pub fn has_its_beginning(&self) -> bool {
        self.parts().next().is_none_or(|part| part.number == FIRST)
    }

    /// Whether rows are found by this column without reading all of them.
    #[must_use]
    pub fn is_indexed(&self, label: &str, column: &str) -> bool {
        let has = |columns: &Vec<String>| columns.iter().any(|one| one == column);
        self.parts().all(|part| {
            let is_there = part.tables.iter().any(|table| table.label() == label);
            !is_there || part.summary.lookups.0.get(label).is_some_and(has)
        })
    }
}
