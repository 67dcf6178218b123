//! An order is brought back, and that is taken back: in one transaction each, with the rows themselves
//! to say afterwards whether it happened.

use super::{
    From, Kept, Search, Taken,
    asked::{Asked, mixed, of_database},
    difference, find_orders,
    kept::{self, Changes},
};
use crate::backup_worker::Trouble;
use ::watch::time_machine::{OrderQuestion, OrderReturn};
use databases::live::{Change, Live, Standing};
use kernel::{Value, config::DatabaseUrl, plan::Reason};
use ring::digest;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write as _};
use vault::orders::{
    Found, Options, OrderError, Past, Refusal, Restoration, Source, State, addresses, restoration,
    since, untried,
};

/// What became of a return, or of taking it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stands {
    Done,
    NotDone,
    /// Somebody else was at these rows since.
    Mixed,
}

/// What a return would do, and with what.
struct Prepared {
    told: OrderReturn,
    restoration: Restoration,
    live: Live,
}

impl Search<'_> {
    /// What bringing it back would do, as it was in the newest backup that has it.
    pub(super) fn prepare(
        &self,
        question: &OrderQuestion,
        set_back: bool,
    ) -> Result<OrderReturn, Box<Trouble>> {
        self.prepared(question, set_back).map(|prepared| prepared.told)
    }

    /// Brings it back, if that does what was shown; so many rows changed.
    pub(super) fn bring_back(
        &self,
        (question, set_back): (&OrderQuestion, bool),
        changes_sha256: &str,
        kept: &Kept,
    ) -> Result<u64, Box<Trouble>> {
        let Prepared { told, restoration, mut live } = self.prepared(question, set_back)?;
        if let Some(refusal) = told.refusal {
            return Err(refused(refusal));
        }
        if told.changes_sha256 != changes_sha256 {
            let message = "the order is another by now than when this was shown: look at it again";
            return Err(Box::new(Trouble::new("order_changed_meanwhile", [], message)));
        }
        let undo = restoration.undo(live.tables());
        let changes = Changes { made: restoration.changes, undo };
        kept::write(kept, &changes)?;
        live.apply(&changes.made).map_err(|error| not_made(&error))?;
        Ok(changes.made.len() as u64)
    }

    fn prepared(&self, question: &OrderQuestion, set_back: bool) -> Result<Prepared, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::of(question, &self.wanted.platform, &mut live)?;
        let journals = self.journals(&live);
        for then in self.thens(&journals, &asked, question.as_of_ms, &mut live)? {
            let made = self.at_moment(&then, &mut live, &asked, |moment, taken, live| {
                let found = find_orders(moment, &asked.graph, &then.wanted)?;
                let from = self.from(taken, Some(then.at_ms));
                match found.as_slice() {
                    [one] => made(moment, (&asked, one), live, from, set_back).map(Some),
                    _ => Ok(None),
                }
            })?;
            if let Some((told, restoration)) = made.flatten() {
                return Ok(Prepared { told, restoration, live });
            }
        }
        for taken in self.wanted.snapshots.iter().filter(|_| self.wanted.exact_ms.is_none()) {
            let Some(dump) = self.open(taken)? else { continue };
            let mut past = Past(&dump);
            let found = find_orders(&mut past, &asked.graph, &asked.wanted).map_err(mixed)?;
            let Some(order) = asked.one(&found)? else {
                if question.as_of_ms.is_some() || self.is_over() {
                    break;
                }
                continue;
            };
            let from = self.from(Some(taken), None);
            let made = made(&mut past, (&asked, order), &mut live, from, set_back);
            let (told, restoration) = made.map_err(mixed)?;
            return Ok(Prepared { told, restoration, live });
        }
        Err(not_found(self.wanted.snapshots.last()))
    }
}

/// What would be done, and how that is told.
fn made(
    past: &mut dyn Source,
    (asked, order): (&Asked, &Found),
    live: &mut Live,
    from: From<'_>,
    set_back: bool,
) -> Result<(OrderReturn, Restoration), OrderError> {
    let between = difference(past, asked, order, live)?;
    let buyer = addresses(past, &asked.graph, &order.row)?;
    let erased = from.erasures.of(&buyer, &between, from.at_ms()).map(|erased| erased.named);
    let options = Options { set_back, erased: erased.as_deref() };
    let made = restoration(&asked.graph, &between, live, options)?;
    let (restoration, refusal) = match made {
        Ok(mut restoration) => {
            restoration.notes.extend(since(past, &asked.graph, &order.row, live)?);
            let title = asked.untried.as_deref().unwrap_or_default();
            restoration.notes.extend(untried(&asked.graph, title));
            (restoration, None)
        }
        Err(Refusal(reason)) => {
            (Restoration { changes: Vec::new(), notes: Vec::new() }, Some(reason))
        }
    };
    let here = |state| between.rows.iter().filter(move |row| row.state == state).count();
    let counts = counts(&restoration.changes);
    let told = OrderReturn {
        order: asked.name(order),
        snapshot: from.taken.map(|taken| taken.id.clone()),
        at_ms: from.at_ms(),
        from_journal: from.journal_ms.is_some(),
        added: counts.added,
        changed: counts.changed,
        left: (here(State::Changed) as u64).saturating_sub(counts.changed)
            + here(State::New) as u64,
        tables: counts.tables,
        changes_sha256: digest_of(&restoration.changes),
        notes: restoration.notes.clone(),
        refusal,
    };
    Ok((told, restoration))
}

