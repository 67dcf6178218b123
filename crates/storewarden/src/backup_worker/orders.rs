//! Single orders then and now: looked for in the backups of a shop, held against its living database,
//! and brought back there.
//!
//! Whoever asks waits, so that looking has an end: what was not looked into by then is said. Nothing
//! that is found goes into a log.

mod asked;
mod kept;
mod returned;
mod shown;

pub(crate) use returned::{Stands, refused};

use super::{
    Database, Done, Job, Trouble,
    streams::DATABASES,
    work::{find, ours},
};
use ::watch::time_machine::{
    DeletedOrder, DeletedOrders, OrderHistory, OrderLook, OrderMoment, OrderName, OrderQuestion,
    OrderReturn, OrderThenNow,
};
use asked::{Asked, mixed};
use databases::{dump::Reader, live::Live};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use vault::{
    DumpFiles, Origin,
    lock::LockKind,
    orders::{Closure, Deleted, Difference, Found, Past, Source, find as find_orders},
};

/// No further backup is opened after that.
const LOOK: Duration = Duration::from_secs(12);
/// More orders of one buyer, or that are gone, nobody reads at once.
const MOST_ORDERS: usize = 50;
const MOST_DELETED: usize = 500;

/// What is to be done with single orders.
#[derive(Serialize, Deserialize)]
pub(crate) struct Orders {
    /// By the account that the deed needs.
    pub(crate) live: Database,
    /// Whose file says what belongs to an order.
    pub(crate) platform: String,
    /// The newest first.
    pub(crate) snapshots: Vec<Taken>,
    pub(crate) deed: OrderDeed,
}

/// A backup with the shop's database in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Its whole id.
    pub(crate) id: String,
    pub(crate) at_ms: i64,
    /// What the database is called in it.
    pub(crate) database: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum OrderDeed {
    Look(OrderQuestion),
    History(OrderQuestion),
    Deleted,
    /// See what bringing it back would do, as it was in the newest of the backups that has it.
    Prepare {
        question: OrderQuestion,
        set_back: bool,
    },
    /// Bring it back as it was in the one backup, if that does what was shown.
    Return {
        question: OrderQuestion,
        set_back: bool,
        changes_sha256: String,
        kept: Kept,
    },
    TakeBack {
        kept: Kept,
    },
    /// See what became of either.
    Stands {
        kept: Kept,
        back: bool,
    },
}

/// Where the changes of a return are kept, to be taken back by, and what seals them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) file: PathBuf,
    /// 32 bytes in hexadecimal.
    pub(crate) key: String,
}

/// What a worker tells of orders.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Told {
    Look(OrderLook),
    History(OrderHistory),
    Deleted(DeletedOrders),
    Prepared(Box<OrderReturn>),
    Changed { rows: u64 },
    Stands(Stands),
}

/// Says nothing of what is in it: it is about people.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// # Errors
/// What kept it from being done. What the shop has is as it was, or as was asked for.
pub(super) fn run(job: &Job, wanted: &Orders) -> Result<Done, Box<Trouble>> {
    let told = match &wanted.deed {
        OrderDeed::TakeBack { kept } => {
            Told::Changed { rows: returned::take_back(&wanted.live.url(), kept)? }
        }
        OrderDeed::Stands { kept, back } => {
            Told::Stands(returned::stands(&wanted.live.url(), kept, *back)?)
        }
        _ => in_backups(job, wanted)?,
    };
    Ok(Done::Orders(told))
}

