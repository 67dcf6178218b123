//! Orders that a shop has confirmed to visitors, held against its database: what the edge's access log
//! names and no row has.
//!
//! A line says what was answered; that nobody forged it, nobody vouches for. The log is read from the
//! moment on that is asked for, with the one that was turned over before it; older ones are not opened.

use super::{Database, Done, Job, Trouble, story};
use ::watch::time_machine::{MissingOrder, MissingOrders};
use databases::live::Live;
use jiff::Timestamp;
use kernel::RouteClass;
use serde::{Deserialize, Serialize};
use shops::{Confirmed, OrderGraph};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, BufRead, BufReader, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use vault::orders::{OrderError, Wanted, find, fitting};

/// No further order is looked up after that.
const LOOK: Duration = Duration::from_secs(12);
/// A line is written when its request is over: lines may be so far out of order.
const OUT_OF_ORDER_MS: i64 = 10 * 60 * 1000;
/// Nearer than that, a log is read line by line.
const NEAR_BYTES: u64 = 64 * 1024;
const MOST_TOLD: usize = 500;

/// What is to be looked for.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConfirmedOrders {
    /// By the account that reads.
    pub(crate) live: Database,
    /// Whose file says which answers name an order.
    pub(crate) platform: String,
    /// Where the edge writes.
    pub(crate) log: PathBuf,
    /// Unix milliseconds; `until_ms` is not told of any more.
    pub(crate) since_ms: i64,
    pub(crate) until_ms: i64,
}

/// # Errors
/// When the log or the database cannot be read: what is missing is unknown then.
pub(super) fn run(job: &Job, wanted: &ConfirmedOrders) -> Result<Done, Box<Trouble>> {
    let until = Instant::now() + LOOK;
    let (confirmed, graphs) = known(&wanted.platform)?;
    let mut seen =
        Seen { job, wanted, confirmed, orders: BTreeMap::new(), found: Found::default() };
    for path in [turned_over(&wanted.log), wanted.log.clone()] {
        let failed = |error: io::Error| not_read(&path, &error);
        match File::open(&path) {
            Ok(file) => seen.read(file, until).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != wanted.log => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let failed = |error: databases::DatabaseError| not_looked_up(&error.into());
    let mut live = Live::connect(&wanted.live.url()).map_err(failed)?;
    let graph = fitting(graphs, &mut live).map_err(|error| not_looked_up(&error))?;
    let graph = graph.expect("invariant: a platform with confirmations has a graph");
    seen.hold_against(&mut live, &graph, until).map(Done::Confirmed)
}

fn known(platform: &str) -> Result<(&'static Confirmed, &'static [OrderGraph]), Box<Trouble>> {
    let known = shops::platform(platform);
    let graphs = known.map_or(&[][..], |known| &known.graphs);
    let known = known.and_then(|known| known.confirmed.as_ref()).filter(|_| !graphs.is_empty());
    known.map(|confirmed| (confirmed, graphs)).ok_or_else(|| {
        let message = format!("which answers of {platform} confirm an order is not known");
        let said = [("platform", platform.into())];
        Box::new(Trouble::new("order_confirmations_unknown", said, message))
    })
}

/// As logrotate calls it.
fn turned_over(log: &Path) -> PathBuf {
    let mut name = OsString::from(log);
    name.push(".1");
    name.into()
}

/// What is wanted of a line.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    shop: Option<Cow<'a, str>>,
    class: Option<RouteClass>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    status: u16,
}

/// The time of any line.
#[derive(Deserialize)]
struct Moment<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
}

#[derive(Default)]
struct Found {
    unnamed: u64,
    /// Of the oldest line that was read.
    from_ms: Option<i64>,
    is_cut_short: bool,
    /// Whether a line stands before what was asked for.
    reaches_back: bool,
}

/// What the log tells.
struct Seen<'a> {
    job: &'a Job,
    wanted: &'a ConfirmedOrders,
    confirmed: &'static Confirmed,
    /// By their numbers: when first and last.
    orders: BTreeMap<String, (i64, i64)>,
    found: Found,
}

