//! Any storage, at no more than so many bytes a second, written and read together.

use super::{FileKind, FileName, Listed, Storage};
use crate::VaultError;
use bytes::Bytes;
use std::{
    num::NonZeroU64,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The rate holds over every longer time; a single file goes at once and is paid for afterwards.
#[derive(Debug, Clone)]
pub struct Throttle {
    storage: Arc<dyn Storage>,
    bytes_per_second: NonZeroU64,
    /// When everything asked for so far is paid for.
    paid: Arc<Mutex<Option<Instant>>>,
}

impl Throttle {
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, bytes_per_second: NonZeroU64) -> Self {
        Self { storage, bytes_per_second, paid: Arc::default() }
    }

    /// Waits for what went before, and books these bytes.
    fn book(&self, bytes: u64) {
        let cost = bytes.saturating_mul(1_000_000) / self.bytes_per_second;
        let now = Instant::now();
        let wait = {
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = paid.map_or(now, |paid| paid.max(now));
            *paid = Some(begin + Duration::from_micros(cost));
            begin - now
        };
        thread::sleep(wait);
    }
}

impl Storage for Throttle {
    fn label(&self) -> String {
        self.storage.label()
    }

    fn read(&self, file: FileName) -> Result<Bytes, VaultError> {
        let bytes = self.storage.read(file)?;
        self.book(bytes.len() as u64);
        Ok(bytes)
    }

    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError> {
        self.book(u64::from(length));
        self.storage.read_range(file, offset, length)
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        self.storage.size(file)
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        self.storage.list(kind)
    }

    fn write(&self, file: FileName, bytes: Bytes) -> Result<(), VaultError> {
        self.book(bytes.len() as u64);
        self.storage.write(file, bytes)
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        self.storage.remove(file)
    }

    fn remove_unfinished(&self) -> Result<(), VaultError> {
        self.storage.remove_unfinished()
    }

    fn keep_until(&self, file: FileName, until_ms: i64) -> Result<bool, VaultError> {
        self.storage.keep_until(file, until_ms)
    }

    fn parallel(&self) -> usize {
        self.storage.parallel()
    }

    fn folder(&self) -> Option<&Path> {
        self.storage.folder()
    }
}
