//! Single orders then and now: looked for in the journal of a shop's changes and in its backups, held
//! against its living database, and brought back there.
//!
//! Whoever asks waits, so that looking has an end: what was not looked into by then is said. Nothing
//! that is found goes into a log.

mod asked;
mod erasures;
mod gone;
mod history;
mod journals;
mod kept;
mod returned;
mod shown;

pub(crate) use erasures::{Erasures, person};
pub(crate) use returned::{Stands, refused};

use super::{
    Database, Done, Job, Trouble,
    streams::DATABASES,
    work::{find, ours},
};
use ::watch::time_machine::{
    DeletedOrders, DeletedQuestion, OrderHistory, OrderLook, OrderName, OrderQuestion, OrderReturn,
    OrderThenNow,
};
use asked::{Asked, graphs, mixed};
use databases::{dump::Reader, live::Live};
use journals::Journals;
use serde::{Deserialize, Serialize};
use std::{
    cell::OnceCell,
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use vault::{
    DumpFiles, Origin,
    lock::{Lock, LockKind},
    orders::{
        Closure, Difference, Found, OrderError, Past, Source, addresses, find as find_orders,
    },
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
    /// The newest first; none: no repository is opened.
    pub(crate) snapshots: Vec<Taken>,
    /// The state directory, where the journals lie that are looked into as well; `None`: they are not.
    pub(crate) journals: Option<PathBuf>,
    /// The journal's moment, with the one backup that completes it; `None`: whatever tells best.
    pub(crate) exact_ms: Option<i64>,
    /// Who had their data erased.
    pub(crate) erasures: Erasures,
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
    Deleted(DeletedQuestion),
    /// See which of the orders with these keys the shop lacks.
    Lacking(Vec<String>),
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
    Lacking(Vec<String>),
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
        OrderDeed::Lacking(keys) => Told::Lacking(gone::lacking(wanted, keys)?),
        _ => answer(&Search::new(job, wanted))?,
    };
    Ok(Done::Orders(told))
}

/// The backups of a shop, once one of them is looked into.
struct Backups {
    reader: vault::Reader,
    snapshots: Vec<vault::Snapshot>,
    _lock: Lock,
}

impl Backups {
    fn open(job: &Job, wanted: &Orders) -> Result<Self, Box<Trouble>> {
        let trouble = |error| job.at.trouble(error);
        let repository = job.at.open(job.limits)?;
        let lock =
            repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
        let reader = repository.reader().map_err(trouble)?;
        let snapshots = match wanted.snapshots.as_slice() {
            [one] => vec![find(job, &repository, &one.id)?],
            _ => ours(job, &repository, &job.at)?,
        };
        Ok(Self { reader, snapshots, _lock: lock })
    }
}

fn answer(search: &Search<'_>) -> Result<Told, Box<Trouble>> {
    match &search.wanted.deed {
        OrderDeed::Look(question) => search.look(question).map(Told::Look),
        OrderDeed::History(question) => search.history(question).map(Told::History),
        OrderDeed::Deleted(question) => search.deleted(*question).map(Told::Deleted),
        OrderDeed::Prepare { question, set_back } => {
            search.prepare(question, *set_back).map(|told| Told::Prepared(Box::new(told)))
        }
        OrderDeed::Return { question, set_back, changes_sha256, kept } => {
            let rows = search.bring_back((question, *set_back), changes_sha256, kept)?;
            Ok(Told::Changed { rows })
        }
        OrderDeed::TakeBack { .. } | OrderDeed::Stands { .. } | OrderDeed::Lacking(_) => {
            unreachable!("done without a backup")
        }
    }
}

/// The journals and backups of a shop, to be looked through.
struct Search<'a> {
    job: &'a Job,
    wanted: &'a Orders,
    /// Opened when the journals do not tell it all: a repository's password alone takes longer than they do.
    backups: OnceCell<Backups>,
    until: Instant,
}

type Dump<'a> = Reader<DumpFiles<'a>>;

impl<'a> Search<'a> {
    fn new(job: &'a Job, wanted: &'a Orders) -> Self {
        Self { job, wanted, backups: OnceCell::new(), until: Instant::now() + LOOK }
    }

    fn backups(&self) -> Result<&Backups, Box<Trouble>> {
        if let Some(open) = self.backups.get() {
            return Ok(open);
        }
        let open = Backups::open(self.job, self.wanted)?;
        Ok(self.backups.get_or_init(|| open))
    }

