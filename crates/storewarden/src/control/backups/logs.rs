//! The write-ahead log of shops whose PostgreSQL is kept as it is: when a base backup is due that it goes on from,
//! from where on it is wanted, and which moments are reached by it (docs/wal.md).

use super::{BackedUp, Backups, plans};
use crate::{
    backup_worker::{Bases, Database, Reached, story},
    control::changes::refuse,
    stream::keep_ms,
};
use api::{Refusal, RestoreDatabase};
use databases::restore::name_of;
use jiff::Timestamp;
use kernel::{
    config::{DatabaseKind, DatabaseUrl, ShopSettings},
    plan::ByWal,
};
use std::time::Duration;
use tokio::time::timeout;
use vault::{
    VaultError,
    journal::Place,
    wal::{self, Archive, Base, Hindered, Standing, Wanted},
};

/// Somebody waits while the archive is looked through.
const PATIENCE: Duration = Duration::from_secs(30);
/// A backup that came without a base backup is not taken again before.
const BASE_AGAIN_MS: i64 = 10 * 60 * 1000;

/// By which account the log of a shop's server is kept; `None`: it is not to be.
pub(super) fn account(shop: &ShopSettings) -> Option<&DatabaseUrl> {
    let stream = shop.stream.as_ref().filter(|stream| stream.raw)?;
    let account = stream.follow_as.as_ref().or(shop.database.as_ref())?;
    (account.kind == DatabaseKind::Postgres).then_some(account)
}

/// How far back it is to go; `None`: it is not kept.
pub(super) fn kept_ms(shop: &ShopSettings) -> Option<u64> {
    account(shop)?;
    let stream = shop.stream.as_ref()?;
    Some(keep_ms(shop, stream.keep_ms))
}

impl Backups {
    /// What the backup's worker must know; `None`: no base backup would have all of the log behind it yet.
    pub(super) fn bases(&self, of: &BackedUp) -> Option<Bases> {
        let account = account(&of.shop)?;
        let stream = of.shop.stream.as_ref()?;
        Some(Bases {
            database: Database::new(account),
            every_ms: stream.base_every_ms,
            since_ms: self.log_standing(&of.shop)?.begun_ms?,
        })
    }

    fn log_standing(&self, shop: &ShopSettings) -> Option<Standing> {
        let read = Standing::read(&Place::of(&self.state, &shop.id));
        read.unwrap_or_else(|error| {
            let (shop, error) = (&shop.id, error.story());
            tracing::warn!(%shop, error, "how it stands with the server's log is not known");
            None
        })
    }

    /// When a backup is due because the log has no base backup that it goes on from: at once, but not again and
    /// again where none comes of it. Unix milliseconds.
    pub(super) fn base_due_ms(
        &self,
        of: &BackedUp,
        ended_ms: Option<i64>,
        again_ms: Option<i64>,
    ) -> i64 {
        if !self.lacks_base(of) {
            return i64::MAX;
        }
        let due_ms = ended_ms.map_or(i64::MIN, |ended| ended.saturating_add(BASE_AGAIN_MS));
        again_ms.map_or(due_ms, |again| due_ms.max(again))
    }

    /// Whether the log is received and there is no base backup that it goes on from.
    pub(super) fn lacks_base(&self, of: &BackedUp) -> bool {
        let begun_ms = account(&of.shop)
            .and_then(|_| self.log_standing(&of.shop))
            .and_then(|standing| standing.begun_ms);
        let Some(begun_ms) = begun_ms else { return false };
        let page = self.book().page(&of.settings.to[0].to_string());
        let Some((_, listing)) = &page.listing else { return false };
        listing.bases.iter().all(|base| base.begun_ms < begun_ms)
    }

    /// From when on every moment is reached by the log that begins at `begun_ms`; `None`: no base backup goes on
    /// by it.
    pub(super) fn log_reaches(&self, shop: &ShopSettings, begun_ms: i64) -> Option<i64> {
        let places = shop.backup.iter().flat_map(|backup| &backup.to);
        let pages = places.map(|to| self.book().page(&to.to_string()));
        let bases = pages.filter_map(|page| page.listing).flat_map(|(_, listing)| listing.bases);
        let whole = bases.filter(|base| base.begun_ms >= begun_ms);
        whole.map(|base| base.ended_ms).min()
    }

    /// Every base backup of the shop's repositories, as they listed them last, with where it is.
    pub(super) fn known_bases(&self, of: &BackedUp) -> Vec<(String, Base)> {
        let mut all = Vec::new();
        for to in &of.settings.to {
            let place = to.to_string();
            let page = self.book().page(&place);
            let bases = page.listing.iter().flat_map(|(_, listing)| listing.bases.clone());
            all.extend(bases.map(|base| (place.clone(), base)));
        }
        all
    }

