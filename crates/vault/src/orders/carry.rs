//! Orders that one living database has and another lacks are carried over, under their own keys: after a
//! shop went back in time, those that it had taken since.
//!
//! Each order comes in a transaction of its own, with all that belongs to it and what it needs, and is
//! held against where it came from. What cannot come is named with why, and left out whole; the others
//! come all the same. Doing it again does no harm: what is there stays.

use super::{
    Closure, Difference, Found, Options, OrderError, Restoration, Role, RowDifference, State,
    found, is_order, restoration, source::table,
};
use databases::{
    DatabaseError,
    dump::{Row, Table},
    live::Live,
};
use kernel::plan::Reason;
use shops::OrderGraph;
use std::collections::{HashMap, VecDeque};

/// So many orders are compared at once.
const PAGE: usize = 500;
/// Of so many of the newest orders that both have, every row is compared; of the others their own row.
const NEWEST: usize = 1_000;

/// How to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CarryOptions {
    /// Orders that both have become as they are where the others come from.
    pub newer_states: bool,
    /// So many keys are left free behind those that were given there.
    pub keys_free: i64,
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Carried {
    /// Orders that were lacking and have come.
    pub orders: u64,
    /// Orders that both had, and that have taken their newer state over.
    pub states: u64,
    /// Rows that were added or changed for all of them.
    pub rows: u64,
    /// Orders that both have and that are another here, by their numbers.
    pub others: Vec<Found>,
    /// Those that could not come, or not take their state over.
    pub refused: Vec<(Found, Reason)>,
}

/// Carries what is lacking from one database to the other, the oldest keys first. `watch` is told how
/// many orders were carried.
///
/// # Errors
/// When one of the two cannot be read, or lacks the table of orders. What has come until then stays.
pub fn carry(
    from: &mut Live,
    to: &mut Live,
    graph: &OrderGraph,
    options: CarryOptions,
    watch: &mut dyn FnMut(u64),
) -> Result<Carried, OrderError> {
    let counters = from.counters()?;
    to.advance(&counters, options.keys_free)?;
    let (root, there) = (known_table(from, &graph.root)?, known_table(to, &graph.root)?);
    let mut carrier = Carrier { from, to, graph, carried: Carried::default() };
    let (mut after, mut newest) = (None, VecDeque::new());
    loop {
        let page = carrier.from.page(&root, &graph.key, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { break };
        after = value(&root, last, &graph.key).map(<[u8]>::to_vec);
        let known = carrier.known(&root, &there, &page)?;
        let kind = carrier.from.kind();
        let is_one = |row: &Row| graph.only.is_empty() || is_order(graph, kind, &root, row);
        for row in page.into_iter().filter(is_one) {
            match known.get(value(&root, &row, &graph.key).unwrap_or_default()) {
                None => carrier.bring(&root, &row)?,
                Some(here) if is_other(&root, &row, &there, here) => {
                    carrier.compare(&root, &row, options.newer_states)?;
                }
                Some(_) => newest.push_back(row),
            }
            watch(carrier.carried.orders);
        }
        newest.drain(..newest.len().saturating_sub(NEWEST));
    }
    for row in newest {
        carrier.compare(&root, &row, options.newer_states)?;
    }
    Ok(carrier.carried)
}

struct Carrier<'a> {
    from: &'a mut Live,
    to: &'a mut Live,
    graph: &'a OrderGraph,
    carried: Carried,
}

/// What keeps one order from coming, and no other.
enum Kept {
    Refused(Reason),
    /// Nothing more can be done at all.
    Failed(OrderError),
}

impl From<OrderError> for Kept {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotThere { what } => {
                Self::Refused(Reason::new("order_table_gone", [("table", what.into())]))
            }
            OrderError::TooMuch { table } => {
                Self::Refused(Reason::new("order_too_large", [("table", table.into())]))
            }
            other => Self::Failed(other),
        }
    }
}

