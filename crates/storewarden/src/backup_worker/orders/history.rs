//! What became of one order: transaction by transaction where the journal has it, and between two backups
//! where only they tell.

use super::{
    Dump, Search,
    asked::{Asked, mixed},
    difference, find_orders,
    journals::{Journal, Journals, trail},
    shown,
};
use crate::backup_worker::Trouble;
use ::watch::time_machine::{OrderHistory, OrderMoment, OrderName, OrderQuestion};
use databases::live::{Cell, Live};
use vault::orders::{Difference, Past, Role, State, Trail, What};

impl Search<'_> {
    pub(super) fn history(&self, question: &OrderQuestion) -> Result<OrderHistory, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::of(question, &self.wanted.platform, &mut live)?;
        let journals = self.journals(&live);
        let mut history =
            OrderHistory { is_whole: true, journal: journals.reach(), ..OrderHistory::default() };
        self.between_backups(&asked, &mut live, &mut history)?;
        if question.as_of_ms.is_none() {
            history.moments.retain(|moment| !is_in_a_journal(moment, &journals));
        }
        let key = match &history.order {
            Some(order) => Some(order.key.clone()),
            None => {
                let known = journals.all().iter().map(|one| one.keys(&asked, &mut live));
                let known = known.collect::<Result<Vec<_>, _>>().map_err(mixed)?;
                known.into_iter().flatten().next()
            }
        };
        let Some(key) = key else { return Ok(history) };
        let as_of_ms = question.as_of_ms.unwrap_or(i64::MAX);
        for journal in journals.all() {
            let trail = trail(journal, &asked, &live, &key).map_err(mixed)?;
            history.order = history.order.or_else(|| called(&asked, &trail, &key));
            let happenings = trail.happenings.iter().filter(|one| one.at_ms <= as_of_ms);
            // The newest first: a second may have several.
            history.moments.extend(happenings.rev().map(|one| OrderMoment {
                at_ms: Some(one.at_ms),
                after_ms: None,
                before_ms: None,
                what: what(one.what).to_owned(),
                rows: shown::rows(&one.difference).0,
            }));
        }
        leave_out_twice(&mut history.moments);
        history.moments.sort_by_key(|moment| {
            std::cmp::Reverse(moment.at_ms.or(moment.before_ms).unwrap_or(i64::MAX))
        });
        Ok(history)
    }

    /// What is another from backup to backup.
    fn between_backups(
        &self,
        asked: &Asked,
        live: &mut Live,
        history: &mut OrderHistory,
    ) -> Result<(), Box<Trouble>> {
        let living = find_orders(live, &asked.graph, &asked.wanted).map_err(mixed)?;
        let mut was_there = asked.one(&living)?.is_some();
        history.order = living.first().map(|order| asked.name(order));
        let mut newer: Option<(i64, Dump<'_>)> = None;
        for taken in &self.wanted.snapshots {
            if self.is_over() {
                history.is_whole = false;
                break;
            }
            let Some(dump) = self.open(taken)? else { continue };
            history.back_to_ms = Some(taken.at_ms);
            let mut past = Past(&dump);
            let found = find_orders(&mut past, &asked.graph, &asked.wanted).map_err(mixed)?;
            let before_ms = newer.as_ref().map(|(at_ms, _)| *at_ms);
            let after_ms = Some(taken.at_ms);
            match asked.one(&found)? {
                Some(order) => {
                    let between = match &newer {
                        Some((_, dump)) => difference(&mut past, asked, order, &mut Past(dump)),
                        None => difference(&mut past, asked, order, live),
                    };
                    let mut between: Difference = between.map_err(mixed)?;
                    between.rows.retain(|row| row.state != State::Same);
                    if !between.rows.is_empty() {
                        let what = if between.is_gone() { "gone" } else { "changed" };
                        let rows = shown::rows(&between).0;
                        history.moments.push(moment(what, (after_ms, before_ms), rows));
                    }
                    history.order.get_or_insert_with(|| asked.name(order));
                    was_there = true;
                }
                None if was_there => {
                    history.moments.push(moment("made", (after_ms, before_ms), Vec::new()));
                    was_there = false;
                }
                None => {}
            }
            newer = Some((taken.at_ms, dump));
        }
        if was_there {
            let before_ms = newer.map(|(at_ms, _)| at_ms);
            history.moments.push(moment("made", (None, before_ms), Vec::new()));
        }
        Ok(())
    }
}

fn moment(
    what: &str,
    (after_ms, before_ms): (Option<i64>, Option<i64>),
    rows: Vec<::watch::time_machine::RowThenNow>,
) -> OrderMoment {
    OrderMoment { at_ms: None, after_ms, before_ms, what: what.to_owned(), rows }
}

fn what(what: What) -> &'static str {
    match what {
        What::Made => "made",
        What::Changed => "changed",
        What::Gone => "gone",
    }
}

/// Whether a journal has all that happened between two backups.
fn is_in_a_journal(moment: &OrderMoment, journals: &Journals) -> bool {
    let until_ms = |journal: &Journal| moment.before_ms.unwrap_or(journal.until_ms);
    let has = |journal: &Journal| {
        moment.after_ms.is_some_and(|after| journal.from_ms <= after)
            && until_ms(journal) <= journal.until_ms
    };
    journals.all().iter().any(has)
}

/// That an order came or went the journal tells better than two backups around it.
fn leave_out_twice(moments: &mut Vec<OrderMoment>) {
    let exact: Vec<(String, i64)> =
        moments.iter().filter_map(|one| Some((one.what.clone(), one.at_ms?))).collect();
    moments.retain(|one| {
        let is_within = |(what, at_ms): &(String, i64)| {
            *what == one.what
                && what != "changed"
                && one.after_ms.is_none_or(|after| after <= *at_ms)
                && one.before_ms.is_none_or(|before| *at_ms <= before)
        };
        one.at_ms.is_some() || !exact.iter().any(is_within)
    });
}

/// What an order is called that only the journal knows.
fn called(asked: &Asked, trail: &Trail, key: &str) -> Option<OrderName> {
    let rows = trail
        .happenings
        .iter()
        .rev()
        .flat_map(|one| one.difference.rows.iter().map(|row| (&one.difference, row)));
    let (difference, row) = rows.into_iter().find(|(_, row)| row.role == Role::Root)?;
    let cells: &[Cell] = if row.now.is_empty() { &row.then } else { &row.now };
    let value = |column: &String| {
        let cell = cells.iter().find(|cell| cell.column == *column)?;
        difference.shown(&cell.value)
    };
    let numbers = asked.graph.numbers.iter().filter_map(value).collect();
    Some(OrderName { table: asked.graph.root.clone(), key: key.to_owned(), numbers })
}
