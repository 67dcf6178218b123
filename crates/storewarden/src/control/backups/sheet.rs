//! The recovery sheet: a second key to every repository of a shop, for the day on which the machine
//! and our own records are gone.

use super::{BackedUp, Backups, refused, schedule::kind_of, unexpected, worker};
use crate::{
    backup_worker::{Done, Trouble, Work},
    control::now_ms,
};
use ::watch::backups::{RecoverySheet, SheetPlace};
use api::Refusal;
use kernel::{ShopId, config::RepositorySettings};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::time::Duration;
use tokio::time::timeout;

/// Crockford's: no letter that is read for another, or for a digit.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 125 bits, in groups that can be typed.
const GROUPS: usize = 5;
const GROUP: usize = 5;
/// A place that does not answer by then is on the sheet with that.
const PATIENCE: Duration = Duration::from_secs(8);

impl Backups {
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
            _ => Ok(RecoverySheet { shop: shop.clone(), made_ms: now_ms(), phrase, places }),
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
    fn a_phrase_is_in_groups_of_letters_that_nobody_mistakes() {
        assert_eq!(spelt(&[0, 31, 32, 63, 10, 17, 18, 20, 27, 28]), "0Z0ZA-HJMVW");
        let (one, other) = (phrase().unwrap(), phrase().unwrap());
        assert!(one != other && one.len() == GROUPS * GROUP + GROUPS - 1, "{one} {other}");
        assert!(!one.contains(['I', 'L', 'O', 'U']), "{one}");
    }
}