impl Carrier<'_> {
    /// Those of these orders that are there, by their keys.
    fn known(
        &mut self,
        root: &Table,
        there: &Table,
        page: &[Row],
    ) -> Result<HashMap<Vec<u8>, Row>, OrderError> {
        let key = &self.graph.key;
        let keys: Vec<Vec<u8>> =
            page.iter().filter_map(|row| value(root, row, key).map(<[u8]>::to_vec)).collect();
        let rows = self.to.rows_with(there, key, &keys)?;
        let by_key =
            rows.into_iter().filter_map(|row| Some((value(there, &row, key)?.to_vec(), row)));
        Ok(by_key.collect())
    }

    fn bring(&mut self, root: &Table, row: &Row) -> Result<(), OrderError> {
        let order = found(root, self.graph, self.from.kind(), row.clone())?;
        match self.make(row, false) {
            Ok(rows) => {
                self.carried.orders += 1;
                self.carried.rows += rows;
            }
            Err(Kept::Refused(reason)) => self.carried.refused.push((order, reason)),
            Err(Kept::Failed(error)) => return Err(error),
        }
        Ok(())
    }

    /// An order that both have.
    fn compare(&mut self, root: &Table, row: &Row, newer_states: bool) -> Result<(), OrderError> {
        let order = found(root, self.graph, self.from.kind(), row.clone())?;
        let difference = match self.difference(row).map_err(Kept::from) {
            Ok(difference) => difference,
            Err(Kept::Refused(_)) => {
                self.carried.others.push(order);
                return Ok(());
            }
            Err(Kept::Failed(error)) => return Err(error),
        };
        if difference.is_same() {
            return Ok(());
        }
        if !newer_states {
            self.carried.others.push(order);
            return Ok(());
        }
        match self.make(row, true) {
            Ok(rows) => {
                self.carried.states += 1;
                self.carried.rows += rows;
            }
            Err(Kept::Refused(reason)) => self.carried.refused.push((order, reason)),
            Err(Kept::Failed(error)) => return Err(error),
        }
        Ok(())
    }

    fn difference(&mut self, row: &Row) -> Result<Difference, OrderError> {
        let mut closure = Closure::of(self.from, self.graph, row)?;
        Difference::between(self.from, self.graph, &mut closure, self.to)
    }

    /// All of an order in one transaction; so many rows became others.
    fn make(&mut self, row: &Row, set_back: bool) -> Result<u64, Kept> {
        let difference = self.difference(row)?;
        let made =
            restoration(self.graph, &difference, self.to, Options { set_back, erased: None })?;
        let made = made.map_err(|refusal| Kept::Refused(refusal.0))?;
        if let Err(error) = self.to.apply(&made.changes) {
            return Err(self.not_taken(error));
        }
        let left = self.difference(row)?;
        let is_lacking = |row: &&RowDifference| match row.state {
            State::Gone => true,
            State::Changed => (set_back || difference.is_gone()) && is_lost(row),
            State::Same | State::New => false,
        };
        let own = left.rows.iter().filter(|row| row.role < Role::Needed);
        let lacking = own.into_iter().find(is_lacking);
        let Some(lacking) = lacking else { return Ok(made.changes.len() as u64) };
        let reason = Reason::new("order_not_as_it_was", [("table", lacking.table.as_str().into())]);
        self.take_back(&made)?;
        Err(Kept::Refused(reason))
    }

    fn take_back(&mut self, made: &Restoration) -> Result<(), OrderError> {
        let undo = made.undo(self.to.tables());
        Ok(self.to.apply(&undo)?)
    }

    /// Whether the database refuses these rows, or answers nothing any more.
    fn not_taken(&mut self, error: DatabaseError) -> Kept {
        let answers = lookup_one(self.to, &self.graph.root, &self.graph.key).is_ok();
        match answers {
            true => {
                Kept::Refused(Reason::new("order_not_taken", [("error", story(&error).into())]))
            }
            false => Kept::Failed(error.into()),
        }
    }
}

fn lookup_one(live: &mut Live, root: &str, key: &str) -> Result<(), OrderError> {
    let root = known_table(live, root)?;
    live.page(&root, key, None, 1)?;
    Ok(())
}

fn known_table(live: &Live, name: &str) -> Result<Table, OrderError> {
    let none = || OrderError::NotThere { what: name.to_owned() };
    table(live.tables(), name).cloned().ok_or_else(none)
}

fn value<'a>(table: &Table, row: &'a Row, column: &str) -> Option<&'a [u8]> {
    row.fields[table.column(column)?].as_deref()
}

/// Whether a column that both tables have has another value, or one has a column that the other lacks.
fn is_other(root: &Table, row: &Row, there: &Table, here: &Row) -> bool {
    let differs = |(at, column): (usize, &databases::dump::Column)| {
        there.column(&column.name).is_none_or(|other| row.fields[at] != here.fields[other])
    };
    root.columns.len() != there.columns.len() || root.columns.iter().enumerate().any(differs)
}

/// Whether a value has not come; NULL of a column that is not there is none.
fn is_lost(row: &RowDifference) -> bool {
    row.changes().any(|(_, then, now)| match (then, now) {
        (Some(then), None) => then.is_some(),
        (then, now) => then.is_some() && then != now,
    })
}

/// An error with what caused it.
fn story(error: &DatabaseError) -> String {
    let mut story = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        story = format!("{story}: {cause}");
        source = cause.source();
    }
    story
}
