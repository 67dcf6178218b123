//! What every repository listed when it was last asked, and what failed since.

use crate::backup_worker::{Listing, Trouble};
use ::watch::backups::{SnapshotRow, Snapshots};
use std::collections::BTreeMap;

/// By place.
#[derive(Debug, Default)]
pub(super) struct Book(BTreeMap<String, Page>);

/// What is known of one repository.
#[derive(Debug, Default, Clone)]
pub(super) struct Page {
    /// When somebody last tried to list it. Unix milliseconds.
    pub(super) tried_ms: Option<i64>,
    /// What it listed, and when; `None`: it never did, or not the last time.
    pub(super) listing: Option<(i64, Listing)>,
    pub(super) trouble: Option<Trouble>,
}

impl Book {
    pub(super) fn looked(
        &mut self,
        place: &str,
        now_ms: i64,
        looked: Result<Listing, Box<Trouble>>,
    ) {
        let page = self.0.entry(place.to_owned()).or_default();
        page.tried_ms = Some(now_ms);
        match looked {
            Ok(listing) => {
                page.listing = Some((now_ms, listing));
                page.trouble = None;
            }
            // What was there once proves nothing of now.
            Err(trouble) => {
                page.listing = None;
                page.trouble = Some(*trouble);
            }
        }
    }

    pub(super) fn page(&self, place: &str) -> Page {
        self.0.get(place).cloned().unwrap_or_default()
    }

    pub(super) fn has_looked(&self, places: &[String]) -> bool {
        places.iter().all(|place| self.page(place).tried_ms.is_some())
    }

    /// Whether a repository listed a snapshot that begins so.
    pub(super) fn has(&self, place: &str, snapshot: &str) -> bool {
        let listing = self.0.get(place).and_then(|page| page.listing.as_ref());
        listing.is_some_and(|(_, listing)| {
            let fits = |row: &SnapshotRow| snapshot == "latest" || row.id.starts_with(snapshot);
            listing.snapshots.iter().any(fits)
        })
    }

    /// The id that a snapshot has at a place: copies have one of their own.
    pub(super) fn id_at(&self, place: &str, row: &SnapshotRow) -> Option<String> {
        let (_, listing) = self.0.get(place)?.listing.as_ref()?;
        let is_it = |one: &&SnapshotRow| one.at_ms == row.at_ms && same_mark(one, row);
        listing.snapshots.iter().find(is_it).map(|one| one.id.clone())
    }

    /// All snapshots of these repositories, the newest first. Copies are told apart from what they
    /// were copied from by their place alone.
    pub(super) fn snapshots(&self, places: &[String]) -> Snapshots {
        let mut all: Vec<SnapshotRow> = Vec::new();
        let mut looked_ms = None;
        let mut unknown = Vec::new();
        for place in places {
            let Some((at_ms, listing)) = self.0.get(place).and_then(|page| page.listing.as_ref())
            else {
                // One that was never made has none, and that is known.
                let is_new = self.page(place).trouble.is_some_and(|trouble| is_not_there(&trouble));
                if !is_new {
                    unknown.push(place.clone());
                }
                continue;
            };
            looked_ms = Some(looked_ms.map_or(*at_ms, |before: i64| before.min(*at_ms)));
            for row in &listing.snapshots {
                let is_same =
                    |known: &&mut SnapshotRow| known.at_ms == row.at_ms && same_mark(known, row);
                match all.iter_mut().find(is_same) {
                    Some(known) => known.places.push(place.clone()),
                    None => all.push(row.clone()),
                }
            }
        }
        all.sort_by_key(|row| std::cmp::Reverse(row.at_ms));
        Snapshots { snapshots: all, looked_ms, unknown, moments: None }
    }
}

/// There is no repository at the place, and none was ever known there.
pub(super) fn is_not_there(trouble: &Trouble) -> bool {
    trouble.code == "repository_missing"
}

fn same_mark(one: &SnapshotRow, other: &SnapshotRow) -> bool {
    let mark = |row: &SnapshotRow| row.tags.iter().find(|tag| tag.starts_with("mark:")).cloned();
    mark(one) == mark(other)
}
