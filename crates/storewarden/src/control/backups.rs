//! Backups of shops: what they are made of, where they go, and how it stands with them.
//!
//! A repository is never opened here but by a worker, a child process that does one thing. What a
//! repository lists is asked of it anew when it may have changed, and every now and then; nothing is
//! concluded from what runs say.

mod aside;
mod book;
mod carrying;
mod confirmed;
pub(super) mod databases;
pub(super) mod drills;
mod erasures;
mod forgetting;
mod logs;
pub(super) mod moments;
pub(super) mod objects;
pub(super) mod orders;
mod performer;
pub(super) mod plans;
mod points;
mod schedule;
mod sheet;
mod sources;
mod streams;
mod vanished;
mod worker;

use crate::backup_worker::{Done, Job, Limits, Listing, Place, Trouble, Work, story};
use ::watch::{
    Watch,
    backups::{self, SnapshotFolder, SnapshotRow, Snapshots},
};
use api::Refusal;
use book::Book;
use host::process::{Identity, Signal, with_environment};
use kernel::{
    ShopId,
    config::{BackupSettings, Configuration, RepositorySettings, Secret, ShopSettings},
    plan::Reason,
};
use points::Points;
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use sheet::SheetTimes;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::Store;
use tokio::{sync::watch, time::timeout};
use vanished::Vanished;
use vault::RepositoryKey;

/// Random bytes of a password that nobody chose.
const KEY_BYTES: usize = 32;
/// How long somebody waits for a list or a folder.
const PATIENCE: Duration = Duration::from_secs(8);
/// Leftovers of another life end within this, or are left to whoever looks.
const LEFTOVERS: usize = 64;

/// All that backups need of control. Shared by whoever performs, plans, asks and schedules.
pub(super) struct Backups {
    pub(super) store: Store,
    pub(super) state: PathBuf,
    /// The configuration's own file, which is backed up too.
    pub(super) file: PathBuf,
    pub(super) program: PathBuf,
    pub(super) configuration: watch::Receiver<Arc<Configuration>>,
    pub(super) watch: Watch,
    pub(super) board: backups::Backups,
    book: Mutex<Book>,
    /// Moments between backups, as far as they were looked up.
    points: Mutex<BTreeMap<ShopId, Points>>,
    vanished: Mutex<BTreeMap<ShopId, Vanished>>,
    /// Confirmed orders that the database lacks.
    missed: Mutex<BTreeMap<ShopId, backups::VanishedOrders>>,
    /// When sheets were made and tried, as far as our records were looked through for it.
    sheets: Mutex<BTreeMap<ShopId, SheetTimes>>,
    /// When databases were last asked what restores have put aside in them. Unix milliseconds.
    asides: Mutex<BTreeMap<ShopId, i64>>,
    /// Keys of repositories that were opened, by what they were opened by. In memory alone.
    keys: Mutex<BTreeMap<OpenedBy, RepositoryKey>>,
    /// Of recovery sheets that are tried, by a name.
    phrases: Mutex<BTreeMap<String, Secret>>,
}

/// A place, and the SHA-256 of the password that opens it.
type OpenedBy = (String, Vec<u8>);

fn opened_by(at: &Place) -> OpenedBy {
    (at.name.clone(), digest(&SHA256, at.password.as_bytes()).as_ref().to_vec())
}

/// A shop that is backed up.
struct BackedUp {
    shop: ShopSettings,
    settings: BackupSettings,
}

