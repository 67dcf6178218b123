//! Which rows somebody means, and what can go wrong when they are looked for.

use crate::backup_worker::{Trouble, story};
use ::watch::time_machine::{OrderName, OrderQuestion};
use databases::{DatabaseError, live::Live};
use shops::{EmailPath, OrderGraph, Tried};
use vault::orders::{Found, OrderError, Wanted, fitting};

/// A question, understood.
pub(super) struct Asked {
    pub(super) graph: OrderGraph,
    pub(super) wanted: Wanted,
    /// The platform, where its file was never tried on a shop that ran.
    pub(super) untried: Option<String>,
}

impl Asked {
    /// # Errors
    /// When nothing is named, the platform's file does not say what belongs to an order, or there is no
    /// such table.
    pub(super) fn of(
        question: &OrderQuestion,
        platform: &str,
        live: &mut Live,
    ) -> Result<Self, Box<Trouble>> {
        let OrderQuestion { order, email, table, key, .. } = question;
        match (order, email, table, key) {
            (None, None, Some(table), Some(key)) => {
                let graph = of_row(platform, table, live)?;
                let untried = untried(platform, &graph);
                Ok(Self { graph, wanted: Wanted::Key(key.clone()), untried })
            }
            (Some(order), None, None, None) => {
                Ok(Self { wanted: Wanted::Number(order.clone()), ..Self::orders(platform, live)? })
            }
            (None, Some(email), None, None) => {
                Ok(Self { wanted: Wanted::Email(email.clone()), ..Self::orders(platform, live)? })
            }
            _ => {
                let message = "name one thing: an order, an e-mail address, or a table and a key";
                Err(Box::new(Trouble::new("order_not_named", [], message)))
            }
        }
    }

    /// Any order.
    pub(super) fn orders(platform: &str, live: &mut Live) -> Result<Self, Box<Trouble>> {
        let graph = fitting(graphs(platform), live).map_err(mixed)?;
        let graph = graph.ok_or_else(|| {
            let message = format!(
                "what belongs to an order of {platform} is not known; a single row is found by \
                 --table and --key"
            );
            let said = [("platform", platform.into())];
            Box::new(Trouble::new("order_graph_unknown", said, message))
        })?;
        let untried = untried(platform, &graph);
        Ok(Self { graph, wanted: Wanted::Number(String::new()), untried })
    }

    /// Whether several may be found.
    pub(super) fn is_many(&self) -> bool {
        matches!(self.wanted, Wanted::Email(_))
    }

    /// The one that was found, if any.
    ///
    /// # Errors
    /// When there are several: which one is meant must be said.
    pub(super) fn one<'a>(&self, found: &'a [Found]) -> Result<Option<&'a Found>, Box<Trouble>> {
        if let [first, _, ..] = found {
            let called = |order: &Found| order.numbers.first().unwrap_or(&order.key).clone();
            let known: Vec<String> = found.iter().take(20).map(called).collect();
            let message = format!("there are several: say which one of {}", known.join(", "));
            let said = [("count", (found.len() as u64).into()), ("first", called(first).into())];
            return Err(Box::new(Trouble::new("orders_several", said, message)));
        }
        Ok(found.first())
    }

    pub(super) fn name(&self, order: &Found) -> OrderName {
        let numbers = order.numbers.iter().filter(|number| !number.is_empty()).cloned().collect();
        OrderName { table: self.graph.root.clone(), key: order.key.clone(), numbers }
    }
}

/// Any row as the root: what points to it belongs to it, as far as foreign keys and the platform's map
/// say.
fn of_row(platform: &str, table: &str, live: &mut Live) -> Result<OrderGraph, Box<Trouble>> {
    let none = || {
        let message = format!("the shop's database has no table `{table}` with a key");
        Box::new(Trouble::new("order_table_unknown", [("table", table.into())], message))
    };
    let living = live.table(table).cloned().ok_or_else(none)?;
    let key = living.key.first().ok_or_else(none)?.clone();
    // A row is told without the platform's map where that does not fit.
    let known = match fitting(graphs(platform), live) {
        Ok(known) => known,
        Err(OrderError::NotThere { .. } | OrderError::Several { .. }) => None,
        Err(error) => return Err(mixed(error)),
    };
    if let Some(orders) = known.as_ref().filter(|known| known.root == living.name) {
        return Ok(orders.clone());
    }
    let OrderGraph { tried, emails, children, beside, with, personal, deleted, .. } =
        known.unwrap_or_default();
    let root = living.name.clone();
    // A buyer's own row tells who they are.
    let is_here = |path: &EmailPath| path.table.as_ref().is_some_and(|of| of.name == root);
    let emails = emails.into_iter().filter(is_here);
    let emails = emails.map(|path| EmailPath { table: None, ..path }).collect();
    Ok(OrderGraph {
        tried,
        root,
        key,
        emails,
        children,
        beside,
        with,
        personal,
        deleted,
        ..OrderGraph::default()
    })
}

/// What a platform is called whose file was tried on nothing but tables that were built for it.
fn untried(platform: &str, graph: &OrderGraph) -> Option<String> {
    let known = shops::platform(platform).filter(|_| graph.tried == Tried::Schema);
    known.map(|known| known.title.clone())
}

/// What a platform's file says of orders.
pub(super) fn graphs(platform: &str) -> &'static [OrderGraph] {
    shops::platform(platform).map_or(&[], |platform| &platform.graphs)
}

/// What keeps an order from being looked at.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn mixed(error: OrderError) -> Box<Trouble> {
    let message = story(&error);
    match &error {
        OrderError::Database(error) => of_database(error),
        OrderError::NotThere { what } => Box::new(Trouble::new(
            "order_schema_other",
            [("what", what.as_str().into())],
            format!("{message}: its schema is another than the platform's file describes"),
        )),
        OrderError::Several { tables } => Box::new(Trouble::new(
            "order_tables_several",
            [("tables", tables.as_str().into())],
            format!("{message}: more than one shop has its tables in this database"),
        )),
        OrderError::TooMuch { table } => {
            Box::new(Trouble::new("order_too_much", [("table", table.as_str().into())], message))
        }
        OrderError::Journal(_) => {
            let said = [("error", message.as_str().into())];
            Box::new(Trouble::new("order_journal_unreadable", said, message.clone()))
        }
        OrderError::NotKnown { table, .. } | OrderError::Redefined { table } => Box::new(
            Trouble::new("order_moment_unknown", [("table", table.as_str().into())], message),
        ),
    }
}

pub(super) fn of_database(error: &DatabaseError) -> Box<Trouble> {
    let message = story(error);
    let said = [("error", message.as_str().into())];
    Box::new(match error {
        DatabaseError::ConnectPostgres { .. }
        | DatabaseError::ConnectMySql { .. }
        | DatabaseError::TimedOut(_) => {
            let database = [("database", "".into()), ("error", message.as_str().into())];
            Trouble::new("database_unreachable", database, message.clone()).for_now()
        }
        DatabaseError::DumpDamaged { file, reason } => Trouble::new(
            "dump_damaged",
            [("file", file.as_str().into()), ("why", reason.as_str().into())],
            message.clone(),
        ),
        DatabaseError::RowChanged { table, .. } => {
            let message = "somebody has changed the same rows meanwhile; nothing was done";
            Trouble::new("order_rows_changed", [("table", table.as_str().into())], message)
        }
        _ => Trouble::new("order_not_read", said, message.clone()),
    })
}
