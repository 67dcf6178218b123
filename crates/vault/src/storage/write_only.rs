//! Any storage as a host sees it that may add but not destroy: nothing is removed and nothing is
//! written over. What a bucket's policy should say, said here as well.

use super::{Fault, FileKind, FileName, Listed, Storage, failed};
use crate::VaultError;
use bytes::Bytes;
use std::{path::Path, sync::Arc};

/// Locks alone may be removed, since they hold nothing: whoever keeps them from being removed as well
/// sees them grow stale, which hinders prune for half an hour and nobody else.
#[derive(Debug, Clone)]
pub struct WriteOnly(Arc<dyn Storage>);

impl WriteOnly {
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self(storage)
    }
}

impl Storage for WriteOnly {
    fn label(&self) -> String {
        self.0.label()
    }

    fn read(&self, file: FileName) -> Result<Bytes, VaultError> {
        self.0.read(file)
    }

    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError> {
        self.0.read_range(file, offset, length)
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        self.0.size(file)
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        self.0.list(kind)
    }

    fn write(&self, file: FileName, bytes: Bytes) -> Result<(), VaultError> {
        if self.0.size(file)?.is_some_and(|size_bytes| size_bytes != bytes.len() as u64) {
            return Err(failed(
                "write over",
                file,
                &self.label(),
                Fault::NotPermitted,
                "this host may only add",
            ));
        }
        self.0.write(file, bytes)
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        if file.kind() == FileKind::Lock {
            return self.0.remove(file);
        }
        Err(failed("remove", file, &self.label(), Fault::NotPermitted, "this host may only add"))
    }

    fn keep_until(&self, file: FileName, until_ms: i64) -> Result<bool, VaultError> {
        self.0.keep_until(file, until_ms)
    }

    fn parallel(&self) -> usize {
        self.0.parallel()
    }

    fn folder(&self) -> Option<&Path> {
        self.0.folder()
    }
}
