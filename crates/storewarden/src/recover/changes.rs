//! The journal of a shop's changes out of its copies: what happened since the backup, and up to when.

use super::{
    Origin,
    progress::{Line, say},
    records,
    source::{self, ours},
};
use crate::{
    backup_worker::{Place, RECORDS},
    control::now_ms,
    moment::Here,
    stream::{self, JOURNAL_KEY, UNLIMITED},
    words,
};
use ::databases::{
    dump::{self, Files},
    replay::{self, Wanted},
    restore::{Beside, Stage},
};
use anyhow::{Context as _, bail};
use kernel::{ShopId, config::RepositorySettings};
use std::{fs, io, path::Path, sync::Arc};
use vault::{
    Reader, Snapshot, VaultError,
    journal::{
        self, JournalKey,
        away::{self, Fetched, Kept},
    },
    moment::{Forecast, Journals, LogStage, Obstacle},
    storage::Storage,
    stream::{Standing, State},
};

/// So many backups are looked through for the key: one of them was made since the journal was begun, or
/// there is no backup that it goes on from.
const MOST_BACKUPS: usize = 20;

/// Where a server is started that plays a log once more.
const SCRATCH: &str = "/var/tmp";

/// A copy of a journal that can be opened.
#[derive(Debug)]
pub(crate) struct Changes {
    shop: ShopId,
    key: JournalKey,
    storage: Arc<dyn Storage>,
    kept: Kept,
}

/// What opens the journal, out of the newest backup that has it.
pub(super) fn key(reader: &Reader, snapshots: &[Snapshot]) -> Option<JournalKey> {
    let path = Path::new(RECORDS).join(JOURNAL_KEY);
    snapshots.iter().rev().take(MOST_BACKUPS).find_map(|snapshot| {
        let node = reader.node(snapshot, &path).ok()?;
        let mut bytes = Vec::new();
        reader.copy_to(&node, &mut bytes).ok()?;
        JournalKey::from_hex(std::str::from_utf8(&bytes).ok()?.trim())
    })
}

/// The newest copy among these places; one that cannot be looked at is told.
pub(super) fn find(
    shop: &ShopId,
    key: JournalKey,
    first: Option<&Place>,
    others: &[RepositorySettings],
) -> Option<Changes> {
    let is_other =
        |to: &&RepositorySettings| first.is_none_or(|place| place.name != to.to_string());
    let others = others.iter().filter(is_other).map(stream::open);
    let places = first.map(|place| place.storage(UNLIMITED)).into_iter().chain(others);
    let look = |storage: Result<Arc<dyn Storage>, VaultError>| {
        let looked = storage.and_then(|storage| {
            let kept = away::kept(storage.as_ref(), &key)?;
            Ok(kept.last().map(|kept| (*kept, storage)))
        });
        looked.unwrap_or_else(|error| {
            say(&format!("No changes are had from there: {}", error.story()));
            None
        })
    };
    let (kept, storage) = places.filter_map(look).max_by_key(|(kept, _)| *kept)?;
    Some(Changes { shop: shop.clone(), key, storage, kept })
}

/// The newest copy of a shop's journal, by nothing but the recovery sheet.
///
/// # Errors
/// When the repository does not open, or there is none.
pub(crate) fn by_sheet(origin: &Origin, shop: &ShopId) -> anyhow::Result<Changes> {
    let read = source::said(origin)?;
    let source = source::open(origin, &read)?;
    let snapshots = ours(&source, Some(shop.as_str()))?;
    let Some(key) = key(&source.reader, &snapshots) else {
        bail!("no backup at {} has the key of a journal of changes", source.place.name);
    };
    let found = find(shop, key, Some(&source.place), &[]);
    found.with_context(|| format!("there is no copy of the journal at {}", source.place.name))
}

impl Changes {
    /// The newest copy among the places that the configuration names.
    pub(crate) fn of_places(
        shop: &ShopId,
        key: JournalKey,
        places: &[RepositorySettings],
    ) -> Option<Self> {
        find(shop, key, None, places)
    }

    pub(super) fn preview(&self) -> String {
        let size = crate::backup::size(self.kept.bytes);
        format!("{size} of their journal, from {}", self.storage.label())
    }

    /// Into a folder like a state directory: `journal/SHOP`, and its key beside.
    ///
    /// # Errors
    /// When there is one already, or it cannot be read there or written here.
    pub(crate) fn fetch(&self, to: &Path) -> anyhow::Result<Fetched> {
        let place = journal::Place::of(to, &self.shop);
        let folder = place.folder();
        if folder.exists() {
            bail!("`{}` is there already: nothing was brought", folder.display());
        }
        fs::create_dir_all(&folder).with_context(|| format!("make `{}`", folder.display()))?;
        place.keep_key(&self.key)?;
        let line = Line::new("the journal of changes");
        let told = |_, bytes| line.tell(bytes, Some(self.kept.bytes));
        let begun_ms = Some(self.kept.begun_ms);
        let fetched = away::fetch(self.storage.as_ref(), &self.key, begun_ms, &folder, &told)?;
        let fetched = fetched.context("the copy is gone since it was looked at")?;
        line.end(&format!("{} files, {}", fetched.files, crate::backup::size(fetched.bytes)));
        for lack in &fetched.lacks {
            say(&format!("    NOT THERE: {lack}; what came after that is left out"));
        }
        Ok(fetched)
    }