/// Takes a return back; so many rows changed.
pub(super) fn take_back(live: &DatabaseUrl, kept: &Kept) -> Result<u64, Box<Trouble>> {
    let Some(changes) = kept::read(kept)? else {
        let message = "what would take it back is not kept any more";
        return Err(Box::new(Trouble::new("order_undo_gone", [], message)));
    };
    let mut live = Live::connect(live).map_err(|error| of_database(&error))?;
    live.apply(&changes.undo).map_err(|error| not_made(&error))?;
    Ok(changes.undo.len() as u64)
}

/// What the rows say. Where nothing was kept, nothing was begun.
pub(super) fn stands(live: &DatabaseUrl, kept: &Kept, back: bool) -> Result<Stands, Box<Trouble>> {
    let Some(changes) = kept::read(kept)? else { return Ok(Stands::NotDone) };
    let mut live = Live::connect(live).map_err(|error| of_database(&error))?;
    let changes = if back { &changes.undo } else { &changes.made };
    Ok(match live.standing(changes).map_err(|error| of_database(&error))? {
        Standing::Made => Stands::Done,
        Standing::NotMade => Stands::NotDone,
        Standing::Mixed => Stands::Mixed,
    })
}

#[derive(Default)]
struct Counts {
    added: u64,
    changed: u64,
    tables: String,
}

fn counts(changes: &[Change]) -> Counts {
    let mut counts = Counts::default();
    let mut tables: BTreeMap<&str, u64> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Insert { .. } => {
                counts.added += 1;
                *tables.entry(name_of(change.table())).or_default() += 1;
            }
            _ => counts.changed += 1,
        }
    }
    let said = tables.into_iter().map(|(table, count)| format!("{table} {count}"));
    counts.tables = said.collect::<Vec<_>>().join(", ");
    counts
}

/// Without its schema.
fn name_of(label: &str) -> &str {
    label.rsplit('.').next().unwrap_or(label)
}

fn digest_of(changes: &[Change]) -> String {
    let json = serde_json::to_vec(changes).expect("invariant: our own types are JSON");
    let mut text = String::new();
    for byte in digest::digest(&digest::SHA256, &json).as_ref() {
        write!(text, "{byte:02x}").expect("invariant: a String takes all text");
    }
    text
}

/// A refusal with what helps.
pub(crate) fn refused(reason: Reason) -> Box<Trouble> {
    let said = |name: &str| match reason.params.get(name) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let message = match reason.code.as_str() {
        "order_number_reused" => format!(
            "the number {} belongs to another order now, that with the key {}; give that one another \
             number first, if this one must come back under its own",
            said("number"),
            said("key")
        ),
        "order_key_reused" => format!(
            "another order has its key {} now: it was {}, and is {}; this one can be read, and not \
             come back beside it",
            said("key"),
            said("was"),
            said("is")
        ),
        "order_table_without_transactions" => format!(
            "{} takes no part in transactions (MyISAM), so that half an order could come back; have it \
             converted (ALTER TABLE … ENGINE = InnoDB), or restore the database beside the shop's own",
            said("table")
        ),
        "order_erased" => {
            "the buyer had their data erased, and the platform's file does not say which \
                           columns tell of a person"
                .to_owned()
        }
        "order_column_gone" => format!(
            "the column {}.{} is gone, and the order has a value there; bring the database of that \
             backup back beside the shop's own, and look what became of the column",
            said("table"),
            said("column")
        ),
        code => code.replace('_', " "),
    };
    let Reason { code, params } = reason;
    Box::new(Trouble { code, params, message, may_pass: false })
}

fn not_found(oldest: Option<&Taken>) -> Box<Trouble> {
    let message = "neither the journal nor a backup that was looked into has it; try an earlier time with --as-of";
    let said = oldest.map(|oldest| ("back_to_ms", Value::from(oldest.at_ms)));
    Box::new(Trouble::new("order_not_found", said, message))
}

/// The transaction was taken back by the server.
fn not_made(error: &databases::DatabaseError) -> Box<Trouble> {
    let trouble = of_database(error);
    if trouble.code != "order_not_read" {
        return trouble;
    }
    let message = format!(
        "the database did not take the changes, and is as it was: {}; the account needs to read and \
         write the order's tables: name one in `restore_as` of the shop's backup",
        trouble.message
    );
    let said = [("error", trouble.message.as_str().into())];
    Box::new(Trouble::new("order_not_written", said, message))
}