impl Backups {
    pub(super) fn new(
        store: Store,
        (state, file, program): (PathBuf, PathBuf, PathBuf),
        configuration: watch::Receiver<Arc<Configuration>>,
        watch: Watch,
    ) -> Self {
        let (board, book) = (backups::Backups::default(), Mutex::default());
        let (phrases, vanished) = (Mutex::default(), Mutex::default());
        let sheets = Mutex::default();
        Self {
            store,
            state,
            file,
            program,
            configuration,
            watch,
            board,
            book,
            points: Mutex::default(),
            vanished,
            missed: Mutex::default(),
            asides: Mutex::default(),
            sheets,
            keys: Mutex::default(),
            phrases,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<OpenedBy, RepositoryKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asides(&self) -> MutexGuard<'_, BTreeMap<ShopId, i64>> {
        self.asides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backed_up(&self, shop: &ShopId) -> Result<BackedUp, Box<Trouble>> {
        let configuration = self.configuration.borrow().clone();
        let found = configuration.shops.iter().find(|known| known.id == *shop);
        let said = || [("shop", shop.as_str().into())];
        let shop = found
            .ok_or_else(|| Trouble::new("no_shop", said(), format!("there is no shop {shop}")))?;
        let settings = shop.backup.clone().ok_or_else(|| {
            let message = format!(
                "{} is not backed up: write `to` into a table `[shop.{}.backup]`",
                shop.id, shop.id
            );
            Trouble::new("not_backed_up", said(), message)
        })?;
        Ok(BackedUp { shop: shop.clone(), settings })
    }

    /// A repository of the shop with what opens it. The password is made when there is none yet, and
    /// is on disk before anything is sealed with it.
    async fn place(&self, of: &BackedUp, name: &str) -> Result<Place, Box<Trouble>> {
        let named = |to: &&RepositorySettings| to.to_string() == name;
        let settings = of.settings.to.iter().find(named).ok_or_else(|| {
            let said = [("place", name.into())];
            let message = format!("the configuration has no repository at {name} any more");
            Trouble::new("place_not_configured", said, message)
        })?;
        let (password, is_random) = match &of.settings.password {
            Some(password) => (password.clone(), false),
            None => (self.own_password(&of.shop.id).await?, true),
        };
        let known = self.store.repositories().await.map_err(of_store)?;
        let known_id = known.into_iter().find(|known| known.place == name).map(|known| known.id);
        Ok(Place { known_id, ..Place::new(settings, &password, is_random) })
    }

    async fn own_password(&self, shop: &ShopId) -> Result<Secret, Box<Trouble>> {
        let name = format!("backup:{shop}");
        if let Some(kept) = self.store.secret(&name).await.map_err(of_store)? {
            return Ok(Secret::new(kept));
        }
        let mut random = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut random).map_err(|_| {
            let message = "the system gives no random bytes";
            Trouble::new("backup_failed", [("error", message.into())], message)
        })?;
        let mut text = String::with_capacity(2 * KEY_BYTES);
        for byte in random {
            write!(text, "{byte:02x}").expect("invariant: a String takes all text");
        }
        self.store.add_secret(&name, &text).await.map(Secret::new).map_err(of_store)
    }

    async fn job(&self, of: &BackedUp, place: &str, work: Work) -> Result<Job, Box<Trouble>> {
        let mut at = self.place(of, place).await?;
        // Somebody waits for these. Whatever makes, checks or tries a backup proves the password along with it.
        if matches!(work, Work::Orders(_) | Work::Folder { .. }) {
            at.known_key = self.keys().get(&opened_by(&at)).cloned();
        }
        Ok(Job {
            shop: of.shop.id.clone(),
            at,
            limits: Limits::from(of.settings.limits),
            group: Err(String::new()),
            work,
            now_ms: super::now_ms(),
        })
    }

    /// Asks a repository what it holds, and notes it.
    async fn look(&self, of: &BackedUp, place: &str) -> Result<Listing, Box<Trouble>> {
        let looked = async {
            let job = self.job(of, place, Work::List).await?;
            match self.work(job, &worker::unheard).await? {
                Done::Listed(listing) => Ok(listing),
                other => Err(unexpected(&other)),
            }
        };
        let looked = looked.await;
        if let Ok(listing) = &looked {
            let known = self.store.know_repository(place, &listing.repository).await;
            known.map_err(of_store)?;
        }
        self.book().looked(place, super::now_ms(), looked.clone());
        self.keep_log(of);
        self.publish().await;
        looked
    }

    /// Every snapshot of a shop, by what its repositories listed last.
    pub(super) async fn snapshots(&self, shop: &ShopId) -> Result<Snapshots, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let places: Vec<String> = of.settings.to.iter().map(ToString::to_string).collect();
        if !self.book().has_looked(&places) {
            // Nobody has yet; who asks waits a moment, and else is told that it is not known.
            for place in &places {
                timeout(PATIENCE / 2, self.look(&of, place)).await.ok();
            }
        }
        Ok(self.book().snapshots(&places))
    }

