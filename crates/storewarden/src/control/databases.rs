//! Databases of shops: looked at every minute for who waits, every hour as a whole, and mended by plans.
//!
//! One database at a time, read-only and each look with its limit; what could not be looked at is unknown.
//! What mends a finding is never taken from whoever asks for it, but found anew by looking.

mod performer;
mod plans;
mod promotion;
pub(super) mod replica_plans;
pub(super) mod replicas;

use crate::{
    backup_worker::story,
    database::{self, account},
};
use ::databases::{DatabaseError, care};
use ::watch::{
    Watch, WatchError,
    backups::Trouble,
    databases::{Databases as Board, ShopDatabase},
    history::{Grown, History, MOST_TABLES, Measured},
};
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::{Configuration, DatabaseKind, DatabaseUrl, ShopSettings},
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

/// A control that has just begun has other things to do.
const FIRST: Duration = Duration::from_secs(20);
/// Who waits is looked at this often.
const GLANCE: Duration = Duration::from_secs(60);
/// All of it is looked at this often.
const EXAMINE_MS: i64 = 60 * 60 * 1000;
/// How long a look may take: of one statement there is a limit of its own.
const GLANCE_LIMIT: Duration = Duration::from_secs(15);
const EXAMINE_LIMIT: Duration = Duration::from_secs(40);

/// All that is needed to look at databases and to mend them.
pub(super) struct Databases {
    configuration: watch::Receiver<Arc<Configuration>>,
    watch: Watch,
    /// Where the sizes of tables are kept.
    history: History,
    pub(super) board: Board,
    /// Two looks at once would only be slower.
    looking: Mutex<()>,
    keeping: replicas::Keeping,
}

impl Databases {
    pub(super) fn new(
        configuration: watch::Receiver<Arc<Configuration>>,
        watch: Watch,
        history: History,
        keeping: replicas::Keeping,
    ) -> Self {
        let (board, looking) = (Board::default(), Mutex::default());
        Self { configuration, watch, history, board, looking, keeping }
    }

    /// Looks for as long as control runs.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut turns = interval_at(Instant::now() + FIRST, GLANCE);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let configuration = Arc::clone(&self.configuration.borrow());
            let ids: Vec<ShopId> = configuration.shops.iter().map(|shop| shop.id.clone()).collect();
            self.board.keep(&ids);
            for shop in &configuration.shops {
                self.look(shop).await;
            }
        }
    }

    /// Looks at what is due.
    async fn look(&self, shop: &ShopSettings) {
        let Some(url) = &shop.database else {
            self.tell(ShopDatabase::unseen(shop.id.clone(), None));
            return;
        };
        let known = self.known(shop);
        let age_ms = known.looked_ms.map(|at_ms| (super::now_ms() - at_ms).abs());
        let is_due = known.look.is_none() || age_ms.is_none_or(|age_ms| age_ms >= EXAMINE_MS);
        if is_due {
            self.examine(shop, url).await;
            return;
        }
        let _alone = self.looking.lock().await;
        let seen = within(GLANCE_LIMIT, care::glance(url)).await;
        let mut known = self.known(shop);
        match seen {
            Ok(seen) => known.glanced(seen, super::now_ms()),
            Err(trouble) => known.unseen_because(trouble),
        }
        self.look_at_replica(shop, &mut known).await;
        self.tell(known);
    }

    async fn examine(&self, shop: &ShopSettings, url: &DatabaseUrl) -> ShopDatabase {
        let _alone = self.looking.lock().await;
        let seen = within(EXAMINE_LIMIT, care::examine(url, &database::options(url))).await;
        let mut known = self.known(shop);
        match seen {
            Ok(seen) => {
                let now_ms = super::now_ms();
                let sizes = sizes(&shop.id, &seen, now_ms);
                known.examined(seen, now_ms);
                match self.growth(shop, sizes, now_ms).await {
                    Ok(grown) => known.grown(grown, now_ms),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(shop = %shop.id, error, "how tables grow is not known");
                    }
                }
            }
            Err(trouble) => known.unseen_because(trouble),
        }
        self.look_at_replica(shop, &mut known).await;
        self.tell(known.clone());
        known
    }

    /// Keeps the sizes, and says how they have grown.
    async fn growth(
        &self,
        shop: &ShopSettings,
        sizes: Vec<Measured>,
        now_ms: i64,
    ) -> Result<Vec<Grown>, WatchError> {
        self.history.note_down(sizes, now_ms).await?;
        self.history.growth(shop.id.clone(), now_ms).await
    }

    /// Looks at all of one shop's database now, and tells what was seen.
    ///
    /// # Errors
    /// When the configuration names none, or not this shop.
    pub(super) async fn look_now(&self, shop: &ShopId) -> Result<ShopDatabase, Refusal> {
        let (shop, url) = self.named(shop)?;
        Ok(self.examine(&shop, &url).await)
    }

    /// What was seen last is not so any more: the next turn looks at all of it.
    fn look_soon(&self, shop: &ShopId) {
        if let Some(known) = self.board.of(shop) {
            self.board.tell(ShopDatabase { looked_ms: None, ..known });
        }
    }

    fn named(&self, shop: &ShopId) -> Result<(ShopSettings, DatabaseUrl), Refusal> {
        let configuration = Arc::clone(&self.configuration.borrow());
        plans::named(&configuration, shop).map(|(shop, url)| (shop.clone(), url.clone()))
    }

    /// As it was told last.
    fn known(&self, shop: &ShopSettings) -> ShopDatabase {
        let kind = shop.database.as_ref().map(|url| kind_of(url.kind));
        let known = self.board.of(&shop.id).filter(|known| known.kind.as_deref() == kind);
        known.unwrap_or_else(|| ShopDatabase::unseen(shop.id.clone(), kind))
    }

    fn tell(&self, database: ShopDatabase) {
        self.board.tell(database.clone());
        self.watch.with(|live| live.database(database));
    }
}

/// Of the largest tables, as far as the server says them.
fn sizes(shop: &ShopId, seen: &care::Examination, at_ms: i64) -> Vec<Measured> {
    let known = seen.tables.iter().filter_map(|one| {
        let bytes = one.bytes?.saturating_add(one.index_bytes.unwrap_or_default());
        Some(Measured::of_table(shop, &one.table, at_ms, bytes))
    });
    known.take(MOST_TABLES).collect()
}

fn kind_of(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Postgres => "postgres",
        DatabaseKind::MySql => "mysql",
        DatabaseKind::Sqlite => "sqlite",
    }
}

/// What a look saw, or why it saw nothing.
async fn within<T>(
    limit: Duration,
    look: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, Trouble> {
    let trouble = |code: &str, message: String| {
        let params = Params::from([("error".to_owned(), message.as_str().into())]);
        Trouble { code: code.to_owned(), params, message }
    };
    match timeout(limit, look).await {
        Ok(seen) => seen.map_err(|error| trouble("database_unanswered", story(&error))),
        Err(_) => {
            let message = format!("it did not answer within {} s", limit.as_secs());
            Err(trouble("database_unanswered", message))
        }
    }
}