    /// Says from where on the log is wanted, once every repository was asked for its base backups.
    pub(super) fn keep_log(&self, of: &BackedUp) {
        if account(&of.shop).is_none() {
            return;
        }
        let has_all = of.settings.to.iter().all(|to| {
            let page = self.book().page(&to.to_string());
            page.listing.is_some_and(|(_, listing)| !listing.bases.is_empty())
        });
        if !has_all {
            return;
        }
        let place = Place::of(&self.state, &of.shop.id);
        let segments = self.known_bases(of).into_iter().map(|(_, base)| base.segment());
        let oldest = segments.collect::<Result<Vec<_>, _>>();
        let kept = oldest.and_then(|all| match all.into_iter().min() {
            Some(oldest) => wal::keep_from(&place, oldest),
            None => Ok(()),
        });
        if let Err(error) = kept {
            tracing::warn!(shop = %of.shop.id, error = error.story(), "no log is forgotten");
        }
    }

    /// From which base backup a moment is reached, and what that takes.
    ///
    /// # Errors
    /// Why it cannot be reached, with the next moment that can.
    pub(super) async fn reach_by_wal(
        &self,
        of: &BackedUp,
        wanted: &RestoreDatabase,
        until_ms: i64,
    ) -> Result<Reached, Refusal> {
        let not_kept = || {
            let message = format!("the server's log of {} is not kept", of.shop.id);
            refuse(message).because("wal_not_kept", [])
        };
        let live = account(&of.shop).ok_or_else(not_kept)?;
        let places = plans::place_of(&of.shop, &of.settings, wanted.from.as_deref())?;
        self.snapshots(&of.shop.id).await?;
        let known = self.known_bases(of);
        let bases = known.into_iter().filter(|(at, _)| places.contains(at));
        let bases: Vec<Base> = bases.map(|(_, base)| base).collect();
        let place = Place::of(&self.state, &of.shop.id);
        let look = move || -> Result<_, VaultError> {
            let (Some(key), Some(standing)) = (place.key()?, Standing::read(&place)?) else {
                return Ok(None);
            };
            let archive = Archive::of(&place, &key);
            let (bases, archive) = (bases.as_slice(), &archive);
            wal::find(&Wanted { archive, standing: &standing, bases, until_ms }).map(Some)
        };
        let looked = timeout(PATIENCE, tokio::task::spawn_blocking(look)).await;
        let looked =
            looked.map_err(|_| refuse("the archive of the log is not looked through in time"));
        let looked = looked?.map_err(|error| refuse(story(&error)))?;
        let found = looked.map_err(|error| refuse(error.story()))?.ok_or_else(not_kept)?;
        let path = found.map_err(|hindered| in_the_way(hindered, until_ms))?;
        Ok(Reached {
            snapshot: path.base.snapshot.clone(),
            database: wanted.database.clone().unwrap_or_else(|| name_of(live)),
            until_ms,
            from_ms: path.base.ended_ms,
            transactions: 0,
            changes: 0,
            last_ms: None,
            by_log: None,
            by_wal: Some(ByWal {
                until_ms,
                from_ms: path.base.ended_ms,
                segments: path.segments,
                wal_bytes: path.wal_bytes,
                base_bytes: path.base.bytes,
            }),
        })
    }

    /// Which of these places has a base backup.
    pub(super) fn base_at(&self, places: &[String], snapshot: &str) -> Option<String> {
        let has = |place: &&String| {
            let page = self.book().page(place);
            let bases = page.listing.iter().flat_map(|(_, listing)| &listing.bases);
            bases.into_iter().any(|base| base.snapshot == snapshot)
        };
        places.iter().find(has).cloned()
    }
}

fn in_the_way(hindered: Hindered, until_ms: i64) -> Refusal {
    let moment = |at_ms: i64| {
        Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
    };
    let first = |first_ms: Option<i64>| {
        first_ms.map_or_else(String::new, |first_ms| {
            format!("; the first moment that can is {}", moment(first_ms))
        })
    };
    match hindered {
        Hindered::NoBase { first_ms } => {
            let message = format!(
                "{} cannot be reached by the server's log: no base backup was whole by then{}",
                moment(until_ms),
                first(first_ms)
            );
            let said = first_ms.map(|first_ms| ("first_ms", first_ms.into()));
            refuse(message).because("wal_no_base", said)
        }
        Hindered::NotReached { until_ms: last_ms } => {
            let message = format!(
                "the server's log is not so far: all of it is here up to {}",
                moment(last_ms)
            );
            refuse(message).because("moment_not_reached", [("until_ms", last_ms.into())])
        }
        Hindered::Gap { from_ms, first_ms } => {
            let message = format!(
                "{} cannot be reached by the server's log: it has a gap after {}{}",
                moment(until_ms),
                moment(from_ms),
                first(first_ms)
            );
            let said = first_ms.map(|first_ms| ("first_ms", first_ms.into()));
            let said = said.into_iter().chain([("from_ms", from_ms.into())]);
            refuse(message).because("wal_gap", said)
        }
    }
}
