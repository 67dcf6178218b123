//! What became of one order, transaction by transaction, as a journal has seen it.

use super::{
    Difference, OrderError, Role, RowDifference, State,
    closure::{Link, is_down, links},
    moment::{Cut, key_names},
};
use crate::journal::{MarkKind, Reader, Version};
use databases::{
    changes::{Change, Image, Position, TableShape},
    dump::{Field, Kind, Table},
    live::Cell,
};
use shops::OrderGraph;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// More rows of one order are not followed.
const MOST_ROWS: usize = 2_000;
/// Who deletes an order row by row is done within this.
const ONE_DELETION_MS: i64 = 10_000;

/// A transaction that changed something of an order.
#[derive(Debug, Clone)]
pub struct Happening {
    /// Of its transaction in the journal.
    pub sequence: u64,
    pub at_ms: i64,
    /// Where the server's log goes on after it; `None` where an older program did not note that.
    pub position: Option<Position>,
    pub what: What,
    /// Old values beside new ones, as far as the journal knows them.
    pub difference: Difference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Made,
    Changed,
    Gone,
}

/// All that a journal has of one order.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// The oldest first.
    pub happenings: Vec<Happening>,
}

impl Trail {
    /// The order's own row and what hangs below it, by its key.
    ///
    /// # Errors
    /// When the journal cannot be read, or too much hangs together.
    pub fn of(
        journal: &Reader,
        (tables, kind): (&[Table], Kind),
        graph: &OrderGraph,
        key: &[u8],
    ) -> Result<Self, OrderError> {
        let links = links(tables, graph)?;
        let Some(root) = super::source::table(tables, &graph.root) else {
            return Err(OrderError::NotThere { what: graph.root.clone() });
        };
        let mut walk = Walk { journal, links, graph, seen: HashSet::new(), found: BTreeMap::new() };
        walk.gather(root, key)?;
        let mut trail = Self { happenings: walk.happenings(kind) };
        trail.add_emptied(journal, &root.label(), kind);
        Ok(trail)
    }

    /// The last moment at which all of an order was there that is gone by now, and when the first of it went;
    /// `None`: it is not gone, as far as the journal knows. Rows that went just before their order went with it.
    #[must_use]
    pub fn last_whole(&self) -> Option<(i64, Cut)> {
        let at = self.happenings.iter().rposition(|one| one.what != What::Changed)?;
        let gone = self.happenings.get(at).filter(|last| last.what == What::Gone)?;
        let is_of_it = |one: &&Happening| {
            let is_near = one.at_ms >= gone.at_ms - ONE_DELETION_MS;
            is_near && one.what != What::Made && one.difference.rows.iter().all(is_taken)
        };
        let before = self.happenings[..at].iter().rev().take_while(is_of_it);
        let first = before.last().unwrap_or(gone);
        let (sequence, position) = (first.sequence, first.position.clone());
        Some((first.at_ms, Cut::Before { sequence, position }))
    }

    /// When its own row went; `None`: it is not gone, as far as the journal knows.
    #[must_use]
    pub fn gone_ms(&self) -> Option<i64> {
        let last = self.happenings.iter().rev().find(|one| one.what != What::Changed)?;
        (last.what == What::Gone).then_some(last.at_ms)
    }

    /// Whether the journal has seen it come.
    #[must_use]
    pub fn begins_with_it(&self) -> bool {
        self.happenings.iter().any(|one| one.what == What::Made)
    }

    /// A table that was emptied takes its orders with it, and tells no rows.
    fn add_emptied(&mut self, journal: &Reader, label: &str, kind: Kind) {
        for mark in journal.marks() {
            let is_it = matches!(&mark.kind, MarkKind::Emptied { table } if table == label);
            let before = self.happenings.iter().rev().find(|one| one.sequence <= mark.sequence);
            if is_it && before.is_none_or(|before| before.what != What::Gone) {
                let difference = Difference { rows: Vec::new(), kind };
                let (sequence, at_ms) = (mark.sequence, mark.committed_ms);
                let (position, what) = (mark.position.clone(), What::Gone);
                self.happenings.push(Happening { sequence, at_ms, position, what, difference });
            }
        }
        self.happenings.sort_by_key(|one| one.sequence);
    }
}

/// A row that went, or whose links were cut.
fn is_taken(row: &RowDifference) -> bool {
    let mut changes = row.changes();
    row.state == State::Gone
        || row.state == State::Changed && changes.all(|(_, _, now)| matches!(now, Some(None)))
}

/// Of a row: the version, what it is to the order, and the values before, as far as they are known.
struct Seen {
    version: Version,
    role: Role,
    before: Option<Vec<Cell>>,
}

struct Walk<'a> {
    journal: &'a Reader,
    links: Vec<Link>,
    graph: &'a OrderGraph,
    seen: HashSet<(String, Vec<Field>)>,
    /// In the order of the journal.
    found: BTreeMap<(u64, u64), Seen>,
}

