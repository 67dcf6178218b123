//! Orders that are gone, found without their numbers: by the journal to the moment, by backups between two
//! of them.

use super::{
    MOST_DELETED, Orders, Search,
    asked::{Asked, mixed, of_database},
};
use crate::backup_worker::Trouble;
use ::watch::time_machine::{DeletedOrder, DeletedOrders, DeletedQuestion};
use databases::live::Live;
use std::collections::BTreeSet;
use vault::orders::{self, Deleted, Found, Past, Source as _};

impl Search<'_> {
    pub(super) fn deleted(&self, question: DeletedQuestion) -> Result<DeletedOrders, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::orders(&self.wanted.platform, &mut live)?;
        let journals = self.journals(&live);
        let reach = journals.reach();
        let mut deleted =
            DeletedOrders { is_whole: true, journal: reach, ..DeletedOrders::default() };
        let mut told = BTreeSet::new();
        let none = || orders::OrderError::NotThere { what: asked.graph.root.clone() };
        let root = live.table(&asked.graph.root).map(databases::dump::Table::label);
        let root = root.ok_or_else(none).map_err(mixed)?;
        let when = question.since_ms.unwrap_or(i64::MIN)..=question.until_ms.unwrap_or(i64::MAX);
        for journal in journals.all() {
            let (reader, graph) = (&journal.reader, &asked.graph);
            let gone = orders::gone(reader, &root, graph, live.kind(), &when).map_err(mixed)?;
            let keys: Vec<String> = gone.iter().map(|one| one.key.clone()).collect();
            let lacking: BTreeSet<String> =
                orders::lacking(&mut live, graph, &keys).map_err(mixed)?.into_iter().collect();
            for one in gone.into_iter().filter(|one| lacking.contains(&one.key)) {
                if told.insert(one.key.clone()) {
                    let order = DeletedOrder {
                        key: one.key,
                        numbers: one.numbers,
                        snapshot: None,
                        seen_ms: one.gone_ms,
                        gone_ms: Some(one.gone_ms),
                        missed_ms: None,
                    };
                    add(&mut deleted, order);
                }
            }
        }
        self.deleted_since_backups(question, &asked, &mut live, (&mut deleted, &mut told))?;
        deleted.orders.sort_by_key(|one| std::cmp::Reverse(one.gone_ms.unwrap_or(one.seen_ms)));
        Ok(deleted)
    }

    fn deleted_since_backups(
        &self,
        question: DeletedQuestion,
        asked: &Asked,
        live: &mut Live,
        (deleted, told): (&mut DeletedOrders, &mut BTreeSet<String>),
    ) -> Result<(), Box<Trouble>> {
        let (mut search, mut missed_ms) = (Deleted::until(self.until), None);
        for taken in &self.wanted.snapshots {
            if self.is_over() {
                deleted.is_whole = false;
                break;
            }
            let Some(dump) = self.open(taken)? else { continue };
            deleted.back_to_ms = Some(taken.at_ms);
            let found = search.of(&dump, &asked.graph, live).map_err(mixed)?;
            deleted.is_whole &= !search.is_cut();
            let is_then = question.until_ms.is_none_or(|until| taken.at_ms <= until)
                && missed_ms.is_none_or(|missed| question.since_ms.is_none_or(|s| missed >= s));
            for Found { key, numbers, row } in found {
                let is_placed = is_placed(&asked.graph, &Past(&dump), &row);
                if !is_then || !is_placed || !told.insert(key.clone()) {
                    continue;
                }
                let snapshot = Some(taken.id.clone());
                let seen_ms = taken.at_ms;
                let gone_ms = None;
                add(deleted, DeletedOrder { key, numbers, snapshot, seen_ms, gone_ms, missed_ms });
            }
            missed_ms = Some(taken.at_ms);
        }
        Ok(())
    }
}

fn add(deleted: &mut DeletedOrders, order: DeletedOrder) {
    if deleted.orders.len() == MOST_DELETED {
        deleted.more += 1;
    } else {
        deleted.orders.push(order);
    }
}

/// Whether a row of the root is an order, and no cart.
fn is_placed<F: databases::dump::Files>(
    graph: &shops::OrderGraph,
    past: &Past<'_, F>,
    row: &databases::dump::Row,
) -> bool {
    let Some(placed) = &graph.placed else { return true };
    let root = past.tables().iter().find(|table| table.name == graph.root);
    let at = root.and_then(|root| root.column(placed));
    at.is_none_or(|at| row.fields[at].is_some())
}

/// Those of these keys whose orders the shop lacks.
pub(super) fn lacking(wanted: &Orders, keys: &[String]) -> Result<Vec<String>, Box<Trouble>> {
    let mut live = Live::connect(&wanted.live.url()).map_err(|error| of_database(&error))?;
    let asked = Asked::orders(&wanted.platform, &mut live)?;
    orders::lacking(&mut live, &asked.graph, keys).map_err(mixed)
}
