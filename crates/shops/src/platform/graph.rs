//! What belongs to one order, beyond what foreign keys say.

use serde::Deserialize;

/// The rows of an order: the one that is it, and how others hang together with it. Names are those of
/// the database, without a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderGraph {
    /// The table with a row an order.
    pub root: String,
    /// The column that other rows point to.
    pub key: String,
    /// The columns of what people call an order by.
    pub numbers: Vec<String>,
    /// The column that is NULL as long as a row of the root is a cart, and no order yet; `None`: all are
    /// orders.
    pub placed: Option<String>,
    pub emails: Vec<EmailPath>,
    pub children: Vec<Child>,
    /// Tables whose rows point to an order and do not belong to it.
    pub beside: Vec<String>,
    /// Tables that rows of an order point to, and whose rows belong to it all the same.
    pub with: Vec<String>,
}

/// Where the buyer's e-mail address stands: in the root itself, or in a row that it points to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailPath {
    pub column: String,
    /// `None`: a column of the root.
    pub table: Option<Through>,
}

/// A row that a column of the root points to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Through {
    pub name: String,
    /// The column of the root, and the column of the table that it points to.
    pub from: String,
    pub to: String,
}

/// Rows that belong to others without a foreign key that says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    pub table: String,
    pub column: String,
    /// The table and the column that it points to.
    pub of: String,
    pub to: String,
}

/// As it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GraphPart {
    root: String,
    key: String,
    numbers: Vec<String>,
    #[serde(default)]
    placed: Option<String>,
    #[serde(default, rename = "email")]
    emails: Vec<EmailPath>,
    #[serde(default, rename = "child")]
    children: Vec<Child>,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(default)]
    with: Vec<String>,
}

impl From<GraphPart> for OrderGraph {
    fn from(part: GraphPart) -> Self {
        let GraphPart { root, key, numbers, placed, emails, children, beside, with } = part;
        Self { root, key, numbers, placed, emails, children, beside, with }
    }
}

impl OrderGraph {
    pub(super) fn fault(&self) -> Option<String> {
        if self.numbers.is_empty() {
            return Some("the graph says no column that people know an order by".to_owned());
        }
        if self.beside.contains(&self.root) {
            return Some(format!("the graph's root `{}` is not beside itself", self.root));
        }
        let both = self.with.iter().find(|table| self.beside.contains(table));
        both.map(|table| format!("`{table}` belongs to an order, or does not; the graph says both"))
    }
}