fn in_backups(job: &Job, wanted: &Orders) -> Result<Told, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let repository = job.at.open(job.limits)?;
    let _lock = repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
    let reader = repository.reader().map_err(trouble)?;
    let search = Search {
        job,
        wanted,
        snapshots: match wanted.snapshots.as_slice() {
            [one] => vec![find(job, &repository, &one.id)?],
            _ => ours(job, &repository, &job.at)?,
        },
        reader: &reader,
        until: Instant::now() + LOOK,
    };
    match &wanted.deed {
        OrderDeed::Look(question) => search.look(question).map(Told::Look),
        OrderDeed::History(question) => search.history(question).map(Told::History),
        OrderDeed::Deleted => search.deleted().map(Told::Deleted),
        OrderDeed::Prepare { question, set_back } => {
            search.prepare(question, *set_back).map(|told| Told::Prepared(Box::new(told)))
        }
        OrderDeed::Return { question, set_back, changes_sha256, kept } => {
            let rows = search.bring_back((question, *set_back), changes_sha256, kept)?;
            Ok(Told::Changed { rows })
        }
        OrderDeed::TakeBack { .. } | OrderDeed::Stands { .. } => {
            unreachable!("done without a backup")
        }
    }
}

/// The backups of a shop, to be looked through.
struct Search<'a> {
    job: &'a Job,
    wanted: &'a Orders,
    snapshots: Vec<vault::Snapshot>,
    reader: &'a vault::Reader,
    until: Instant,
}

type Dump<'a> = Reader<DumpFiles<'a>>;

impl<'a> Search<'a> {
    /// The dump in a backup; `None`: that was removed meanwhile.
    fn open(&self, taken: &Taken) -> Result<Option<Dump<'a>>, Box<Trouble>> {
        let Some(snapshot) = self.snapshots.iter().find(|one| one.id.to_string() == taken.id)
        else {
            return Ok(None);
        };
        let folder = Path::new(DATABASES).join(&taken.database);
        let files = DumpFiles::open(self.reader, snapshot, &folder);
        let files = files.map_err(|error| self.job.at.trouble(error))?;
        Reader::open(files).map(Some).map_err(|error| asked::of_database(&error))
    }

    fn live(&self) -> Result<Live, Box<Trouble>> {
        Live::connect(&self.wanted.live.url()).map_err(|error| asked::of_database(&error))
    }

    fn is_over(&self) -> bool {
        Instant::now() > self.until
    }

    fn look(&self, question: &OrderQuestion) -> Result<OrderLook, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::of(question, &self.wanted.platform, &live)?;
        let (mut look, mut keys) = (OrderLook::default(), BTreeSet::new());
        for taken in &self.wanted.snapshots {
            let Some(dump) = self.open(taken)? else { continue };
            look.snapshot.get_or_insert_with(|| taken.id.clone());
            look.snapshot_ms.get_or_insert(taken.at_ms);
            let mut past = Past(&dump);
            for order in find_orders(&mut past, &asked.graph, &asked.wanted).map_err(mixed)? {
                if !keys.insert(order.key.clone()) {
                    continue;
                }
                if look.orders.len() < MOST_ORDERS {
                    look.orders.push(then_now(&mut past, &asked, &order, &mut live, taken)?);
                } else {
                    look.more += 1;
                }
            }
            // Of one order the newest backup that has it is the one; a buyer's may each lie in another.
            let is_found = !look.orders.is_empty() && !asked.is_many();
            if is_found || question.as_of_ms.is_some() || self.is_over() {
                break;
            }
        }
        for order in find_orders(&mut live, &asked.graph, &asked.wanted).map_err(mixed)? {
            if keys.insert(order.key.clone()) {
                look.orders.push(only_now(&mut live, &mut self.live()?, &asked, &order)?);
            }
        }
        Ok(look)
    }

    fn history(&self, question: &OrderQuestion) -> Result<OrderHistory, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::of(question, &self.wanted.platform, &live)?;
        let mut history = OrderHistory { is_whole: true, ..OrderHistory::default() };
        let living = find_orders(&mut live, &asked.graph, &asked.wanted).map_err(mixed)?;
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
            let moment = |what: &str, rows| OrderMoment {
                after_ms: Some(taken.at_ms),
                before_ms,
                what: what.to_owned(),
                rows,
            };
            match asked.one(&found)? {
                Some(order) => {
                    let mut between = match &newer {
                        Some((_, dump)) => difference(&mut past, &asked, order, &mut Past(dump))?,
                        None => difference(&mut past, &asked, order, &mut live)?,
                    };
                    between.rows.retain(|row| row.state != vault::orders::State::Same);
                    if !between.rows.is_empty() {
                        let what = if between.is_gone() { "gone" } else { "changed" };
                        history.moments.push(moment(what, shown::rows(&between).0));
                    }
                    history.order.get_or_insert_with(|| asked.name(order));
                    was_there = true;
                }
                None if was_there => {
                    history.moments.push(moment("made", Vec::new()));
                    was_there = false;
                }
                None => {}
            }
            newer = Some((taken.at_ms, dump));
        }
        if was_there {
            let before_ms = newer.map(|(at_ms, _)| at_ms);
            let what = "made".to_owned();
            history.moments.push(OrderMoment { after_ms: None, before_ms, what, rows: Vec::new() });
        }
        Ok(history)
    }

    fn deleted(&self) -> Result<DeletedOrders, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::orders(&self.wanted.platform)?;
        let mut deleted = DeletedOrders { is_whole: true, ..DeletedOrders::default() };
        let (mut search, mut missed_ms) = (Deleted::default(), None);
        for taken in &self.wanted.snapshots {
            if self.is_over() {
                deleted.is_whole = false;
                break;
            }
            let Some(dump) = self.open(taken)? else { continue };
            deleted.back_to_ms = Some(taken.at_ms);
            for Found { key, numbers, .. } in
                search.of(&dump, &asked.graph, &mut live).map_err(mixed)?
            {
                if deleted.orders.len() == MOST_DELETED {
                    deleted.more += 1;
                    continue;
                }
                deleted.orders.push(DeletedOrder {
                    key,
                    numbers,
                    snapshot: taken.id.clone(),
                    seen_ms: taken.at_ms,
                    missed_ms,
                });
            }
            missed_ms = Some(taken.at_ms);
        }
        Ok(deleted)
    }
}

