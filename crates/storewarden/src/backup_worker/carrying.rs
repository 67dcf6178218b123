//! Orders of one of a shop's databases that another lacks are carried over: after it went back in time,
//! those that it had taken since.
//!
//! The worker's log names who could not come and who is another in both; nothing else of it names
//! anybody.

use super::{
    Database, Done, Event, Job, Trouble, Voice, databases::with_dump, orders::refused, story,
};
use databases::{dump::Span, live::Live, restore::Beside};
use kernel::{Value, config::DatabaseUrl, plan::Reason};
use serde::{Deserialize, Serialize};
use shops::OrderGraph;
use vault::orders::{CarryOptions, Found, OrderError, carry, fitting};

/// More names stand in no log.
const MOST_NAMES: usize = 500;

/// What is to be carried.
#[derive(Serialize, Deserialize)]
pub(crate) struct Carrying {
    /// The shop's own, by the account that restores.
    pub(crate) live: Database,
    /// Whose file says what belongs to an order.
    pub(crate) platform: String,
    pub(crate) deed: CarryDeed,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum CarryDeed {
    Carry {
        from: String,
        to: String,
        newer_states: bool,
        keys_free: i64,
    },
    /// Count the orders of the shop's own that a backup of it lacks.
    Count {
        snapshot: String,
        database: String,
    },
}

/// How many orders were carried, and how many were not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CarriedOrders {
    pub(crate) orders: u64,
    /// That both had, and that have taken their newer state over.
    pub(crate) states: u64,
    pub(crate) rows: u64,
    /// That both have, and that are another here.
    pub(crate) others: u64,
    pub(crate) refused: u64,
}

/// # Errors
/// What kept it from being done. Orders that have come until then stay.
pub(super) fn run(job: &Job, wanted: &Carrying, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let live = Live::connect(&wanted.live.url());
    let graph = graph(&wanted.platform, &mut live.map_err(|error| not_carried(&error.into()))?)?;
    match &wanted.deed {
        CarryDeed::Count { snapshot, database } => {
            count(job, wanted, &graph, (snapshot, database)).map(Done::NewerOrders)
        }
        CarryDeed::Carry { from, to, newer_states, keys_free } => {
            let options = CarryOptions { newer_states: *newer_states, keys_free: *keys_free };
            let url = wanted.live.url();
            let open = |name| open(&url, name).map_err(|error| not_carried(&error));
            let (mut from, mut to) = (open(from)?, open(to)?);
            let mut told =
                |orders| voice.say(&Event::Progress { bytes: orders, total_bytes: None });
            let carried = carry(&mut from, &mut to, &graph, options, &mut told);
            let carried = carried.map_err(|error| not_carried(&error))?;
            for (order, why) in carried.refused.iter().take(MOST_NAMES) {
                voice.line(format!("order {} has not come: {}", called(order), words(why.clone())));
            }
            for order in carried.others.iter().take(MOST_NAMES) {
                voice.line(format!("order {} is another here than there", called(order)));
            }
            let named = carried.refused.len().max(carried.others.len());
            if named > MOST_NAMES {
                voice.line(format!("more than {MOST_NAMES} of a sort are not named"));
            }
            Ok(Done::Carried(CarriedOrders {
                orders: carried.orders,
                states: carried.states,
                rows: carried.rows,
                others: carried.others.len() as u64,
                refused: carried.refused.len() as u64,
            }))
        }
    }
}

pub(super) fn graph(platform: &str, live: &mut Live) -> Result<OrderGraph, Box<Trouble>> {
    let graphs = shops::platform(platform).map_or(&[][..], |platform| &platform.graphs);
    let graph = fitting(graphs, live).map_err(|error| not_carried(&error))?;
    graph.ok_or_else(|| {
        let message = format!("what belongs to an order of {platform} is not known");
        Box::new(Trouble::new("order_graph_unknown", [("platform", platform.into())], message))
    })
}

/// One of the databases beside the shop's own, or that.
pub(super) fn open(live: &DatabaseUrl, name: &str) -> Result<Live, OrderError> {
    let url = Beside { live: live.clone(), name: name.to_owned(), mark: String::new() }.url();
    Ok(Live::connect(&url)?)
}

/// By their keys, where those are numbers that grow.
fn count(
    job: &Job,
    wanted: &Carrying,
    graph: &OrderGraph,
    (snapshot, database): (&str, &str),
) -> Result<Option<u64>, Box<Trouble>> {
    let live = wanted.live.url();
    let last = with_dump(job, &live, (snapshot, database), |dump| {
        let root = dump.tables().iter().find(|table| table.name == graph.root);
        let Some(root) = root else { return Ok(None) };
        let is_key = root.key.first() == Some(&graph.key);
        let spans = if is_key { dump.spans(root)? } else { Vec::new() };
        Ok(spans.last().and_then(Span::numbers).map(|(_, last)| last))
    })?;
    let Some(last) = last else { return Ok(None) };
    let failed = |error: databases::DatabaseError| not_carried(&error.into());
    let mut live = Live::connect(&live).map_err(failed)?;
    let Some(root) = live.table(&graph.root).cloned() else { return Ok(None) };
    let newer = (last.saturating_add(1), i64::MAX);
    let counts = live.count_between(&root, &graph.key, &[newer]).map_err(failed)?;
    Ok(counts.first().copied())
}

fn called(order: &Found) -> &str {
    order.numbers.first().filter(|number| !number.is_empty()).unwrap_or(&order.key)
}

/// Why an order has not come.
fn words(reason: Reason) -> String {
    let said = |name: &str| match reason.params.get(name) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    match reason.code.as_str() {
        "order_table_gone" => format!("there is no {} any more", said("table")),
        "order_too_large" => {
            format!("too much hangs together with it, most of it in {}", said("table"))
        }
        "order_not_taken" => format!("the database does not take its rows: {}", said("error")),
        "order_not_as_it_was" => {
            format!(
                "a row of {} was not as it is there afterwards, and all of it was taken back",
                said("table")
            )
        }
        _ => refused(reason).message,
    }
}

fn not_carried(error: &OrderError) -> Box<Trouble> {
    let message = story(error);
    let trouble =
        Trouble::new("orders_not_carried", [("error", message.as_str().into())], message.clone());
    Box::new(if matches!(error, OrderError::Database(_)) { trouble.for_now() } else { trouble })
}
