//! Customers buy, and their changes are followed: what that costs, what lies in the journal afterwards, and how
//! `pg_recvlogical` does beside it.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::super::cost::Family;
use super::super::goal::Row;
use super::reading::{float, megabytes};
use super::server::Server;
use super::warden::{SHOP, Warden};
use crate::process::{self, Running};
use crate::workspace::Workspace;

/// Of a purchase (bench/orders/purchase.sql).
pub(super) const CHANGES_EACH: u64 = 10;
const CHANGES_A_SECOND: u64 = 5_000;
const MOST_OF_A_CORE: f64 = 0.25;
const MOST_OF_RAW: f64 = 0.3;
/// Of the other one.
const SLOT: &str = "beside";
/// The stream says each second how it stands.
const LOOK: Duration = Duration::from_millis(500);
const CATCH_UP: Duration = Duration::from_secs(300);

/// Who follows, and the processes that cost something for that.
#[derive(Debug)]
struct Follower {
    own: Family,
    /// The server's, which decodes its log for it.
    server: Family,
    before: [Duration; 2],
}

impl Follower {
    fn new(pid: u32, sender: u32) -> anyhow::Result<Self> {
        let (own, server) = (Family::of(pid)?, Family::of(sender)?);
        let before = [own.processor_time()?, server.processor_time()?];
        Ok(Self { own, server, before })
    }

    /// Seconds of processor time since it was made: its own, and the server's for it.
    fn spent(&self) -> anyhow::Result<[f64; 2]> {
        let now = [self.own.processor_time()?, self.server.processor_time()?];
        Ok([0, 1].map(|which| (now[which] - self.before[which]).as_secs_f64()))
    }
}

/// So many changes a second for so many seconds, with the other one beside.
pub(super) fn keep_up(
    server: &Server,
    warden: &mut Warden,
    (purchase, scratch): (&Path, &Path),
    (orders, seconds): (u64, u64),
) -> anyhow::Result<Vec<Row>> {
    let publication = server.ask("SELECT pubname FROM pg_publication")?;
    let log = scratch.join("pg_recvlogical.out");
    let other = receive(server, &publication, &log)?;
    let sender = |slot: &str| {
        let is_it = format!("slot_name {slot}");
        server.ask_number(&format!(
            "SELECT active_pid FROM pg_replication_slots WHERE {is_it} AND active"
        ))
    };
    let pid = |number: u64| u32::try_from(number).context("read a process's number");
    let ours = Follower::new(warden.pid("stream")?, pid(sender(&format!("<> '{SLOT}'"))?)?)?;
    let theirs = Follower::new(other.pid(), pid(sender(&format!("= '{SLOT}'"))?)?)?;
    let rate = (CHANGES_A_SECOND / CHANGES_EACH).to_string();
    let until = seconds.to_string();
    let begun = Instant::now();
    let (sold, worst_ms) =
        watching(warden, || server.sell(purchase, orders, &["-R", &rate, "-T", &until]))?;
    let took = begun.elapsed().as_secs_f64();
    let behind = catch_up(server, warden)?;
    let [own, sender] = ours.spent()?;
    let [other_own, other_sender] = theirs.spent()?;
    other.stop()?;
    server.ask(&format!("SELECT pg_drop_replication_slot('{SLOT}')"))?;
    let changes = sold * CHANGES_EACH;
    let a_second = float(changes) / took;
    // On a busy machine fewer are made; what each of them costs hardly depends on that.
    let seconds_of = |spent: f64| spent / float(changes) * float(CHANGES_A_SECOND);
    let of_core = |spent: f64| format!("{:.3} of a core", seconds_of(spent));
    Ok(vec![
        Row::plain(
            "changes a second that could be made, and seconds of them; costs are told for 5,000",
            format!("{a_second:.0}, {took:.0} s"),
        ),
        Row::at_most("the stream's process", (seconds_of(own), MOST_OF_A_CORE), |part| {
            format!("{part:.3} of a core")
        }),
        Row::plain("the server's process that sends to it", of_core(sender)),
        Row::plain(
            "beside it: `pg_recvlogical`, which writes down what comes; the server's for it",
            format!("{}; {}", of_core(other_own), of_core(other_sender)),
        ),
        Row::plain("Storewarden's process, of that", format!("{:.1} times", own / other_own)),
        Row::plain(
            "how far the journal was behind, at most, as said once a second; when all was sold",
            format!("{worst_ms} ms; {behind:.1} s"),
        ),
        Row::plain("what `pg_recvlogical` wrote", megabytes(float(file_bytes(&log)?))),
    ])
}

