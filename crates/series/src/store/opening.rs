//! Opening: what is half-made or replaced goes, what is damaged is set aside, what is only in the log comes back into memory.

use super::{Counts, Series, State, rollups};
use crate::{
    catalog::{Catalog, CatalogFile},
    error::SeriesError,
    files::{self, Quarantine},
    gather::DamageCount,
    heads::Heads,
    limits::Limits,
    log::{Log, replay},
    part::{Opened, Part, PartName, PartSet},
    tier::Tier,
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::Path,
    sync::{Arc, Mutex},
};

impl Series {
    /// Opens the store in a folder, which is made if there is none.
    ///
    /// # Errors
    /// When another process has it open, when a newer version wrote it, or when the disk fails. Damage is no error: it is set aside,
    /// counted and logged.
    pub fn open(folder: &Path, limits: Limits, now_ms: i64) -> Result<Self, SeriesError> {
        let [parts_folder, log_folder, aside] =
            ["parts", "log", "quarantine"].map(|name| folder.join(name));
        for folder in [&parts_folder, &log_folder, &aside] {
            fs::create_dir_all(folder).map_err(SeriesError::file("make folder", folder))?;
        }
        let lock = lock(folder)?;
        let quarantine = Quarantine::new(aside);
        let damage = DamageCount::default();
        let (catalog_file, catalog) = CatalogFile::open(folder, &quarantine)?;
        let parts = open_parts(&parts_folder, &quarantine, &damage)?;
        let mut state = State {
            rolled_until_ms: rollups::rolled_until(&parts),
            catalog,
            catalog_file,
            heads: Heads::default(),
            heads_since_ms: None,
            frozen: None,
            parts,
            late_from_ms: i64::MAX,
            failed_ms: None,
            may_forget: false,
            counts: Counts::default(),
        };
        pass_over_used_ids(&mut state.catalog, &state.parts, &damage)?;
        let log_from = state.parts.of(Tier::Raw).map(|part| part.footer.closing.log_from).max();
        let log_from = log_from.unwrap_or(0);
        let replayed = replay(&log_folder, log_from, &quarantine, |id, sample| {
            match state.catalog.by_id(id) {
                Some(series) => state.push(series, sample, now_ms),
                None => {
                    state.counts.orphaned += 1;
                    state.catalog.pass_over(id);
                }
            }
        })?;
        if replayed.samples > 0 {
            state.heads_since_ms = Some(now_ms);
        }
        if state.counts.orphaned > 0 {
            tracing::error!(
                samples = state.counts.orphaned,
                "the log has samples of series that are not defined"
            );
        }
        damage.add(u64::from(replayed.damaged_bytes > 0));
        state.counts.torn_bytes = replayed.torn_bytes;
        for series in state.catalog.all().collect::<Vec<_>>() {
            state.heads.note_seen(series, now_ms);
        }
        let log = Log::new(log_folder, &replayed);
        log.remove_before(log_from)?;
        Ok(Self {
            parts_folder,
            limits,
            state: Mutex::new(state),
            log,
            maintenance: Mutex::new(()),
            quarantine,
            damage,
            _lock: lock,
        })
    }
}

fn lock(folder: &Path) -> Result<File, SeriesError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(SeriesError::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SeriesError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(SeriesError::file("lock", path)(error)),
    }
}

/// Opens what is there, removes what was replaced, and sets aside what cannot be opened.
fn open_parts(
    folder: &Path,
    quarantine: &Quarantine,
    damage: &DamageCount,
) -> Result<PartSet, SeriesError> {
    let mut opened: Vec<Part> = Vec::new();
    // The widest first, so that what replaces others is known to be whole before those go.
    let mut names = files::list(folder, PartName::parse)?;
    names.sort_by_key(|name| (name.tier, name.first, std::cmp::Reverse(name.last)));
    for name in names {
        if opened.iter().any(|part| part.name.replaces(name)) {
            files::remove(&folder.join(name.to_string()))?;
            continue;
        }
        match Part::open(folder, name)? {
            Opened::Whole(part) => opened.push(part),
            Opened::Damaged(reason) => {
                damage.add(1);
                tracing::error!(part = %name, %reason, "a part of the metrics store is damaged and set aside");
                quarantine.take(&folder.join(name.to_string()))?;
            }
        }
    }
    Ok(PartSet::new(opened.into_iter().map(Arc::new).collect()))
}

/// An id whose definition was lost must not be given to other labels: its samples are still in parts.
fn pass_over_used_ids(
    catalog: &mut Catalog,
    parts: &PartSet,
    damage: &DamageCount,
) -> Result<(), SeriesError> {
    for part in parts.all() {
        let Some(last_page) = part.pages().checked_sub(1) else { continue };
        let entries = damage.sift(part, part.page(last_page))?.unwrap_or_default();
        if let Some(last) = entries.last() {
            catalog.pass_over(last.id);
        }
    }
    Ok(())
}
