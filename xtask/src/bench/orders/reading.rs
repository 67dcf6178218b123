//! Orders that were deleted are looked for: in a backup alone, and in the journal.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::super::goal::Row;
use super::super::report::median;
use super::super::series::folder_bytes;
use super::server::Server;
use super::warden::{Needed, PASSWORD, SHOP, Warden};
use crate::process;

const BACKUP_SECONDS: f64 = 5.0;
const BACKUP_BYTES: f64 = 64e6;
const JOURNAL_SECONDS: f64 = 0.3;
const DELETED_SECONDS: f64 = 1.0;
/// Lists of deleted orders are asked for so often.
const LISTS: usize = 5;

/// Orders that were deleted, with all that belonged to them.
#[derive(Debug)]
pub(super) struct Lost {
    codes: Vec<String>,
    mail: String,
    /// Of each, its own included.
    rows: Vec<usize>,
}

impl Lost {
    /// Deletes nine orders, spread over those with these ids.
    pub(super) fn delete(server: &Server, from: u64, until: u64) -> anyhow::Result<Self> {
        let ids: Vec<String> =
            (1..10).map(|tenth| (from + (until - from) * tenth / 10).to_string()).collect();
        let ids = ids.join(", ");
        let count =
            |table: &str| format!("(SELECT count(*) FROM {table} WHERE \"orderId\" = o.id)");
        let own =
            ["order_line", "payment", "shipping_line", "history_entry"].map(count).join(" + ");
        let told = server.ask(&format!(
            "SELECT o.code, 1 + {own}, c.\"emailAddress\" FROM \"order\" o JOIN customer c ON \
             c.id = o.\"customerId\" WHERE o.id IN ({ids}) ORDER BY o.id"
        ))?;
        let mut lost = Self { codes: Vec::new(), mail: String::new(), rows: Vec::new() };
        for line in told.lines() {
            let mut values = line.split('|');
            let mut value = || values.next().context("read an order");
            lost.codes.push(value()?.to_owned());
            lost.rows.push(value()?.parse().context("count an order's rows")?);
            lost.mail = value()?.to_owned();
        }
        ensure!(lost.codes.len() == 9, "there are no orders {ids}");
        server.ask(&format!("DELETE FROM \"order\" WHERE id IN ({ids})"))?;
        Ok(lost)
    }

    /// Each of them by its number: how long that took, longest last; and the answers are held against what was deleted.
    fn find(&self, warden: &Warden, in_journal: bool) -> anyhow::Result<Vec<f64>> {
        let mut seconds = Vec::new();
        for (code, rows) in self.codes.iter().zip(&self.rows) {
            let asked = warden.ask(&["order", "show", SHOP, code])?;
            let order = &asked.answer["orders"][0];
            let gone = |row: &&Value| row["state"] == "gone";
            let found = order["rows"].as_array().map_or(0, |all| all.iter().filter(gone).count());
            ensure!(found == *rows, "{found} rows of {code} were found, and not {rows}: {order}");
            let is_of_journal = !order["journal_ms"].is_null();
            ensure!(is_of_journal == in_journal, "{code} is told by another: {order}");
            seconds.push(asked.seconds);
        }
        seconds.sort_by(f64::total_cmp);
        Ok(seconds)
    }

    /// The most that a worker needed for one of the first three.
    fn needed(&self, warden: &Warden) -> anyhow::Result<Needed> {
        let mut most = Needed::default();
        for code in &self.codes[..3] {
            let (_, needed) = warden.look_after(&["order", "show", SHOP, code])?;
            most.memory_bytes = most.memory_bytes.max(needed.memory_bytes);
            most.read_bytes = most.read_bytes.max(needed.read_bytes);
        }
        Ok(most)
    }

    fn is_listed(&self, answer: &Value) -> anyhow::Result<()> {
        let orders = answer["orders"].as_array().context("read a list of orders")?;
        let has = |code: &String| orders.iter().any(|order| order["numbers"][0] == code.as_str());
        ensure!(self.codes.iter().all(has), "not all that were deleted are listed: {answer}");
        Ok(())
    }
}