    /// With the moments between them.
    pub(super) async fn snapshots_and_moments(&self, shop: &ShopId) -> Result<Snapshots, Refusal> {
        let snapshots = self.snapshots(shop).await?;
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let moments = self.moments(&of, &snapshots.snapshots).await;
        Ok(Snapshots { moments, ..snapshots })
    }

    /// What lies in a folder of a snapshot.
    pub(super) async fn folder(
        &self,
        shop: &ShopId,
        snapshot: String,
        (path, skip): (String, u64),
    ) -> Result<SnapshotFolder, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let place = self.home(&of, &snapshot, None);
        let work = Work::Folder { snapshot, path, skip };
        let look = async {
            let job = self.job(&of, &place, work).await?;
            match self.work(job, &worker::unheard).await? {
                Done::Folder(folder) => Ok(folder),
                other => Err(unexpected(&other)),
            }
        };
        match timeout(PATIENCE, look).await {
            Ok(looked) => looked.map_err(|trouble| refused(*trouble)),
            Err(_) => {
                let said = [("place", place.as_str().into())];
                let message = format!("{place} does not answer in time");
                Err(refused(Trouble::new("place_too_slow", said, message)))
            }
        }
    }

    /// The repository to take a snapshot from: the one that was named, else the first that is known
    /// to have it, else the first.
    fn home(&self, of: &BackedUp, snapshot: &str, from: Option<&str>) -> String {
        let places: Vec<String> = of.settings.to.iter().map(ToString::to_string).collect();
        let named = places.iter().find(|place| Some(place.as_str()) == from);
        let found = || {
            let book = self.book();
            places.iter().find(|place| book.has(place, snapshot)).cloned()
        };
        named.cloned().or_else(found).unwrap_or_else(|| places[0].clone())
    }

    fn id_at(&self, place: &str, row: &SnapshotRow) -> Option<String> {
        self.book().id_at(place, row)
    }

    /// Ends workers that another control has left behind: two of them at one thing would do it twice.
    pub(super) fn end_leftovers(&self) {
        let mark = self.state.display().to_string();
        for _ in 0..LEFTOVERS {
            let found: Identity = match with_environment(crate::backup_worker::MARK, &mark) {
                Ok(Some(found)) => found,
                Ok(None) => return,
                Err(error) => {
                    let error = story(&error);
                    tracing::warn!(error, "whether workers of before still run is not known");
                    return;
                }
            };
            tracing::warn!(pid = found.pid, "a worker of before is ended");
            if let Err(error) = found.signal(Signal::Kill) {
                tracing::warn!(error = story(&error), "a worker of before does not end");
                return;
            }
            while found.is_running().unwrap_or(false) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn refused(trouble: Trouble) -> Refusal {
    let Trouble { code, params, message, .. } = trouble;
    Refusal { message, details: Vec::new(), reason: Some(Reason { code, params }) }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn of_store(error: store::StoreError) -> Box<Trouble> {
    let said = [("error", error.to_string().into())];
    Box::new(Trouble::new("store_failed", said, error.to_string()).for_now())
}

/// A worker that did something else than it was told is another version's.
fn unexpected(done: &Done) -> Box<Trouble> {
    let message = format!("a worker said something unexpected: {done:?}");
    Box::new(Trouble::new("backup_failed", [("error", message.as_str().into())], message.clone()))
}
