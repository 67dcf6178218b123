//! The journals of a shop's changes: which one has a moment, and with what it is completed.
//!
//! The one that is written at the moment, and those that were put aside when changes were lost. A journal
//! that cannot be read is said, and backups tell what they can.

use super::{
    Dump, Search, Taken,
    asked::{Asked, mixed},
};
use crate::backup_worker::{Trouble, story};
use ::watch::time_machine::JournalReach;
use databases::live::Live;
use kernel::ShopId;
use shops::OrderGraph;
use std::path::Path;
use vault::{
    VaultError,
    journal::{JournalKey, Lookups, Place, Reader},
    orders::{Base, Cut, Moment, OrderError, Past, Trail, Wanted, find, read, written},
    stream::{Covered, Standing, lookups},
};

/// A dump is as old as the clock of this machine says, and a journal's changes as that of the database.
const CLOCKS_MS: i64 = 60_000;
const A_SECOND_MS: i64 = 1_000;

/// What there is, the newest first.
#[derive(Default)]
pub(super) struct Journals {
    all: Vec<Journal>,
    /// Whether there ever was one; and why one could not be opened.
    is_kept: bool,
    error: Option<String>,
}

/// One of them.
pub(super) struct Journal {
    pub(super) reader: Reader,
    /// All that was committed in between is in it. Unix milliseconds.
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    /// A dump that was taken since then is no older than it.
    bases_from_ms: i64,
}

impl Journals {
    /// `state`: the state directory.
    pub(super) fn open(state: &Path, shop: &ShopId, live: &Live, graphs: &[OrderGraph]) -> Self {
        let place = Place::of(state, shop);
        let lookups = lookups(live.tables(), graphs);
        let mut journals = Self::default();
        match journals.add(&place, &lookups) {
            Ok(()) => {}
            Err(error) => journals.error = Some(story(&error)),
        }
        journals
    }

    fn add(&mut self, place: &Place, lookups: &Lookups) -> Result<(), VaultError> {
        let Some(key) = place.key()? else { return Ok(()) };
        self.is_kept = true;
        // How far it is, before it is read: what comes meanwhile is no promise.
        let Standing { begun_ms, current_ms, .. } = Standing::read(place)?.unwrap_or_default();
        if place.folder().is_dir() {
            let covered = Covered { begun_ms, current_ms };
            self.add_one(&place.folder(), covered, &key, lookups)?;
        }
        for (path, _) in place.put_aside()?.into_iter().rev() {
            self.add_one(&path, Covered::read(&path)?, &key, lookups)?;
        }
        Ok(())
    }

    fn add_one(
        &mut self,
        path: &Path,
        covered: Covered,
        key: &JournalKey,
        lookups: &Lookups,
    ) -> Result<(), VaultError> {
        let reader = Reader::open(path, key, lookups)?;
        let begun_ms = covered.begun_ms.filter(|_| reader.has_its_beginning());
        let from_ms = begun_ms.or(reader.begins_ms());
        let until_ms = covered.current_ms.max(reader.ends_ms());
        if let (Some(from_ms), Some(until_ms)) = (from_ms, until_ms) {
            let bases_from_ms = begun_ms.unwrap_or(from_ms + CLOCKS_MS);
            self.all.push(Journal { reader, from_ms, until_ms, bases_from_ms });
        }
        Ok(())
    }

    pub(super) fn all(&self) -> &[Journal] {
        &self.all
    }

    /// The one that has this moment.
    pub(super) fn at(&self, at_ms: i64) -> Option<&Journal> {
        // Some databases tell times of their changes in whole seconds.
        let from_ms = |one: &Journal| one.from_ms - one.from_ms.rem_euclid(1000);
        self.all.iter().find(|one| from_ms(one) <= at_ms && at_ms <= one.until_ms)
    }

    /// `None`: nobody follows the shop's changes, or ever did.
    pub(super) fn reach(&self) -> Option<JournalReach> {
        let reach = JournalReach {
            from_ms: self.all.iter().map(|one| one.from_ms).min(),
            until_ms: self.all.iter().map(|one| one.until_ms).max(),
            error: self.error.clone(),
        };
        self.is_kept.then_some(reach)
    }
}

