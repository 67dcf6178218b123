//! Opens repositories, and makes those that were never there.

use super::{Job, Limits, Place, Trouble, job::To};
use kernel::config::Secret;
use std::{num::NonZeroU64, sync::Arc, time::Duration};
use vault::{
    InitOptions, Origin, Repository, VaultError,
    storage::{
        Folder, HostKey, LockMode, MediaBucket, ObjectLock, Objects, Sftp, SftpSettings, Storage,
        Throttle,
    },
};

/// A key out of 32 random bytes needs no hundred milliseconds of scrypt before it; a password does.
pub(super) const COST_OF_RANDOM: u8 = 10;
const COST_OF_PASSWORD: u8 = 15;

/// What a shop keeps in a bucket.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn media(bucket: &To) -> Result<MediaBucket, VaultError> {
    let (settings, _) = bucket.s3().expect("invariant: media that are no folder are a bucket");
    MediaBucket::new(settings, Vec::new())
}

impl To {
    /// A bucket's objects; `None` where it is none.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn objects(&self) -> Result<Option<Objects>, VaultError> {
        let Some((settings, lock)) = self.s3() else { return Ok(None) };
        let lock = lock.map(|lock| ObjectLock {
            mode: if lock.is_firm { LockMode::Compliance } else { LockMode::Governance },
            lasts: Duration::from_millis(lock.for_ms),
        });
        Objects::new(settings, lock, Vec::new()).map(Some)
    }
}

impl Place {
    /// # Errors
    /// When it is not there, cannot be reached, or another one is there than was.
    pub(crate) fn open(&self, limits: Limits) -> Result<Repository, Box<Trouble>> {
        let storage = self.storage(limits).map_err(|error| self.trouble(error))?;
        let password = Secret::new(self.password.clone());
        let repository = Repository::open_known(storage, &password, self.known_key.as_ref())
            .map_err(|error| self.trouble(error))?;
        self.is_the_one(&repository)?;
        self.opened.get_or_init(|| repository.known_key());
        Ok(repository)
    }

    /// Opens it, or makes it where there never was one.
    ///
    /// # Errors
    /// As of [`Place::open`]. One that was there and is gone is not made anew: its disk may not be
    /// there at the moment.
    pub(super) fn open_or_make(
        &self,
        job: &Job,
        like: Option<&Repository>,
    ) -> Result<Repository, Box<Trouble>> {
        let storage = self.storage(job.limits).map_err(|error| self.trouble(error))?;
        let password = Secret::new(self.password.clone());
        let error = match Repository::open(Arc::clone(&storage), &password) {
            Ok(repository) => {
                self.is_the_one(&repository)?;
                return Ok(repository);
            }
            Err(error) => error,
        };
        if !matches!(error, VaultError::NoRepository(_)) || self.known_id.is_some() {
            return Err(self.trouble(error));
        }
        if let To::Folder(path) = &self.to
            && let Some(parent) = path.parent().filter(|parent| !parent.is_dir())
        {
            let folder = parent.display().to_string();
            let said = [("place", self.name.as_str().into()), ("folder", folder.as_str().into())];
            let message = format!("make {}: {folder} is not there", self.name);
            return Err(Box::new(Trouble::new("place_missing", said, message)));
        }
        let cost_log = if self.is_random { COST_OF_RANDOM } else { COST_OF_PASSWORD };
        let options = InitOptions { cost_log, like: like.cloned() };
        let owner = Origin::of_this_process();
        let made = match Repository::init(storage.clone(), &password, &owner, &options, job.now_ms)
        {
            // Another machine was first, just now.
            Err(VaultError::Exists(place)) => match Repository::open(storage, &password) {
                Err(VaultError::NoRepository(_)) => Err(VaultError::Exists(place)),
                opened => opened,
            },
            made => made,
        };
        made.map_err(|error| self.trouble(error))
    }

    /// Of a bucket its objects, of which what is written is locked for so many days; `None` elsewhere.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn locked_objects(&self, days: Option<u16>) -> Result<Option<Objects>, VaultError> {
        let Some((settings, _)) = self.to.s3() else { return Ok(None) };
        let lock = days.map(|days| ObjectLock {
            mode: LockMode::Compliance,
            lasts: Duration::from_hours(24 * u64::from(days)),
        });
        Objects::new(settings, lock, Vec::new()).map(Some)
    }

    pub(crate) fn trouble(&self, error: VaultError) -> Box<Trouble> {
        Trouble::of(error, &self.name)
    }

    fn is_the_one(&self, repository: &Repository) -> Result<(), Box<Trouble>> {
        match &self.known_id {
            Some(known) if known != repository.id() => {
                let said = [("place", self.name.as_str().into())];
                let message = format!("another repository is at {} than was", self.name);
                Err(Box::new(Trouble::new("repository_changed", said, message)))
            }
            _ => Ok(()),
        }
    }

    /// Reaches nothing yet.
    ///
    /// # Errors
    /// When the system gives no thread, or no file for a host's key.
    pub(crate) fn storage(&self, limits: Limits) -> Result<Arc<dyn Storage>, VaultError> {
        let storage: Arc<dyn Storage> = match &self.to {
            To::Folder(path) => Arc::new(Folder::new(path)),
            To::S3 { .. } => {
                Arc::new(self.to.objects()?.expect("invariant: it was just seen to be a bucket"))
            }
            To::Sftp { user, host, port, path, identity, known_hosts } => {
                let mut settings = SftpSettings::new(host.clone(), path.display().to_string());
                settings.user.clone_from(user);
                settings.port = *port;
                settings.identity.clone_from(identity);
                if let Some(known_hosts) = known_hosts {
                    settings.host_key = HostKey::KnownIn(known_hosts.clone());
                }
                Arc::new(Sftp::new(settings)?)
            }
        };
        Ok(match limits.bandwidth.and_then(NonZeroU64::new) {
            Some(bytes_per_second) => Arc::new(Throttle::new(storage, bytes_per_second)),
            None => storage,
        })
    }
}