fn difference(
    past: &mut dyn Source,
    asked: &Asked,
    order: &Found,
    now: &mut dyn Source,
) -> Result<Difference, Box<Trouble>> {
    let mut closure = Closure::of(past, &asked.graph, &order.row).map_err(mixed)?;
    Difference::between(past, &asked.graph, &mut closure, now).map_err(mixed)
}

fn then_now(
    past: &mut dyn Source,
    asked: &Asked,
    order: &Found,
    live: &mut Live,
    taken: &Taken,
) -> Result<OrderThenNow, Box<Trouble>> {
    let between = difference(past, asked, order, live)?;
    let state = match (between.is_gone(), between.is_same()) {
        (true, _) => "gone",
        (_, true) => "same",
        _ => "changed",
    };
    let (rows, more_rows) = shown::rows(&between);
    let OrderName { table, key, numbers } = asked.name(order);
    Ok(OrderThenNow {
        table,
        key,
        numbers,
        state: state.to_owned(),
        snapshot: Some(taken.id.clone()),
        snapshot_ms: Some(taken.at_ms),
        rows,
        more_rows,
    })
}

/// One that the shop has and no backup that was looked into.
fn only_now(
    live: &mut Live,
    again: &mut Live,
    asked: &Asked,
    order: &Found,
) -> Result<OrderThenNow, Box<Trouble>> {
    let between = difference(live, asked, order, again)?;
    let (mut rows, more_rows) = shown::rows(&between);
    for row in &mut rows {
        "new".clone_into(&mut row.state);
        for field in &mut row.fields {
            field.then = None;
            field.is_other = field.now.is_some();
        }
    }
    let OrderName { table, key, numbers } = asked.name(order);
    let state = "new".to_owned();
    Ok(OrderThenNow {
        table,
        key,
        numbers,
        state,
        snapshot: None,
        snapshot_ms: None,
        rows,
        more_rows,
    })
}
