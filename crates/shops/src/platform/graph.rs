//! What belongs to one order, beyond what foreign keys say.

use serde::Deserialize;

/// The rows of an order: the one that is it, and how others hang together with it. Names are those of
/// the database, without a schema; where tables have a prefix of the shop's own, without that either,
/// until it is [named](OrderGraph::named).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderGraph {
    /// Where orders were brought back by it.
    pub tried: Tried,
    /// Whether names stand behind a prefix of the shop's own: `wp_`.
    pub is_prefixed: bool,
    /// The row that must be there for it to hold; `None`: it always does.
    pub when: Option<When>,
    /// The table with a row an order.
    pub root: String,
    /// The column that other rows point to.
    pub key: String,
    /// The columns of what people call an order by.
    pub numbers: Vec<String>,
    /// Those of them that several orders may have in common.
    pub shared: Vec<String>,
    /// The column of when an order was made; where it is another, it is another order under the same key.
    pub made: Option<String>,
    /// The column that is NULL as long as a row of the root is a cart, and no order yet; `None`: all are
    /// orders.
    pub placed: Option<String>,
    /// What a row of the root must have to be an order.
    pub only: Vec<Has>,
    /// The column that says when a row was deleted, where rows stay: NULL of those that are there.
    pub deleted: Option<String>,
    pub emails: Vec<EmailPath>,
    pub children: Vec<Child>,
    /// Tables whose rows point to an order and do not belong to it.
    pub beside: Vec<String>,
    /// Tables that rows of an order point to, and whose rows belong to it all the same.
    pub with: Vec<String>,
    /// What of an order is about a person.
    pub personal: Vec<PersonalColumns>,
}

/// On what orders were deleted and brought back, and every table compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// On tables that were built after the platform's own, without its software.
    Schema,
    /// On the platform itself.
    #[default]
    Shop,
}

/// A row that is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    pub table: String,
    pub has: Vec<Has>,
}

/// A column has one of some values, and none of others, as people read them; bytes that are no text as
/// `0x…`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Has {
    pub column: String,
    /// None: any, NULL as well.
    #[serde(default)]
    pub is: Vec<String>,
    #[serde(default)]
    pub not: Vec<String>,
}

impl Has {
    /// Whether a value fits; `None` is NULL.
    #[must_use]
    pub fn fits(&self, value: Option<&str>) -> bool {
        let is = |list: &[String]| list.iter().any(|one| Some(one.as_str()) == value);
        (self.is.is_empty() || is(&self.is)) && !is(&self.not)
    }
}

/// Where the buyer's e-mail address stands: in the root itself, or in a row beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailPath {
    pub column: String,
    /// `None`: a column of the root.
    pub table: Option<Through>,
}

/// A row with the same value in one of its columns as the root has in one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Through {
    pub name: String,
    /// The column of the root, and that of the table.
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub only: Vec<Has>,
}

/// Rows that point to others without a foreign key that says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    pub table: String,
    pub columns: Vec<String>,
    /// The table and the columns that they point to.
    pub of: String,
    pub to: Vec<String>,
    /// What a row of `table` must have to do so.
    #[serde(default)]
    pub only: Vec<Has>,
    /// Whether some versions of the platform lack `table`.
    #[serde(default)]
    pub optional: bool,
    /// Whether the platform makes its rows from the order itself: a grid, a lookup table.
    #[serde(default)]
    pub derived: bool,
}

/// Columns that tell of a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalColumns {
    pub table: String,
    pub columns: Vec<String>,
    /// In which rows of it.
    #[serde(default)]
    pub only: Vec<Has>,
    /// What stands there instead where something must; `None`: a name that stands for nobody.
    #[serde(default)]
    pub instead: Option<String>,
}

/// As it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GraphPart {
    tried: Tried,
    #[serde(default, rename = "prefixed")]
    is_prefixed: bool,
    #[serde(default)]
    when: Option<When>,
    root: String,
    key: String,
    numbers: Vec<String>,
    #[serde(default)]
    shared: Vec<String>,
    #[serde(default)]
    made: Option<String>,
    #[serde(default)]
    placed: Option<String>,
    #[serde(default)]
    only: Vec<Has>,
    #[serde(default)]
    deleted: Option<String>,
    #[serde(default, rename = "email")]
    emails: Vec<EmailPath>,
    #[serde(default, rename = "child")]
    children: Vec<Child>,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    personal: Vec<PersonalColumns>,
}

impl From<GraphPart> for OrderGraph {
    fn from(part: GraphPart) -> Self {
        Self {
            tried: part.tried,
            is_prefixed: part.is_prefixed,
            when: part.when,
            root: part.root,
            key: part.key,
            numbers: part.numbers,
            shared: part.shared,
            made: part.made,
            placed: part.placed,
            only: part.only,
            deleted: part.deleted,
            emails: part.emails,
            children: part.children,
            beside: part.beside,
            with: part.with,
            personal: part.personal,
        }
    }
}

impl OrderGraph {
    /// The prefixes that its tables have among these; of several, those with which no table of its is
    /// missing.
    #[must_use]
    pub fn prefixes<'a>(&self, tables: &[&'a str]) -> Vec<&'a str> {
        let of_root = tables.iter().filter_map(|table| table.strip_suffix(self.root.as_str()));
        let mut prefixes: Vec<&str> =
            of_root.filter(|prefix| self.is_prefixed || prefix.is_empty()).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        if prefixes.len() > 1 {
            let is_whole = |prefix: &&str| {
                let is_there = |name: &str| {
                    tables.iter().any(|table| table.strip_prefix(prefix) == Some(name))
                };
                self.children.iter().all(|child| child.optional || is_there(&child.table))
            };
            prefixes.retain(is_whole);
        }
        prefixes
    }

    /// The graph with this prefix before the name of every table.
    #[must_use]
    pub fn named(&self, prefix: &str) -> Self {
        let mut graph = self.clone();
        graph.is_prefixed = false;
        let names = std::iter::once(&mut graph.root)
            .chain(graph.when.iter_mut().map(|when| &mut when.table))
            .chain(graph.emails.iter_mut().filter_map(|path| Some(&mut path.table.as_mut()?.name)))
            .chain(graph.children.iter_mut().flat_map(|child| [&mut child.table, &mut child.of]))
            .chain(&mut graph.beside)
            .chain(&mut graph.with)
            .chain(graph.personal.iter_mut().map(|personal| &mut personal.table));
        names.for_each(|name| name.insert_str(0, prefix));
        graph
    }

    /// Whether a table may be the root, with whatever prefix.
    #[must_use]
    pub fn may_be_root(&self, table: &str) -> bool {
        table == self.root || self.is_prefixed && table.ends_with(&self.root)
    }

    pub(super) fn fault(&self) -> Option<String> {
        if self.numbers.is_empty() {
            return Some("the graph says no column that people know an order by".to_owned());
        }
        if self.beside.contains(&self.root) {
            return Some(format!("the graph's root `{}` is not beside itself", self.root));
        }
        let odd = self
            .children
            .iter()
            .find(|child| child.columns.is_empty() || child.columns.len() != child.to.len());
        if let Some(child) = odd {
            return Some(format!("`{}` has not as many columns as it points to", child.table));
        }
        let both = self.with.iter().find(|table| self.beside.contains(table));
        both.map(|table| format!("`{table}` belongs to an order, or does not; the graph says both"))
    }
}
