//! A database that came back from before knows people who had their data erased since: what tells of them is
//! emptied there, in their own rows and in their orders.

use super::{
    Closure, Found, OrderError, Role,
    closure::{Link, Member, identity, links, rows_with},
    erasing::Erasing,
    fitting::{has_all, is_order},
    found,
    source::{read_as, table},
};
use databases::{
    dump::{Field, Kind, Row, Table},
    live::{Cell, Change, Live},
};
use shops::OrderGraph;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// So many rows are read at once.
const PAGE: usize = 2_000;

/// What was emptied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Whose data was there, by what stands for them.
    pub people: BTreeSet<String>,
    pub orders: u64,
    pub rows: u64,
    /// `table.column` of addresses that stay, since the platform's file names no such column, and tables that
    /// were not looked through, since they have no key. Empty: none.
    pub left: BTreeSet<String>,
}

/// Empties what tells of people in a living database that nobody else writes to. `erased` is asked whose
/// address a text is, and says what stands for them where something must. A person is told by their address as
/// a whole value, in the tables that the graph names; what is emptied are the columns that it names as
/// personal: of that row, of each order that has it, and of what hangs together with those and is nobody
/// else's.
/// `watch` is told how many rows were read. Done again, it does no harm.
///
/// # Errors
/// When the database cannot be read, or takes a row not as it would be. Nothing is emptied then, but in tables that know no
/// transactions.
pub fn forget(
    live: &mut Live,
    graph: &OrderGraph,
    erased: &dyn Fn(&str) -> Option<String>,
    watch: &mut dyn FnMut(u64),
) -> Result<Forgotten, OrderError> {
    let kind = live.kind();
    let mut search =
        Search { graph, erased, kind, told: Vec::new(), forgotten: Forgotten::default() };
    search.look_through(live, watch)?;
    let Search { told, mut forgotten, .. } = search;
    let mut emptying = Emptying { live, graph, erased, kind, changes: BTreeMap::new() };
    let (mut orders, mut around) = (BTreeMap::new(), Vec::new());
    for Told { table, row, person } in &told {
        emptying.add(table, row, person);
        let Around { closure, bought } = emptying.around(table, row)?;
        orders.extend(bought.into_iter().map(|order| (order.key.clone(), (order, person))));
        around.extend(closure.map(|closure| (closure, person)));
    }
    let root = emptying.root()?;
    let is_one = |order: &Found| graph.only.is_empty() || is_order(graph, kind, &root, &order.row);
    forgotten.orders = orders.values().filter(|(order, _)| is_one(order)).count() as u64;
    let keys: HashSet<String> = orders.keys().cloned().collect();
    for (closure, person) in around {
        emptying.members(&closure, person, &keys)?;
    }
    for (order, person) in orders.into_values() {
        let closure = Closure::of(emptying.live, graph, &order.row)?;
        emptying.members(&closure, person, &keys)?;
    }
    forgotten.people = told.iter().map(|told| told.person.clone()).collect();
    forgotten.left.extend(emptying.left(&told));
    forgotten.rows = emptying.apply(&told)?;
    Ok(forgotten)
}

/// A row that tells of somebody.
struct Told {
    table: Table,
    row: Row,
    person: String,
}

struct Search<'a> {
    graph: &'a OrderGraph,
    erased: &'a dyn Fn(&str) -> Option<String>,
    kind: Kind,
    told: Vec<Told>,
    forgotten: Forgotten,
}

impl Search<'_> {
    fn look_through(
        &mut self,
        live: &mut Live,
        watch: &mut dyn FnMut(u64),
    ) -> Result<(), OrderError> {
        let emails = self.graph.emails.iter().filter_map(|path| path.table.as_ref());
        let names: BTreeSet<&String> = [&self.graph.root]
            .into_iter()
            .chain(emails.map(|through| &through.name))
            .chain(self.graph.personal.iter().map(|personal| &personal.table))
            .collect();
        let tables: Vec<Table> =
            names.into_iter().filter_map(|name| table(live.tables(), name).cloned()).collect();
        let mut read = 0;
        for table in tables {
            let Some(key) = table.key.first().cloned() else {
                self.forgotten.left.insert(table.label());
                continue;
            };
            let mut after = None;
            while let Some(page) = page(live, &table, &key, after.as_deref())? {
                read += page.rows.len() as u64;
                for row in page.rows {
                    if let Some(person) = tells_of(self.erased, self.kind, &table, &row) {
                        self.told.push(Told { table: table.clone(), row, person });
                    }
                }
                watch(read);
                after = Some(page.last);
            }
        }
        Ok(())
    }
}