/// So many purchases as fast as they come; what lies in the journal then.
pub(super) fn fill(
    workspace: &Workspace,
    server: &Server,
    warden: &mut Warden,
    purchase: &Path,
    (orders, purchases): (u64, u64),
) -> anyhow::Result<Vec<Row>> {
    let stream = Follower::new(warden.pid("stream")?, warden.pid("stream")?)?;
    let begun = Instant::now();
    let each = (purchases / 4).max(1).to_string();
    let sold = server.sell(purchase, orders, &["-t", &each])?;
    let took = begun.elapsed().as_secs_f64();
    let behind = catch_up(server, warden)?;
    let changes = float(sold * CHANGES_EACH);
    let [own, _] = stream.spent()?;
    let mut rows = vec![Row::plain(
        "changes a second as fast as they come; how far behind afterwards; of a core for 5,000",
        format!("{:.0}; {behind:.1} s; {:.3}", changes / took, own / changes * 5_000.0),
    )];
    let mut weigh = process::command(workspace.program("release", "examples/weigh"), &[]);
    let said = process::output(weigh.arg(warden.state()).arg(SHOP))?;
    let told: Value = serde_json::from_str(&said).context("read what the journal weighs")?;
    let number = |name: &str| told[name].as_u64().context("read what the journal weighs");
    let (raw, stored) = (number("raw_bytes")?, number("stored_bytes")?);
    rows.push(Row::plain(
        "the journal then: transactions, and the bytes of their row images",
        format!("{}, {}", number("transactions")?, megabytes(float(raw))),
    ));
    rows.push(Row::at_most(
        "the journal, index included, of the raw bytes of row images",
        (float(stored) / float(raw), MOST_OF_RAW),
        |part| format!("{part:.3}"),
    ));
    Ok(rows)
}

/// Does something, and says how far behind the stream said that it was meanwhile, at most, in milliseconds.
fn watching<T>(
    warden: &Warden,
    sell: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, i64)> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut worst_ms = 0;
            while !is_over.load(Ordering::Relaxed) {
                let standing = warden.standing();
                let ms = |name: &str| standing[name].as_i64();
                let behind = ms("at_ms").zip(ms("current_ms")).map(|(at, current)| at - current);
                worst_ms = worst_ms.max(behind.unwrap_or(0));
                std::thread::sleep(LOOK);
            }
            worst_ms
        });
        let sold = sell();
        is_over.store(true, Ordering::Relaxed);
        let worst_ms = watching.join().expect("invariant: looking at a file does not panic");
        Ok((sold?, worst_ms))
    })
}

/// Waits until all that was committed is in the journal; how long that took.
pub(super) fn catch_up(server: &Server, warden: &mut Warden) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let end = server.ask("SELECT pg_current_wal_insert_lsn()")?;
    let end = place(&end).with_context(|| format!("read the place `{end}`"))?;
    // One more, which lies behind it.
    server.ask("UPDATE product_variant SET \"updatedAt\" = now() WHERE id = 1")?;
    warden.until("the journal to have all", CATCH_UP, |standing| {
        place(standing["position"].as_str()?).filter(|place| *place >= end)
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

/// A place in PostgreSQL's log: two halves in hexadecimal.
fn place(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let half = |text| u64::from_str_radix(text, 16).ok();
    Some(half(high)? << 32 | half(low)?)
}

/// Starts the other one, which follows the same tables.
fn receive(server: &Server, publication: &str, log: &Path) -> anyhow::Result<Running> {
    let client = || {
        let mut command = server.client("pg_recvlogical");
        command.args(["-d", server.database(), "--slot", SLOT]);
        command
    };
    process::run(client().args(["--create-slot", "-P", "pgoutput"]))?;
    let mut start = client();
    start.args(["--start", "--no-loop", "-F", "1", "-o", "proto_version=1", "-o"]);
    start.arg(format!("publication_names={publication}")).arg("-f").arg(log);
    let mut running = Running::start("pg_recvlogical", start.stderr(Stdio::null()))?;
    let statement =
        format!("SELECT 1 FROM pg_replication_slots WHERE slot_name = '{SLOT}' AND active");
    running.wait_until("it receives", Duration::from_secs(30), || {
        server.ask(&statement).ok().filter(|told| told == "1").map(drop)
    })?;
    Ok(running)
}

fn file_bytes(path: &Path) -> anyhow::Result<u64> {
    Ok(std::fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_log_are_numbers() {
        assert_eq!(place("16/B374D848"), Some(0x16_b374_d848));
        assert_eq!(place("0/0"), Some(0));
        assert_eq!(place("0"), None);
        assert_eq!(place("x/1"), None);
    }
}
