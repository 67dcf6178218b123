//! All that belongs to an order: from its own row along foreign keys and the platform's map.
//!
//! Downwards everything belongs to it that points to something of it: lines, payments, their refunds.
//! Upwards (a product, a customer) rows are only needed: they are looked at, and touched when they
//! are gone. What the platform's file lists as `with` belongs to the order though it is upwards.

use super::{
    MOST_ROWS, OrderError, Source,
    fitting::has_all,
    source::{read_as, spellings, table, written},
};
use databases::dump::{Field, Kind, Row, Table};
use shops::{EmailPath, Has, OrderGraph};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

/// What an order is looked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// As people call it, or its key.
    Number(String),
    /// Its key, though another one may be called so.
    Key(String),
    /// The buyer's e-mail address.
    Email(String),
}

/// An order that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As people read them, in the order of the graph's `numbers`.
    pub numbers: Vec<String>,
    pub key: String,
    pub row: Row,
}

/// How a row hangs together with the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The order itself.
    Root,
    /// Is the order's own.
    Own,
    /// Is pointed to by something of the order, and not its own.
    Needed,
}

/// A row with its table's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) table: String,
    pub(super) role: Role,
    pub(super) row: Row,
}

/// What belongs to an order at one moment.
#[derive(Debug, Clone)]
pub struct Closure {
    pub(super) kind: Kind,
    /// Of the moment, by their labels; only those with a row here.
    pub(super) tables: BTreeMap<String, Table>,
    /// In the order in which they were found; the root first.
    pub(super) members: Vec<Member>,
}

/// The orders that are meant, each once.
///
/// # Errors
/// When the source cannot be read, or lacks what the graph names.
pub fn find(
    source: &mut dyn Source,
    graph: &OrderGraph,
    wanted: &Wanted,
) -> Result<Vec<Found>, OrderError> {
    let root = known(source, &graph.root)?;
    let kind = source.kind();
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |found: Vec<Row>| {
        for row in found {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    };
    match wanted {
        Wanted::Number(text) | Wanted::Key(text) => {
            let by_number = matches!(wanted, Wanted::Number(_));
            let numbers = graph.numbers.iter().filter(|_| by_number);
            for column in numbers.chain([&graph.key]) {
                for value in written(kind, &root, column, text) {
                    if fits(&root, column, &value) {
                        add(source.lookup(&root, &[(column, &value)])?);
                    }
                }
            }
        }
        Wanted::Email(text) => {
            for path in &graph.emails {
                for value in spellings(kind, text) {
                    add(by_email(source, &root, path, &value)?);
                }
            }
        }
    }
    rows.retain(|row| has_all(kind, &root, row, &graph.only));
    rows.into_iter().map(|row| found(&root, graph, kind, row)).collect()
}

fn by_email(
    source: &mut dyn Source,
    root: &Table,
    path: &EmailPath,
    value: &[u8],
) -> Result<Vec<Row>, OrderError> {
    let Some(through) = &path.table else {
        return source.lookup(root, &[(&path.column, value)]);
    };
    let people = known(source, &through.name)?;
    let (mut rows, kind) = (Vec::new(), source.kind());
    let mut found = source.lookup(&people, &[(&path.column, value)])?;
    found.retain(|row| has_all(kind, &people, row, &through.only));
    for person in found {
        if let Some(id) = field(&people, &person, &through.to)? {
            rows.extend(source.lookup(root, &[(&through.from, &id)])?);
        }
    }
    Ok(rows)
}

/// A number is not looked for by what cannot be one: PostgreSQL would refuse the statement.
fn fits(table: &Table, column: &str, value: &[u8]) -> bool {
    let found = table.columns.iter().find(|known| known.name == column);
    let words = ["int", "serial", "numeric", "decimal", "oid"];
    let is_number = found.is_some_and(|column| {
        let name = column.type_name.to_ascii_lowercase();
        words.iter().any(|word| name.contains(word)) && name != "interval"
    });
    let is_uuid = found.is_some_and(|column| column.type_name == "uuid");
    let value = value.strip_prefix(b"'").unwrap_or(value);
    if is_uuid {
        return value.len() == 36;
    }
    !is_number || std::str::from_utf8(value).is_ok_and(|text| text.parse::<i64>().is_ok())
}

/// What people call the order of a row by.
///
/// # Errors
/// When the table lacks what the graph names.
pub fn found(root: &Table, graph: &OrderGraph, kind: Kind, row: Row) -> Result<Found, OrderError> {
    let text = |column: &String| {
        let value = field(root, &row, column)?;
        let at = root.column(column).expect("invariant: it has a value");
        Ok(value.map_or_else(String::new, |value| read_as(kind, &root.columns[at], &value)))
    };
    let numbers = graph.numbers.iter().map(text).collect::<Result<_, OrderError>>()?;
    let key = text(&graph.key)?;
    Ok(Found { numbers, key, row })
}

fn known(source: &dyn Source, name: &str) -> Result<Table, OrderError> {
    let none = || OrderError::NotThere { what: name.to_owned() };
    table(source.tables(), name).cloned().ok_or_else(none)
}

/// The value of a column; an error when there is no such column.
fn field(table: &Table, row: &Row, column: &str) -> Result<Field, OrderError> {
    let what = || OrderError::NotThere { what: format!("{}.{column}", table.label()) };
    let at = table.column(column).ok_or_else(what)?;
    Ok(row.fields[at].clone())
}

/// A link between two tables: these columns of one point to those of the other.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) from: Table,
    pub(super) columns: Vec<String>,
    pub(super) to_table: String,
    pub(super) to: Vec<String>,
    /// What a row must have to point there.
    pub(super) only: Vec<Has>,
}

