//! What control must remember to go on after a restart: snapshot versions, certificates, drains.

use crate::{Store, StoreError, resealing::place};
use kernel::{Actor, Drain, Drains, InstanceName, ShopId, plan::RunId};
use rusqlite::{Connection, OptionalExtension};
use std::fmt;

/// A certificate chain with its key, as it was ordered.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Names what it was ordered for; one certificate a key.
    pub host_key: String,
    pub chain_pem: String,
    pub key_pem: String,
    /// Unix milliseconds.
    pub not_after_ms: i64,
}

impl fmt::Debug for StoredCertificate {
    /// Never prints the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCertificate")
            .field("host_key", &self.host_key)
            .field("not_after_ms", &self.not_after_ms)
            .finish_non_exhaustive()
    }
}

/// Key, chain, sealed private key, end.
type SealedCertificate = (String, String, Vec<u8>, i64);

impl Store {
    /// A number that was never returned before, greater than all that were; the first is 1.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn next_snapshot_version(&self) -> Result<u64, StoreError> {
        let write = |connection: &Connection| {
            connection.query_row(
                "INSERT INTO counter (name, value) VALUES ('snapshot_version', 1)
                 ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                [],
                |row| row.get::<_, i64>(0),
            )
        };
        let version = self.writer.write(write).await?;
        u64::try_from(version)
            .map_err(|_| StoreError::Malformed(format!("snapshot version {version}")))
    }

    /// Keeps a certificate in place of the one of the same `host_key`.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; the one before stays then.
    pub async fn put_certificate(&self, certificate: StoredCertificate) -> Result<(), StoreError> {
        self.change_certificates(vec![certificate], Vec::new()).await
    }

    /// Forgets the certificates of these keys, then keeps the given ones in place of those of the
    /// same `host_key`: all of it, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; everything stays as it was then.
    pub async fn change_certificates(
        &self,
        kept: Vec<StoredCertificate>,
        gone: Vec<String>,
    ) -> Result<(), StoreError> {
        let seal = |certificate: StoredCertificate| {
            let StoredCertificate { host_key, chain_pem, key_pem, not_after_ms } = certificate;
            let sealed = self.keys.seal(&place("certificate", &host_key), key_pem.as_bytes())?;
            Ok((host_key, chain_pem, sealed, not_after_ms))
        };
        let kept = kept.into_iter().map(seal).collect::<Result<Vec<SealedCertificate>, _>>()?;
        let write = move |connection: &Connection| {
            let mut forget =
                connection.prepare_cached("DELETE FROM certificate WHERE host_key = ?1")?;
            for key in gone {
                forget.execute([key])?;
            }
            let mut keep = connection.prepare_cached(
                "INSERT INTO certificate (host_key, chain_pem, key_pem, key_sealed, not_after_ms)
                 VALUES (?1, ?2, '', ?3, ?4)
                 ON CONFLICT (host_key) DO UPDATE SET chain_pem = excluded.chain_pem,
                   key_sealed = excluded.key_sealed, not_after_ms = excluded.not_after_ms",
            )?;
            for row in kept {
                keep.execute(row)?;
            }
            Ok(())
        };
        self.writer.write(write).await
    }

    /// All certificates, by `host_key`. One whose key cannot be opened is as good as none: it is left
    /// out, and the log says so.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        let select = |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT host_key, chain_pem, key_sealed, not_after_ms FROM certificate
                 WHERE key_sealed IS NOT NULL ORDER BY host_key",
            )?;
            let rows = select
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<Result<Vec<SealedCertificate>, _>>()
        };
        let open = |(host_key, chain_pem, sealed, not_after_ms): SealedCertificate| {
            let key_pem = self.readable(&place("certificate", &host_key), &sealed)?;
            Some(StoredCertificate { host_key, chain_pem, key_pem, not_after_ms })
        };
        Ok(self.reader.read(select).await?.into_iter().filter_map(open).collect())
    }

    /// Keeps the credentials of our account at a certificate authority.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn put_acme_account(
        &self,
        directory: String,
        credentials: String,
    ) -> Result<(), StoreError> {
        let sealed = self.keys.seal(&place("acme", &directory), credentials.as_bytes())?;
        let write = move |connection: &Connection| {
            connection
                .execute(
                    "INSERT INTO acme_account (directory, credentials, sealed) VALUES (?1, '', ?2)
                     ON CONFLICT (directory) DO UPDATE SET sealed = excluded.sealed",
                    (directory, sealed),
                )
                .map(|_| ())
        };
        self.writer.write(write).await
    }

    /// The credentials of our account at an authority, by its directory's address. Those that cannot
    /// be opened are as good as none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn acme_account(&self, directory: &str) -> Result<Option<String>, StoreError> {
        let place = place("acme", directory);
        let directory = directory.to_owned();
        let select = move |connection: &Connection| {
            let select = "SELECT sealed FROM acme_account WHERE directory = ?1";
            connection.query_row(select, [directory], |row| row.get(0)).optional()
        };
        let sealed: Option<Option<Vec<u8>>> = self.reader.read(select).await?;
        Ok(sealed.flatten().and_then(|sealed| self.readable(&place, &sealed)))
    }

    fn readable(&self, place: &str, sealed: &[u8]) -> Option<String> {
        let opened = self.keys.unseal_text(place, sealed);
        opened.inspect_err(|error| tracing::error!(%error, "it counts as lost")).ok()
    }

    /// Notes that an instance is drained, or no longer. One that is stays as it was taken out.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn set_drain(
        &self,
        shop: &ShopId,
        instance: &InstanceName,
        drain: Option<Drain>,
    ) -> Result<(), StoreError> {
        let (shop, instance) = (shop.clone(), instance.clone());
        let write = move |connection: &Connection| {
            let place = (shop.as_str(), instance.as_str());
            let Some(Drain { since_ms, by, run }) = &drain else {
                let delete = "DELETE FROM drain WHERE shop = ?1 AND instance = ?2";
                return connection.execute(delete, place).map(|_| ());
            };
            let insert = "INSERT INTO drain (shop, instance, since_ms, actor, run)
                          VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            let (actor, run) = (by.as_ref().map(Actor::to_string), run.map(|run| run.0));
            connection.execute(insert, (place.0, place.1, since_ms, actor, run)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// All drained instances.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn drains(&self) -> Result<Drains, StoreError> {
        let select = |connection: &Connection| {
            let select = "SELECT shop, instance, since_ms, actor, run FROM drain";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map([], |row| {
                Ok(DrainRow {
                    shop: row.get(0)?,
                    instance: row.get(1)?,
                    since_ms: row.get(2)?,
                    actor: row.get(3)?,
                    run: row.get(4)?,
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await?.into_iter().map(DrainRow::read).collect()
    }
}

struct DrainRow {
    shop: String,
    instance: String,
    since_ms: Option<i64>,
    actor: Option<String>,
    run: Option<i64>,
}

impl DrainRow {
    fn read(self) -> Result<((ShopId, InstanceName), Drain), StoreError> {
        let Self { shop, instance, since_ms, actor, run } = self;
        let malformed = |name: &str| StoreError::Malformed(format!("name `{name}` of a drain"));
        let shop = shop.parse().map_err(|_| malformed(&shop))?;
        let instance = instance.parse().map_err(|_| malformed(&instance))?;
        let by = actor.map(|name| name.parse().map_err(|_| malformed(&name))).transpose()?;
        Ok(((shop, instance), Drain { since_ms, by, run: run.map(RunId) }))
    }
}