    /// Brings it into a folder of the recovery, whatever an attempt before has left there; returns what was
    /// not in the copy.
    ///
    /// # Errors
    /// As of [`Changes::fetch`].
    pub(super) fn bring(&self, since_ms: i64, by: &Path) -> anyhow::Result<Vec<String>> {
        records::clear(by)?;
        let fetched = self.fetch(by)?;
        let standing = Standing {
            begun_ms: Some(fetched.begun_ms),
            current_ms: Some(fetched.until_ms),
            state: State::Ended,
            ..Standing::default()
        };
        let path = journal::Place::of(by, &self.shop).beside("json");
        fs::write(&path, serde_json::to_vec(&standing)?)
            .with_context(|| format!("write `{}`", path.display()))?;
        say(&format!("    {}", reaches(&fetched, since_ms)));
        Ok(fetched.lacks.iter().map(ToString::to_string).collect())
    }

    /// Makes what was changed since the backup once more in the database that was loaded from it: by the
    /// journal, or where a table was redefined, by the server's log. Returns what stands in the way: then the
    /// database is as of its dump, and the same again would not bring more.
    ///
    /// # Errors
    /// What the database says; the same again goes on.
    pub(super) fn replay<F: Files>(
        &self,
        by: &Path,
        dump: &dump::Reader<F>,
        beside: Beside,
    ) -> anyhow::Result<Option<Obstacle>> {
        let manifest = dump.manifest();
        let place = journal::Place::of(by, &self.shop);
        let until_ms = Standing::read(&place)?.and_then(|standing| standing.current_ms);
        let until_ms = until_ms.context("it is not known up to when the journal goes")?;
        if until_ms <= manifest.taken_ms {
            return Ok(None);
        }
        let path = match Journals::of(&place)?.find(manifest, until_ms, &[])? {
            Ok(path) => path,
            Err(Obstacle::Redefined { .. }) if manifest.kind == dump::Kind::MySql => {
                return self.replay_by_log(&place, until_ms, dump, &beside);
            }
            Err(obstacle) => return Ok(Some(obstacle)),
        };
        let line = Line::new("the changes since the backup");
        let total = path.forecast.changes;
        let told = |done: u64| line.tell(done, Some(total));
        let done = path.go(Wanted { beside, until_ms, tables: Vec::new() }, &told)?;
        let replay::Progress { transactions, changes, .. } = done;
        line.end(&format!("{transactions} transactions, {changes} rows, every one read back"));
        Ok(None)
    }

    fn replay_by_log<F: Files>(
        &self,
        place: &journal::Place,
        until_ms: i64,
        dump: &dump::Reader<F>,
        beside: &Beside,
    ) -> anyhow::Result<Option<Obstacle>> {
        let path = match Journals::of(place)?.by_log(dump.manifest(), until_ms)? {
            Ok(path) => path,
            Err(obstacle) => return Ok(Some(obstacle)),
        };
        say(&format!("    by the server's log, since a table was redefined: {}", path.what));
        let line = Line::new("the changes since the backup");
        let scratch = Path::new(SCRATCH).join(format!("storewarden-recover-{}", self.shop));
        let told = |stage: &LogStage<'_>| {
            if let LogStage::Restoring(Stage::Loading(of)) = stage {
                line.tell(of.bytes_done, Some(of.bytes));
            }
        };
        path.go(dump, beside, &scratch, now_ms(), &told)?;
        let Forecast { transactions, changes, .. } = path.forecast;
        line.end(&format!("{transactions} transactions, {changes} rows"));
        Ok(None)
    }

    /// Puts it into a state directory, as one that was put aside: the database that was loaded has another
    /// log, and gets another journal.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(super) fn keep(&self, by: &Path, state: &Path) -> anyhow::Result<()> {
        let from = journal::Place::of(by, &self.shop);
        let place = journal::Place::of(state, &self.shop);
        if place.key()?.is_none() {
            place.make_key()?;
            place.keep_key(&self.key)?;
        }
        let aside = place.beside(&format!("before-{}", now_ms()));
        match fs::rename(from.folder(), &aside) {
            // It was moved before somebody ended us.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved.with_context(|| format!("put the journal to `{}`", aside.display())),
        }
    }
}

/// Up to when it goes, and how much later than the backup that is.
fn reaches(fetched: &Fetched, since_ms: i64) -> String {
    let later_ms = fetched.until_ms - since_ms;
    if later_ms <= 0 {
        return "nothing was changed after the backup".to_owned();
    }
    format!(
        "changes up to {}, {} after the backup",
        Here::now().moment_ago(fetched.until_ms),
        words::age(later_ms)
    )
}