impl Closure {
    /// Gathers what belongs to the order whose own row is `root`.
    ///
    /// # Errors
    /// When the source cannot be read, lacks what the graph names, or too much hangs together.
    pub fn of(source: &mut dyn Source, graph: &OrderGraph, root: &Row) -> Result<Self, OrderError> {
        let links = links(source.tables(), graph)?;
        let table = known(source, &graph.root)?;
        let closure = Self { kind: source.kind(), tables: BTreeMap::new(), members: Vec::new() };
        let mut walk = Walk { closure, seen: HashSet::new(), queue: VecDeque::new() };
        walk.add(&table, root.clone(), Role::Root)?;
        while let Some(at) = walk.queue.pop_front() {
            let Member { table, row, role } = walk.closure.members[at].clone();
            if role == Role::Needed {
                continue;
            }
            let table = walk.closure.tables[&table].clone();
            for link in &links {
                if is_down(graph, link) && link.to_table == table.name {
                    walk.down(source, link, &table, &row)?;
                }
                if link.from.label() == table.label() {
                    let is_with = graph.with.contains(&link.to_table);
                    let role = if is_with { Role::Own } else { Role::Needed };
                    walk.up(source, link, &row, role)?;
                }
            }
        }
        Ok(walk.closure)
    }

    /// Adds what a row that is only needed needs itself. It is asked for rows that are gone: all others
    /// have what they need.
    pub(super) fn climb(
        &mut self,
        source: &mut dyn Source,
        graph: &OrderGraph,
        at: usize,
    ) -> Result<(), OrderError> {
        let links = links(source.tables(), graph)?;
        let Member { table, row, .. } = self.members[at].clone();
        let seen = self
            .members
            .iter()
            .map(|member| (member.table.clone(), identity(self.table(&member.table), &member.row)));
        let seen = seen.collect();
        let nothing = Self { kind: self.kind, tables: BTreeMap::new(), members: Vec::new() };
        let closure = std::mem::replace(self, nothing);
        let mut walk = Walk { closure, seen, queue: VecDeque::new() };
        let of_it = links.iter().filter(|link| link.from.label() == table);
        let climbed = of_it.map(|link| walk.up(source, link, &row, Role::Needed));
        let climbed: Result<Vec<()>, OrderError> = climbed.collect();
        *self = walk.closure;
        climbed.map(drop)
    }

    /// How many rows there are of the order's own, itself included.
    #[must_use]
    pub fn own_rows(&self) -> usize {
        self.members.iter().filter(|member| member.role < Role::Needed).count()
    }

    /// The labels of their tables, each once.
    #[must_use]
    pub fn own_tables(&self) -> Vec<String> {
        let own = self.members.iter().filter(|member| member.role < Role::Needed);
        let tables: BTreeSet<&String> = own.map(|member| &member.table).collect();
        tables.into_iter().cloned().collect()
    }

    pub(super) fn table(&self, label: &str) -> &Table {
        self.tables.get(label).expect("invariant: a member's table is known")
    }
}

struct Walk {
    closure: Closure,
    /// Labels and keys of rows.
    seen: HashSet<(String, Vec<Field>)>,
    queue: VecDeque<usize>,
}

impl Walk {
    /// Rows that point to this one.
    fn down(
        &mut self,
        source: &mut dyn Source,
        link: &Link,
        table: &Table,
        row: &Row,
    ) -> Result<(), OrderError> {
        let values = link.to.iter().map(|column| field(table, row, column));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let mut children = rows_with(source, &link.from, &link.columns, &values)?;
        children.retain(|child| has_all(source.kind(), &link.from, child, &link.only));
        for child in children {
            self.add(&link.from, child, Role::Own)?;
        }
        Ok(())
    }