struct Page {
    rows: Vec<Row>,
    /// The last value of the key's first column.
    last: Vec<u8>,
}

/// The next rows; all of those with the last value, where several columns are the key.
fn page(
    live: &mut Live,
    table: &Table,
    key: &str,
    after: Option<&[u8]>,
) -> Result<Option<Page>, OrderError> {
    let mut rows = live.page(table, key, after, PAGE)?;
    let at = table.column(key).expect("invariant: a key's columns are the table's");
    let Some(last) = rows.last().and_then(|row| row.fields[at].clone()) else { return Ok(None) };
    if table.key.len() > 1 && rows.len() == PAGE {
        rows.retain(|row| row.fields[at].as_ref() != Some(&last));
        rows.extend(live.lookup(table, &[(key, &last)])?);
    }
    Ok(Some(Page { rows, last }))
}

/// Who of the erased people has an address among a row's values.
fn tells_of(
    erased: &dyn Fn(&str) -> Option<String>,
    kind: Kind,
    table: &Table,
    row: &Row,
) -> Option<String> {
    addresses(kind, table, row).find_map(|(_, address)| erased(&address))
}

/// Values with an `@`, as people read them, and their columns.
fn addresses<'a>(
    kind: Kind,
    table: &'a Table,
    row: &'a Row,
) -> impl Iterator<Item = (&'a str, String)> {
    let pairs = table.columns.iter().zip(&row.fields);
    pairs.filter_map(move |(column, field)| {
        let value = field.as_ref().filter(|value| value.contains(&b'@'))?;
        Some((column.name.as_str(), read_as(kind, column, value)))
    })
}

struct Around {
    /// `None`: it is an order itself, or too much hangs together.
    closure: Option<Closure>,
    bought: Vec<Found>,
}

struct Emptying<'a> {
    live: &'a mut Live,
    graph: &'a OrderGraph,
    erased: &'a dyn Fn(&str) -> Option<String>,
    kind: Kind,
    /// By the row's table and key.
    changes: BTreeMap<(String, Vec<Field>), Change>,
}

