//! Temporary folders.

use std::{fs, os::unix::fs::PermissionsExt};
use tempfile::TempDir;

/// An empty folder that goes with the returned value. Other users may pass through it but not look
/// around, since private database servers run as another user when the tests run as root.
#[must_use]
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))
        .expect("our own folder can be opened to others");
    folder
}