impl Walk<'_> {
    fn gather(&mut self, root: &Table, key: &[u8]) -> Result<(), OrderError> {
        let mut queue = VecDeque::new();
        for key in self.keys(&root.label(), &self.graph.key, key)? {
            queue.push_back((root.name.clone(), root.label(), key, Role::Root));
        }
        while let Some((name, label, key, role)) = queue.pop_front() {
            if !self.seen.insert((label.clone(), key.clone())) {
                continue;
            }
            if self.seen.len() > MOST_ROWS {
                return Err(OrderError::TooMuch { table: label });
            }
            let history = self.journal.history(&label, &key)?;
            for (label, column, value) in self.next(&name, &label, &history) {
                let name = label.rsplit('.').next().unwrap_or(&label).to_owned();
                for key in self.keys(&label, &column, &value)? {
                    queue.push_back((name.clone(), label.clone(), key, Role::Own));
                }
            }
            self.note(history, role);
        }
        Ok(())
    }

    /// Keys of rows that have or had a value.
    fn keys(&self, label: &str, column: &str, value: &[u8]) -> Result<Vec<Vec<Field>>, OrderError> {
        let mut keys: Vec<Vec<Field>> = Vec::new();
        for version in self.journal.find(label, column, value)? {
            let shape = &version.row.table;
            for image in version.row.before().into_iter().chain(version.row.after()) {
                let value_of = |name: &String| image.field(shape.column(name)?).cloned();
                let key: Option<Vec<Field>> = key_names(shape).iter().map(value_of).collect();
                keys.extend(key.filter(|key| !keys.contains(key)));
            }
        }
        Ok(keys)
    }

    /// By what the rows are found that belong to one: label, column, value.
    fn next(&self, name: &str, label: &str, history: &[Version]) -> Vec<(String, String, Vec<u8>)> {
        let mut next: Vec<(String, String, Vec<u8>)> = Vec::new();
        for version in history {
            let shape = &version.row.table;
            for image in version.row.before().into_iter().chain(version.row.after()) {
                let value =
                    |column: &str| image.field(shape.column(column)?).and_then(Option::clone);
                for link in &self.links {
                    let (Some(column), Some(to)) = (link.columns.first(), link.to.first()) else {
                        continue;
                    };
                    if is_down(self.graph, link) && link.to_table == name {
                        next.extend(value(to).map(|v| (link.from.label(), column.clone(), v)));
                    }
                    if link.from.label() == label && self.graph.with.contains(&link.to_table) {
                        let schema = link.from.schema.iter().map(|schema| format!("{schema}."));
                        let parent: String = schema.chain([link.to_table.clone()]).collect();
                        next.extend(value(column).map(|v| (parent, to.clone(), v)));
                    }
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        next
    }

    fn note(&mut self, history: Vec<Version>, role: Role) {
        let mut last: Option<Vec<Cell>> = None;
        for version in history {
            let shape = &version.row.table;
            let told = version.row.before().map(|image| cells(shape, image));
            // Where only the key is told, what was seen last is more.
            let before = match (told, last.take()) {
                (Some(told), Some(last)) if told.len() < last.len() => Some(last),
                (told, last) => told.or(last),
            };
            last = version.row.after().map(|image| cells(shape, image));
            self.found.insert((version.sequence, version.place), Seen { version, role, before });
        }
    }

    fn happenings(self, kind: Kind) -> Vec<Happening> {
        let mut happenings: Vec<Happening> = Vec::new();
        for ((sequence, _), seen) in self.found {
            let what = match (seen.role, &seen.version.row.change) {
                (Role::Root, Change::Inserted(_)) => What::Made,
                (Role::Root, Change::Deleted(_)) => What::Gone,
                _ => What::Changed,
            };
            let at_ms = seen.version.committed_ms;
            let position = Some(seen.version.position.clone());
            let row = difference(seen);
            match happenings.last_mut().filter(|last| last.sequence == sequence) {
                Some(happening) => {
                    happening.difference.rows.push(row);
                    if what != What::Changed {
                        happening.what = what;
                    }
                }
                None => {
                    let difference = Difference { rows: vec![row], kind };
                    happenings.push(Happening { sequence, at_ms, position, what, difference });
                }
            }
        }
        happenings
    }
}

fn difference(Seen { version, role, before }: Seen) -> RowDifference {
    let shape = &version.row.table;
    let (state, mut then, now) = match &version.row.change {
        Change::Inserted(after) => (State::New, Vec::new(), cells(shape, after)),
        Change::Deleted(_) => (State::Gone, before.unwrap_or_default(), Vec::new()),
        Change::Updated { after, .. } => {
            (State::Changed, before.unwrap_or_default(), cells(shape, after))
        }
    };
    let known = if now.is_empty() { &then } else { &now };
    let is_key = |cell: &&Cell| key_names(shape).contains(&cell.column);
    let key = known.iter().filter(is_key).cloned().collect();
    if state == State::Changed {
        // What an update does not carry stays as it was.
        then.retain(|cell| now.iter().any(|one| one.column == cell.column));
    }
    RowDifference { table: shape.label(), role, state, key, then, now }
}

fn cells(shape: &TableShape, image: &Image) -> Vec<Cell> {
    let columns = shape.columns.iter().enumerate();
    let cell = |(place, column): (usize, &databases::dump::Column)| {
        let value = image.field(place)?.clone();
        Some(Cell { column: column.name.clone(), value })
    };
    columns.filter_map(cell).collect()
}