/// Nobody follows the changes: there is nothing but the backup.
pub(super) fn in_a_backup(
    server: &Server,
    warden: &Warden,
    orders: u64,
) -> anyhow::Result<Vec<Row>> {
    let lost = Lost::delete(server, 1, orders)?;
    let found = lost.find(warden, false)?;
    let needed = lost.needed(warden)?;
    let by_mail = warden.ask(&["order", "show", SHOP, &lost.mail])?;
    let of_buyer = by_mail.answer["orders"].as_array().map_or(0, Vec::len);
    ensure!(of_buyer > 0, "nothing of the buyer's was found: {}", by_mail.answer);
    let repository = folder_bytes(&warden.repository())?;
    let mut rows = vec![
        longest("from a backup: an order by its number", &found, BACKUP_SECONDS),
        Row::at_most(
            "its worker's memory at most",
            (float(needed.memory_bytes), BACKUP_BYTES),
            megabytes,
        ),
        Row::plain(
            "what its worker read, of the repository's bytes",
            format!(
                "{}, {:.1} %",
                megabytes(float(needed.read_bytes)),
                100.0 * float(needed.read_bytes) / float(repository)
            ),
        ),
        Row::plain(
            format!("from a backup: the {of_buyer} orders of a buyer by the e-mail address"),
            format!("{:.2} s", by_mail.seconds),
        ),
        listed("by a backup alone: the list of deleted orders", warden, &[&lost])?,
    ];
    let seconds = by_restic(warden, &lost.codes[4])?;
    rows.push(Row::plain(
        "beside it: `restic dump` of the same backup's tables into `grep`, for the order's own row",
        format!("{seconds:.2} s, {:.1} times as long", seconds / median(found)),
    ));
    Ok(rows)
}

/// Orders that came, went, and are in the journal.
pub(super) fn in_the_journal(warden: &Warden, lost: &Lost) -> anyhow::Result<Vec<Row>> {
    let found = lost.find(warden, true)?;
    let needed = lost.needed(warden)?;
    Ok(vec![
        longest("from the journal: an order by its number", &found, JOURNAL_SECONDS),
        Row::plain("its worker's memory at most", megabytes(float(needed.memory_bytes))),
        listed("by journal and backup: the list of deleted orders", warden, &[lost])?,
    ])
}

fn listed(name: &str, warden: &Warden, all: &[&Lost]) -> anyhow::Result<Row> {
    let mut seconds = Vec::new();
    for _ in 0..LISTS {
        let asked = warden.ask(&["order", "deleted", SHOP])?;
        all.iter().try_for_each(|lost| lost.is_listed(&asked.answer))?;
        seconds.push(asked.seconds);
    }
    seconds.sort_by(f64::total_cmp);
    Ok(longest(name, &seconds, DELETED_SECONDS))
}

/// Median and longest; the goal is for every one of them.
fn longest(name: &str, seconds: &[f64], most: f64) -> Row {
    let last = seconds.last().copied().unwrap_or(f64::INFINITY);
    Row {
        name: format!("{name}: median and longest"),
        measured: format!("{:.2} s, {last:.2} s", median(seconds.to_vec())),
        goal: format!("{most} s"),
        is_kept: Some(last <= most),
    }
}

/// The same repository is restic's as well: the tables go by as one archive, and somebody looks for the number.
fn by_restic(warden: &Warden, code: &str) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut dump = process::command("restic", &["--quiet", "--no-lock", "--repo"]);
    dump.arg(warden.repository()).env("RESTIC_PASSWORD", PASSWORD);
    dump.arg("--cache-dir").arg(warden.state().with_extension("restic"));
    dump.args(["dump", "latest", "/databases"]);
    let mut dump = dump.stdout(Stdio::piped()).spawn().context("start restic")?;
    let archive = dump.stdout.take().context("read what restic prints")?;
    let mut search = process::command("grep", &["--text", "--count", "--fixed-strings", code]);
    let found = process::output(search.stdin(archive))?;
    let status = dump.wait().context("wait for restic")?;
    ensure!(status.success() && found.trim() == "1", "restic ended with {status}: {found} rows");
    Ok(begun.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "bytes here are far below 2⁵²")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

pub(super) fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}