    /// The dump in a backup; `None`: that was removed meanwhile.
    fn open(&self, taken: &Taken) -> Result<Option<Dump<'_>>, Box<Trouble>> {
        let backups = self.backups()?;
        let found = backups.snapshots.iter().find(|one| one.id.to_string() == taken.id);
        let Some(snapshot) = found else { return Ok(None) };
        let folder = Path::new(DATABASES).join(&taken.database);
        let files = DumpFiles::open(&backups.reader, snapshot, &folder);
        let files = files.map_err(|error| self.job.at.trouble(error))?;
        Reader::open(files).map(Some).map_err(|error| asked::of_database(&error))
    }

    fn live(&self) -> Result<Live, Box<Trouble>> {
        Live::connect(&self.wanted.live.url()).map_err(|error| asked::of_database(&error))
    }

    fn is_over(&self) -> bool {
        Instant::now() > self.until
    }

    fn journals(&self, live: &Live) -> Journals {
        let opened = self.wanted.journals.as_ref();
        let opened = opened.map(|state| {
            Journals::open(state, &self.job.shop, live, graphs(&self.wanted.platform))
        });
        opened.unwrap_or_default()
    }

    fn from<'s>(&'s self, taken: Option<&'s Taken>, journal_ms: Option<i64>) -> From<'s> {
        From { taken, journal_ms, erasures: &self.wanted.erasures }
    }

    fn look(&self, question: &OrderQuestion) -> Result<OrderLook, Box<Trouble>> {
        let mut live = self.live()?;
        let asked = Asked::of(question, &self.wanted.platform, &mut live)?;
        let journals = self.journals(&live);
        let (journal, untried) = (journals.reach(), asked.untried.clone());
        let mut look = OrderLook { journal, untried, ..OrderLook::default() };
        let mut keys = BTreeSet::new();
        let is_told =
            self.look_into(&journals, question, &asked, &mut live, (&mut look, &mut keys))?;
        let snapshots = if is_told { &[][..] } else { &self.wanted.snapshots };
        for taken in snapshots {
            let Some(dump) = self.open(taken)? else { continue };
            look.snapshot.get_or_insert_with(|| taken.id.clone());
            look.snapshot_ms.get_or_insert(taken.at_ms);
            let mut past = Past(&dump);
            for order in find_orders(&mut past, &asked.graph, &asked.wanted).map_err(mixed)? {
                if !keys.insert(order.key.clone()) {
                    continue;
                }
                if look.orders.len() < MOST_ORDERS {
                    let from = self.from(Some(taken), None);
                    let told = then_now(&mut past, &asked, &order, &mut live, from);
                    look.orders.push(told.map_err(mixed)?);
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

    /// What the journals tell; whether that is all that was asked for.
    fn look_into(
        &self,
        journals: &Journals,
        question: &OrderQuestion,
        asked: &Asked,
        live: &mut Live,
        (look, keys): (&mut OrderLook, &mut BTreeSet<String>),
    ) -> Result<bool, Box<Trouble>> {
        let mut is_told = false;
        for then in self.thens(journals, asked, question.as_of_ms, live)? {
            let told = self.at_moment(&then, live, asked, |moment, taken, live| {
                let mut orders = Vec::new();
                for order in find_orders(moment, &asked.graph, &then.wanted)? {
                    let from = self.from(taken, Some(then.at_ms));
                    if orders.len() < MOST_ORDERS {
                        orders.push(then_now(moment, asked, &order, live, from)?);
                    }
                }
                Ok(orders)
            })?;
            let Some(orders) = told else { continue };
            for order in orders {
                if keys.insert(order.key.clone()) {
                    look.orders.push(order);
                }
            }
            is_told = question.as_of_ms.is_some() || !asked.is_many() && !look.orders.is_empty();
        }
        Ok(is_told)
    }
}

/// Where an order is told from.
#[derive(Clone, Copy)]
struct From<'a> {
    taken: Option<&'a Taken>,
    journal_ms: Option<i64>,
    erasures: &'a Erasures,
}

impl From<'_> {
    /// Unix milliseconds.
    fn at_ms(&self) -> i64 {
        self.journal_ms.or(self.taken.map(|taken| taken.at_ms)).unwrap_or_default()
    }
}

fn difference(
    past: &mut dyn Source,
    asked: &Asked,
    order: &Found,
    now: &mut dyn Source,
) -> Result<Difference, OrderError> {
    let mut closure = Closure::of(past, &asked.graph, &order.row)?;
    Difference::between(past, &asked.graph, &mut closure, now)
}

fn then_now(
    past: &mut dyn Source,
    asked: &Asked,
    order: &Found,
    live: &mut Live,
    from: From<'_>,
) -> Result<OrderThenNow, OrderError> {
    let between = difference(past, asked, order, live)?;
    let buyer = addresses(past, &asked.graph, &order.row)?;
    let erased = from.erasures.of(&buyer, &between, from.at_ms());
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
        snapshot: from.taken.map(|taken| taken.id.clone()),
        snapshot_ms: from.taken.map(|taken| taken.at_ms),
        journal_ms: from.journal_ms,
        erased_ms: erased.map(|erased| erased.at_ms),
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
    let between = difference(live, asked, order, again).map_err(mixed)?;
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
        journal_ms: None,
        erased_ms: None,
        rows,
        more_rows,
    })
}
