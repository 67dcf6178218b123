//! The recovery sheet: a second key to every repository of a shop, for the day on which the machine
//! and our own records are gone.

use super::{BackedUp, Backups, refused, schedule::kind_of, unexpected, worker};
use crate::{
    backup_worker::{Done, Trouble, Work},
    control::now_ms,
};
use ::watch::backups::{RecoverySheet, SheetPlace, SheetStanding};
use api::Refusal;
use kernel::{
    ShopId,
    config::{RepositorySettings, ShopSettings},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};
use store::{LedgerFilter, LedgerPaging, StoreError};
use tokio::time::timeout;

/// Crockford's: no letter that is read for another, or for a digit.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How the ledger calls it.
const MADE: &str = "recovery_sheet_made";
/// 125 bits, in groups that can be typed.
const GROUPS: usize = 5;
const GROUP: usize = 5;
/// A place that does not answer by then is on the sheet with that.
const PATIENCE: Duration = Duration::from_secs(8);

/// When a shop's recovery sheets were last made and tried. Unix milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SheetTimes {
    made_ms: Option<i64>,
    tried_ms: Option<i64>,
}

impl Backups {
    /// How it stands with the sheet that was made last; `None`: none was, or our records cannot be read.
    pub(super) async fn sheet_standing(
        &self,
        shop: &ShopSettings,
        now_ms: i64,
    ) -> Option<SheetStanding> {
        let settings = shop.backup.as_ref()?;
        let known = self.sheets().get(&shop.id).copied();
        let times = match known {
            Some(times) => times,
            None => {
                let read = self.sheet_times(&shop.id).await;
                let read = read.inspect_err(|error| {
                    tracing::warn!(%error, "when a recovery sheet was made and tried is not known");
                });
                *self.sheets().entry(shop.id.clone()).or_insert(read.ok()?)
            }
        };
        standing(times, settings.drill_sheet_ms, now_ms)
    }

    /// Out of the ledger and the reports of drills, which are more than is read each second.
    async fn sheet_times(&self, shop: &ShopId) -> Result<SheetTimes, StoreError> {
        let filter = LedgerFilter {
            shop: Some(shop.clone()),
            kind: Some(MADE.to_owned()),
            ..LedgerFilter::default()
        };
        let made = self.store.ledger(LedgerPaging::NewestFirst { before: None }, 1, filter).await?;
        let made_ms = made.records.first().map(|record| record.at_ms);
        Ok(SheetTimes { made_ms, tried_ms: self.tried_by_sheet(shop).await? })
    }

    /// Now.
    pub(super) fn sheet_tried(&self, shop: &ShopId) {
        if let Some(times) = self.sheets().get_mut(shop) {
            times.tried_ms = Some(now_ms());
        }
    }

    fn sheets(&self) -> MutexGuard<'_, BTreeMap<ShopId, SheetTimes>> {
        self.sheets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a phrase that opens every repository of the shop, and says it once.
    pub(in crate::control) async fn sheet(&self, shop: &ShopId) -> Result<RecoverySheet, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let phrase = phrase().map_err(|trouble| refused(*trouble))?;
        let mut places = Vec::new();
        let mut first = None;
        for to in &of.settings.to {
            let place = to.to_string();
            let added = timeout(PATIENCE, self.add_key(&of, &place, &phrase)).await;
            let added = added.unwrap_or_else(|_| Err(too_slow(&place)));
            let (repository, key, trouble) = match added {
                Ok((repository, key)) => (Some(repository), Some(key), None),
                Err(trouble) => {
                    first.get_or_insert_with(|| trouble.clone());
                    (None, None, Some((*trouble).into()))
                }
            };
            let bucket = match to {
                RepositorySettings::S3 { bucket, .. } => Some(bucket),
                _ => None,
            };
            places.push(SheetPlace {
                kind: kind_of(to),
                place,
                endpoint: bucket.map(|bucket| bucket.endpoint.clone()),
                region: bucket.map(|bucket| bucket.region.clone()),
                repository,
                key,
                trouble,
            });
        }
        match first {
            // A sheet that opens nothing is none.
            Some(trouble) if places.iter().all(|place| place.key.is_none()) => {
                Err(refused(*trouble))
            }
            _ => {
                let made_ms = now_ms();
                if let Some(times) = self.sheets().get_mut(shop) {
                    times.made_ms = Some(made_ms);
                }
                Ok(RecoverySheet { shop: shop.clone(), made_ms, phrase, places })
            }
        }
    }

    async fn add_key(
        &self,
        of: &BackedUp,
        place: &str,
        phrase: &str,
    ) -> Result<(String, String), Box<Trouble>> {
        let work = Work::AddKey { phrase: phrase.to_owned() };
        let job = self.job(of, place, work).await?;
        match self.work(job, &worker::unheard).await? {
            Done::KeyAdded { key, repository } => Ok((repository, key)),
            other => Err(unexpected(&other)),
        }
    }
}

/// From when it was made, or last tried, it may be left alone for so long.
fn standing(times: SheetTimes, most_ms: u64, now_ms: i64) -> Option<SheetStanding> {
    let SheetTimes { made_ms, tried_ms } = times;
    let made_ms = made_ms?;
    let since_ms = tried_ms.map_or(made_ms, |tried| tried.max(made_ms));
    let late_ms = since_ms.saturating_add(i64::try_from(most_ms).unwrap_or(i64::MAX));
    Some(SheetStanding { made_ms, tried_ms, late_ms: (late_ms < now_ms).then_some(late_ms) })
}

fn too_slow(place: &str) -> Box<Trouble> {
    let message = format!("{place} does not answer in time");
    Box::new(Trouble::new("place_too_slow", [("place", place.into())], message))
}

/// `4T7QA-…`, from the system's own random bytes.
fn phrase() -> Result<String, Box<Trouble>> {
    let mut random = [0; GROUPS * GROUP];
    SystemRandom::new().fill(&mut random).map_err(|_| {
        let message = "the system gives no random bytes";
        Trouble::new("backup_failed", [("error", message.into())], message)
    })?;
    Ok(spelt(&random))
}

fn spelt(random: &[u8]) -> String {
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    let groups = random.chunks(GROUP).map(|group| group.iter().map(letter).collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_late_when_nobody_tried_it_for_long() {
        let check = |made_ms, tried_ms, expect: Option<Option<i64>>| {
            let found = standing(SheetTimes { made_ms, tried_ms }, 100, 1_000);
            assert_eq!(found.map(|sheet| sheet.late_ms), expect, "{made_ms:?} {tried_ms:?}");
        };
        check(None, None, None);
        check(None, Some(5), None);
        check(Some(950), None, Some(None));
        check(Some(850), None, Some(Some(950)));
        check(Some(850), Some(920), Some(None));
        check(Some(850), Some(860), Some(Some(960)));
        // Another sheet than the one that was tried.
        check(Some(930), Some(100), Some(None));
    }

    #[test]
    fn a_phrase_is_in_groups_of_letters_that_nobody_mistakes() {
        assert_eq!(spelt(&[0, 31, 32, 63, 10, 17, 18, 20, 27, 28]), "0Z0ZA-HJMVW");
        let (one, other) = (phrase().unwrap(), phrase().unwrap());
        assert!(one != other && one.len() == GROUPS * GROUP + GROUPS - 1, "{one} {other}");
        assert!(!one.contains(['I', 'L', 'O', 'U']), "{one}");
    }
}
