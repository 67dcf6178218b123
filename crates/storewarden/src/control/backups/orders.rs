//! Single orders of the past: questions that a worker answers, and the plan that brings one back.

use super::{BackedUp, Backups, databases::account, plans, refused, unexpected, worker};
use crate::backup_worker::{
    Database, Done, Kept, OrderDeed, Orders, Stands, Taken, Told, Trouble, Work, refused_order,
};
use ::watch::{
    backups::SnapshotRow,
    time_machine::{
        DeletedOrders, DeletedQuestion, OrderHistory, OrderLook, OrderQuestion, OrderReturn,
    },
};
use api::{OrdersAsked, Refusal};
use databases::restore::name_of;
use kernel::{
    Params, Personal, ShopId, Value,
    config::DatabaseUrl,
    plan::{Act, Condition, Holds, OnFailure, Plan, Probe, Purpose, Step, Undo},
};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

pub(super) const RESTORE_ORDER: &str = "restore_order";
/// Somebody waits; the worker opens no further backup long before.
const PATIENCE: Duration = Duration::from_secs(40);
/// A database that is started again with us; less than the engine waits for a look (30 s).
const COMES_BACK: Duration = Duration::from_secs(20);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Some thousand rows are changed in a moment; a repository may be far away.
const RETURN_MS: u64 = 10 * 60 * 1000;
/// How far back deleted orders are looked for.
const DELETED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// The folder in the state directory where changes are kept to be taken back by.
pub(in crate::control) const KEPT: &str = "orders";

/// Backups of one place, the newest first, and whether journals are looked into beside them.
pub(super) struct Shelf {
    place: String,
    taken: Vec<Taken>,
    journals: bool,
}

impl Shelf {
    /// No backup: no repository is opened.
    pub(super) fn without(of: &BackedUp) -> Self {
        Self { place: of.settings.to[0].to_string(), taken: Vec::new(), journals: true }
    }

    /// The backups alone.
    pub(super) fn without_journals(self) -> Self {
        Self { journals: false, ..self }
    }
}

impl Backups {
    /// Answers what somebody asks of single orders. Whoever asked may have left.
    pub(in crate::control) async fn answer(&self, shop: &ShopId, ask: OrdersAsked) {
        match ask {
            OrdersAsked::Look { question, answer } => {
                answer.send(self.order_look(shop, question).await).ok();
            }
            OrdersAsked::History { question, answer } => {
                answer.send(self.order_history(shop, question).await).ok();
            }
            OrdersAsked::Missing { question, answer } => {
                let now_ms = crate::control::now_ms();
                answer.send(self.missing_orders(shop, question, now_ms).await).ok();
            }
            OrdersAsked::Deleted { question, answer } => {
                let now_ms = crate::control::now_ms();
                answer.send(self.deleted_orders(shop, question, now_ms).await).ok();
            }
            OrdersAsked::Erased { request, answer } => {
                let now_ms = crate::control::now_ms();
                answer.send(self.note_erasure(shop, &request, now_ms).await).ok();
            }
        }
    }

    /// Orders as they were beside what they are.
    async fn order_look(
        &self,
        shop: &ShopId,
        question: OrderQuestion,
    ) -> Result<OrderLook, Refusal> {
        let range = (None, question.as_of_ms);
        match self.ask(shop, range, OrderDeed::Look(question)).await? {
            Told::Look(look) => Ok(look),
            other => Err(refused(*unexpected(&Done::Orders(other)))),
        }
    }

    /// What became of an order.
    async fn order_history(
        &self,
        shop: &ShopId,
        question: OrderQuestion,
    ) -> Result<OrderHistory, Refusal> {
        let range = (None, question.as_of_ms);
        match self.ask(shop, range, OrderDeed::History(question)).await? {
            Told::History(history) => Ok(history),
            other => Err(refused(*unexpected(&Done::Orders(other)))),
        }
    }

    /// Orders that the journal or backups of the time have, and the shop has no longer.
    async fn deleted_orders(
        &self,
        shop: &ShopId,
        question: DeletedQuestion,
        now_ms: i64,
    ) -> Result<DeletedOrders, Refusal> {
        let since_ms = question.since_ms.unwrap_or(now_ms - DELETED_MS);
        let question = DeletedQuestion { since_ms: Some(since_ms), ..question };
        match self.ask(shop, (Some(since_ms), None), OrderDeed::Deleted(question)).await? {
            Told::Deleted(deleted) => Ok(deleted),
            other => Err(refused(*unexpected(&Done::Orders(other)))),
        }
    }

