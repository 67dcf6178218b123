//! `storewarden order`: one order then and now, what became of it, which ones are gone; and the change
//! that brings one back under its own number.

use crate::{
    cli::{ChangeOptions, Exit, Json, State},
    client::{Answer, LONG, ask_patiently},
    completions::shops,
    moment::{Here, When},
    remote::{escape, good, print, print_bytes},
    runs,
    table::{Side, table},
    terminal::printable,
};
use ::watch::time_machine::{
    DeletedOrder, DeletedOrders, DeletedQuestion, ErasureNoted, ErasureRequest, FieldThenNow,
    JournalReach, MissingOrder, MissingOrders, MissingQuestion, OrderHistory, OrderLook,
    OrderMoment, OrderQuestion, OrderThenNow, RowThenNow,
};
use anyhow::bail;
use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;
use serde_json::json;
use std::{fmt::Write as _, path::Path};

/// What to do with single orders.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OrderCommand {
    /// Show an order with all its rows, as it was at a moment or in a backup
    Show {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Say what became of an order: change by change in the journal, else from backup to backup
    History {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Hold an order as it was against what it is
    Diff {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Bring an order back under its own number, with all its rows, and leave all else alone
    ///
    /// No mail is sent, no stock changes, no counter is touched. What would be done is shown first;
    /// afterwards it can be taken back: storewarden runs undo RUN.
    Restore {
        #[command(flatten)]
        which: Which,
        /// Also set back what was changed since, and not only add what is gone
        #[arg(long)]
        set_back: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// List the orders that the shop has confirmed to visitors and that its database lacks
    ///
    /// By the edge's access log: after going back in time, the orders that are lost; else it should be
    /// empty. Exits with 1 when one is missing, or not all could be looked at.
    Missing {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// Only those that were confirmed since then; unless told in the last 24 hours
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Note that somebody had their data erased, so that it does not come back
    ///
    /// GDPR, article 17. An order or a row that is brought back from before comes without what tells of
    /// them. Kept are a keyed hash of the address and the time; the shop's own rows and its backups stay as
    /// they are.
    Erase {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// The e-mail address of who asked for it
        #[arg(value_name = "E-MAIL")]
        email: String,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// List the orders that the journal or backups have and the shop no longer has
    Deleted {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// Only those that went since then; unless told in the last 30 days
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// Only those that went until then
        #[arg(long, value_name = "TIME")]
        until: Option<When>,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
}

/// Which order, or which other row.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Which {
    /// The shop's id
    #[arg(add = ArgValueCandidates::new(shops))]
    shop: String,
    /// The order's number, or the e-mail address of its buyer
    #[arg(value_name = "ORDER|E-MAIL", required_unless_present = "table")]
    order: Option<String>,
    /// A row of this table instead, with all that belongs to it: a customer, a product
    #[arg(long, value_name = "TABLE", requires = "key", conflicts_with = "order")]
    table: Option<String>,
    /// The row's key
    #[arg(long, value_name = "KEY", requires = "table")]
    key: Option<String>,
    /// As it was so long ago, or at that time; unless told as it was just before it went, or in the newest
    /// backup that has it
    #[arg(long, value_name = "TIME")]
    as_of: Option<When>,
}

impl Which {
    fn question(&self, here: &Here) -> OrderQuestion {
        let is_mail = self.order.as_ref().is_some_and(|order| order.contains('@'));
        let (email, order) = match is_mail {
            true => (self.order.clone(), None),
            false => (None, self.order.clone()),
        };
        OrderQuestion {
            order,
            email,
            table: self.table.clone(),
            key: self.key.clone(),
            as_of_ms: self.as_of.map(|as_of| as_of.ago(here)),
        }
    }

    fn ask(&self, what: &str, state: &Path, here: &Here) -> anyhow::Result<Answer> {
        asked(what, state, &self.shop, &self.question(here))
    }
}

fn asked(
    what: &str,
    state: &Path,
    shop: &str,
    question: &impl Serialize,
) -> anyhow::Result<Answer> {
    let path = format!("/api/v1/shops/{}/orders/{what}", escape(shop));
    good(ask_patiently(state, "POST", &path, question, LONG)?)
}

pub(crate) fn run(command: OrderCommand) -> anyhow::Result<Exit> {
    let here = Here::now();
    match command {
        OrderCommand::Show { which, state, json } => {
            let answer = which.ask("look", &state.directory, &here)?;
            said(&answer, json, |look: &OrderLook| (look_text(look, &here, true), is_found(look)))
        }
        OrderCommand::Diff { which, state, json } => {
            let answer = which.ask("look", &state.directory, &here)?;
            said(&answer, json, |look: &OrderLook| (look_text(look, &here, false), is_found(look)))
        }
        OrderCommand::History { which, state, json } => {
            let answer = which.ask("history", &state.directory, &here)?;
            said(&answer, json, |history: &OrderHistory| {
                (history_text(history, &here), history.order.is_some())
            })
        }
        OrderCommand::Deleted { shop, since, until, state, json } => {
            let at = |when: Option<When>| when.map(|when| when.ago(&here));
            let question = DeletedQuestion { since_ms: at(since), until_ms: at(until) };
            let answer = asked("deleted", &state.directory, &shop, &question)?;
            said(&answer, json, |found: &DeletedOrders| {
                (deleted_text(found, &here), found.is_whole)
            })
        }
        OrderCommand::Missing { shop, since, state, json } => {
            let question = MissingQuestion { since_ms: since.map(|when| when.ago(&here)) };
            let answer = asked("missing", &state.directory, &shop, &question)?;
            said(&answer, json, |missing: &MissingOrders| {
                (
                    missing_text(missing, &here),
                    missing.orders.is_empty() && missing.is_whole && missing.reaches_back,
                )
            })
        }
        OrderCommand::Erase { shop, email, state, json } => {
            let request = ErasureRequest { email };
            let answer = asked("erasures", &state.directory, &shop, &request)?;
            said(&answer, json, |noted: &ErasureNoted| (noted_text(noted), true))
        }
        OrderCommand::Restore { which, set_back, options } => restore(&which, set_back, &options),
    }
}

fn noted_text(noted: &ErasureNoted) -> String {
    format!(
        "Noted. Orders, rows and databases that are brought back from a time before come without what tells \
         of this person.\nThe shop's own rows and its backups stay as they are.\nPeople noted of this shop: {}\n",
        noted.people
    )
}

fn restore(which: &Which, set_back: bool, options: &ChangeOptions) -> anyhow::Result<Exit> {
    let here = Here::now();
    let state = &options.state.directory;
    let mut question = which.question(&here);
    let answer = which.ask("look", state, &here)?;
    let look: OrderLook = answer.json()?;
    if !options.json.json {
        print(look_text(&look, &here, false).as_bytes())?;
    }
    // One of a buyer's is brought back by its own number.
    if question.email.take().is_some() {
        let gone: Vec<&OrderThenNow> =
            look.orders.iter().filter(|order| set_back || order.state == "gone").collect();
        (question.table, question.key) = match gone.as_slice() {
            [one] => (Some(one.table.clone()), Some(one.key.clone())),
            [] => bail!("of this buyer nothing is gone"),
            _ => bail!("there are several of this buyer: say which one by its number"),
        };
    }
    let OrderQuestion { order, table, key, as_of_ms, .. } = question;
    let wish = json!({
        "kind": "restore_order", "shop": which.shop, "order": order, "table": table, "key": key,
        "as_of_ms": as_of_ms, "set_back": set_back,
    });
    runs::change(state, &wish, options)
}

/// Prints an answer; whether all is well with it, the exit code says.
fn said<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    json: Json,
    text: impl Fn(&T) -> (String, bool),
) -> anyhow::Result<Exit> {
    let (text, is_good) = text(&answer.json()?);
    if json.json {
        print_bytes(&answer.body)?;
    } else {
        print(text.as_bytes())?;
    }
    Ok(if is_good { Exit::Fine } else { Exit::Wrong })
}

fn is_found(look: &OrderLook) -> bool {
    !look.orders.is_empty()
}

fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn called(table: &str, key: &str, numbers: &[String]) -> String {
    match numbers.first() {
        Some(number) => printable(&format!("{number} ({table} {key})")),
        None => printable(&format!("{table} {key}")),
    }
}

fn look_text(look: &OrderLook, here: &Here, whole: bool) -> String {
    let mut text = String::new();
    if look.orders.is_empty() {
        let when = look.snapshot_ms.map(|at_ms| here.moment_ago(at_ms));
        let when = when.unwrap_or_else(|| "the oldest".to_owned());
        put(&mut text, &format!("Neither the shop nor a backup up to {when} has it."));
    }
    put_trouble(&mut text, look.journal.as_ref());
    if let Some(platform) = look.untried.as_ref().filter(|_| !look.orders.is_empty()) {
        let known = "its tables were built for tests; look at every row before you bring one back";
        put(&mut text, &format!("Never tried on a {platform} that runs: {known}."));
    }
    for order in &look.orders {
        put(&mut text, &head(order, here));
        if let Some(at_ms) = order.erased_ms {
            let when = here.moment(at_ms);
            let line = "  the buyer had their data erased: what tells of them does not come back";
            put(&mut text, &format!("{line} ({when})"));
        }
        for row in &order.rows {
            if whole || row.state != "same" {
                put_row(&mut text, row, whole);
            }
        }
        if order.more_rows > 0 {
            put(&mut text, &format!("  and {} rows more", order.more_rows));
        }
    }
    if look.more > 0 {
        put(&mut text, &format!("and {} orders more", look.more));
    }
    text
}

fn head(order: &OrderThenNow, here: &Here) -> String {
    let called = called(&order.table, &order.key, &order.numbers);
    let then = match (order.journal_ms, order.snapshot_ms) {
        (Some(at_ms), _) => format!("from the journal, as of {}", here.moment(at_ms)),
        (None, Some(at_ms)) => format!("from the backup of {}", here.moment_ago(at_ms)),
        (None, None) => String::new(),
    };
    match order.state.as_str() {
        "gone" => format!("{called}: {then}; the shop no longer has it"),
        "changed" => format!("{called}: {then}; it is another now"),
        "new" => format!("{called}: the shop has it, and did not then, as far as was looked"),
        _ => format!("{called}: {then}; it is the same now"),
    }
}

fn put_row(text: &mut String, row: &RowThenNow, whole: bool) {
    let state = match (row.role.as_str(), row.state.as_str()) {
        ("needed", _) => "gone as well, and needed",
        (_, "gone") => "gone",
        (_, "changed") => "changed",
        (_, "new") => "came since",
        _ => "same",
    };
    put(text, &printable(&format!("  {} {}: {state}", row.table, row.key)));
    for field in &row.fields {
        if whole || field.is_other || row.state == "gone" {
            put(text, &printable(&format!("    {}", field_text(field, &row.state))));
        }
    }
}

fn field_text(FieldThenNow { column, then, now, is_other }: &FieldThenNow, state: &str) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    match state {
        "changed" if *is_other => format!("{column}: {} → {}", shown(then), shown(now)),
        "new" => format!("{column}: {}", shown(now)),
        _ => format!("{column}: {}", shown(then)),
    }
}

fn missing_text(missing: &MissingOrders, here: &Here) -> String {
    let mut text = String::new();
    let MissingOrders { orders, more, confirmed, unnamed, from_ms, reaches_back, is_whole } =
        missing;
    match orders.len() as u64 + more {
        0 => put(&mut text, &format!("Of {confirmed} confirmed orders, every one is there.")),
        count => put(&mut text, &format!("Of {confirmed} confirmed orders, {count} are missing:")),
    }
    let row = |order: &MissingOrder| {
        [order.number.clone(), here.moment(order.first_ms), here.moment(order.last_ms)]
    };
    let rows: Vec<[String; 3]> = orders.iter().map(row).collect();
    if !rows.is_empty() {
        let head = ["ORDER", "CONFIRMED", "LAST SHOWN"].map(|name| (name, Side::Left));
        text.push_str(&table(head, &rows));
    }
    if *more > 0 {
        put(&mut text, &format!("and {more} more"));
    }
    if *unnamed > 0 {
        let what = "payments and confirmations whose path names no order";
        put(&mut text, &format!("{unnamed} {what}: whether theirs are there is unknown."));
    }
    if !reaches_back {
        let from = from_ms.map_or_else(|| "it has none".to_owned(), |at| here.moment(at));
        put(&mut text, &format!("The log does not reach back so far; its first line: {from}."));
    }
    if !is_whole {
        put(&mut text, "Not all of it was looked at, for the time was over.");
    }
    text
}

fn history_text(history: &OrderHistory, here: &Here) -> String {
    let mut text = String::new();
    let Some(order) = &history.order else {
        put(&mut text, "Neither the shop, the journal nor a backup that was looked into has it.");
        return text;
    };
    put(&mut text, &called(&order.table, &order.key, &order.numbers));
    for moment in &history.moments {
        put(&mut text, &moment_text(moment, here));
        for row in &moment.rows {
            put_row(&mut text, row, false);
        }
    }
    put_reach(&mut text, history.journal.as_ref(), here);
    if let Some(back_to_ms) = history.back_to_ms {
        let more =
            if history.is_whole { "" } else { ", for the time was over; older ones may know" };
        put(
            &mut text,
            &format!("Backups back to {} were looked into{more}.", here.moment(back_to_ms)),
        );
    }
    text
}

fn moment_text(moment: &OrderMoment, here: &Here) -> String {
    let what = match moment.what.as_str() {
        "made" => "was made",
        "gone" => "was deleted",
        _ => "was changed",
    };
    if let Some(at_ms) = moment.at_ms {
        return format!("{what} at {}", here.moment(at_ms));
    }
    match (moment.after_ms, moment.before_ms) {
        (Some(after), Some(before)) => {
            format!("{what} between {} and {}", here.moment(after), here.moment(before))
        }
        (Some(after), None) => format!("{what} after {}", here.moment(after)),
        (None, Some(before)) => format!("{what} before {}", here.moment(before)),
        (None, None) => format!("{what}, and no backup has it"),
    }
}

fn deleted_text(found: &DeletedOrders, here: &Here) -> String {
    let row = |order: &DeletedOrder| {
        let called = order.numbers.first().unwrap_or(&order.key).clone();
        let went = match (order.gone_ms, order.missed_ms) {
            (Some(at_ms), _) => here.moment(at_ms),
            (None, Some(missed)) => {
                format!("{} to {}", here.moment(order.seen_ms), here.moment(missed))
            }
            (None, None) => format!("after {}", here.moment(order.seen_ms)),
        };
        let told = if order.gone_ms.is_some() { "journal" } else { "backup" };
        [called, order.key.clone(), went, told.to_owned()]
    };
    let rows: Vec<[String; 4]> = found.orders.iter().map(row).collect();
    let head = [
        ("ORDER", Side::Left),
        ("KEY", Side::Right),
        ("WENT", Side::Left),
        ("TOLD BY", Side::Left),
    ];
    let mut text = table(head, &rows);
    if found.more > 0 {
        put(&mut text, &format!("and {} more", found.more));
    }
    put_reach(&mut text, found.journal.as_ref(), here);
    let Some(back_to_ms) = found.back_to_ms else {
        put(&mut text, "No backup was looked into.");
        return text;
    };
    let back_to = here.moment(back_to_ms);
    let sentence = match (rows.is_empty(), found.is_whole) {
        (true, true) => format!("No order is gone that backups back to {back_to} have."),
        (false, true) => format!("Backups back to {back_to} were looked into."),
        (_, false) => format!(
            "Only backups back to {back_to} were looked into, for the time was over; older ones may \
             have more."
        ),
    };
    writeln!(text, "{sentence}").expect("invariant: a String takes all text");
    text
}

/// Since when the journal knows every change, or why it could not be read.
fn put_reach(text: &mut String, journal: Option<&JournalReach>, here: &Here) {
    if let Some(from_ms) = journal.and_then(|reach| reach.from_ms) {
        put(text, &format!("The journal knows every change since {}.", here.moment(from_ms)));
    }
    put_trouble(text, journal);
}

fn put_trouble(text: &mut String, journal: Option<&JournalReach>) {
    if let Some(error) = journal.and_then(|reach| reach.error.as_ref()) {
        put(text, &printable(&format!("The journal could not be read: {error}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn here() -> Here {
        Here { now_ms: 1_767_225_600_000, zone: TimeZone::UTC }
    }

    #[test]
    fn what_is_other_is_told_with_both_values() {
        let field = |column: &str, then: &str, now: &str| FieldThenNow {
            column: column.into(),
            then: Some(then.into()),
            now: Some(now.into()),
            is_other: then != now,
        };
        let row = |table: &str, state: &str, fields| RowThenNow {
            table: table.into(),
            key: "7".into(),
            role: "own".into(),
            state: state.into(),
            fields,
        };
        let look = OrderLook {
            orders: vec![OrderThenNow {
                table: "shop_order".into(),
                key: "7".into(),
                numbers: vec!["L-7".into()],
                state: "changed".into(),
                snapshot: Some("abc".into()),
                snapshot_ms: Some(1_767_222_000_000),
                journal_ms: None,
                erased_ms: None,
                rows: vec![
                    row("shop_order", "same", vec![field("number", "L-7", "L-7")]),
                    row("payment", "changed", vec![field("id", "7", "7"), field("sum", "1", "2")]),
                ],
                more_rows: 0,
            }],
            ..OrderLook::default()
        };
        let expect = "L-7 (shop_order 7): from the backup of 2025-12-31 23:00 UTC (1 h 0 min ago); it is \
                      another now\n  payment 7: changed\n    sum: 1 → 2\n";
        assert_eq!(look_text(&look, &here(), false), expect);
        assert!(look_text(&look, &here(), true).contains("    number: L-7\n"));
        let mut exact = look;
        exact.untried = Some("Magento 2".into());
        exact.orders[0].erased_ms = Some(1_767_222_001_000);
        let text = look_text(&exact, &here(), false);
        assert!(text.starts_with("Never tried on a Magento 2 that runs: its tables"), "{text}");
        assert!(text.contains("\n  the buyer had their data erased: what tells of them"), "{text}");
        exact.untried = None;
        exact.orders[0].journal_ms = Some(1_767_222_001_000);
        let expect = "L-7 (shop_order 7): from the journal, as of 2025-12-31 23:00:01 UTC; ";
        assert!(look_text(&exact, &here(), false).starts_with(expect));
    }

    #[test]
    fn what_was_not_looked_into_is_said() {
        let check = |found: DeletedOrders, expect: &str| {
            let text = deleted_text(&found, &here());
            assert!(text.ends_with(&format!("{expect}\n")), "{text}");
        };
        let none =
            DeletedOrders { back_to_ms: Some(0), is_whole: true, ..DeletedOrders::default() };
        check(none.clone(), "No order is gone that backups back to 1970-01-01 00:00:00 UTC have.");
        check(DeletedOrders { is_whole: false, ..none }, "older ones may have more.");
    }
}
