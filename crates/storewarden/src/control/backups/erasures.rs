//! Who had their data erased: noted by a keyed hash, and told to whoever brings rows back.

use super::{Backups, KEY_BYTES, of_store, refused};
use crate::backup_worker::{Erasures, Trouble, person};
use ::watch::time_machine::{ErasureNoted, ErasureRequest};
use api::Refusal;
use kernel::ShopId;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt::Write as _;
use store::ErasureRecord;

impl Backups {
    /// Notes that somebody had their data erased.
    pub(super) async fn note_erasure(
        &self,
        shop: &ShopId,
        request: &ErasureRequest,
        at_ms: i64,
    ) -> Result<ErasureNoted, Refusal> {
        let address = request.email.trim();
        let is_one = address.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !address.contains(char::is_whitespace)
        });
        if !is_one {
            return Err(refused(Trouble::new("no_email_address", [], "that is no e-mail address")));
        }
        let noted = async {
            let key = self.made_key(&name(shop)).await?;
            let erasure = ErasureRecord { person: person(&key, address), at_ms };
            self.store.add_erasure(shop, erasure).await.map_err(of_store)?;
            let all = self.store.erasures(shop).await.map_err(of_store)?;
            Ok::<_, Box<Trouble>>(ErasureNoted { at_ms, people: all.len() as u64 })
        };
        noted.await.map_err(|trouble| refused(*trouble))
    }

    /// All who had their data erased.
    pub(super) async fn erasures(&self, shop: &ShopId) -> Result<Erasures, Box<Trouble>> {
        let all = self.store.erasures(shop).await.map_err(of_store)?;
        if all.is_empty() {
            return Ok(Erasures::default());
        }
        let key = self.made_key(&name(shop)).await?;
        let people = all.into_iter().map(|one| (one.person, one.at_ms)).collect();
        Ok(Erasures { key, people })
    }

    /// A key of our own by its name, in hexadecimal; it is made when there is none yet.
    pub(super) async fn made_key(&self, name: &str) -> Result<String, Box<Trouble>> {
        if let Some(key) = self.store.secret(name).await.map_err(of_store)? {
            return Ok(key);
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
        self.store.add_secret(name, &text).await.map_err(of_store)
    }
}

fn name(shop: &ShopId) -> String {
    format!("erasures:{shop}")
}