impl Emptying<'_> {
    /// Notes what is to stand in a row.
    fn add(&mut self, table: &Table, row: &Row, person: &str) {
        let named = match identity(table, row).as_slice() {
            // Several rows of one person may have to be told apart.
            [Some(key)] if key.len() <= person.len() => {
                format!("{person}-{}", read_as(self.kind, &key_column(table), key))
            }
            _ => person.to_owned(),
        };
        let erasing = Erasing::of(self.graph, &named);
        let become_ = erasing.emptied(self.kind, self.live, table, row);
        let value = |column: &String| Cell {
            column: column.clone(),
            value: table.column(column).and_then(|at| row.fields[at].clone()),
        };
        let were: Vec<Cell> = become_.iter().map(|cell| value(&cell.column)).collect();
        if were == become_ {
            return;
        }
        let key = table.key.iter().map(value).collect();
        let change = Change::Update { table: table.label(), key, were, become_ };
        self.changes.insert((table.label(), identity(table, row)), change);
    }

    /// What hangs together with a row that tells of a person, and the orders that have it.
    fn around(&mut self, table: &Table, row: &Row) -> Result<Around, OrderError> {
        let root = self.root()?;
        if table.name == root.name {
            let bought = self.found(&root, vec![row.clone()])?;
            return Ok(Around { closure: None, bought });
        }
        let mut bought = self.bought(&root, table, row)?;
        let below = OrderGraph { root: table.name.clone(), ..self.graph.clone() };
        let closure = match Closure::of(self.live, &below, row) {
            Ok(closure) => Some(closure),
            // Somebody with so many orders: those are found by their buyer.
            Err(OrderError::TooMuch { .. }) => None,
            Err(error) => return Err(error),
        };
        let members = closure.iter().flat_map(|closure| &closure.members);
        let of_root = members.filter(|member| member.table == root.label());
        bought.extend(of_root.map(|member| member.row.clone()));
        Ok(Around { bought: self.found(&root, bought)?, closure })
    }

    /// The rows of an order of theirs, or around one that tells of them, but for what is another's: a row with
    /// an address of somebody else around it, and what orders of others need as well.
    fn members(
        &mut self,
        closure: &Closure,
        person: &str,
        orders: &HashSet<String>,
    ) -> Result<(), OrderError> {
        let is_their_order = closure.members.first().is_some_and(|first| {
            first.role == Role::Root && closure.table(&first.table).name == self.graph.root
        });
        for Member { table, role, row } in &closure.members {
            let table = closure.table(table).clone();
            let is_of_order = is_their_order && *role < Role::Needed;
            if !is_of_order {
                let is_personal = self.graph.personal.iter().any(|one| one.table == table.name);
                let is_of_another = addresses(self.kind, &table, row).next().is_some()
                    && tells_of(self.erased, self.kind, &table, row).is_none();
                // Orders have their own turn.
                if !is_personal || is_of_another || table.name == self.graph.root {
                    continue;
                }
                if *role == Role::Needed && !self.is_theirs_alone(&table, row, orders)? {
                    continue;
                }
            }
            self.add(&table, row, person);
        }
        Ok(())
    }

    /// Whether no other order points to a row.
    fn is_theirs_alone(
        &mut self,
        table: &Table,
        row: &Row,
        orders: &HashSet<String>,
    ) -> Result<bool, OrderError> {
        let links = links(self.live.tables(), self.graph)?;
        let to_it = |link: &&Link| link.to_table == table.name && link.from.name == self.graph.root;
        for link in links.iter().filter(to_it) {
            let value =
                |column: &String| table.column(column).and_then(|at| row.fields[at].clone());
            let values: Vec<Field> = link.to.iter().map(value).collect();
            let rows = rows_with(self.live, &link.from, &link.columns, &values)?;
            let found = self.found(&link.from, rows)?;
            if found.iter().any(|order| !orders.contains(&order.key)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The orders whose buyer a row names.
    fn bought(&mut self, root: &Table, table: &Table, row: &Row) -> Result<Vec<Row>, OrderError> {
        let mut orders = Vec::new();
        for through in self.graph.emails.iter().filter_map(|path| path.table.as_ref()) {
            let is_it = through.name == table.name && has_all(self.kind, table, row, &through.only);
            let value = table.column(&through.to).and_then(|at| row.fields[at].clone());
            if let Some(value) = value.filter(|_| is_it) {
                orders.extend(self.live.lookup(root, &[(&through.from, &value)])?);
            }
        }
        Ok(orders)
    }

    fn found(&self, root: &Table, rows: Vec<Row>) -> Result<Vec<Found>, OrderError> {
        rows.into_iter().map(|row| found(root, self.graph, self.kind, row)).collect()
    }

    /// Addresses of erased people in columns that nothing empties.
    fn left(&self, told: &[Told]) -> Vec<String> {
        let stays = |told: &Told| {
            let key = (told.table.label(), identity(&told.table, &told.row));
            let emptied = match self.changes.get(&key) {
                Some(Change::Update { become_, .. }) => become_.as_slice(),
                _ => &[],
            };
            let is_emptied = |column: &str| emptied.iter().any(|cell| cell.column == column);
            let all = addresses(self.kind, &told.table, &told.row);
            let left = all
                .filter(|(column, address)| !is_emptied(column) && (self.erased)(address).is_some())
                .map(|(column, _)| format!("{}.{column}", told.table.label()));
            left.collect::<Vec<_>>()
        };
        told.iter().flat_map(stays).collect()
    }

    fn root(&self) -> Result<Table, OrderError> {
        let none = || OrderError::NotThere { what: self.graph.root.clone() };
        table(self.live.tables(), &self.graph.root).cloned().ok_or_else(none)
    }

    /// All in one transaction. Where tables know none, the rows that tell of people are the last: whoever comes
    /// after us finds the others by them.
    fn apply(self, told: &[Told]) -> Result<u64, OrderError> {
        let key = |told: &Told| (told.table.label(), identity(&told.table, &told.row));
        let told: HashSet<_> = told.iter().map(key).collect();
        let (last, first): (Vec<_>, Vec<_>) =
            self.changes.into_iter().partition(|(row, _)| told.contains(row));
        let changes: Vec<Change> =
            first.into_iter().chain(last).map(|(_, change)| change).collect();
        if !changes.is_empty() {
            self.live.apply(&changes)?;
        }
        Ok(changes.len() as u64)
    }
}

fn key_column(table: &Table) -> databases::dump::Column {
    let at = table.key.first().and_then(|name| table.column(name));
    table.columns[at.expect("invariant: it was looked through by its key")].clone()
}