    /// The row that this one points to.
    fn up(
        &mut self,
        source: &mut dyn Source,
        link: &Link,
        row: &Row,
        role: Role,
    ) -> Result<(), OrderError> {
        if !has_all(source.kind(), &link.from, row, &link.only) {
            return Ok(());
        }
        let values = link.columns.iter().map(|column| field(&link.from, row, column));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let parent = known(source, &link.to_table)?;
        for found in rows_with(source, &parent, &link.to, &values)? {
            self.add(&parent, found, role)?;
        }
        Ok(())
    }

    fn add(&mut self, table: &Table, row: Row, role: Role) -> Result<(), OrderError> {
        let label = table.label();
        let identity = (label.clone(), identity(table, &row));
        if !self.seen.insert(identity) {
            return self.raise(table, &row, role);
        }
        self.closure.tables.entry(label.clone()).or_insert_with(|| table.clone());
        self.queue.push_back(self.closure.members.len());
        self.closure.members.push(Member { table: label, role, row });
        if self.closure.members.len() > MOST_ROWS {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for member in &self.closure.members {
                *counts.entry(&member.table).or_default() += 1;
            }
            let most = counts.into_iter().max_by_key(|(_, count)| *count);
            let table = most.map_or_else(String::new, |(table, _)| table.to_owned());
            return Err(OrderError::TooMuch { table });
        }
        Ok(())
    }

    /// What was only needed until now is the order's own: its own rows are still to be found.
    fn raise(&mut self, table: &Table, row: &Row, role: Role) -> Result<(), OrderError> {
        let label = table.label();
        let is_it = |member: &Member| {
            member.table == label && identity(table, &member.row) == identity(table, row)
        };
        let at = self.closure.members.iter().position(is_it);
        if let Some(at) = at.filter(|at| self.closure.members[*at].role > role) {
            self.closure.members[at].role = role;
            self.queue.push_back(at);
        }
        Ok(())
    }
}

/// The values of the key; all of them where there is none.
pub(super) fn identity(table: &Table, row: &Row) -> Vec<Field> {
    if table.key.is_empty() {
        return row.fields.clone();
    }
    let value = |name: &String| table.column(name).and_then(|at| row.fields[at].clone());
    table.key.iter().map(value).collect()
}

pub(super) fn rows_with(
    source: &mut dyn Source,
    table: &Table,
    columns: &[String],
    values: &[Field],
) -> Result<Vec<Row>, OrderError> {
    let pair = |(column, value): (&'_ String, &'_ Field)| Some((column.clone(), value.clone()?));
    // NULL points nowhere.
    let Some(pairs) = columns.iter().zip(values).map(pair).collect::<Option<Vec<_>>>() else {
        return Ok(Vec::new());
    };
    let wanted: Vec<(&str, &[u8])> =
        pairs.iter().map(|(column, value)| (column.as_str(), value.as_slice())).collect();
    source.lookup(table, &wanted)
}

/// Foreign keys of the schema, and those that only the platform's file knows.
pub(super) fn links(tables: &[Table], graph: &OrderGraph) -> Result<Vec<Link>, OrderError> {
    let mut links = Vec::new();
    for from in tables {
        for reference in &from.references {
            let target = tables.iter().find(|table| {
                table.name == reference.table
                    && (reference.schema.is_none() || table.schema == reference.schema)
            });
            // Of a table that the role may not see nothing can be said.
            let Some(target) = target else { continue };
            // SQLite names no columns where the other's key is meant.
            let to = if reference.to.is_empty() { &target.key } else { &reference.to };
            links.push(Link {
                from: from.clone(),
                columns: reference.columns.clone(),
                to_table: reference.table.clone(),
                to: to.clone(),
                only: Vec::new(),
            });
        }
    }
    for child in &graph.children {
        let is_there = [&child.table, &child.of].map(|name| table(tables, name));
        let [Some(from), Some(_)] = is_there else {
            if child.optional {
                continue;
            }
            let what = if is_there[0].is_none() { &child.table } else { &child.of };
            return Err(OrderError::NotThere { what: what.clone() });
        };
        if let Some(lacking) = child.columns.iter().find(|column| from.column(column).is_none()) {
            if child.optional {
                continue;
            }
            return Err(OrderError::NotThere { what: format!("{}.{lacking}", child.table) });
        }
        links.push(Link {
            from: from.clone(),
            columns: child.columns.clone(),
            to_table: child.of.clone(),
            to: child.to.clone(),
            only: child.only.clone(),
        });
    }
    Ok(links)
}

/// Whether rows that point along a link belong to what they point to. Another order does not belong to the
/// cart that it has in common with this one.
pub(super) fn is_down(graph: &OrderGraph, link: &Link) -> bool {
    let is_order_above = link.from.name == graph.root && graph.with.contains(&link.to_table);
    !graph.beside.contains(&link.from.name) && !is_order_above
}