    /// The plan that brings an order back, by what that would do now.
    pub(in crate::control) async fn restore_order(
        &self,
        shop: &ShopId,
        question: OrderQuestion,
        set_back: bool,
        now_ms: i64,
    ) -> Result<Plan, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let account = account(&of.shop, &of.settings)?.clone();
        let shelf = self.shelf(&of, (None, question.as_of_ms)).await?;
        let deed = OrderDeed::Prepare { question, set_back };
        let told = self.told(&of, &account, &shelf, deed).await;
        let told = match told.map_err(|trouble| refused(*trouble))? {
            Told::Prepared(told) => *told,
            other => return Err(refused(*unexpected(&Done::Orders(other)))),
        };
        if let Some(reason) = told.refusal {
            return Err(refused(*refused_order(reason)));
        }
        if told.added + told.changed == 0 {
            let message = "there is nothing to bring back: all that it was made of is there";
            let message = match told.left {
                0 => message.to_owned(),
                left => format!("{message}; {left} rows are another by now, and stay unless asked"),
            };
            let said = [("left", told.left.into())];
            return Err(refused(Trouble::new("order_is_there", said, message)));
        }
        let taken = shelf.taken.iter().find(|taken| Some(&taken.id) == told.snapshot.as_ref());
        let database = taken.map(|taken| taken.database.clone()).unwrap_or_default();
        let act = act(&of, shelf.place, database, set_back, told, now_ms);
        Ok(plan(&of, act, now_ms))
    }

    async fn ask(
        &self,
        shop: &ShopId,
        range: (Option<i64>, Option<i64>),
        deed: OrderDeed,
    ) -> Result<Told, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let shelf = self.shelf(&of, range).await?;
        self.ask_of(&of, &shelf, deed).await.map_err(|trouble| refused(*trouble))
    }

    /// By the account that reads the shop's database.
    pub(super) async fn ask_of(
        &self,
        of: &BackedUp,
        shelf: &Shelf,
        deed: OrderDeed,
    ) -> Result<Told, Box<Trouble>> {
        let Some(live) = of.shop.database.clone() else {
            let message = format!("the configuration names no database of {}", of.shop.id);
            return Err(Box::new(Trouble::new("no_database", [], message)));
        };
        self.told(of, &live, shelf, deed).await
    }

    async fn told(
        &self,
        of: &BackedUp,
        live: &DatabaseUrl,
        shelf: &Shelf,
        deed: OrderDeed,
    ) -> Result<Told, Box<Trouble>> {
        let orders = Orders {
            live: Database::new(live),
            platform: of.shop.platform.clone(),
            snapshots: shelf.taken.clone(),
            journals: shelf.journals.then(|| self.state.clone()),
            exact_ms: None,
            erasures: self.erasures(&of.shop.id).await?,
            deed,
        };
        let asked = async {
            let job = self.job(of, &shelf.place, Work::Orders(orders)).await?;
            match self.work(job, &worker::unheard).await? {
                Done::Orders(told) => Ok(told),
                other => Err(unexpected(&other)),
            }
        };
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            let said = [("place", shelf.place.as_str().into())];
            let message = format!("{} does not answer in time", shelf.place);
            Err(Box::new(Trouble::new("place_too_slow", said, message).for_now()))
        })
    }

    /// The backups between two times, and the newest from before, of the first place that has the newest
    /// of them. There may be none of a shop that has a journal of its changes.
    pub(super) async fn shelf(
        &self,
        of: &BackedUp,
        (from_ms, until_ms): (Option<i64>, Option<i64>),
    ) -> Result<Shelf, Refusal> {
        let known = self.snapshots(&of.shop.id).await?.snapshots;
        let is_before = |row: &SnapshotRow| from_ms.is_some_and(|from_ms| row.at_ms < from_ms);
        let fits = |row: &&SnapshotRow| {
            until_ms.is_none_or(|until_ms| row.at_ms <= until_ms) && !row.databases.is_empty()
        };
        let mut rows: Vec<&SnapshotRow> = known.iter().filter(fits).collect();
        let within = rows.iter().take_while(|row| !is_before(row)).count();
        rows.truncate(within + 1);
        if rows.is_empty() && of.shop.stream.is_some() {
            return Ok(Shelf::without(of));
        }
        let none = || {
            let message = format!("there is no backup of {} with its database so old", of.shop.id);
            let said = [("shop", of.shop.id.as_str().into())];
            refused(Trouble::new("no_backup_then", said, message))
        };
        let place = rows.first().and_then(|row| row.places.first()).ok_or_else(none)?.clone();
        let called = of.shop.database.as_ref().map(name_of);
        let taken = rows.iter().filter_map(|row| {
            let own = row.databases.iter().find(|one| Some(&one.name) == called.as_ref());
            let database = own.or(row.databases.first())?.name.clone();
            Some(Taken { id: self.id_at(&place, row)?, at_ms: row.at_ms, database })
        });
        let taken = taken.collect();
        Ok(Shelf { place, taken, journals: true })
    }

    /// What a worker is told for an act of single orders.
    pub(super) async fn order_work(
        &self,
        of: &BackedUp,
        act: &Act,
    ) -> Result<(String, Work), Box<Trouble>> {
        let (place, deed) = match act {
            Act::RestoreOrder { at, set_back, changes_sha256, mark, .. } => {
                let deed = OrderDeed::Return {
                    question: question_of(act),
                    set_back: *set_back,
                    changes_sha256: changes_sha256.clone(),
                    kept: self.kept(of, mark).await?,
                };
                return Ok((at.clone(), self.order_job(of, Past::of(act), deed).await?));
            }
            Act::TakeOrderBack { mark, .. } => {
                let deed = OrderDeed::TakeBack { kept: self.kept(of, mark).await? };
                (of.settings.to[0].to_string(), deed)
            }
            other => return Err(super::performer::not_ours(other)),
        };
        Ok((place, self.order_job(of, Past::default(), deed).await?))
    }

    async fn order_job(
        &self,
        of: &BackedUp,
        past: Past,
        deed: OrderDeed,
    ) -> Result<Work, Box<Trouble>> {
        let account = account(&of.shop, &of.settings).map_err(|refusal| {
            Box::new(Trouble::new("no_database", [], refusal.message.clone()))
        })?;
        let (live, platform) = (Database::new(account), of.shop.platform.clone());
        let Past { snapshots, exact_ms } = past;
        let journals = exact_ms.map(|_| self.state.clone());
        let erasures = self.erasures(&of.shop.id).await?;
        Ok(Work::Orders(Orders { live, platform, snapshots, journals, exact_ms, erasures, deed }))
    }

    /// Whether what was shown is still what would be done.
    pub(super) async fn order_as_shown(&self, of: &BackedUp, act: &Act) -> Vec<Condition> {
        let Act::RestoreOrder { at, set_back, changes_sha256, .. } = act else {
            return Vec::new();
        };
        let deed = OrderDeed::Prepare { question: question_of(act), set_back: *set_back };
        let looked = async {
            let work = self.order_job(of, Past::of(act), deed).await?;
            let job = self.job(of, at, work).await?;
            match timeout(PATIENCE, self.work(job, &worker::unheard)).await {
                Ok(done) => done,
                Err(_) => {
                    let message = format!("{at} does not answer in time");
                    let said = [("place", at.as_str().into())];
                    Err(Box::new(Trouble::new("place_too_slow", said, message).for_now()))
                }
            }
        };
        let as_shown = |holds, error: Option<String>| {
            let params = error.map(|error| ("error".to_owned(), error.into()));
            let code = "order_as_shown".to_owned();
            Condition { code, params: params.into_iter().collect(), holds }
        };
        match looked.await {
            Ok(Done::Orders(Told::Prepared(told))) => {
                let (first, notes) = match told.refusal {
                    Some(reason) => {
                        (as_shown(Holds::No, Some(refused_order(reason).message)), Vec::new())
                    }
                    None if told.changes_sha256 != *changes_sha256 => {
                        let error = "it has changed since: look at it again".to_owned();
                        (as_shown(Holds::No, Some(error)), Vec::new())
                    }
                    None => (as_shown(Holds::Yes, None), told.notes),
                };
                let note = |note: kernel::plan::Reason| Condition {
                    code: note.code,
                    params: note.params,
                    holds: Holds::Yes,
                };
                [first].into_iter().chain(notes.into_iter().map(note)).collect()
            }
            Ok(other) => vec![as_shown(Holds::Unknown, Some(unexpected(&other).message))],
            Err(trouble) => {
                let holds = if trouble.may_pass { Holds::Unknown } else { Holds::No };
                vec![as_shown(holds, Some(trouble.message))]
            }
        }
    }

    /// What the rows say became of it.
    pub(super) async fn probe_order(
        &self,
        of: &BackedUp,
        act: &Act,
    ) -> Result<Probe, Box<Trouble>> {
        let (mark, back) = match act {
            Act::RestoreOrder { mark, .. } => (mark, false),
            Act::TakeOrderBack { mark, .. } => (mark, true),
            other => return Err(super::performer::not_ours(other)),
        };
        let place = of.settings.to[0].to_string();
        let begun = Instant::now();
        let looked = loop {
            let deed = OrderDeed::Stands { kept: self.kept(of, mark).await?, back };
            let work = self.order_job(of, Past::default(), deed).await?;
            let job = self.job(of, &place, work).await?;
            let looked = timeout(PATIENCE, self.work(job, &worker::unheard)).await;
            let looked = looked.unwrap_or_else(|_| {
                let message = "the database does not answer in time";
                let said = [("error", message.into())];
                Err(Box::new(Trouble::new("database_unreachable", said, message).for_now()))
            });
            match looked {
                // Whoever started us again may be starting the database as well.
                Err(trouble) if trouble.may_pass && begun.elapsed() < COMES_BACK => {
                    sleep(ASK_AGAIN).await;
                }
                looked => break looked,
            }
        };
        match looked? {
            Done::Orders(Told::Stands(Stands::Done)) => Ok(Probe::Done),
            Done::Orders(Told::Stands(Stands::NotDone)) => Ok(Probe::NotDone),
            Done::Orders(Told::Stands(Stands::Mixed)) => {
                let message = "some of the order's rows are there and some are not: somebody else \
                               was at them since";
                Err(Box::new(Trouble::new("order_half_there", [], message)))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Where an act's changes are kept. The key is made when there is none yet.
    async fn kept(&self, of: &BackedUp, mark: &str) -> Result<Kept, Box<Trouble>> {
        let key = self.made_key(&format!("orders:{}", of.shop.id)).await?;
        Ok(Kept { file: self.state.join(KEPT).join(format!("{mark}.sealed")), key })
    }
}

/// By its key, in the one backup.
fn question_of(act: &Act) -> OrderQuestion {
    let Act::RestoreOrder { table, key, at_ms, .. } = act else {
        return OrderQuestion::default();
    };
    let (table, key) = (Some(table.clone()), Some(key.clone()));
    OrderQuestion { table, key, as_of_ms: Some(*at_ms), ..OrderQuestion::default() }
}

/// What an act was previewed from, and is carried out from: nothing newer counts.
#[derive(Default)]
struct Past {
    snapshots: Vec<Taken>,
    /// The journal's moment.
    exact_ms: Option<i64>,
}

impl Past {
    fn of(act: &Act) -> Self {
        let Act::RestoreOrder { snapshot, at_ms, from_journal, database, .. } = act else {
            return Self::default();
        };
        let taken = Taken { id: snapshot.clone(), at_ms: *at_ms, database: database.clone() };
        let snapshots = if snapshot.is_empty() { Vec::new() } else { vec![taken] };
        Self { snapshots, exact_ms: from_journal.then_some(*at_ms) }
    }
}

fn act(
    of: &BackedUp,
    at: String,
    database: String,
    set_back: bool,
    told: OrderReturn,
    now_ms: i64,
) -> Act {
    let OrderReturn {
        order, snapshot, at_ms, from_journal, added, changed, changes_sha256, ..
    } = told;
    let called = order.numbers.first().cloned().unwrap_or_else(|| order.key.clone());
    Act::RestoreOrder {
        shop: of.shop.id.clone(),
        at,
        snapshot: snapshot.unwrap_or_default(),
        at_ms,
        from_journal,
        database,
        table: order.table,
        key: order.key,
        order: called,
        set_back,
        added,
        changed,
        changes_sha256,
        mark: format!("{}-{now_ms}", of.shop.id),
    }
}

fn plan(of: &BackedUp, act: Act, now_ms: i64) -> Plan {
    let Act::RestoreOrder { order, mark, at_ms, from_journal, .. } = &act else {
        unreachable!("made just before")
    };
    let params = Params::from([
        ("order".to_owned(), Value::from(Personal::Order(order.clone()))),
        ("at_ms".to_owned(), (*at_ms).into()),
        ("from".to_owned(), if *from_journal { "journal" } else { "backup" }.into()),
    ]);
    let (shop, order, mark) = (of.shop.id.clone(), order.clone(), mark.clone());
    let undo = Undo::By(Act::TakeOrderBack { shop, order, mark });
    let step = Step { act, undo, timeout_ms: RETURN_MS };
    let plan = plans::plan(RESTORE_ORDER, &of.shop, params, vec![step], now_ms);
    Plan { on_failure: OnFailure::Undo, purpose: Purpose::Repair, ..plan }
}