impl Seen<'_> {
    fn read(&mut self, mut file: File, until: Instant) -> io::Result<()> {
        let from_ms = self.wanted.since_ms.saturating_sub(OUT_OF_ORDER_MS);
        let begin = begin(&mut file, from_ms)?;
        self.found.reaches_back |= begin > 0;
        file.seek(SeekFrom::Start(begin))?;
        let mut lines = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                self.found.is_cut_short = true;
                return Ok(());
            }
            self.take(&line);
        }
    }

    fn take(&mut self, line: &[u8]) {
        // The last line of a full disk may be half a one.
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return };
        let Some(at_ms) = ms(&line.time) else { return };
        if at_ms < self.wanted.since_ms {
            self.found.reaches_back = true;
            return;
        }
        self.found.from_ms = Some(self.found.from_ms.map_or(at_ms, |from_ms| from_ms.min(at_ms)));
        let is_ours = line.shop.as_deref() == Some(self.job.shop.as_str());
        if at_ms > self.wanted.until_ms || !is_ours || !(200..300).contains(&line.status) {
            return;
        }
        if let Some(order) = self.confirmed.order(&line.path) {
            let known = self.orders.entry(order.to_owned()).or_insert((at_ms, at_ms));
            *known = (known.0.min(at_ms), known.1.max(at_ms));
        } else if matches!(line.class, Some(RouteClass::Confirmation | RouteClass::Payment)) {
            self.found.unnamed += 1;
        }
    }

    fn hold_against(
        self,
        live: &mut Live,
        graph: &OrderGraph,
        until: Instant,
    ) -> Result<MissingOrders, Box<Trouble>> {
        let Found { unnamed, from_ms, is_cut_short, reaches_back } = self.found;
        let mut missing = MissingOrders {
            confirmed: self.orders.len() as u64,
            unnamed,
            from_ms,
            reaches_back,
            is_whole: !is_cut_short,
            ..MissingOrders::default()
        };
        for (number, (first_ms, last_ms)) in self.orders {
            if Instant::now() > until {
                missing.is_whole = false;
                break;
            }
            let there = find(live, graph, &Wanted::Number(number.clone()));
            if !there.map_err(|error| not_looked_up(&error))?.is_empty() {
                continue;
            }
            missing.orders.push(MissingOrder { number, first_ms, last_ms });
        }
        missing.orders.sort_by_key(|order| order.first_ms);
        missing.more = missing.orders.len().saturating_sub(MOST_TOLD) as u64;
        missing.orders.truncate(MOST_TOLD);
        Ok(missing)
    }
}

/// Where the first lines of that time begin, or somewhat before: found by halves.
fn begin(file: &mut File, from_ms: i64) -> io::Result<u64> {
    let (mut before, mut after) = (0, file.metadata()?.len());
    while after - before > NEAR_BYTES {
        let middle = before + (after - before) / 2;
        match line_behind(file, middle)? {
            Some((at, at_ms)) if at_ms < from_ms && at < after => before = at,
            _ => after = middle,
        }
    }
    Ok(before)
}

/// Where the first whole line behind a place begins, and of when it is; `None`: there is none with a time.
fn line_behind(file: &mut File, place: u64) -> io::Result<Option<(u64, i64)>> {
    file.seek(SeekFrom::Start(place))?;
    let mut lines = BufReader::new(file);
    let (mut at, mut line) = (place, Vec::new());
    at += lines.read_until(b'\n', &mut line)? as u64;
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let moment = serde_json::from_slice::<Moment<'_>>(&line).ok();
        if let Some(at_ms) = moment.and_then(|moment| ms(&moment.time)) {
            return Ok(Some((at, at_ms)));
        }
        at += read as u64;
    }
}

fn ms(time: &str) -> Option<i64> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn not_read(path: &Path, error: &io::Error) -> Box<Trouble> {
    let path = path.display().to_string();
    let said = [("path", path.as_str().into()), ("error", error.to_string().into())];
    Box::new(Trouble::new("file_failed", said, format!("{path}: {}", story(error))))
}

fn not_looked_up(error: &OrderError) -> Box<Trouble> {
    let message = story(error);
    let said = [("error", message.as_str().into())];
    Box::new(Trouble::new("order_not_read", said, message.clone()).for_now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_log_is_read_from_where_the_time_begins() {
        let mut file = tempfile::tempfile().unwrap();
        let mut places = Vec::new();
        for at_ms in 0..20_000 {
            places.push(file.stream_position().unwrap());
            let time = Timestamp::from_millisecond(1_700_000_000_000 + at_ms * 1000).unwrap();
            writeln!(file, r#"{{"time":"{time}","path":"/order/L-{at_ms}"}}"#).unwrap();
        }
        let check = |file: &mut File, second: usize| {
            let from_ms = 1_700_000_000_000 + 1000 * second as i64;
            let begin = begin(file, from_ms).unwrap();
            let place = places[second];
            assert!(begin <= place && place - begin < 2 * NEAR_BYTES, "{second}: {begin} {place}");
            assert!(places.contains(&begin), "a whole line");
        };
        for second in [0, 1, 777, 10_000, 19_999] {
            check(&mut file, second);
        }
    }
}