/// A moment to look at, of one order or of all that are asked for.
pub(super) struct Then<'a> {
    pub(super) journal: &'a Journal,
    pub(super) at_ms: i64,
    cut: Cut,
    pub(super) wanted: Wanted,
}

impl Journal {
    /// Keys of orders that it knows and that are asked for.
    pub(super) fn keys(&self, asked: &Asked, live: &mut Live) -> Result<Vec<String>, OrderError> {
        keys(&self.reader, asked, live)
    }
}

impl Search<'_> {
    /// Where the journal is to be looked into: at the moment that was asked for, else just before each
    /// order went that is gone.
    pub(super) fn thens<'s>(
        &self,
        journals: &'s Journals,
        asked: &Asked,
        as_of_ms: Option<i64>,
        live: &mut Live,
    ) -> Result<Vec<Then<'s>>, Box<Trouble>> {
        if let Some(at_ms) = self.wanted.exact_ms.or(as_of_ms) {
            let Some(journal) = journals.at(at_ms) else { return Ok(Vec::new()) };
            let wanted = asked.wanted.clone();
            let mut cut = Cut::Until(at_ms);
            // What was previewed as it was just before it went is meant so.
            if let (Some(_), Wanted::Key(key)) = (self.wanted.exact_ms, &wanted) {
                let trail = trail(journal, asked, live, key).map_err(mixed)?;
                let last = trail.last_whole().filter(|(gone_ms, _)| *gone_ms == at_ms);
                cut = last.map_or(cut, |(_, before)| before);
            }
            return Ok(vec![Then { journal, at_ms, cut, wanted }]);
        }
        let mut thens: Vec<Then<'s>> = Vec::new();
        for journal in journals.all() {
            let found = journal.keys(asked, live).map_err(mixed)?;
            let gone = vault::orders::lacking(live, &asked.graph, &found).map_err(mixed)?;
            for key in gone {
                let wanted = Wanted::Key(key.clone());
                if thens.iter().any(|then| then.wanted == wanted) {
                    continue;
                }
                let trail = trail(journal, asked, live, &key).map_err(mixed)?;
                if let Some((at_ms, cut)) = trail.last_whole() {
                    thens.push(Then { journal, at_ms, cut, wanted });
                }
            }
        }
        Ok(thens)
    }

    /// Has a moment looked at, completed by the best dump that there is; gives which. `None`: the journal
    /// does not know all of it.
    pub(super) fn at_moment<R>(
        &self,
        then: &Then<'_>,
        live: &mut Live,
        asked: &Asked,
        look: impl FnOnce(&mut Moment<'_>, Option<&Taken>, &mut Live) -> Result<R, OrderError>,
    ) -> Result<Option<R>, Box<Trouble>> {
        let based = match self.is_told_alone(then, live, asked).map_err(mixed)? {
            true => None,
            false => self.base(then)?,
        };
        let base = match &based {
            Some((_, dump)) => {
                let manifest = dump.manifest();
                let taken = manifest.position.clone().map(|position| (manifest.taken_ms, position));
                Base { source: Box::new(Past(dump)), taken }
            }
            None => Base { source: Box::new(self.live()?), taken: None },
        };
        let cut = (then.at_ms, then.cut.clone());
        let mut moment = Moment::new(&then.journal.reader, cut, base);
        let looked = match is_told_whole(then, &mut moment, live, asked) {
            Ok(true) => look(&mut moment, based.as_ref().map(|(taken, _)| *taken), live).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        match looked {
            Err(OrderError::NotKnown { .. } | OrderError::Redefined { .. })
                if self.wanted.exact_ms.is_none() =>
            {
                Ok(None)
            }
            looked => looked.map_err(mixed),
        }
    }

    /// Whether the journal has seen all of an order, from its coming on: then no backup completes it.
    fn is_told_alone(
        &self,
        then: &Then<'_>,
        live: &Live,
        asked: &Asked,
    ) -> Result<bool, OrderError> {
        // What was previewed with a backup is meant with that.
        match (&then.wanted, self.wanted.exact_ms) {
            (Wanted::Key(key), None) => Ok(trail(then.journal, asked, live, key)?.begins_with_it()),
            _ => Ok(false),
        }
    }

    /// The newest dump from before the moment that the journal reaches back to.
    fn base(&self, then: &Then<'_>) -> Result<Option<(&Taken, Dump<'_>)>, Box<Trouble>> {
        let is_told = self.wanted.exact_ms.is_some();
        for taken in &self.wanted.snapshots {
            // MariaDB and MySQL tell the second of a change: where in the log a dump was taken, it says itself.
            let latest_ms = then.at_ms.saturating_add(A_SECOND_MS);
            let is_between = then.journal.bases_from_ms <= taken.at_ms && taken.at_ms < latest_ms;
            if !is_told && !is_between {
                continue;
            }
            let Some(dump) = self.open(taken)? else { continue };
            let (taken_ms, position) = (dump.manifest().taken_ms, &dump.manifest().position);
            let is_after = |place| then.cut.is_after(then.at_ms, (taken_ms, place));
            if position.as_ref().is_some_and(|place| is_told || is_after(place)) {
                return Ok(Some((taken, dump)));
            }
        }
        Ok(None)
    }
}

/// Not of every row that goes the journal tells which order it was of: InnoDB logs none that a foreign key
/// deletes, and PostgreSQL may tell no more than a key. So without a dump from before the moment, only of
/// orders whose coming the journal has seen all rows are known.
fn is_told_whole(
    then: &Then<'_>,
    moment: &mut Moment<'_>,
    live: &Live,
    asked: &Asked,
) -> Result<bool, OrderError> {
    if moment.is_based_before() {
        return Ok(true);
    }
    for order in find(moment, &asked.graph, &then.wanted)? {
        if !trail(then.journal, asked, live, &order.key)?.begins_with_it() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What became of an order in one journal.
pub(super) fn trail(
    journal: &Journal,
    asked: &Asked,
    live: &Live,
    key: &str,
) -> Result<Trail, OrderError> {
    let graph = &asked.graph;
    let root = live.table(&graph.root);
    let none = || OrderError::NotThere { what: graph.root.clone() };
    let keys = written(live.kind(), root.ok_or_else(none)?, &graph.key, key);
    let key = keys.first().map_or(key.as_bytes(), Vec::as_slice);
    Trail::of(&journal.reader, (live.tables(), live.kind()), graph, key)
}

/// Keys of orders that the journal knows and that are asked for.
fn keys(reader: &Reader, asked: &Asked, live: &mut Live) -> Result<Vec<String>, OrderError> {
    let graph = &asked.graph;
    let table = |live: &Live, name: &str| {
        let found = live.tables().iter().find(|table| table.name == name).cloned();
        found.ok_or_else(|| OrderError::NotThere { what: name.to_owned() })
    };
    let root = table(live, &graph.root)?;
    let mut found = Vec::new();
    match &asked.wanted {
        Wanted::Number(text) | Wanted::Key(text) => {
            let by_number = matches!(asked.wanted, Wanted::Number(_));
            let numbers = graph.numbers.iter().filter(|_| by_number);
            for column in numbers.chain([&graph.key]) {
                for value in written(live.kind(), &root, column, text) {
                    found.extend(reader.find(&root.label(), column, &value)?);
                }
            }
        }
        Wanted::Email(text) => {
            for path in &graph.emails {
                let Some(through) = &path.table else {
                    found.extend(reader.find(&root.label(), &path.column, text.as_bytes())?);
                    continue;
                };
                let people = table(live, &through.name)?;
                let at = people.column(&through.to);
                let living = live.lookup(&people, &[(&path.column, text.as_bytes())])?;
                let mut ids: Vec<Vec<u8>> =
                    living.into_iter().filter_map(|row| row.fields[at?].clone()).collect();
                let known = reader.find(&people.label(), &path.column, text.as_bytes())?;
                ids.extend(known.iter().flat_map(|one| values(one, &through.to)));
                ids.sort_unstable();
                ids.dedup();
                for id in ids {
                    found.extend(reader.find(&root.label(), &through.from, &id)?);
                }
            }
        }
    }
    let mut keys: Vec<String> = Vec::new();
    for value in found.iter().flat_map(|version| values(version, &graph.key)) {
        let key = read(live.kind(), &root, &graph.key, &value);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// What a version knows of a column.
fn values(version: &vault::journal::Version, column: &str) -> Vec<Vec<u8>> {
    let place = version.row.table.column(column);
    let images = version.row.before().into_iter().chain(version.row.after());
    images.filter_map(|image| image.field(place?).cloned().flatten()).collect()
}
