//! A temporary folder that another user may pass through, as private servers under root need it.

use std::{fs, os::unix::fs::PermissionsExt};
use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}
